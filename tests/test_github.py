"""Comments on GitHub that ask for retries, and what GitHub is told and asked about retries."""

from __future__ import annotations

import copy
import itertools
import json
import logging
import sqlite3
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import seed
from application import create_app
from database import Base, db
from flask import Flask, g
from mod_auth.models import Role, User
from mod_ci.models import BlockedUsers
from mod_regression.models import RegressionTest
from mod_test.models import Test, TestPlatform, TestStatus, TestType
from sqlalchemy import event
from sqlalchemy.orm import DeclarativeBase, mapped_column
from support.api import Command
from support.rows import Rows

from mod_runs_api import (InternalError, MountError, ServiceUnavailable,
                          Unprocessable, create_blueprint, retry_run,
                          run_retried)
from mod_runs_api.github import (CommentOutcome, CommentRefusal, CommentRetry,
                                 author_is_not_blocked, build_artifact_exists,
                                 commit_is_not_superseded, post_queued_status,
                                 pull_request_is_open, retry_from_comment)
from mod_runs_api.github.commands import read_commands
from mod_runs_api.host.github import github_access
from mod_runs_api.host.models import HOST_TABLES, HostTable
from mod_runs_api.host.runtime import log
from mod_runs_api.retry import Source

PR = 1342
OLD_COMMIT, COMMIT = '0' * 40, '5f2a9c0e7d41b8836a1c4e90d2b7f3586ce1a904'
COMMENT_ID = 99262140
ALICE_ON_GITHUB, AUTHOR_ON_GITHUB = 583231, 21031067

JSON = dict[str, Any]
Comment = Callable[..., CommentOutcome]


def account(login: str, number: int, kind: str = 'User') -> JSON:
    """Return an account as GitHub describes it."""
    return {'login': login, 'id': number, 'node_id': 'MDQ6VXNlcjU4MzIzMQ==', 'type': kind, 'site_admin': False,
            'avatar_url': f'https://avatars.githubusercontent.com/u/{number}?v=4', 'gravatar_id': '',
            'url': f'https://api.github.com/users/{login}', 'html_url': f'https://github.com/{login}'}


