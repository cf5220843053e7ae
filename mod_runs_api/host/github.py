"""What the host knows of GitHub, and the platform's own functions that speak to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, NamedTuple

from flask import current_app, g

from .runtime import log

#: How long the description of a commit status may be on GitHub.
MAX_DESCRIPTION_LENGTH = 140


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
        :exc:`LookupError` if the host has no token, or no repository.
        """
        if not self.token or not self.full_name:
            raise LookupError('The application is not configured for GitHub.')
        from github import Auth, Github
        github = Github(auth=Auth.Token(self.token), timeout=5, retry=None, per_page=100)
        return github.get_repo(self.full_name)


def github_access() -> GitHubAccess:
    """Return what the host knows of GitHub: ``g.github``, or outside a request the settings that it comes from."""
    known = g.get('github')
    if known is None:
        config = current_app.config
        return GitHubAccess(config.get('GITHUB_OWNER', ''), config.get('GITHUB_REPOSITORY', ''),
                            config.get('GITHUB_TOKEN', ''))
    return GitHubAccess(known.get('repository_owner', ''), known.get('repository', ''), known.get('bot_token', ''))


class CommitStatus(NamedTuple):
    """What GitHub shows beside a commit."""

    state: str
    description: str
    #: Where the reader finds more.
    address: str | None


def post_status(commit: str, platform: str, status: CommitStatus) -> None:
    """Post the status of a commit on a platform, in the place of the one that it has, through the host's function."""
    controllers = import_module('mod_ci.controllers')
    target = {} if status.address is None else {'target_url': status.address}
    gh_commit = github_access().open_repository().get_commit(commit)
    controllers.update_status_on_github(gh_commit, status.state, status.description[:MAX_DESCRIPTION_LENGTH],
                                        f'CI - {platform}', **target)


def find_build_artifact(repository: Any, commit: str, platform: str) -> Any:
    """Return the build of a commit for a platform from the host's function, which returns None for errors too."""
    controllers = import_module('mod_ci.controllers')
    member = getattr(import_module('mod_test.models').TestPlatform, platform)
    return controllers.find_artifact_for_commit(repository, commit, member, log())


def artifact_search_limit() -> float:
    """Return the number of artifacts after which the host's function gives up."""
    limit: float = getattr(import_module('mod_ci.controllers'), 'MAX_ARTIFACTS_TO_SEARCH', float('inf'))
    return limit
