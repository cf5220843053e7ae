"""A pull request with runs, and comments on it."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
import seed
from database import db
from mod_auth.models import User
from mod_regression.models import RegressionTest
from mod_test.models import Test, TestPlatform, TestType
from support.github import AUTHOR, COMMIT, PR, SETTINGS, GitHub, comment_payload

from mod_runs_api.github import CommentOutcome, retry_from_comment

Comment = Callable[..., CommentOutcome]
MakeRun = Callable[..., Test]


@pytest.fixture
def app_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of a platform whose repository is CCExtractor/ccextractor."""
    return {**SETTINGS, **settings}


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
def github(github: GitHub) -> GitHub:
    """A GitHub with an open pull request, and with its builds."""
    github.open_pull(PR, COMMIT, AUTHOR)
    return github


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
def comment(writer: User, github: GitHub) -> Comment:
    """Comment as alice: ``comment('/retry linux', {'issue.state': 'closed'})``. Each has an id of its own."""
    ids = count(100)

    def send(body: str = '/retry', changes: dict[str, Any] | None = None) -> CommentOutcome:
        db.session.commit()
        return retry_from_comment(comment_payload(body, {'comment.id': next(ids), **(changes or {})}))

    return send
