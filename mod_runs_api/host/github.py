"""The host's access to GitHub, and the platform's own functions that use it."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from itertools import islice
from typing import Any

from flask import current_app

from ..domain.run import PullRequest, Run
from .log import explain, log
from .runtime import run_page, to_external


class NotConfigured(Exception):
    """The application is not configured for GitHub."""


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
        """Return the repository as PyGithub's. Raises :exc:`NotConfigured` or :exc:`ModuleNotFoundError`."""
        # With a short timeout, because a user is waiting. By default PyGithub repeats a request for up to an hour. Lazy
        # objects send no request until a field is read: the checks need only the address of the repository.
        if not self.token or not self.full_name:
            raise NotConfigured
        from github import Auth, Github
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


def find_pull_request(number: int) -> PullRequest:
    """Return a pull request, with the commit at its head if GitHub answers."""
    access = github_access()
    head_commit: str | None = None
    try:
        head_commit = access.open_repository().get_pull(number).complete().head.sha
    except Exception as error:
        log.warning(f'the head of pull request {number} is not known: {type(error).__name__}')
    return PullRequest(access.address_end, number, head_commit)


@dataclass(frozen=True)
class CheckedRun(Run):
    """
    A run that is to be retried, for the checks (docs/github.rst, "Checks").

    It has the attributes of :class:`mod_runs_api.domain.run.Run`, and those below, most of them from GitHub. A query
    that fails raises PyGithub's error, or :exc:`NotConfigured`, each time. If GitHub did not answer, every later query
    raises the same.
    """

    _answers: dict[str, Any] = field(default_factory=dict)
    #: By the name of the query; by '' if GitHub did not answer.
    _failures: dict[str, Exception] = field(default_factory=dict)

    @property
    def status(self) -> str | None:
        """The last stage of the run, by the platform's name for it."""
        return self.stage

    @property
    def repository(self) -> Any:
        """The host's repository, from PyGithub. It is lazy: no request is sent until one of its fields is read."""
        return self._query('repository', github_access().open_repository)

    @property
    def pull_request(self) -> Any:
        """The pull request, from PyGithub; None if the run has none. The request is sent once."""
        if not self.pr_nr:
            return None
        return self._query('pull request', lambda: self.repository.get_pull(self.pr_nr).complete())

    def find_build(self) -> Any:
        """Return the artifact of its build as PyGithub's; None if the platform's job would not find it."""
        return self._query('build', self._find_build)

    def _query(self, name: str, send: Callable[[], Any]) -> Any:
        # A requester waits once: after a query without an answer, each raises the same exception and none is sent.
        failure = self._failures.get('') or self._failures.get(name)
        if failure is not None:
            raise failure
        if name not in self._answers:
            try:
                self._answers[name] = send()
            except Exception as error:
                # PyGithub's error for an answer has the status of the answer.
                self._failures[name if hasattr(error, 'status') else ''] = error
                raise
        return self._answers[name]

    def _find_build(self) -> Any:
        controllers = import_module('mod_ci.controllers')
        name = getattr(controllers.Artifact_names, self.platform)
        newest = islice(self.repository.get_artifacts(), controllers.MAX_ARTIFACTS_TO_SEARCH)
        return next((artifact for artifact in newest
                     if artifact.name == name and artifact.workflow_run.head_sha == self.commit), None)


def post_success(run: Run) -> bool:
    """
    Post that all tests of a run passed as its commit status, and return whether GitHub took it.

    Nothing is posted if success is the newest status already.
    """
    try:
        statuses = github_access().open_repository().get_commit(run.commit).get_statuses()
        # GitHub keeps a thousand for a commit, and a comment may come again and again.
        newest = next((status.state for status in statuses if status.context == _context_of(run)), None)
        if newest != 'success':
            _post(run, 'success', 'All tests passed')
    except Exception as error:
        log.error(f'the status of run {run.id} is not posted again: {without_token(explain(error))}')
        return False
    return newest != 'success'


def post_error(run: Run, description: str) -> None:
    """Post that a run has ended by an error as its commit status. Raises PyGithub's errors."""
    with suppress(ModuleNotFoundError, NotConfigured):  # The platform is not configured for GitHub.
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
