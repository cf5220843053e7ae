"""Which run a comment means, who may, and what it is answered (docs/github.rst, "Comments")."""

from __future__ import annotations

import itertools
import sqlite3
import unicodedata
from contextlib import ExitStack
from typing import Any

import pytest
import seed
from database import db
from flask import Flask, g
from mod_auth.models import Role, User
from mod_ci.models import BlockedUsers
from mod_regression.models import RegressionTest
from mod_test.models import Test, TestPlatform, TestStatus, TestType
from sqlalchemy.exc import DBAPIError
from support.histories import end, finish
from support.other_host import other_host
from support.rows import RetryRow, Rows, delete_run
from support.statements import before_statements, fail, record_statements

from mod_runs_api import (InternalError, MountError, ServiceUnavailable,
                          retry_run, run_retried)
from mod_runs_api.github import (CommentOutcome, CommentRefusal, CommentRetry,
                                 retry_from_comment)

from .conftest import Comment, MakeRun
from .fakes import (ALICE_ON_GITHUB, AUTHOR_ON_GITHUB, COMMIT, JSON,
                    NEW_COMMIT, OLD_COMMIT, PR, FakeGitHub, artifact, payload)

ONE = {'comment.id': 1}


# Which run a comment means


def test_a_comment_retries_the_run_of_its_pull_request(
        comment: Comment, linux: Test, rows: Rows, writer: User) -> None:
    outcome = comment('/retry linux failed because the VM froze')

    new_run_id = linux.id + 1
    assert outcome == CommentOutcome(retries=(CommentRetry(
        platform='linux', run_id=linux.id, new_run_id=new_run_id, failed_only=True, test_count=1, replayed=False,
        address=f'http://localhost/test/{new_run_id}'),))
    assert rows.retries == [RetryRow(new_run_id, linux.id, linux.id, True, 'the VM froze', writer.id, 1)]
    assert rows.owners(new_run_id) == [writer.id]


def test_a_comment_without_a_platform_retries_every_platform_that_has_a_run(
        comment: Comment, linux: Test, make_run: MakeRun) -> None:
    outcome = comment('/retry')
    assert [retry.run_id for retry in outcome.retries] == [linux.id]
    assert outcome.refusals == (CommentRefusal('windows', None, 'This pull request has no run on windows.'),)

    windows = make_run(TestPlatform.windows)
    outcome = comment('/retry')
    assert [(retry.platform, retry.run_id) for retry in outcome.retries] == [
        ('linux', linux.id), ('windows', windows.id)]
    assert outcome.refusals == ()


def test_the_newest_run_of_the_head_commit_is_retried_or_where_that_is_not_known_of_the_pull_request(
        github: FakeGitHub, comment: Comment, make_run: MakeRun, caplog: pytest.LogCaptureFixture) -> None:
    github.artifacts = [artifact(), artifact(commit=OLD_COMMIT)]
    make_run()
    of_head, newest = make_run(), make_run(commit=OLD_COMMIT)

    assert comment('/retry linux').retries[0].run_id == of_head.id
    github.pull_request.head.sha = NEW_COMMIT
    assert comment('/retry linux').retries[0].run_id == newest.id
    github.pull_request = ConnectionError('ghp_secret')
    assert comment('/retry linux').retries[0].run_id == newest.id
    assert f'the head of pull request {PR} is not known: ConnectionError' in caplog.text
    assert 'ghp_secret' not in caplog.text


def test_a_retry_of_an_old_commit_does_not_make_it_the_newest_even_if_its_source_is_deleted(
        comment: Comment, linux: Test, make_run: MakeRun) -> None:
    newest = make_run(commit=NEW_COMMIT)
    retry_run(linux.id)
    assert comment('/retry linux').retries[0].run_id == newest.id

    delete_run(newest.id)
    assert comment('/retry linux').retries[0].run_id == linux.id


def test_a_run_that_is_not_the_pull_requests_own_is_left_alone(
        comment: Comment, linux: Test, make_run: MakeRun) -> None:
    others: list[JSON] = [
        {'pr_nr': PR + 1}, {'test_type': TestType.commit}, {'branch': 'master'},
        {'github': 'https://github.com/mallory/ccextractor.git'},
        {'github': 'https://github.com/mallory/CCExtractor-ccextractor.git'},
        {'github': 'https://github.com/notCCExtractor/ccextractor.git'}]
    for other in others:
        make_run(commit=NEW_COMMIT, **other)

        assert comment('/retry linux').retries[0].run_id == linux.id