def payload(body: str | None = '/retry', changes: JSON | None = None) -> JSON:
    """
    Return a comment of alice's on an open pull request, as GitHub describes it.

    ``changes`` are other values for some places: ``{'issue.state': 'closed'}``; ``...`` takes the place away.
    """
    repository = 'https://api.github.com/repos/CCExtractor/ccextractor'
    page = f'https://github.com/CCExtractor/ccextractor/pull/{PR}'
    described: JSON = {
        'action': 'created',
        'issue': {
            'url': f'{repository}/issues/{PR}', 'html_url': page, 'id': 73464126, 'number': PR,
            'title': 'Fix the pages', 'user': account('someone', AUTHOR_ON_GITHUB), 'labels': [], 'state': 'open',
            'locked': False, 'draft': False, 'comments': 1, 'author_association': 'CONTRIBUTOR',
            'created_at': '2026-11-24T12:00:00Z', 'closed_at': None,
            'pull_request': {'url': f'{repository}/pulls/{PR}', 'html_url': page, 'diff_url': f'{page}.diff',
                             'patch_url': f'{page}.patch', 'merged_at': None},
            'body': 'It was off by one.', 'performed_via_github_app': None, 'state_reason': None},
        'comment': {
            'url': f'{repository}/issues/comments/{COMMENT_ID}', 'html_url': f'{page}#issuecomment-{COMMENT_ID}',
            'id': COMMENT_ID, 'node_id': 'MDEyOklzc3VlQ29tbWVudDk5MjYyMTQw',
            'user': account('Alice-GH', ALICE_ON_GITHUB), 'created_at': '2026-11-24T13:00:00Z',
            'updated_at': '2026-11-24T13:00:00Z', 'author_association': 'MEMBER', 'body': body,
            'performed_via_github_app': None},
        'repository': {'id': 35129377, 'name': 'ccextractor', 'full_name': 'CCExtractor/ccextractor', 'private': False,
                       'owner': account('CCExtractor', 7253637, 'Organization'), 'fork': False},
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
    return [seed.regression_test() for _ in range(2)]


MakeRun = Callable[..., Test]


@pytest.fixture
def make_run(tests: list[RegressionTest]) -> MakeRun:
    """Add runs of the two tests, of which the first passed; by default completed ones, as the webhook makes them."""
    def make(platform: TestPlatform = TestPlatform.linux, *, stages: Any = seed.COMPLETED, commit: str = COMMIT,
             **configuration: Any) -> Test:
        run = seed.run(tests, stages=stages, platform=platform, commit=commit, **{
            'test_type': TestType.pull_request, 'branch': 'pull_request', 'pr_nr': PR, **configuration})
        if stages:
            seed.result(run, tests[0])
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


def end(run_id: int, *stages: TestStatus) -> None:
    """Have a run reach its end, or another stage."""
    run = db.session.get(Test, run_id)
    assert run is not None
    seed.progress(run, *(stages or (TestStatus.completed,)))
    db.session.commit()


# Which run a comment means


def test_a_comment_retries_the_run_of_its_pull_request(
        comment: Comment, linux: Test, rows: Rows, writer: User) -> None:
    outcome = comment('/retry linux failed because the VM froze')

    new_run_id = linux.id + 1
    assert outcome == CommentOutcome(retries=(CommentRetry(
        platform='linux', run_id=linux.id, new_run_id=new_run_id, failed_only=True, test_count=1, replayed=False,
        address=f'http://localhost/test/{new_run_id}'),))
    row, = rows.of('run_retry')
    assert (row['test_id'], row['source_run_id'], row['failed_only'], row['reason'], row['user_id']) == (
        new_run_id, linux.id, 1, b'the VM froze', writer.id)
    assert rows.ids('test_fork', 'user_id', test_id=new_run_id) == [writer.id]


def test_a_comment_without_a_platform_retries_every_platform(comment: Comment, linux: Test, windows: Test) -> None:
    outcome = comment('/retry')

    assert [(retry.platform, retry.run_id) for retry in outcome.retries] == [
        ('linux', linux.id), ('windows', windows.id)]
    assert outcome.refusals == ()


def test_the_newest_commit_is_retried(comment: Comment, make_run: MakeRun) -> None:
    make_run(commit=OLD_COMMIT)
    newest = make_run()

    assert comment('/retry linux').retries[0].run_id == newest.id


def test_the_first_run_of_a_commit_is_retried(comment: Comment, linux: Test, make_run: MakeRun) -> None:
    make_run(stages=())

    assert comment('/retry linux').retries[0].run_id == linux.id


def test_a_retry_of_an_old_commit_does_not_make_it_the_newest(
        comment: Comment, linux: Test, make_run: MakeRun) -> None:
    newest = make_run(commit='f' * 40)
    db.session.commit()
    retry_run(linux.id)

    assert comment('/retry linux').retries[0].run_id == newest.id


def test_a_retry_whose_source_is_deleted_is_not_the_first_run(
        comment: Comment, linux: Test, make_run: MakeRun) -> None:
    newer = make_run(commit='f' * 40)
    db.session.commit()
    retry_run(newer.id)
    for table in ('test_result_file', 'test_result', 'test_progress', 'customized_test'):
        rows = Base.metadata.tables[table]
        db.session.execute(rows.delete().where(rows.c.test_id == newer.id))
    db.session.delete(newer)

    assert comment('/retry linux').retries[0].run_id == linux.id


@pytest.mark.parametrize('other', [
    {'pr_nr': PR + 1}, {'test_type': TestType.commit}, {'branch': 'master'},
    {'github': 'https://github.com/mallory/ccextractor.git'},
    {'github': 'https://github.com/mallory/CCExtractor-ccextractor.git'},
    {'github': 'https://github.com/notCCExtractor/ccextractor.git'}])
def test_a_run_that_is_not_the_pull_requests_own_is_left_alone(
        comment: Comment, linux: Test, make_run: MakeRun, other: JSON) -> None:
    make_run(commit='f' * 40, **other)

    assert comment('/retry linux').retries[0].run_id == linux.id


@pytest.mark.parametrize('settings', [{'GITHUB_REPOSITORY': 'cc_extractor'}])
def test_the_repositorys_name_is_no_pattern(comment: Comment, make_run: MakeRun) -> None:
    make_run(github='https://github.com/CCExtractor/cc-extractor.git')

    assert comment('/retry linux', {'repository.full_name': 'CCExtractor/cc_extractor'}).refusals == (
        CommentRefusal('linux', None, 'This pull request has no run on linux.'),)


def test_the_repositorys_address_may_be_in_any_case(comment: Comment, make_run: MakeRun) -> None:
    run = make_run(github='https://github.com/ccextractor/CCExtractor.git')

    assert comment('/retry linux').retries[0].run_id == run.id


def test_retry_runs_the_full_test_set_after_a_failed_only_retry(comment: Comment, linux: Test) -> None:
    end(comment('/retry linux failed').retries[0].new_run_id)

    retry, = comment('/retry linux').retries
    assert (retry.run_id, retry.test_count) == (linux.id, 2)


def test_retry_failed_retries_the_newest_attempt_that_has_ended(
        comment: Comment, linux: Test, tests: list[RegressionTest]) -> None:
    second = comment('/retry linux').retries[0].new_run_id
    end(second, TestStatus.canceled)
    comment('/retry linux')

    retry, = comment('/retry linux failed').retries
    assert (retry.run_id, retry.test_count) == (second, 2)


def test_retry_failed_is_answered_with_what_is_known_already(comment: Comment, linux: Test) -> None:
    first = comment('/retry linux failed')
    end(first.retries[0].new_run_id)

    second = comment('/retry linux failed')

    assert first.retries[0].known == ''
    assert second.retries[0].known == 'Over 2 attempts 1 test never ran.'
    assert second.reply.endswith(', with 1 test that did not pass. Over 2 attempts 1 test never ran.')


def test_what_is_known_costs_no_answer(comment: Comment, linux: Test, monkeypatch: pytest.MonkeyPatch) -> None:
    end(comment('/retry linux failed').retries[0].new_run_id)

    def fail(_run_id: int) -> None:
        raise ServiceUnavailable()

    monkeypatch.setattr('mod_runs_api.github.webhook.attempts_verdict', fail)
    retry, = comment('/retry linux failed').retries

    assert retry.known == ''


def test_retry_failed_passes_over_an_attempt_that_is_running(comment: Comment, linux: Test) -> None:
    end(comment('/retry linux').retries[0].new_run_id, TestStatus.testing)

    retry, = comment('/retry linux failed').retries
    assert (retry.run_id, retry.test_count) == (linux.id, 1)


@pytest.mark.parametrize('command', ['/retry linux', '/retry linux failed'])
def test_a_run_that_is_still_queued_is_not_retried(
        comment: Comment, make_run: MakeRun, rows: Rows, command: str) -> None:
    queued = make_run(stages=())

    outcome = comment(command)

    assert outcome.refusals == (CommentRefusal('linux', queued.id, f'Run {queued.id} is still queued.'),)
    assert rows.of('run_retry') == []


def test_a_run_that_is_running_has_no_failed_tests_yet(comment: Comment, make_run: MakeRun) -> None:
    running = make_run(stages=(TestStatus.preparation, TestStatus.testing))

    assert comment('/retry linux failed').refusals == (CommentRefusal(
        'linux', running.id, f'Run {running.id} has not finished: it has no failed tests yet.'),)
    assert comment('/retry linux').retries[0].run_id == running.id


def test_a_platform_without_a_run_is_reported_and_the_other_retried(comment: Comment, linux: Test) -> None:
    outcome = comment('/retry')

    assert [retry.run_id for retry in outcome.retries] == [linux.id]
    assert outcome.refusals == (CommentRefusal('windows', None, 'This pull request has no run on windows.'),)


# Commands


def test_every_line_is_done(comment: Comment, linux: Test, windows: Test) -> None:
    outcome = comment('Flaky.\n/retry linux failed\n\n/retry windows')

    assert [(retry.run_id, retry.failed_only) for retry in outcome.retries] == [(linux.id, True), (windows.id, False)]


def test_two_lines_may_retry_one_run_in_two_ways(comment: Comment, linux: Test) -> None:
    outcome = comment('/retry linux\n/retry linux failed')

    assert [(retry.run_id, retry.failed_only) for retry in outcome.retries] == [(linux.id, False), (linux.id, True)]


def test_equal_lines_count_once(comment: Comment, linux: Test, rows: Rows) -> None:
    comment('/retry linux because of this\n/retry linux because of that\n/retry LINUX')

    assert [row['reason'] for row in rows.of('run_retry')] == [b'of this']


def test_equal_refusals_are_reported_once(comment: Comment, linux: Test) -> None:
    assert len(comment('/retry foo\n/retry foo').refusals) == 1


def test_an_invalid_command_is_explained_and_the_others_are_done(comment: Comment, linux: Test) -> None:
    outcome = comment('/retry the linux one\n/retry linux')

    assert len(outcome.retries) == 1
    refusal, = outcome.refusals
    assert (refusal.platform, refusal.run_id) == (None, None)
    assert refusal.message.startswith('I do not understand "the".')


def test_a_reason_that_is_too_long_is_refused_and_not_cut(comment: Comment, linux: Test, rows: Rows) -> None:
    outcome = comment(f'/retry because {"x" * 256}')

    assert outcome.refusals == (CommentRefusal(
        None, None, 'The reason cannot be stored. Longer than maximum length 255.'),)
    assert rows.of('run_retry') == []


def test_a_comment_has_at_most_twenty_commands(comment: Comment, linux: Test, rows: Rows) -> None:
    assert comment('/retry linux\n' * 20).retries
    outcome = comment('/retry linux\n' * 21)

    assert (outcome.ignored, outcome.asked) == ('The comment has more than 20 commands.', True)
    assert len(rows.of('run_retry')) == 1


# What is ignored


def assert_ignored(outcome: CommentOutcome, reason: str, rows: Rows, asked: bool = False) -> None:
    """Check that nothing was done, and why."""
    assert outcome == CommentOutcome(ignored=reason, asked=asked)
    assert rows.of('run_retry') == []


def test_a_comment_about_something_else_is_ignored(comment: Comment, linux: Test, rows: Rows) -> None:
    assert_ignored(comment('> /retry\n\n```\n/retry\n```\nLooks good.'), 'The comment has no command.', rows)


@pytest.mark.parametrize('action', ['edited', 'deleted', 'pinned'])
def test_a_comment_that_is_not_new_is_ignored(comment: Comment, linux: Test, rows: Rows, action: str) -> None:
    assert_ignored(comment('/retry', {'action': action}), 'The comment is not new.', rows)


@pytest.mark.parametrize('changes', [{'issue.pull_request': ...}, {'issue.pull_request': None}])
def test_a_comment_on_an_issue_is_ignored(comment: Comment, linux: Test, rows: Rows, changes: JSON) -> None:
    assert_ignored(comment('/retry', changes), 'The comment is on an issue, not on a pull request.', rows)


def test_a_comment_on_a_closed_pull_request_is_ignored(comment: Comment, linux: Test, rows: Rows) -> None:
    assert_ignored(comment('/retry', {'issue.state': 'closed'}), 'The pull request is not open.', rows)


@pytest.mark.parametrize('changes', [
    {'comment.user.type': 'Bot'}, {'comment.performed_via_github_app': {'id': 1, 'slug': 'some-app'}}])
def test_a_comment_by_a_bot_is_ignored(comment: Comment, linux: Test, rows: Rows, changes: JSON) -> None:
    assert_ignored(comment('/retry', changes), 'The comment is by a bot.', rows)


def test_a_comment_in_another_repository_is_ignored(comment: Comment, linux: Test, rows: Rows) -> None:
    assert_ignored(comment('/retry', {'repository.full_name': 'alice-gh/ccextractor'}),
                   'The comment is not on a pull request of CCExtractor/ccextractor.', rows)


def test_the_repositorys_name_may_be_in_any_case(comment: Comment, linux: Test) -> None:
    assert comment('/retry', {'repository.full_name': 'ccextractor/CCExtractor'}).retries


def test_the_repository_of_the_request_counts(comment: Comment, linux: Test, rows: Rows) -> None:
    g.github = {'repository_owner': 'CCExtractor', 'repository': 'other', 'bot_token': ''}

    assert_ignored(comment(), 'The comment is not on a pull request of CCExtractor/other.', rows)


def test_a_host_that_names_no_repository_cannot_tell_its_own_runs(comment: Comment, linux: Test, rows: Rows) -> None:
    g.github = {}

    assert_ignored(comment(), 'The application does not name its repository on GitHub.', rows)


@pytest.mark.parametrize('sent', [None, [], 'text', 5, {}, {'action': None}, {'action': ['created']}])
def test_what_is_no_payload_is_ignored(writer: User, rows: Rows, sent: Any) -> None:
    assert_ignored(retry_from_comment(sent), 'The payload has no action as GitHub documents it.', rows)


@pytest.mark.parametrize('path', [
    'repository', 'repository.full_name', 'issue', 'issue.state', 'issue.number', 'issue.user.id', 'comment',
    'comment.user', 'comment.id', 'comment.body', 'comment.user.login', 'comment.user.id'])
@pytest.mark.parametrize('value', [..., None, True, 1.5, [], [{}]])
def test_a_payload_that_is_not_as_documented_is_ignored(
        comment: Comment, linux: Test, rows: Rows, path: str, value: Any) -> None:
    outcome = comment('/retry', {path: value})

    assert outcome.ignored and outcome.ignored.startswith('The payload has no ')
    assert path in outcome.ignored or path == 'repository'
    assert rows.of('run_retry') == []


@pytest.mark.parametrize('changes', [
    {'issue.number': 0}, {'issue.number': -1}, {'issue.number': 2 ** 31}, {'issue.number': 10 ** 40},
    {'issue.user.id': 0}, {'issue.user.id': 2 ** 63}, {'comment.id': 0}, {'comment.id': 10 ** 40},
    {'comment.user.id': 0}, {'comment.user.id': 2 ** 63}])
def test_a_number_that_cannot_be_is_ignored(comment: Comment, linux: Test, rows: Rows, changes: JSON) -> None:
    assert_ignored(comment('/retry', changes),
                   'The payload names no comment, no account of GitHub, or no pull request.', rows)


@pytest.mark.parametrize('login', [
    '', '\u00e1lice-gh', 'alice-gh\0', 'alice-gh ', 'alice-gh\n', "' OR 1 = 1 --", '%', '\u212a' * 300, 'alice\ud800'])
def test_a_name_that_is_none_of_githubs_is_ignored(comment: Comment, linux: Test, rows: Rows, login: str) -> None:
    assert_ignored(comment('/retry', {'comment.user.login': login}), 'The payload names no account of GitHub.', rows)


def test_a_very_long_comment_is_ignored(comment: Comment, linux: Test, rows: Rows) -> None:
    assert comment('/retry linux\n' + 'x' * (16384 - 13)).retries
    outcome = comment('/retry linux\n' + 'x' * (16384 - 12))

    assert outcome.ignored == 'The comment is too long to be searched for commands.'
    assert len(rows.of('run_retry')) == 1


# Who may


@pytest.mark.parametrize('login', ['alice-gh', 'Alice-GH', 'ALICE-GH'])
@pytest.mark.parametrize('stored', ['alice-gh', 'Alice-Gh'])
def test_an_account_may_be_written_in_any_case(
        comment: Comment, linux: Test, writer: User, login: str, stored: str) -> None:
    writer.github_login = stored

    assert comment('/retry', {'comment.user.login': login}).retries


@pytest.mark.parametrize('role', [Role.admin, Role.tester, Role.contributor])
def test_a_permitted_role_may(comment: Comment, linux: Test, writer: User, role: Role) -> None:
    writer.role = role

    assert comment().retries


@pytest.mark.parametrize('role', [Role.user, None])
def test_another_role_may_not(comment: Comment, linux: Test, rows: Rows, writer: User, role: Role | None) -> None:
    writer.role = role

    assert_ignored(comment(), 'The role of Alice-GH does not have permission to run tests.', rows, asked=True)


@pytest.mark.parametrize('settings', [{'RUNS_API_RETRY_ROLES': ['admin']}])
def test_a_setting_says_which_roles_may(comment: Comment, linux: Test, rows: Rows) -> None:
    assert_ignored(comment(), 'The role of Alice-GH does not have permission to run tests.', rows, asked=True)


def test_a_role_that_may_not_is_not_told_so_unasked(comment: Comment, linux: Test, rows: Rows, writer: User) -> None:
    writer.role = Role.user

    assert_ignored(comment('Looks good.'), 'The comment has no command.', rows)


def test_a_stranger_may_not_and_gets_no_answer(comment: Comment, linux: Test, rows: Rows) -> None:
    outcome = comment('/retry', {'comment.user.login': 'mallory'})

    assert_ignored(outcome, 'The GitHub account mallory belongs to nobody on this platform.', rows)
    assert outcome.reply == ''


@pytest.mark.parametrize('stored', [None, ''])
def test_a_user_without_an_account_is_nobody(
        comment: Comment, linux: Test, rows: Rows, writer: User, stored: str | None) -> None:
    writer.github_login = stored

    assert_ignored(comment(), 'The GitHub account Alice-GH belongs to nobody on this platform.', rows)


@pytest.mark.parametrize('name', ['Anonymous {id}', ''])
def test_a_deactivated_user_is_nobody(
        comment: Comment, linux: Test, rows: Rows, writer: User, name: str) -> None:
    writer.name = name.format(id=writer.id)

    outcome = comment()

    assert_ignored(outcome, 'The GitHub account Alice-GH belongs to nobody on this platform.', rows)
    assert outcome.reply == ''


def test_a_new_account_of_a_deactivated_user_may(comment: Comment, linux: Test, rows: Rows, writer: User) -> None:
    writer.name = f'Anonymous {writer.id}'
    again = seed.user('alice again', Role.contributor, github_login='alice-gh')

    assert comment().retries
    assert rows.ids('run_retry', 'user_id') == [again.id]


def test_an_account_of_several_people_is_nobodys(comment: Comment, linux: Test, rows: Rows) -> None:
    seed.user('alice too', Role.user, github_login='ALICE-gh')

    assert_ignored(comment(), 'The GitHub account Alice-GH belongs to several people on this platform.', rows,
                   asked=True)


@pytest.mark.parametrize(('stored', 'login'), [
    ('\u00e1lice-gh', 'alice-gh'), ('alice-gh ', 'alice-gh'), ('al\u0131ce-gh', 'alice-gh'), ('\u212aim', 'kim')])
def test_a_collation_that_takes_other_letters_for_the_same_does_not_count(
        comment: Comment, linux: Test, rows: Rows, writer: User, stored: str, login: str) -> None:
    def lower(text: str) -> str:
        decomposed = unicodedata.normalize('NFKD', text.replace('\u0131', 'i'))
        return ''.join(c for c in decomposed if not unicodedata.combining(c)).rstrip().lower()

    connection = db.session.connection().connection.dbapi_connection
    assert isinstance(connection, sqlite3.Connection)
    connection.create_function('lower', 1, lower)
    writer.github_login = stored

    assert_ignored(comment('/retry', {'comment.user.login': login}),
                   f'The GitHub account {login} belongs to nobody on this platform.', rows)


def test_a_blocked_account_may_not_and_gets_no_answer(comment: Comment, linux: Test, rows: Rows) -> None:
    seed.add(BlockedUsers(user_id=ALICE_ON_GITHUB))

    outcome = comment()

    assert_ignored(outcome, 'The writer of the comment is blocked.', rows)
    assert outcome.reply == ''


def test_the_pull_request_of_a_blocked_author_is_not_retried(comment: Comment, linux: Test, rows: Rows) -> None:
    seed.add(BlockedUsers(user_id=AUTHOR_ON_GITHUB))

    assert_ignored(comment(), 'The author of this pull request is blocked.', rows, asked=True)


@pytest.mark.parametrize('changes', [{'issue.user': None}, {'issue.user': ...}])
def test_an_author_whose_account_is_deleted_is_not_blocked(comment: Comment, linux: Test, changes: JSON) -> None:
    assert comment('/retry', changes).retries


# Once


def test_a_comment_that_is_delivered_again_makes_nothing_more(
        comment: Comment, linux: Test, windows: Test, rows: Rows) -> None:
    body, same = '/retry\n/retry linux failed', {'comment.id': 1}
    first = comment(body, same)

    again = comment(body, same)

    assert len(first.retries) == 3
    assert [(retry.new_run_id, retry.replayed) for retry in again.retries] == [
        (retry.new_run_id, True) for retry in first.retries]
    assert again.refusals == ()
    assert len(rows.of('run_retry')) == 3


@pytest.mark.parametrize('body', ['/retry linux', '/retry linux failed'])
def test_it_makes_nothing_more_when_its_retry_has_ended(
        comment: Comment, linux: Test, rows: Rows, body: str) -> None:
    first, = comment(body, {'comment.id': 1}).retries
    end(first.new_run_id, TestStatus.canceled)

    again, = comment(body, {'comment.id': 1}).retries

    assert (again.run_id, again.new_run_id, again.replayed) == (linux.id, first.new_run_id, True)


def test_it_makes_nothing_more_when_a_newer_commit_has_come(
        comment: Comment, linux: Test, make_run: MakeRun, rows: Rows) -> None:
    first, = comment('/retry linux', {'comment.id': 1}).retries
    make_run(commit='f' * 40, stages=())

    again, = comment('/retry linux', {'comment.id': 1}).retries

    assert (again.new_run_id, again.replayed) == (first.new_run_id, True)


def test_it_makes_nothing_more_when_another_user_has_got_the_account(
        comment: Comment, linux: Test, rows: Rows, writer: User) -> None:
    first, = comment('/retry linux', {'comment.id': 1}).retries
    login, writer.github_login = writer.github_login, None
    seed.user('bob', Role.tester).github_login = login

    again, = comment('/retry linux', {'comment.id': 1}).retries

    assert (again.new_run_id, again.replayed) == (first.new_run_id, True)


def test_another_comment_is_another_retry(comment: Comment, linux: Test, rows: Rows) -> None:
    comment('/retry linux', {'comment.id': 1})
    comment('/retry linux', {'comment.id': 2})

    assert len(rows.of('run_retry')) == 2


@pytest.mark.parametrize('deliveries', [('one', 'another'), (None, '\ud800')])
def test_the_id_of_the_delivery_does_not_count(
        linux: Test, rows: Rows, deliveries: tuple[str | None, str | None]) -> None:
    db.session.commit()
    for delivery in deliveries:
        retry_from_comment(payload('/retry linux'), delivery)

    assert len(rows.of('run_retry')) == 1


# Answers


def test_the_answer_says_what_was_made_and_what_was_not(
        comment: Comment, linux: Test, make_run: MakeRun) -> None:
    windows = make_run(TestPlatform.windows, stages=())
    first, second = windows.id + 1, windows.id + 2

    assert comment('/retry linux\n/retry failed\n/retry now').reply == (
        f'- linux: run {linux.id} is queued again as [run {first}](http://localhost/test/{first}), with 2 tests.\n'
        f'- linux: run {linux.id} is queued again as [run {second}](http://localhost/test/{second}), '
        f'with 1 test that did not pass.\n'
        f'- I do not understand "now". Write /retry, followed by any of: linux, windows, failed, because and a '
        f'reason.\n'
        f'- windows: run {windows.id} is not retried. Run {windows.id} is still queued.')


def test_the_answer_names_a_platform_without_a_run(comment: Comment, linux: Test) -> None:
    assert comment('/retry windows').reply == '- This pull request has no run on windows.'


def test_the_answer_to_a_repeated_delivery_says_so(comment: Comment, linux: Test) -> None:
    comment('/retry linux', {'comment.id': 1})

    assert comment('/retry linux', {'comment.id': 1}).reply == (
        f'- linux: run {linux.id} has already been queued again as '
        f'[run {linux.id + 1}](http://localhost/test/{linux.id + 1}).')


def test_the_answer_does_without_an_address() -> None:
    retry = CommentRetry('linux', 42, 57, failed_only=False, test_count=2, replayed=False, address=None)

    assert CommentOutcome(retries=(retry,)).reply == '- linux: run 42 is queued again as run 57, with 2 tests.'


def test_a_known_user_who_may_not_is_told_why(comment: Comment, linux: Test, writer: User) -> None:
    writer.role = Role.user

    assert comment().reply == 'No run is retried. The role of Alice-GH does not have permission to run tests.'


def test_who_asked_for_nothing_is_not_answered(comment: Comment, linux: Test) -> None:
    assert comment('Looks good.').reply == ''


@pytest.mark.parametrize(('word', 'shown'), [
    ('@octocat', '(at)octocat'),
    ('me@example.com', 'me(at)example.com'),
    ('\\&#64;octocat', r'\&#<!-- -->64;octocat'),
    ('#1', '#<!-- -->1'),
    ('owner/repo#1', 'owner/repo#<!-- -->1'),
    ('GH-123', 'GH-<!-- -->123'),
    ('CVE-2026-1234', 'CVE-<!-- -->2026-<!-- -->1234'),
    ('ghsa-abcd-efgh', 'ghsa-<!-- -->abcd-efgh'),
    ('5f2a9c0', '5f2a9c<!-- -->0'),
    (COMMIT, '5f2a9c<!-- -->0<!-- -->e<!-- -->7<!-- -->d<!-- -->4<!-- -->1<!-- -->'),
    ('FEEDFACE', 'FEEDFA<!-- -->C<!-- -->E'),
    ('http://a.example', 'http:<!-- -->//a.example'),
    ('WWW.example.com', 'WWW<!-- -->.example.com'),
    ('\\*\\*x\\*\\*\\[y](z)\\<img>', r'\*\*x\*\*\[y\](z)\<img\>'),
    ('a_b\\~c|d\\$e', r'a\_b\~c\|d\$e'),
    ('x\\`@a', r'x\`(at)a'),
    ('\ud800', '?'),
])
def test_what_somebody_wrote_is_shown_and_does_nothing(comment: Comment, linux: Test, word: str, shown: str) -> None:
    reply = comment(f'/retry {word}').reply

    assert reply.startswith(f'- I do not understand "{shown}')
    assert '@' not in reply


@pytest.mark.parametrize('settings', [
    {'RUNS_API_BEFORE_RETRY': lambda _source: objection} for objection in ('no\n\n/retry @all', '/retry')])
def test_an_answer_is_no_command(comment: Comment, linux: Test) -> None:
    reply = comment('/retry linux\n/retry /retry\n/retry windows').reply

    assert len(reply.splitlines()) == 3
    assert read_commands(reply) == []


# Faults


@pytest.mark.parametrize('statement', ['SELECT blocked_users', 'SELECT min', 'INSERT INTO run_retry'])
def test_a_database_that_is_away_makes_the_delivery_fail(
        comment: Comment, linux: Test, rows: Rows, statement: str) -> None:
    def lose(_cursor: Any, sent: str, *_: Any) -> None:
        if sent.startswith(statement):
            raise sqlite3.OperationalError('disk I/O error')

    event.listen(db.engine, 'do_execute', lose)
    with pytest.raises(ServiceUnavailable):
        comment('/retry linux', {'comment.id': 1})
    event.remove(db.engine, 'do_execute', lose)

    assert rows.of('run_retry') == []
    assert not comment('/retry linux', {'comment.id': 1}).retries[0].replayed


@pytest.mark.parametrize('statement', ['SELECT blocked_users', 'SELECT min', 'INSERT INTO run_retry'])
def test_a_fault_of_another_kind_makes_it_fail_too(
        comment: Comment, linux: Test, rows: Rows, statement: str) -> None:
    def fail(_cursor: Any, sent: str, *_: Any) -> None:
        if sent.startswith(statement):
            raise sqlite3.ProgrammingError('the secrets of the statement')

    event.listen(db.engine, 'do_execute', fail)
    with pytest.raises(InternalError, match='^An unexpected error occurred.$'):
        comment('/retry linux')
    event.remove(db.engine, 'do_execute', fail)

    assert rows.of('run_retry') == []


def other_host(*left_out: str) -> Flask:
    """Return an application with models of its own that have only what the package needs, less some."""
    class Base(DeclarativeBase):
        pass

    def copied(cls: type[HostTable]) -> type:
        model = getattr(import_module(cls.module_name), cls.model_name)
        return type(cls.model_name, (Base,), {'__tablename__': model.__tablename__, **{
            column.key: mapped_column(column.type, primary_key=column.primary_key)
            for column in model.__table__.columns if f'{cls.model_name}.{column.key}' not in left_out}})

    app = Flask('other')
    app.register_blueprint(create_blueprint(models={
        cls.model_name: copied(cls) for cls in HOST_TABLES.values()
        if cls.model_name not in (*left_out, 'regressionTestLinkTable')}))
    return app


@pytest.mark.parametrize(('left_out', 'named'), [
    (['BlockedUsers'], r'the model mod_ci\.models\.BlockedUsers'),
    (['Fork'], r'the model mod_test\.models\.Fork'),
    (['User.github_login', 'BlockedUsers'],
     r'the column User\.github_login, the model mod_ci\.models\.BlockedUsers')])
def test_a_host_that_lacks_something_is_told_when_it_matters(left_out: list[str], named: str) -> None:
    with other_host(*left_out).app_context(), pytest.raises(MountError, match=rf'lacks {named}\.$'):
        retry_from_comment(payload())


def test_a_host_without_e_mail_addresses_is_enough() -> None:
    app = other_host('User.email')
    app.config.update(GITHUB_OWNER='CCExtractor', GITHUB_REPOSITORY='other')

    with app.app_context():
        assert retry_from_comment(payload()).ignored == 'The comment is not on a pull request of CCExtractor/other.'


def test_an_account_that_the_host_calls_otherwise_must_be_there() -> None:
    app = create_app('sqlite://', mount=False)

    with pytest.raises(MountError, match=r'lacks the column User\.gh\.$'):
        app.register_blueprint(create_blueprint(names={'User.github_login': 'gh'}))


def test_importing_it_imports_nothing_of_the_platform() -> None:
    script = ('import json, sys, mod_runs_api.github; print(json.dumps([name for name in sys.modules '
              'if name.startswith(("mod_", "github", "markdown_it", "run"))]))')
    done = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, check=True)

    assert {name.partition('.')[0] for name in json.loads(done.stdout)} <= {'mod_runs_api', 'runpy'}


