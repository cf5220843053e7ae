"""A pull request with runs, a comment on it, and GitHub."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import seed
from database import db
from mod_auth.models import User
from mod_regression.models import RegressionTest
from mod_test.models import Test, TestPlatform, TestType

from mod_runs_api.github import CommentOutcome, retry_from_comment

from .fakes import COMMENT_ID, COMMIT, JSON, PR, FakeGitHub, payload

Comment = Callable[..., CommentOutcome]
MakeRun = Callable[..., Test]


@pytest.fixture
def settings() -> JSON:
    """Further settings of the application. Tests parametrize this fixture."""
    return {}


@pytest.fixture
def app_settings(settings: JSON) -> JSON:
    """The settings of a platform whose repository is CCExtractor/ccextractor."""
    return {'GITHUB_OWNER': 'CCExtractor', 'GITHUB_REPOSITORY': 'ccextractor', **settings}


@pytest.fixture
def writer(alice: User) -> User:
    """A contributor who is known on GitHub."""
    alice.github_login = 'alice-gh'
    return alice


@pytest.fixture
def tests(writer: User) -> list[RegressionTest]:
    """Two regression tests."""
    return seed.regression_tests(2)


@pytest.fixture
def make_run(tests: list[RegressionTest]) -> MakeRun:
    """Add runs of the two tests, of which the first passed; by default completed ones, as the webhook makes them."""
    def make(platform: TestPlatform = TestPlatform.linux, *, stages: Any = seed.COMPLETED, commit: str = COMMIT,
             **configuration: Any) -> Test:
        run = seed.run(tests, stages=stages, platform=platform, commit=commit, **{
            'test_type': TestType.pull_request, 'branch': 'pull_request', 'pr_nr': PR, **configuration})
        if stages:
            seed.result(run, tests[0])
        db.session.commit()
        return run

    return make


@pytest.fixture
def linux(make_run: MakeRun) -> Test:
    """The pull request's completed run on Linux."""
    return make_run()


@pytest.fixture
def windows(linux: Test, make_run: MakeRun) -> Test:
    """The pull request's completed run on Windows."""
    return make_run(TestPlatform.windows)


@pytest.fixture
def comment(writer: User) -> Comment:
    """Comment as alice: ``comment('/retry linux', {'issue.state': 'closed'})``. Each has an id of its own."""
    ids = itertools.count(COMMENT_ID)

    def send(body: str | None = '/retry', changes: JSON | None = None) -> CommentOutcome:
        db.session.commit()
        return retry_from_comment(payload(body, {'comment.id': next(ids), **(changes or {})}))

    return send


@pytest.fixture
def github(writer: User, config: JSON, monkeypatch: pytest.MonkeyPatch) -> FakeGitHub:
    """A GitHub that the host has a token for, and where the builds of both platforms are."""
    config['GITHUB_TOKEN'] = 'ghp_secret'
    return FakeGitHub(monkeypatch)