@pytest.mark.parametrize('settings', [{'GITHUB_REPOSITORY': 'cc_extractor'}])
def test_the_repositorys_name_is_no_pattern(comment: Comment, make_run: MakeRun) -> None:
    make_run(github='https://github.com/CCExtractor/cc-extractor.git')

    assert comment('/retry linux', {'repository.full_name': 'CCExtractor/cc_extractor'}).refusals == (
        CommentRefusal('linux', None, 'This pull request has no run on linux.'),)


def test_the_repositorys_name_and_address_may_be_in_any_case(comment: Comment, make_run: MakeRun) -> None:
    run = make_run(github='https://github.com/ccextractor/CCExtractor.git')

    outcome = comment('/retry linux', {'repository.full_name': 'ccextractor/CCEXTRACTOR'})
    assert outcome.retries[0].run_id == run.id


def test_retry_runs_the_full_test_set_after_a_failed_only_retry(comment: Comment, linux: Test) -> None:
    end(comment('/retry linux failed').retries[0].new_run_id)

    retry, = comment('/retry linux').retries
    assert (retry.run_id, retry.test_count) == (linux.id, 2)


def test_retry_failed_retries_the_attempt_that_ended_last(
        comment: Comment, linux: Test, tests: list[RegressionTest]) -> None:
    second = comment('/retry linux').retries[0].new_run_id
    end(second, TestStatus.testing)
    retry, = comment('/retry linux failed').retries
    assert (retry.run_id, retry.test_count) == (linux.id, 1)

    finish(comment('/retry linux').retries[0].new_run_id, tests)
    finish(second, tests, failed=tests)
    retry, = comment('/retry linux failed').retries
    assert (retry.run_id, retry.test_count) == (second, 2)


def test_retry_failed_is_answered_with_what_is_known_already(
        comment: Comment, linux: Test, tests: list[RegressionTest]) -> None:
    first = comment('/retry linux failed')
    finish(first.retries[0].new_run_id, tests[1:], failed=tests[1:])

    second = comment('/retry linux failed')

    known = 'Over 2 attempts 1 test failed in the only attempt that ran it.'
    assert (first.retries[0].known, second.retries[0].known) == ('', known)
    assert second.reply.endswith(f', with 1 test that did not pass. {known}')


def test_what_is_known_costs_no_answer(comment: Comment, linux: Test) -> None:
    def begin_to_fail(_app: Flask, **_facts: Any) -> None:
        failing.enter_context(before_statements(db.engine, '', fail))

    with ExitStack() as failing, run_retried.connected_to(begin_to_fail):
        retry, = comment('/retry linux failed').retries

    assert retry.known == ''


@pytest.mark.parametrize('command', ['/retry linux', '/retry linux failed'])
def test_a_run_that_is_still_queued_is_not_retried(
        comment: Comment, make_run: MakeRun, rows: Rows, command: str) -> None:
    queued = make_run(stages=())

    assert comment(command).refusals == (CommentRefusal('linux', queued.id, f'Run {queued.id} is still queued.'),)
    assert rows.retries == []


def test_a_run_that_is_running_has_no_failed_tests_yet(comment: Comment, make_run: MakeRun) -> None:
    running = make_run(stages=(TestStatus.preparation, TestStatus.testing))

    assert comment('/retry linux failed').refusals == (CommentRefusal(
        'linux', running.id, f'Run {running.id} has not finished: it has no failed tests yet.'),)
    assert comment('/retry linux').retries[0].run_id == running.id


# Several commands


def test_every_line_is_done_in_its_order_and_one_run_may_be_retried_in_two_ways(
        comment: Comment, linux: Test, windows: Test) -> None:
    outcome = comment('Flaky.\n/retry linux failed\n\n/retry windows\n/retry linux')

    assert [(retry.run_id, retry.failed_only) for retry in outcome.retries] == [
        (linux.id, True), (windows.id, False), (linux.id, False)]


def test_equal_lines_and_equal_refusals_count_once(comment: Comment, linux: Test, rows: Rows) -> None:
    outcome = comment('/retry linux because of this\n/retry linux because of that\n/retry LINUX\n'
                      '/retry foo\n/retry foo')

    assert [row.reason for row in rows.retries] == ['of this']
    refusal, = outcome.refusals
    assert (refusal.platform, refusal.run_id) == (None, None)
    assert refusal.message.startswith('I do not understand "foo".')