# What GitHub is told and asked


class FakeGitHub:
    """The platform's functions and PyGithub, as far as they are used, and what was asked of them."""

    #: How many artifacts the platform's function looks at.
    LIMIT = 3

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened: list[Any] = []
        self.statuses: list[Any] = []
        self.artifacts: Any = []
        self.pull_request: Any = SimpleNamespace(state='open', user=SimpleNamespace(id=AUTHOR_ON_GITHUB))
        self.asked: list[str] = []
        self.fault: Exception | None = None
        self.log: list[Any] = []
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
        self.log.append(log)
        try:
            for count, artifact in enumerate(repository.get_artifacts(), 1):
                if (artifact.platform, artifact.commit) == (platform, commit_sha):
                    return artifact
                if count >= self.LIMIT:
                    break
        except Exception:
            pass
        return None


@pytest.fixture
def github(writer: User, app: Flask, monkeypatch: pytest.MonkeyPatch) -> FakeGitHub:
    """A GitHub that the host has a token for."""
    app.config['GITHUB_TOKEN'] = 'ghp_secret'
    return FakeGitHub(monkeypatch)


@pytest.fixture
def told(github: FakeGitHub) -> Iterator[FakeGitHub]:
    """A GitHub that is told of every retry."""
    github.artifacts = [artifact(), artifact(TestPlatform.windows)]
    run_retried.connect(post_queued_status)
    yield github
    run_retried.disconnect(post_queued_status)


