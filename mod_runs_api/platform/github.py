"""GitHub, which the package asks and tells with the platform's access (docs/how-it-works.rst, "Requests to GitHub")."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from ..domain.commit_status import CommitStatus
from ..domain.conditions import PullRequest
from ..domain.run import Run
from ..errors import MountError
from ..log import explain, log
from .models import TestPlatform
from .runtime import run_page, to_external

#: How many seconds connecting may take, and how many reading: a person may be waiting.
TIMEOUT = 5
#: GitHub is throttling the platform.
TOO_MANY_REQUESTS = 429
#: Why a sweep or a comment sends no request any more.
AWAY = 'GitHub did not answer the last requests.'


class NotConfigured(Exception):
    """The application is not configured for GitHub, or lacks PyGithub."""


class NoAnswer(Exception):
    """
    GitHub gave no answer to a request, or cannot be asked. The message is a sentence for people.

    ``is_silence`` is false if GitHub answered that there is something wrong with this request, or is not configured.
    """

    def __init__(self, message: str, is_silence: bool) -> None:
        super().__init__(message)
        self.is_silence = is_silence


@dataclass(frozen=True)
class ArtifactSearch:
    """The platform's search for the build of a run, in the list of GitHub's artifacts."""

    #: The name of the artifact with the build, by the platform of the run.
    names: Mapping[str, str]
    #: How many artifacts are searched, from the beginning of the list.
    limit: int


def read_artifact_search() -> ArtifactSearch:
    """Return the search as the platform has it. Raises ``ImportError`` or :exc:`MountError` if a name is missing."""
    # Not at the top: the platform's module may import this package.
    from mod_ci.controllers import MAX_ARTIFACTS_TO_SEARCH, Artifact_names
    platforms = [platform.value for platform in TestPlatform]
    nameless = [platform for platform in platforms if not hasattr(Artifact_names, platform)]
    if nameless:
        raise MountError(f'Artifact_names in mod_ci.controllers has no artifact for {", ".join(nameless)}.')
    names = {platform: getattr(Artifact_names, platform) for platform in platforms}
    return ArtifactSearch(names, MAX_ARTIFACTS_TO_SEARCH)


@dataclass
class GitHub:
    """
    GitHub with the platform's access, whose settings are read anew for each request.

    Each method knows the pull request or the commit that it is about, and sends at once. A request that fails raises
    :exc:`NoAnswer`.
    """

    #: ``app.config``: the platform's ``g.github`` comes from the same settings. It has secrets.
    config: Mapping[str, Any] = field(repr=False)
    artifact_search: ArtifactSearch
    #: The failures of the last requests in a row, if none was answered, by the pull request or commit that each was
    #: about. None outside of a sweep or a comment, because threads share that value.
    silences: dict[str, str] | None = None

    def until_silent(self) -> 'GitHub':
        """
        Return GitHub for one sweep or comment, whose requests stop if it is silent.

        If a request gets no answer, no question about the same pull request or commit is sent until something else was
        answered. After silences in a row about two of them, nothing is sent.
        """
        return replace(self, silences={})

    @property
    def full_name(self) -> str:
        """The platform's repository, ``owner/name``; empty if GitHub is not configured."""
        owner, repository = self.config.get('GITHUB_OWNER'), self.config.get('GITHUB_REPOSITORY')
        return f'{owner}/{repository}' if owner and repository else ''

    @property
    def _token(self) -> str:
        return self.config.get('GITHUB_TOKEN') or ''

    def read_pull_request(self, number: int) -> PullRequest:
        """Return a pull request. Raises :exc:`NoAnswer`."""
        with self._question(f'GitHub gave no answer about pull request {number}', f'pull request {number}'):
            pull = self._open_repository().get_pull(number).complete()
            # A deleted account has no user.
            return PullRequest(pull.head.sha, pull.state != 'closed', pull.user.id if pull.user else None)

    def has_build(self, run: Run) -> bool:
        """Return whether the platform's job would find the build of a run. Raises :exc:`NoAnswer`."""
        name = self.artifact_search.names[run.platform]
        with self._question(f'GitHub gave no answer about the build of run {run.id}', run.commit):
            artifacts = islice(self._open_repository().get_artifacts(), self.artifact_search.limit)
            build = next((artifact for artifact in artifacts
                          if artifact.name == name and artifact.workflow_run.head_sha == run.commit), None)
            # GitHub lists an artifact for a while after it is gone.
            return build is not None and build.expired is not True

    def is_posted(self, status: CommitStatus) -> bool:
        """Return whether the newest status of a commit and platform has the same state. Raises :exc:`NoAnswer`."""
        with self._question(f'GitHub gave no answer about the status of run {status.run_id}', status.commit):
            # GitHub keeps a thousand of a commit.
            statuses = self._open_repository().get_commit(status.commit).get_statuses()
            newest = next((posted.state for posted in statuses if posted.context == status.context), None)
            return bool(newest == status.state)

    def post(self, status: CommitStatus) -> None:
        """Post a status of a commit, in one request. Raises :exc:`NoAnswer`. The log says if it is not sent."""
        if self._is_away:
            log.error(f'the status of run {status.run_id} is not posted: GitHub did not answer before')
        # Outside of the request, whose errors are taken for GitHub's silence.
        address = to_external(run_page, status.run_id)
        with self._request(f'GitHub did not take the status of run {status.run_id}', status.commit):
            # Neither through the platform's function, which swallows GitHub's refusals, nor through PyGithub's commit,
            # which requests the commit before.
            self._open().requester.requestJsonAndCheck(
                'POST', f'/repos/{self.full_name}/statuses/{status.commit}',
                input={'state': status.state, 'description': status.description, 'context': status.context,
                       **({} if address is None else {'target_url': address})})

    def _open(self) -> Any:
        """Return PyGithub's access. Raises :exc:`NotConfigured`."""
        if not self._token or not self.full_name:
            raise NotConfigured
        try:
            from github import Auth, Github
        except ModuleNotFoundError:
            raise NotConfigured from None
        # By default PyGithub repeats a request for up to an hour. Lazy objects send no request until a field is read:
        # only the address of the repository is needed.
        return Github(auth=Auth.Token(self._token), timeout=TIMEOUT, retry=None, per_page=100, lazy=True)

    def _open_repository(self) -> Any:
        """Return the repository as PyGithub's. Raises :exc:`NotConfigured`."""
        return self._open().get_repo(self.full_name)

    @property
    def _is_away(self) -> bool:
        # One is not enough, because GitHub may be unable to show a single pull request.
        return self.silences is not None and len(self.silences) > 1

    @contextmanager
    def _question(self, failure: str, about: str) -> Iterator[None]:
        """Ask GitHub about a pull request or a commit, in the block, unless there was just no answer about the same."""
        silence = (self.silences or {}).get(about)
        if silence is not None:
            raise NoAnswer(silence, is_silence=True)
        with self._request(failure, about):
            yield

    @contextmanager
    def _request(self, failure: str, about: str) -> Iterator[None]:
        """
        Send GitHub a request about a pull request or a commit, in the block.

        If the block fails, raise :exc:`NoAnswer` with the failure. The log says why, if GitHub could be asked.
        """
        if self._is_away:
            # Each further request would wait for a time-out, and with it what needs no answer.
            raise NoAnswer(AWAY, is_silence=True)
        is_silence = False
        try:
            yield
        except NotConfigured:
            raise NoAnswer(f'{failure}.', is_silence=False) from None
        except Exception as error:  # Not SystemExit: a worker's time-out ends the request.
            log.error(f'{failure}: {explain(error, self._token)}')
            is_silence = _is_silence(error)
            raise NoAnswer(f'{failure}.', is_silence) from None
        finally:
            self._remember(about, f'{failure}.' if is_silence else None)

    def _remember(self, about: str, silence: str | None) -> None:
        """Note the failure of a request that got no answer. Any answer ends the silence about everything."""
        if self.silences is None:
            return
        if silence is None:
            self.silences.clear()
        else:
            self.silences[about] = silence


def _is_silence(error: Exception) -> bool:
    """Return whether an error says nothing about its request: there is no answer, or GitHub answers no request now."""
    from github import RateLimitExceededException
    if isinstance(error, RateLimitExceededException):
        return True  # GitHub says this with 403, as it does that the platform lacks a right.
    # PyGithub's error for an answer has the status of the answer.
    status = getattr(error, 'status', None)
    return not isinstance(status, int) or status >= 500 or status == TOO_MANY_REQUESTS