def test_a_comment_has_at_most_twenty_commands(comment: Comment, linux: Test, rows: Rows) -> None:
    assert comment('/retry linux\n' * 20).retries
    outcome = comment('/retry linux\n' * 21)

    assert (outcome.ignored, outcome.asked) == ('The comment has more than 20 commands.', True)
    assert len(rows.retries) == 1


# What is ignored


def assert_ignored(outcome: CommentOutcome, reason: str, rows: Rows, asked: bool = False) -> None:
    """Check that nothing was done and why, and that nobody is answered who has not asked for something."""
    assert outcome == CommentOutcome(ignored=reason, asked=asked)
    assert outcome.reply == (f'No run is retried. {reason}' if asked else '')
    assert rows.retries == []


IGNORED: dict[str, dict[str, list[Any]]] = {
    'The comment is not new.': {'action': ['edited', 'deleted', 'pinned']},
    'The comment is on an issue, not on a pull request.': {'issue.pull_request': [..., None]},
    'The pull request is not open.': {'issue.state': ['closed']},
    'The comment is by a bot.': {
        'comment.user.type': ['Bot'], 'comment.performed_via_github_app': [{'id': 1, 'slug': 'some-app'}]},
    'The comment is not on a pull request of CCExtractor/ccextractor.': {
        'repository.full_name': ['alice-gh/ccextractor']},
    'The comment has no command.': {'comment.body': ['> /retry\n\n```\n/retry\n```\nLooks good.']},
    'The payload names no comment, no account of GitHub, or no pull request.': {
        'issue.number': [0, -1, 2 ** 31, 10 ** 40], 'issue.user.id': [0, 2 ** 63], 'comment.id': [0, 10 ** 40],
        'comment.user.id': [0, 2 ** 63]},
    'The payload names no account of GitHub.': {'comment.user.login': [
        '', '\u00e1lice-gh', 'alice-gh\0', 'alice-gh ', 'alice-gh\n', "' OR 1 = 1 --", '%', '\u212a' * 300,
        'alice\ud800']}}


@pytest.mark.parametrize('reason', IGNORED)
def test_a_comment_that_asks_for_nothing_here_is_ignored(
        comment: Comment, linux: Test, rows: Rows, reason: str) -> None:
    for place, values in IGNORED[reason].items():
        for value in values:
            assert_ignored(comment('/retry', {place: value}), reason, rows)


@pytest.mark.parametrize(('known', 'reason'), [
    ({'repository_owner': 'CCExtractor', 'repository': 'other', 'bot_token': ''},
     'The comment is not on a pull request of CCExtractor/other.'),
    ({}, 'The application does not name its repository on GitHub.')])
def test_the_repository_of_the_request_counts(
        comment: Comment, linux: Test, rows: Rows, known: JSON, reason: str) -> None:
    g.github = known

    assert_ignored(comment(), reason, rows)


def test_what_is_no_payload_is_ignored(writer: User, rows: Rows) -> None:
    sent: Any
    for sent in (None, [], 'text', 5, {}, {'action': None}, {'action': ['created']}):
        assert_ignored(retry_from_comment(sent), 'The payload has no action as GitHub documents it.', rows)


def test_a_payload_that_is_not_as_documented_is_ignored(comment: Comment, linux: Test, rows: Rows) -> None:
    for path in ('repository', 'repository.full_name', 'issue', 'issue.state', 'issue.number', 'issue.user.id',
                 'comment', 'comment.user', 'comment.id', 'comment.body', 'comment.user.login', 'comment.user.id'):
        for value in (..., None, True, 1.5, [], [{}]):
            ignored = comment('/retry', {path: value}).ignored
            assert ignored and ignored.startswith('The payload has no ')
            assert path in ignored or path == 'repository'
    assert rows.retries == []


def test_a_very_long_comment_is_ignored(comment: Comment, linux: Test, rows: Rows) -> None:
    assert comment('/retry linux\n' + 'x' * (16384 - 13)).retries
    outcome = comment('/retry linux\n' + 'x' * (16384 - 12))

    assert outcome.ignored == 'The comment is too long to be searched for commands.'
    assert len(rows.retries) == 1


# Who may


