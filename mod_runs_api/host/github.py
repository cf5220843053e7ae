"""The host's access to GitHub, and the platform's own functions that use it."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from flask import current_app

from ..domain.commit_status import Posting
from ..domain.pull_request import PullRequest
from ..domain.run import Run
from ..log import explain, log
from .runtime import run_page, to_external

T = TypeVar('T')


class NotConfigured(Exception):
    """The application is not configured for GitHub, or lacks PyGithub."""


class NoAnswer(Exception):
    """
    GitHub gave no answer to a question, or cannot be asked. The message is a sentence for people.

    If it answered with an error, ``is_silence`` is false: it may answer other questions.
    """

    def __init__(self, subject: str, is_silence: bool = True) -> None:
        super().__init__(f'GitHub gave no answer about {subject}.')
        self.is_silence = is_silence


@dataclass(frozen=True)
class GitHubAccess:
    """The repository whose runs the host has, and the host's token there. Each is '' if it is not known."""

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

    def open_repository(self) -> Any:
        """Return the repository as PyGithub's. Raises :exc:`NotConfigured`."""
        if not self.token or not self.full_name:
            raise NotConfigured
        try:
            from github import Auth, Github
        except ModuleNotFoundError:
            raise NotConfigured from None
        # With a short timeout, because a user is waiting. By default PyGithub repeats a request for up to an hour. Lazy
        # objects send no request until a field is read: only the address of the repository is needed.
        github = Github(auth=Auth.Token(self.token), timeout=5, retry=None, per_page=100, lazy=True)
        return github.get_repo(self.full_name)


def github_access() -> GitHubAccess:
    """Return the host's access to GitHub, from its settings: those that ``g.github`` comes from."""
    config = current_app.config
    return GitHubAccess(config.get('GITHUB_OWNER', ''), config.get('GITHUB_REPOSITORY', ''),
                        config.get('GITHUB_TOKEN', ''))


def without_token(text: str) -> str:
    """Return a text for the log, in which the host's token is not shown."""
    token = github_access().token
    return text.replace(token, '***') if token else text


def read_pull_request(number: int) -> PullRequest:
    """Return a pull request. Raises :exc:`NoAnswer`."""
    def read() -> PullRequest:
        pull = github_access().open_repository().get_pull(number).complete()
        # A deleted account has no user.
        return PullRequest(pull.head.sha, pull.state != 'closed', pull.user.id if pull.user else None)

    return _ask(f'pull request {number}', read)


def has_build(run: Run) -> bool:
    """Return whether the platform's job would find the build of a run. Raises :exc:`NoAnswer`."""
    def look() -> bool:
        # Not at the top: the platform's module may import this package.
        from mod_ci.controllers import MAX_ARTIFACTS_TO_SEARCH, Artifact_names
        artifacts = github_access().open_repository().get_artifacts()
        name = getattr(Artifact_names, run.platform)
        build = next((artifact for artifact in islice(artifacts, MAX_ARTIFACTS_TO_SEARCH)
                      if artifact.name == name and artifact.workflow_run.head_sha == run.commit), None)
        # GitHub lists an artifact for a while after it is gone.
        return build is not None and build.expired is not True

    return _ask(f'the build of run {run.id}', look)


def _ask(subject: str, question: Callable[[], T]) -> T:
    """Return GitHub's answer to a question. Raises :exc:`NoAnswer`; the log says why, if GitHub could be asked."""
    try:
        return question()
    except NotConfigured:
        raise NoAnswer(subject) from None
    except Exception as error:  # Not SystemExit: a worker's time-out ends the request.
        log.error(f'GitHub gave no answer about {subject}: {without_token(explain(error))}')
        # PyGithub's error for an answer has the status of the answer.
        raise NoAnswer(subject, is_silence=not hasattr(error, 'status')) from None


def post_success(run: Run) -> Posting | None:
    """Post that all tests of a run passed as its commit status; return None if that is the newest status already."""
    try:
        statuses = github_access().open_repository().get_commit(run.commit).get_statuses()
        # GitHub keeps a thousand for a commit, and a comment may come again and again.
        newest = next((status.state for status in statuses if status.context == _context_of(run)), None)
        if newest == 'success':
            return None
        _post(run, 'success', 'All tests passed')
    except Exception as error:
        log.error(f'the status of run {run.id} is not posted again: {without_token(explain(error))}')
        return 'not taken'
    return 'posted'


def post_error(run: Run, description: str) -> None:
    """Post that a run has ended by an error as its commit status. Raises PyGithub's errors."""
    with suppress(NotConfigured):
        _post(run, 'error', description)


def _post(run: Run, state: str, description: str) -> None:
    # Not through the host's function, which swallows GitHub's refusals.
    address = to_external(run_page, run.id)
    target = {} if address is None else {'target_url': address}
    github_access().open_repository().get_commit(run.commit).create_status(
        state=state, description=description, context=_context_of(run), **target)


def _context_of(run: Run) -> str:
    """Return the name under which the platform posts the status of a run."""
    return f'CI - {run.platform}'