def source(**other: Any) -> Source:
    """Return a run to retry: one of the pull request."""
    return Source(**{'id': 42, 'platform': 'linux', 'test_type': 'pr', 'fork_id': 1, 'branch': 'pull_request',
                     'commit': COMMIT, 'pr_nr': PR, 'status': 'completed', 'root_id': 42, **other})


def artifact(platform: TestPlatform = TestPlatform.linux, commit: str = COMMIT, expired: Any = False) -> Any:
    """Return the artifact of a build."""
    return SimpleNamespace(platform=platform, commit=commit, expired=expired)


# The commit status


def test_the_commit_status_shows_that_the_tests_are_queued(told: FakeGitHub, comment: Comment, windows: Test) -> None:
    retry, = comment('/retry windows').retries

    assert told.opened[-1] == ('auth ghp_secret', 'CCExtractor/ccextractor')
    assert told.statuses == [(f'commit {windows.commit}', 'pending', 'Tests queued', 'CI - windows',
                              f'http://localhost/test/{retry.new_run_id}')]


def test_a_repeated_delivery_posts_no_second_status(told: FakeGitHub, comment: Comment, linux: Test) -> None:
    comment('/retry linux', {'comment.id': 1})
    comment('/retry linux', {'comment.id': 1})

    assert len(told.statuses) == 1