def test_an_account_may_be_written_in_any_case(comment: Comment, linux: Test, writer: User) -> None:
    for stored in ('alice-gh', 'Alice-Gh'):
        writer.github_login = stored
        for login in ('alice-gh', 'Alice-GH', 'ALICE-GH'):
            assert comment('/retry', {'comment.user.login': login}).retries


@pytest.mark.parametrize('role', [*Role, None])
@pytest.mark.parametrize('settings', [{}, {'RUNS_API_RETRY_ROLES': ['user']}], ids=['default', 'user'])
def test_the_roles_are_those_that_may_retry(
        comment: Comment, linux: Test, rows: Rows, writer: User, role: Role | None, settings: JSON) -> None:
    writer.role = role

    outcome = comment()

    if role and role.value in settings.get('RUNS_API_RETRY_ROLES', ('admin', 'tester', 'contributor')):
        assert outcome.retries
    else:
        assert_ignored(outcome, 'The role of Alice-GH does not have permission to run tests.', rows, asked=True)
        assert_ignored(comment('Looks good.'), 'The comment has no command.', rows)


def test_a_stranger_may_not_and_gets_no_answer(comment: Comment, linux: Test, rows: Rows) -> None:
    assert_ignored(comment('/retry', {'comment.user.login': 'mallory'}),
                   'The GitHub account mallory belongs to nobody on this platform.', rows)


@pytest.mark.parametrize(('column', 'value'), [
    ('github_login', None), ('github_login', ''), ('name', 'Anonymous {id}'), ('name', '')])
def test_a_user_without_an_account_or_who_is_deactivated_is_nobody(
        comment: Comment, linux: Test, rows: Rows, writer: User, column: str, value: str | None) -> None:
    setattr(writer, column, value and value.format(id=writer.id))
    assert_ignored(comment(), 'The GitHub account Alice-GH belongs to nobody on this platform.', rows)

    again = seed.user('alice again', Role.contributor, github_login='alice-gh')
    assert comment().retries
    assert rows.retries[0].user_id == again.id


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


@pytest.mark.parametrize(('account', 'reason', 'asked'), [
    (ALICE_ON_GITHUB, 'The writer of the comment is blocked.', False),
    (AUTHOR_ON_GITHUB, 'The author of this pull request is blocked.', True)])
def test_a_blocked_account_may_neither_comment_nor_have_its_pull_request_retried(
        comment: Comment, linux: Test, rows: Rows, account: int, reason: str, asked: bool) -> None:
    seed.add(BlockedUsers(user_id=account))

    assert_ignored(comment(), reason, rows, asked)


@pytest.mark.parametrize('changes', [{'issue.user': None}, {'issue.user': ...}])
def test_an_author_whose_account_is_deleted_is_not_blocked(comment: Comment, linux: Test, changes: JSON) -> None:
    assert comment('/retry', changes).retries


# Once


@pytest.mark.parametrize('body', ['/retry linux', '/retry linux failed', '/retry linux\n/retry linux failed'])
def test_a_comment_that_is_delivered_again_makes_nothing_more_whatever_has_happened_since(
        comment: Comment, linux: Test, make_run: MakeRun, rows: Rows, writer: User, body: str) -> None:
    first = comment(body, ONE).retries
    made = len(rows.retries)

    def deliver_again() -> None:
        again = comment(body, ONE)
        assert [(retry.run_id, retry.new_run_id, retry.replayed) for retry in again.retries] == [
            (linux.id, retry.new_run_id, True) for retry in first]
        assert again.refusals == ()
        assert len(rows.retries) == made

    deliver_again()
    end(first[0].new_run_id)
    deliver_again()
    make_run(commit=NEW_COMMIT, stages=())
    deliver_again()
    writer.github_login = None
    seed.user('bob', Role.tester, github_login='alice-gh')
    deliver_again()


def test_a_comment_counts_by_its_own_id_and_not_by_that_of_the_delivery(linux: Test, rows: Rows) -> None:
    for delivery in ('one', 'another', None, '\ud800'):
        retry_from_comment(payload('/retry linux'), delivery)
    assert len(rows.retries) == 1

    retry_from_comment(payload('/retry linux', ONE), 'one')
    assert len(rows.retries) == 2


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


def test_the_answer_names_a_platform_without_a_run_and_a_retry_that_was_made_before(
        comment: Comment, linux: Test) -> None:
    comment('/retry linux', ONE)

    assert comment('/retry', ONE).reply == (
        f'- linux: run {linux.id} has already been queued again as '
        f'[run {linux.id + 1}](http://localhost/test/{linux.id + 1}).\n'
        '- This pull request has no run on windows.')


