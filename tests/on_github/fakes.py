"""What GitHub sends, and a GitHub that answers."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from mod_test.models import TestPlatform

PR = 1342
OLD_COMMIT, COMMIT, NEW_COMMIT = '0' * 40, '5f2a9c0e7d41b8836a1c4e90d2b7f3586ce1a904', 'f' * 40
COMMENT_ID = 99262140
ALICE_ON_GITHUB, AUTHOR_ON_GITHUB = 583231, 21031067

JSON = dict[str, Any]


def account(login: str, number: int, kind: str = 'User') -> JSON:
    """Return an account as GitHub describes it."""
    return {'login': login, 'id': number, 'type': kind, 'html_url': f'https://github.com/{login}'}


def payload(body: str | None = '/retry', changes: JSON | None = None) -> JSON:
    """
    Return a comment of alice's on an open pull request, as GitHub describes it.

    ``changes`` are other values for some places: ``{'issue.state': 'closed'}``; ``...`` takes the place away.
    """
    page = f'https://github.com/CCExtractor/ccextractor/pull/{PR}'
    described: JSON = {
        'action': 'created',
        'issue': {
            'html_url': page, 'id': 73464126, 'number': PR, 'title': 'Fix the pages', 'state': 'open',
            'user': account('someone', AUTHOR_ON_GITHUB), 'pull_request': {'html_url': page, 'merged_at': None},
            'body': 'It was off by one.', 'performed_via_github_app': None},
        'comment': {
            'html_url': f'{page}#issuecomment-{COMMENT_ID}', 'id': COMMENT_ID, 'body': body,
            'user': account('Alice-GH', ALICE_ON_GITHUB), 'performed_via_github_app': None},
        'repository': {'id': 35129377, 'name': 'ccextractor', 'full_name': 'CCExtractor/ccextractor',
                       'owner': account('CCExtractor', 7253637, 'Organization')},
        'sender': account('Alice-GH', ALICE_ON_GITHUB)}
    for path, value in (changes or {}).items():
        *above, name = path.split('.')
        place = described
        for step in above:
            place = place[step]
        if value is ...:
            del place[name]
        else:
            place[name] = value
    return copy.deepcopy(described)


def artifact(platform: TestPlatform = TestPlatform.linux, commit: str = COMMIT, expired: Any = False) -> Any:
    """Return the artifact of a build."""
    return SimpleNamespace(platform=platform, commit=commit, expired=expired)


class FakeGitHub:
    """The platform's functions and PyGithub, as far as they are used, and what was asked of them."""

    #: How many artifacts the platform's function looks at.
    LIMIT = 3

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened: list[Any] = []
        self.statuses: list[Any] = []
        self.artifacts: Any = [artifact(), artifact(TestPlatform.windows)]
        self.pull_request: Any = SimpleNamespace(
            state='open', user=SimpleNamespace(id=AUTHOR_ON_GITHUB), head=SimpleNamespace(sha=COMMIT))
        self.asked: list[str] = []
        self.fault: Exception | None = None
        pygithub = ModuleType('github')
        pygithub.Auth = SimpleNamespace(Token=lambda token: f'auth {token}')  # type: ignore[attr-defined]
        pygithub.Github = self._open  # type: ignore[attr-defined]
        self.controllers = ModuleType('mod_ci.controllers')
        self.controllers.update_status_on_github = self._update  # type: ignore[attr-defined]
        self.controllers.find_artifact_for_commit = self._find  # type: ignore[attr-defined]
        self.controllers.MAX_ARTIFACTS_TO_SEARCH = self.LIMIT  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, 'github', pygithub)
        monkeypatch.setitem(sys.modules, 'mod_ci.controllers', self.controllers)

    def _open(self, *, auth: str, timeout: int, retry: int | None, per_page: int) -> Any:
        assert timeout <= 10 and retry is None, 'a person waits for the answer'

        def get_repo(name: str) -> Any:
            self.asked.append('repository')
            if self.fault is not None:
                raise self.fault
            self.opened.append((auth, name))
            return SimpleNamespace(get_commit=lambda sha: f'commit {sha}', get_artifacts=self._list,
                                   get_pull=self._pull)

        return SimpleNamespace(get_repo=get_repo)

    def _list(self) -> Iterator[Any]:
        self.asked.append('artifacts')
        return iter(self.artifacts)

    def _pull(self, number: int) -> Any:
        self.asked.append(f'pull request {number}')
        if isinstance(self.pull_request, Exception):
            raise self.pull_request
        return self.pull_request

    def _update(self, gh_commit: Any, state: str, description: str, context: str, target_url: Any = 'not set') -> None:
        self.statuses.append((gh_commit, state, description, context, target_url))

    def _find(self, repository: Any, commit_sha: str, platform: Any, log: Any) -> Any:
        """Search like the platform: up to a limit, and with None for every trouble."""
        log.debug('searching')
        try:
            for count, found in enumerate(repository.get_artifacts(), 1):
                if (found.platform, found.commit) == (platform, commit_sha):
                    return found
                if count >= self.LIMIT:
                    break
        except Exception:
            pass
        return None