def test_no_status_is_posted_unless_somebody_wants_it(github: FakeGitHub, linux: Test) -> None:
    db.session.commit()
    retry_run(linux.id)

    assert github.opened == []


@pytest.mark.on_file
def test_a_status_that_is_posted_from_a_command_does_without_an_address(
        told: FakeGitHub, linux: Test, command: Command) -> None:
    command('retry', linux.id)

    assert told.statuses == [(f'commit {COMMIT}', 'pending', 'Tests queued', 'CI - linux', 'not set')]


@pytest.mark.parametrize('trouble', [ConnectionError('ghp_secret'), None])
def test_a_status_that_cannot_be_posted_does_not_harm_the_retry(
        told: FakeGitHub, comment: Comment, linux: Test, app: Flask, caplog: pytest.LogCaptureFixture,
        trouble: Exception | None) -> None:
    told.fault = trouble
    if trouble is None:
        app.config['GITHUB_TOKEN'] = ''

    with caplog.at_level(logging.INFO):
        assert comment('/retry linux').retries

    assert told.statuses == []
    assert 'post_queued_status' in caplog.text
    assert 'ghp_secret' not in caplog.text


# The build

GONE = 'GitHub has no build of commit 5f2a9c0e for linux, or no longer: it keeps builds for 90 days.'