def test_the_answer_does_without_an_address() -> None:
    retry = CommentRetry('linux', 42, 57, failed_only=False, test_count=2, replayed=False, address=None)

    assert CommentOutcome(retries=(retry,)).reply == '- linux: run 42 is queued again as run 57, with 2 tests.'


SHOWN = {
    '@octocat': '(at)octocat',
    'me@example.com': 'me(at)example.com',
    '\\&#64;octocat': r'\&#<!-- -->64;octocat',
    '#1': '#<!-- -->1',
    'owner/repo#1': 'owner/repo#<!-- -->1',
    'GH-123': 'GH-<!-- -->123',
    'CVE-2026-1234': 'CVE-<!-- -->2026-<!-- -->1234',
    'ghsa-abcd-efgh': 'ghsa-<!-- -->abcd-efgh',
    '5f2a9c0': '5f2a9c<!-- -->0',
    COMMIT: '5f2a9c<!-- -->0<!-- -->e<!-- -->7<!-- -->d<!-- -->4<!-- -->1<!-- -->',
    'FEEDFACE': 'FEEDFA<!-- -->C<!-- -->E',
    'http://a.example': 'http:<!-- -->//a.example',
    'WWW.example.com': 'WWW<!-- -->.example.com',
    '\\*\\*x\\*\\*\\[y](z)\\<img>': r'\*\*x\*\*\[y\](z)\<img\>',
    'a_b\\~c|d\\$e': r'a\_b\~c\|d\$e',
    'x\\`@a': r'x\`(at)a',
    '\ud800': '?'}


def test_what_somebody_wrote_is_shown_and_does_nothing(comment: Comment, linux: Test) -> None:
    for word, shown in SHOWN.items():
        reply = comment(f'/retry {word}').reply
        assert reply.startswith(f'- I do not understand "{shown}')
        assert '@' not in reply


@pytest.mark.parametrize('settings', [
    {'RUNS_API_BEFORE_RETRY': lambda _source, text=text: text} for text in ('no\n\n/retry @all', '/retry')])
def test_an_answer_is_no_command(comment: Comment, linux: Test) -> None:
    reply = comment('/retry linux\n/retry /retry\n/retry windows').reply

    assert len(reply.splitlines()) == 3
    assert comment(reply).ignored == 'The comment has no command.'


# Faults, and hosts that lack something


@pytest.mark.parametrize(('fault', 'error'), [
    (sqlite3.OperationalError('disk I/O error'), ServiceUnavailable),
    (sqlite3.ProgrammingError('the secrets of the statement'), InternalError)])
def test_a_database_that_fails_makes_the_delivery_fail(
        comment: Comment, linux: Test, rows: Rows, fault: Exception, error: type[Exception]) -> None:
    with record_statements(db.engine) as sent:
        comment('/retry linux')

    for place in range(1, len(sent) + 1):
        left = itertools.count(place - 1, -1)

        def fail_at_this_place(_connection: object) -> None:
            if next(left) == 0:
                raise DBAPIError.instance('SELECT secret', {}, fault, sqlite3.Error)

        with before_statements(db.engine, '', fail_at_this_place), pytest.raises(error) as raised:
            comment('/retry linux', ONE)
        assert 'secret' not in str(raised.value)

    assert len(rows.retries) == 1
    assert not comment('/retry linux', ONE).retries[0].replayed


@pytest.mark.parametrize(('left_out', 'named'), [
    (['BlockedUsers'], r'the model mod_ci\.models\.BlockedUsers'),
    (['Fork'], r'the model mod_test\.models\.Fork'),
    (['User.github_login', 'BlockedUsers'],
     r'the column User\.github_login, the model mod_ci\.models\.BlockedUsers')])
def test_a_host_that_lacks_something_is_told_when_it_matters(left_out: list[str], named: str) -> None:
    with other_host(*left_out).app_context(), pytest.raises(MountError, match=rf'lacks {named}\.$'):
        retry_from_comment(payload())


def test_a_host_without_e_mail_addresses_is_enough() -> None:
    app: Flask = other_host('User.email')
    app.config.update(GITHUB_OWNER='CCExtractor', GITHUB_REPOSITORY='other')

    with app.app_context():
        assert retry_from_comment(payload()).ignored == 'The comment is not on a pull request of CCExtractor/other.'
