"""The checks that ask GitHub, and those that read the runs (docs/github.rst, "Checks")."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import seed
from database import db
from mod_ci.models import BlockedUsers
from mod_test.models import Test, TestPlatform, TestType
from support.other_host import other_host
from support.rows import Rows, add_retries

from mod_runs_api import MountError, Unprocessable, retry_run
from mod_runs_api.github import (CommentRefusal, author_is_not_blocked,
                                 build_artifact_exists,
                                 commit_is_not_superseded,
                                 pull_request_is_open)

from .conftest import Comment, MakeRun
from .fakes import (ALICE_ON_GITHUB, AUTHOR_ON_GITHUB, COMMIT, JSON,
                    OLD_COMMIT, PR, FakeGitHub, artifact)

ALL = [build_artifact_exists, pull_request_is_open, author_is_not_blocked, commit_is_not_superseded]
GONE = ('GitHub has no build of commit 5f2a9c0e for linux, or no longer: it keeps builds for 90 days, and the platform '
        'looks at the newest 500 artifacts.')
OTHERS = [artifact(commit=OLD_COMMIT)] * FakeGitHub.LIMIT


def checked_by(*checks: Any) -> pytest.MarkDecorator:
    """Have retries checked."""
    return pytest.mark.parametrize('settings', [{'RUNS_API_BEFORE_RETRY': list(checks)}], ids=['checks'])


def refusal(run: Test) -> str | None:
    """Return why a run cannot be retried; None if it was."""
    try:
        retry_run(run.id)
    except Unprocessable as error:
        assert error.details == {'run_id': run.id}
        return error.message
    return None


def failing(*artifacts: Any) -> Iterator[Any]:
    """Yield artifacts until GitHub stops to answer."""
    yield from artifacts
    raise ConnectionError('ghp_secret')


# The build


@checked_by(build_artifact_exists)
@pytest.mark.parametrize('platform', list(TestPlatform))
def test_a_run_whose_build_is_kept_may_be_retried(
        github: FakeGitHub, make_run: MakeRun, platform: TestPlatform) -> None:
    github.artifacts = [artifact(commit=OLD_COMMIT), artifact(platform)]

    assert refusal(make_run(platform)) is None


@checked_by(build_artifact_exists)
@pytest.mark.parametrize('listed', [
    [], OTHERS[:1], [artifact(TestPlatform.windows)], [artifact(expired=True)], OTHERS, [*OTHERS, artifact()]])
def test_a_run_whose_build_is_gone_may_not(github: FakeGitHub, linux: Test, listed: list[Any]) -> None:
    github.artifacts = listed

    assert refusal(linux) == GONE


@checked_by(build_artifact_exists)
@pytest.mark.parametrize('listed', [failing(OTHERS[0]), failing(artifact())])
def test_a_search_that_breaks_off_refuses_nothing(github: FakeGitHub, linux: Test, listed: Iterator[Any]) -> None:
    github.artifacts = listed

    assert refusal(linux) is None


@checked_by(build_artifact_exists)
def test_a_platform_that_searches_without_a_limit_searches_all(github: FakeGitHub, linux: Test) -> None:
    del github.controllers.MAX_ARTIFACTS_TO_SEARCH
    github.artifacts = [*OTHERS, artifact()]

    assert refusal(linux) is None


@checked_by(build_artifact_exists)
@pytest.mark.parametrize('setting', ['GITHUB_TOKEN', 'GITHUB_OWNER', 'GITHUB_REPOSITORY', None])
def test_a_github_that_cannot_be_asked_refuses_nothing(
        github: FakeGitHub, linux: Test, config: JSON, caplog: pytest.LogCaptureFixture, setting: str | None) -> None:
    github.artifacts = []
    if setting is None:
        github.fault = ConnectionError('ghp_secret')
    else:
        config[setting] = ''

    with caplog.at_level(logging.INFO):
        assert refusal(linux) is None

    assert 'RUNS_API_BEFORE_RETRY: build_artifact_exists failed with ' in caplog.text
    assert 'ghp_secret' not in caplog.text


@pytest.mark.parametrize('settings', [{}, {'RUNS_API_BEFORE_RETRY': build_artifact_exists}])
def test_a_comment_asks_for_the_build_with_and_without_the_setting_once(
        github: FakeGitHub, comment: Comment, linux: Test, rows: Rows) -> None:
    github.artifacts = []

    assert comment('/retry linux').refusals == (CommentRefusal('linux', linux.id, GONE),)
    assert rows.retries == []
    assert github.asked == ['repository', f'pull request {PR}', 'repository', 'artifacts']


# The pull request and its author


@checked_by(pull_request_is_open)
@pytest.mark.parametrize(('state', 'reason'), [('open', None), ('closed', 'Pull request 1342 is closed.')])
def test_the_pull_request_of_a_run_must_be_open(
        github: FakeGitHub, linux: Test, state: str, reason: str | None) -> None:
    github.pull_request.state = state

    assert refusal(linux) == reason
    assert github.asked == ['repository', f'pull request {PR}']


@checked_by(author_is_not_blocked)
@pytest.mark.parametrize(('blocked', 'author', 'reason'), [
    (AUTHOR_ON_GITHUB, SimpleNamespace(id=AUTHOR_ON_GITHUB), 'The author of pull request 1342 is blocked.'),
    (ALICE_ON_GITHUB, SimpleNamespace(id=AUTHOR_ON_GITHUB), None), (AUTHOR_ON_GITHUB, None, None)])
def test_the_author_of_a_pull_request_may_not_be_blocked(
        github: FakeGitHub, linux: Test, blocked: int, author: Any, reason: str | None) -> None:
    seed.add(BlockedUsers(user_id=blocked))
    github.pull_request.user = author
    db.session.commit()

    assert refusal(linux) == reason


@checked_by(pull_request_is_open, author_is_not_blocked)
def test_a_run_without_a_pull_request_asks_github_nothing(github: FakeGitHub, make_run: MakeRun) -> None:
    assert refusal(make_run(test_type=TestType.commit, branch='master', pr_nr=0)) is None
    assert github.asked == []


@checked_by(pull_request_is_open, author_is_not_blocked)
def test_a_pull_request_that_github_does_not_tell_of_refuses_nothing(
        github: FakeGitHub, linux: Test, caplog: pytest.LogCaptureFixture) -> None:
    github.pull_request = ConnectionError('ghp_secret')

    with caplog.at_level(logging.INFO):
        assert refusal(linux) is None

    assert 'RUNS_API_BEFORE_RETRY: pull_request_is_open failed with ConnectionError' in caplog.text
    # It is asked once.
    assert 'RUNS_API_BEFORE_RETRY: author_is_not_blocked failed with LookupError' in caplog.text
    assert github.asked == ['repository', f'pull request {PR}']
    assert 'ghp_secret' not in caplog.text


@checked_by(*ALL)
def test_all_checks_together_ask_github_each_question_once_and_wait_once_for_no_answer(
        github: FakeGitHub, linux: Test) -> None:
    assert refusal(linux) is None
    assert github.asked == ['repository', 'artifacts', f'pull request {PR}']

    github.asked.clear()
    github.fault = ConnectionError()
    assert refusal(linux) is None
    assert github.asked == ['repository']


def test_a_host_without_blocked_users_cannot_check_an_author_and_is_told_so() -> None:
    with other_host('BlockedUsers').app_context(), pytest.raises(
            MountError, match=r'author_is_not_blocked needs the model mod_ci\.models\.BlockedUsers\.$'):
        author_is_not_blocked(SimpleNamespace(pr_nr=PR))  # type: ignore[arg-type]


# The commit


@checked_by(commit_is_not_superseded)
@pytest.mark.parametrize(('configuration', 'where'), [
    ({}, 'pull request 1342'), ({'test_type': TestType.commit, 'branch': 'master', 'pr_nr': 0}, 'branch master')])
def test_the_commit_of_a_run_is_superseded_by_a_later_one(
        make_run: MakeRun, configuration: JSON, where: str) -> None:
    old, new, retry = (make_run(commit=commit, **configuration) for commit in (OLD_COMMIT, COMMIT, OLD_COMMIT))
    add_retries(old.id, [retry.id])

    reason = f'Commit 00000000 is superseded: run {new.id} is of a later commit of {where}.'
    assert refusal(old) == refusal(retry) == reason
    assert refusal(new) is None


@checked_by(commit_is_not_superseded)
@pytest.mark.parametrize('other', [
    {'pr_nr': PR + 1}, {'commit': OLD_COMMIT}, {'branch': 'master'}, {'test_type': TestType.commit},
    {'github': 'https://github.com/mallory/ccextractor.git'}])
def test_a_later_run_of_something_else_and_an_earlier_one_supersede_nothing(make_run: MakeRun, other: JSON) -> None:
    make_run()
    old = make_run(commit=OLD_COMMIT)
    make_run(**other)

    assert refusal(old) is None


@checked_by(commit_is_not_superseded)
def test_a_later_retry_of_another_commit_supersedes_nothing(make_run: MakeRun) -> None:
    old, new, retry = make_run(commit=OLD_COMMIT), make_run(), make_run(commit=OLD_COMMIT)
    add_retries(old.id, [retry.id])

    assert refusal(new) is None