@pytest.mark.parametrize('platform', list(TestPlatform))
def test_a_run_whose_build_is_kept_may_be_retried(github: FakeGitHub, platform: TestPlatform) -> None:
    github.artifacts = [artifact(commit=OLD_COMMIT), artifact(platform)]

    assert build_artifact_exists(source(platform=platform.value)) is None
    assert github.log == [log()]


@pytest.mark.parametrize('listed', [
    [], [artifact(commit=OLD_COMMIT)], [artifact(TestPlatform.windows)], [artifact(expired=True)],
    [artifact(commit=OLD_COMMIT)] * FakeGitHub.LIMIT, [artifact(commit=OLD_COMMIT)] * FakeGitHub.LIMIT + [artifact()]])
def test_a_run_whose_build_is_gone_may_not(github: FakeGitHub, listed: list[Any]) -> None:
    github.artifacts = listed

    assert build_artifact_exists(source()) == GONE


def failing(*artifacts: Any) -> Iterator[Any]:
    """Yield artifacts until GitHub stops to answer."""
    yield from artifacts
    raise ConnectionError('ghp_secret')


def test_a_search_that_breaks_off_refuses_nothing(github: FakeGitHub) -> None:
    github.artifacts = failing(artifact(commit=OLD_COMMIT))

    assert build_artifact_exists(source()) is None


