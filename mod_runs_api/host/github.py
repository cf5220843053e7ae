"""The platform's access to GitHub."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from flask import current_app

from ..domain.commit_status import CommitStatus
from ..domain.pull_request import PullRequest
from ..domain.run import Run
from ..log import explain, log
from .runtime import run_page, to_external

#: How many seconds a request may take: a person may be waiting.
TIMEOUT = 5
#: GitHub is throttling the platform.
TOO_MANY_REQUESTS = 429


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
class GitHubAccess:
    """The repository whose runs the platform has, and the platform's token there. Each is '' if it is not known."""

    owner: str
    repository: str
    token: str = field(repr=False)

    @property
    def full_name(self) -> str:
        """The name of the repository as GitHub writes it."""
        return f'{self.owner}/{self.repository}' if self.owner and self.repository else ''

    @property
    def address_end(self) -> str:
        """The end of the repository's address, as in ``Fork.github``."""
        return f'/{self.full_name}.git'

    def open(self) -> Any:
        """Return PyGithub's access. Raises :exc:`NotConfigured`."""
        if not self.token or not self.full_name:
            raise NotConfigured
        try:
            from github import Auth, Github
        except ModuleNotFoundError:
            raise NotConfigured from None
        # By default PyGithub repeats a request for up to an hour. Lazy objects send no request until a field is read:
        # only the address of the repository is needed.
        return Github(auth=Auth.Token(self.token), timeout=TIMEOUT, retry=None, per_page=100, lazy=True)

    def open_repository(self) -> Any:
        """Return the repository as PyGithub's. Raises :exc:`NotConfigured`."""
        return self.open().get_repo(self.full_name)


def github_access() -> GitHubAccess:
    """Return the platform's access to GitHub, from its settings: those that ``g.github`` comes from."""
    config = current_app.config
    return GitHubAccess(config.get('GITHUB_OWNER', ''), config.get('GITHUB_REPOSITORY', ''),
                        config.get('GITHUB_TOKEN', ''))


def read_pull_request(number: int) -> PullRequest:
    """Return a pull request. Raises :exc:`NoAnswer`."""
    with _request(f'GitHub gave no answer about pull request {number}'):
        pull = github_access().open_repository().get_pull(number).complete()
        # A deleted account has no user.
        return PullRequest(pull.head.sha, pull.state != 'closed', pull.user.id if pull.user else None)


def has_build(run: Run) -> bool:
    """Return whether the platform's job would find the build of a run. Raises :exc:`NoAnswer`."""
    with _request(f'GitHub gave no answer about the build of run {run.id}'):
        artifacts = github_access().open_repository().get_artifacts()
        # Not at the top: the platform's module may import this package.
        from mod_ci.controllers import MAX_ARTIFACTS_TO_SEARCH, Artifact_names
        name = getattr(Artifact_names, run.platform)
        build = next((artifact for artifact in islice(artifacts, MAX_ARTIFACTS_TO_SEARCH)
                      if artifact.name == name and artifact.workflow_run.head_sha == run.commit), None)
        # GitHub lists an artifact for a while after it is gone.
        return build is not None and build.expired is not True


def is_posted(status: CommitStatus) -> bool:
    """Return whether the newest status of a commit and platform has the same state. Raises :exc:`NoAnswer`."""
    with _request(f'GitHub gave no answer about the status of run {status.run_id}'):
        # GitHub keeps a thousand of a commit.
        statuses = github_access().open_repository().get_commit(status.commit).get_statuses()
        newest = next((posted.state for posted in statuses if posted.context == status.context), None)
        return bool(newest == status.state)


def post_commit_status(status: CommitStatus) -> None:
    """Post a status of a commit, in one request. Raises :exc:`NoAnswer`."""
    with _request(f'GitHub did not take the status of run {status.run_id}'):
        # Neither through the platform's function, which swallows GitHub's refusals, nor through PyGithub's commit,
        # which requests the commit before.
        access = github_access()
        address = to_external(run_page, status.run_id)
        access.open().requester.requestJsonAndCheck(
            'POST', f'/repos/{access.full_name}/statuses/{status.commit}',
            input={'state': status.state, 'description': status.description, 'context': status.context,
                   **({} if address is None else {'target_url': address})})


@contextmanager
def _request(failure: str) -> Iterator[None]:
    """
    Send GitHub a request, in the block.

    If the block fails, raise :exc:`NoAnswer` with the failure. The log says why, if GitHub could be asked.
    """
    try:
        yield
    except NotConfigured:
        raise NoAnswer(f'{failure}.', is_silence=False) from None
    except Exception as error:  # Not SystemExit: a worker's time-out ends the request.
        log.error(f'{failure}: {explain(error, github_access().token)}')
        # PyGithub's error for an answer has the status of the answer.
        status = getattr(error, 'status', None)
        is_silence = not isinstance(status, int) or status >= 500 or status == TOO_MANY_REQUESTS
        raise NoAnswer(f'{failure}.', is_silence) from None
