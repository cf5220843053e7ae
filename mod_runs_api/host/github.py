"""The host's access to GitHub, and the platform's own functions that speak to it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from itertools import islice
from typing import Any

from flask import current_app

from ..domain.run import PullRequest, Run
from .log import log
from .runtime import external_run_page

#: How long the description of a commit status may be on GitHub.
MAX_DESCRIPTION_LENGTH = 140


class NotConfigured(Exception):
    """The application is not configured for GitHub."""


@dataclass(frozen=True)
class GitHubAccess:
    """The repository whose runs the host has, and the host's token there. '' if it is not known."""

    owner: str
    repository: str
    token: str = field(repr=False)

    @property
    def full_name(self) -> str:
        """The name of the repository as GitHub writes it."""
        return f'{self.owner}/{self.repository}' if self.owner and self.repository else ''

    def open_repository(self) -> Any:
        """
        Return the repository as PyGithub's, with a short timeout, because a user is waiting.

        PyGithub's own default is to try again and again, up to an hour when the token is used up. Raises
        :exc:`NotConfigured` if the host has no token or repository, and :exc:`ModuleNotFoundError` without PyGithub.
        """
        if not self.token or not self.full_name:
            raise NotConfigured
        from github import Auth, Github
        github = Github(auth=Auth.Token(self.token), timeout=5, retry=None, per_page=100)
        return github.get_repo(self.full_name)


def github_access() -> GitHubAccess:
    """Return the host's access to GitHub, from its settings: those that ``g.github`` comes from."""
    config = current_app.config
    return GitHubAccess(config.get('GITHUB_OWNER', ''), config.get('GITHUB_REPOSITORY', ''),
                        config.get('GITHUB_TOKEN', ''))


def find_pull_request(number: int) -> PullRequest:
    """Return a pull request, with the commit at its head if GitHub says it."""
    access = github_access()
    head_commit: str | None = None
    try:
        head_commit = access.open_repository().get_pull(number).head.sha
    except Exception as error:
        log().warning(f'the head of pull request {number} is not known: {type(error).__name__}')
    return PullRequest(f'/{access.full_name}.git', number, head_commit)


@dataclass(frozen=True)
class CheckedRun(Run):
    """
    A run that is to be retried, for the checks. The repository and the pull request are asked for on demand, and once.

    Its attributes are those of :class:`mod_runs_api.domain.run.Run`.
    """

    @cached_property
    def _repository(self) -> Any:
        return _answer(github_access().open_repository)

    @cached_property
    def _pull_request(self) -> Any:
        return _answer(lambda: self.repository.get_pull(self.pr_nr))

    @property
    def repository(self) -> Any:
        """The repository as PyGithub's. Raises the exception that came of asking."""
        return _or_raise(self._repository)

    @property
    def pull_request(self) -> Any:
        """The pull request as PyGithub's; None if there is none. Raises the exception that came of asking."""
        return _or_raise(self._pull_request) if self.pr_nr else None

    def find_build(self) -> Any:
        """
        Return the artifact of its build as PyGithub's; None if the platform would not find one.

        As the platform's job, it looks at the newest artifacts only. Raises the exception that came of asking.
        """
        controllers = import_module('mod_ci.controllers')
        name = getattr(controllers.Artifact_names, self.platform)
        newest = islice(self.repository.get_artifacts(), controllers.MAX_ARTIFACTS_TO_SEARCH)
        return next((artifact for artifact in newest
                     if artifact.name == name and artifact.workflow_run.head_sha == self.commit), None)


def _answer(question: Callable[[], Any]) -> Any:
    """Return the answer to a question, or the exception that came of it: it is not asked again."""
    try:
        return question()
    except Exception as error:
        return error


def _or_raise(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer


def post_status(run: Run, state: str, description: str) -> None:
    """Post the commit status of a run, with the address of its page, through the host's function."""
    try:
        repository = github_access().open_repository()
    except (ModuleNotFoundError, NotConfigured):
        return  # There is nobody to tell.
    controllers = import_module('mod_ci.controllers')
    address = external_run_page(run.id)
    target = {} if address is None else {'target_url': address}
    controllers.update_status_on_github(repository.get_commit(run.commit), state, description[:MAX_DESCRIPTION_LENGTH],
                                        f'CI - {run.platform}', **target)