def test_a_search_that_breaks_off_behind_the_build_has_found_it(github: FakeGitHub) -> None:
    github.artifacts = failing(artifact())

    assert build_artifact_exists(source()) is None


def test_a_platform_that_searches_without_a_limit_searches_all(github: FakeGitHub) -> None:
    del github.controllers.MAX_ARTIFACTS_TO_SEARCH
    github.artifacts = [artifact(commit=OLD_COMMIT)] * FakeGitHub.LIMIT + [artifact()]

    assert build_artifact_exists(source()) is None


@pytest.mark.parametrize('setting', ['GITHUB_TOKEN', 'GITHUB_OWNER', 'GITHUB_REPOSITORY', None])
def test_a_github_that_cannot_be_asked_refuses_nothing(
        github: FakeGitHub, app: Flask, caplog: pytest.LogCaptureFixture, setting: str | None) -> None:
    if setting is None:
        github.fault = ConnectionError('ghp_secret')
    else:
        app.config[setting] = ''

    with caplog.at_level(logging.INFO):
        assert build_artifact_exists(source()) is None

    assert 'the build of run 42 was not looked for' in caplog.text
    assert 'ghp_secret' not in caplog.text


def test_a_comment_asks_for_the_build_without_the_setting(
        github: FakeGitHub, comment: Comment, linux: Test, rows: Rows) -> None:
    assert comment('/retry linux').refusals == (CommentRefusal('linux', linux.id, GONE),)
    assert rows.of('run_retry') == []


@pytest.mark.on_file
@pytest.mark.parametrize('settings', [{'RUNS_API_BEFORE_RETRY': build_artifact_exists}])
def test_the_setting_asks_for_the_build_of_other_retries_too(
        github: FakeGitHub, linux: Test, rows: Rows) -> None:
    db.session.commit()

    with pytest.raises(Unprocessable, match=GONE):
        retry_run(linux.id)
    assert rows.of('run_retry') == []


@pytest.mark.parametrize('settings', [{'RUNS_API_BEFORE_RETRY': [build_artifact_exists]}])
def test_the_build_is_asked_for_once_where_the_setting_and_the_comment_both_want_it(
        github: FakeGitHub, comment: Comment, linux: Test) -> None:
    comment('/retry linux')

    assert github.asked == ['repository', 'artifacts']


# The pull request, its author, and its commit


def test_a_run_of_an_open_pull_request_may_be_retried(github: FakeGitHub) -> None:
    assert pull_request_is_open(source()) is None
    assert github.asked == ['repository', f'pull request {PR}']


def test_a_run_of_a_closed_pull_request_may_not(github: FakeGitHub) -> None:
    github.pull_request.state = 'closed'

    assert pull_request_is_open(source()) == 'Pull request 1342 is closed.'


def test_the_author_of_a_pull_request_may_not_be_blocked(github: FakeGitHub) -> None:
    seed.add(BlockedUsers(user_id=AUTHOR_ON_GITHUB))
    db.session.commit()

    assert author_is_not_blocked(source()) == 'The author of pull request 1342 is blocked.'


@pytest.mark.parametrize('author', [SimpleNamespace(id=AUTHOR_ON_GITHUB), None])
def test_an_author_who_is_not_blocked_refuses_nothing(github: FakeGitHub, author: Any) -> None:
    seed.add(BlockedUsers(user_id=ALICE_ON_GITHUB))
    github.pull_request.user = author
    db.session.commit()

    assert author_is_not_blocked(source()) is None


def test_a_host_without_blocked_users_cannot_check_an_author() -> None:
    with other_host('BlockedUsers').app_context(), pytest.raises(
            MountError, match=r'author_is_not_blocked needs the model mod_ci\.models\.BlockedUsers\.$'):
        author_is_not_blocked(source())


@pytest.mark.parametrize('check', [pull_request_is_open, author_is_not_blocked])
def test_a_run_without_a_pull_request_asks_github_nothing(
        github: FakeGitHub, check: Callable[[Source], str | None]) -> None:
    assert check(source(test_type='commit', branch='master', pr_nr=0)) is None
    assert github.asked == []


@pytest.mark.parametrize('check', [pull_request_is_open, author_is_not_blocked])
def test_a_pull_request_that_github_does_not_tell_of_refuses_nothing(
        github: FakeGitHub, check: Callable[[Source], str | None], caplog: pytest.LogCaptureFixture) -> None:
    github.pull_request = ConnectionError('ghp_secret')

    with caplog.at_level(logging.INFO):
        assert check(source()) is None

    assert 'the pull request of run 42 was not looked for: ConnectionError' in caplog.text
    assert 'ghp_secret' not in caplog.text


ALL_CHECKS = [build_artifact_exists, pull_request_is_open, author_is_not_blocked, commit_is_not_superseded]


@pytest.mark.parametrize('settings', [{'RUNS_API_BEFORE_RETRY': ALL_CHECKS}])
def test_all_checks_together_ask_github_each_question_once(github: FakeGitHub, linux: Test) -> None:
    github.artifacts = [artifact()]
    db.session.commit()

    retry_run(linux.id)

    assert github.asked == ['repository', 'artifacts', f'pull request {PR}']


@pytest.mark.parametrize('settings', [{'RUNS_API_BEFORE_RETRY': ALL_CHECKS}])
def test_a_github_that_does_not_answer_is_waited_for_once(github: FakeGitHub, linux: Test) -> None:
    github.fault = ConnectionError()
    db.session.commit()

    assert retry_run(linux.id).new_run_id
    assert github.asked == ['repository']


def as_source(run: Test) -> Source:
    """Return a run as the checks see it."""
    db.session.commit()
    return source(id=run.id, root_id=run.id, test_type=run.test_type.value, fork_id=run.fork_id, branch=run.branch,
                  commit=run.commit, pr_nr=run.pr_nr)


def test_the_commit_of_a_pull_request_is_superseded_by_a_later_one(make_run: MakeRun) -> None:
    old, new = make_run(commit=OLD_COMMIT), make_run()

    assert commit_is_not_superseded(as_source(old)) == (
        f'Commit 00000000 is superseded: run {new.id} is of a later commit of pull request 1342.')
    assert commit_is_not_superseded(as_source(new)) is None


def test_the_commit_of_a_branch_is_superseded_by_a_later_one(make_run: MakeRun) -> None:
    of_branch = {'test_type': TestType.commit, 'branch': 'master', 'pr_nr': 0}
    old, new = make_run(commit=OLD_COMMIT, **of_branch), make_run(**of_branch)

    assert commit_is_not_superseded(as_source(old)) == (
        f'Commit 00000000 is superseded: run {new.id} is of a later commit of branch master.')


def test_a_retry_of_a_superseded_commit_is_superseded_too(make_run: MakeRun) -> None:
    old = make_run(commit=OLD_COMMIT)
    db.session.commit()
    make_run()
    db.session.commit()
    retry = db.session.get(Test, retry_run(old.id).new_run_id)
    assert retry is not None

    assert commit_is_not_superseded(source(id=retry.id, root_id=old.id, fork_id=old.fork_id, commit=OLD_COMMIT))


def test_a_later_retry_of_another_commit_supersedes_nothing(make_run: MakeRun) -> None:
    old, new = make_run(commit=OLD_COMMIT), make_run()
    db.session.commit()
    retry_run(old.id)

    assert commit_is_not_superseded(as_source(new)) is None


@pytest.mark.parametrize('other', [
    {'pr_nr': PR + 1}, {'commit': OLD_COMMIT}, {'branch': 'master'}, {'test_type': TestType.commit},
    {'github': 'https://github.com/mallory/ccextractor.git'}])
def test_a_later_run_of_something_else_supersedes_nothing(make_run: MakeRun, other: JSON) -> None:
    old = make_run(commit=OLD_COMMIT)
    make_run(**other)

    assert commit_is_not_superseded(as_source(old)) is None


def test_the_token_is_not_in_what_is_shown_of_the_access(github: FakeGitHub) -> None:
    assert github_access().token == 'ghp_secret'
    assert 'ghp_secret' not in repr(github_access())
