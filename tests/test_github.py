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

import mod_ci.models
import pytest
import seed
from application import create_app
from database import db
from flask import Flask, g
from mod_auth.models import Role, User
from mod_ci.models import BlockedUsers
from mod_test.models import Test, TestPlatform, TestType
from sqlalchemy import event
from sqlalchemy.orm import DeclarativeBase, mapped_column
from support.rows import Rows

from mod_runs_api import (InternalError, MountError, ServiceUnavailable,
                          create_blueprint, host, run_retried)
from mod_runs_api.github import (CommentOutcome, CommentRefusal, CommentRetry,
                                 build_artifact_exists, post_queued_status,
                                 retry_from_comment)
from mod_runs_api.retry import Source

PR = 1342
DELIVERY = '72d3162e-cc78-11e3-81ab-4c9367dc0958'
ALICE_ON_GITHUB = 583231

JSON = dict[str, Any]
Comment = Callable[..., CommentOutcome]


def account(login: str, number: int, kind: str = 'User') -> JSON:
    """Describe an account as GitHub does."""
    return {'login': login, 'id': number, 'node_id': 'MDQ6VXNlcjU4MzIzMQ==', 'type': kind, 'site_admin': False,
            'avatar_url': f'https://avatars.githubusercontent.com/u/{number}?v=4', 'gravatar_id': '',
            'url': f'https://api.github.com/users/{login}', 'html_url': f'https://github.com/{login}'}


def payload(body: str | None = '/retry', *, action: str = 'created') -> JSON:
    """Describe a comment of alice's on an open pull request, as GitHub does."""
    repository = 'https://api.github.com/repos/CCExtractor/ccextractor'
    page = f'https://github.com/CCExtractor/ccextractor/pull/{PR}'
    return {
        'action': action,
        'issue': {
            'url': f'{repository}/issues/{PR}', 'html_url': page, 'id': 73464126, 'number': PR,
            'title': 'Fix the pages', 'user': account('someone', 21031067), 'labels': [], 'state': 'open',
            'locked': False, 'draft': False, 'comments': 1, 'author_association': 'CONTRIBUTOR',
            'created_at': '2026-11-24T12:00:00Z', 'closed_at': None,
            'pull_request': {'url': f'{repository}/pulls/{PR}', 'html_url': page, 'diff_url': f'{page}.diff',
                             'patch_url': f'{page}.patch', 'merged_at': None},
            'body': 'It was off by one.', 'performed_via_github_app': None, 'state_reason': None},
        'comment': {
            'url': f'{repository}/issues/comments/99262140', 'html_url': f'{page}#issuecomment-99262140',
            'id': 99262140, 'node_id': 'MDEyOklzc3VlQ29tbWVudDk5MjYyMTQw',
            'user': account('Alice-GH', ALICE_ON_GITHUB), 'created_at': '2026-11-24T13:00:00Z',
            'updated_at': '2026-11-24T13:00:00Z', 'author_association': 'MEMBER', 'body': body,
            'performed_via_github_app': None},
        'repository': {'id': 35129377, 'name': 'ccextractor', 'full_name': 'CCExtractor/ccextractor', 'private': False,
                       'owner': account('CCExtractor', 7253637, 'Organization'), 'fork': False},
        'sender': account('Alice-GH', ALICE_ON_GITHUB)}


def having(changes: dict[str, Any], body: str = '/retry') -> JSON:
    """Give the payload with other values in these places: ``{'issue.state': 'closed'}``; ``...`` takes one away."""
    changed = copy.deepcopy(payload(body))
    for path, value in changes.items():
        *above, name = path.split('.')
        place = changed
        for step in above:
            place = place[step]
        if value is ...:
            del place[name]
        else:
            place[name] = value
    return changed


@pytest.fixture
def alice(app: Flask) -> User:
    """Give a contributor who is known on GitHub, in a request that the host has prepared."""
    app.config.update(GITHUB_OWNER='CCExtractor', GITHUB_REPOSITORY='ccextractor')
    app.preprocess_request()
    return seed.user('alice', Role.contributor, github_login='alice-gh')


def run_of(platform: TestPlatform, *, finished: bool = True, pr_nr: int = PR,
           test_type: TestType = TestType.pull_request) -> Test:
    """Add a run of two tests, of which one failed."""
    tests = [seed.regression_test() for _ in range(2)]
    run = seed.run(tests, stages=seed.COMPLETED if finished else (), platform=platform, test_type=test_type,
                   pr_nr=pr_nr)
    if finished:
        seed.result(run, tests[0])
    return run


@pytest.fixture
def linux(alice: User) -> Test:
    """Give the pull request's run on Linux."""
    return run_of(TestPlatform.linux)


@pytest.fixture
def windows(linux: Test) -> Test:
    """Give the pull request's run on Windows, the newer of the two."""
    return run_of(TestPlatform.windows)


@pytest.fixture
def comment(alice: User) -> Comment:
    """Comment as alice: ``comment('/retry linux')``, or send another payload. Each comes in a delivery of its own."""
    deliveries = itertools.count(1)

    def send(body: Any = '/retry', delivery_id: Any = None) -> CommentOutcome:
        db.session.commit()
        return retry_from_comment(payload(body) if isinstance(body, str) else body,
                                  f'{DELIVERY}-{next(deliveries)}' if delivery_id is None else delivery_id)

    return send


# Commands


def test_a_comment_retries_the_run_of_its_pull_request(comment: Comment, linux: Test, rows: Rows, alice: User) -> None:
    outcome = comment('/retry linux failed because the VM froze')

    new_run_id = linux.id + 1
    assert outcome == CommentOutcome(retries=(CommentRetry(
        platform='linux', run_id=linux.id, new_run_id=new_run_id, failed_only=True, test_count=1, replayed=False,
        address=f'http://localhost/test/{new_run_id}'),))
    row, = rows.of('run_retry')
    assert (row['test_id'], row['source_test_id'], row['failed_only'], row['reason'], row['user_id']) == (
        new_run_id, linux.id, 1, b'the VM froze', alice.id)
    assert rows.ids('test_fork', 'user_id', test_id=new_run_id) == [alice.id]


def test_without_a_platform_it_is_every_platform(comment: Comment, linux: Test, windows: Test) -> None:
    outcome = comment('/retry')

    assert [(made.platform, made.run_id) for made in outcome.retries] == [('linux', linux.id), ('windows', windows.id)]
    assert outcome.refusals == ()


def test_the_newest_run_is_retried(comment: Comment, linux: Test) -> None:
    newest = run_of(TestPlatform.linux)

    assert comment('/retry linux').retries[0].run_id == newest.id


def test_a_later_comment_retries_the_retry(comment: Comment, linux: Test) -> None:
    first = comment('/retry linux').retries[0]

    assert comment('/retry linux').retries[0].run_id == first.new_run_id


def test_runs_of_another_pull_request_or_of_a_commit_are_left_alone(comment: Comment, linux: Test) -> None:
    run_of(TestPlatform.linux, pr_nr=PR + 1)
    run_of(TestPlatform.linux, test_type=TestType.commit)

    assert comment('/retry linux').retries[0].run_id == linux.id


def test_a_platform_without_a_run_is_reported_and_the_other_retried(comment: Comment, linux: Test) -> None:
    outcome = comment('/retry')

    assert [made.run_id for made in outcome.retries] == [linux.id]
    assert outcome.refusals == (CommentRefusal('windows', None, 'This pull request has no run on windows.'),)


def test_what_the_package_refuses_is_reported(comment: Comment, linux: Test, rows: Rows) -> None:
    queued = run_of(TestPlatform.windows, finished=False)

    outcome = comment('/retry failed')

    assert [made.run_id for made in outcome.retries] == [linux.id]
    assert outcome.refusals == (CommentRefusal(
        'windows', queued.id, f'Run {queued.id} has not finished: it has no failed tests yet.'),)
    assert len(rows.of('run_retry')) == 1


def test_every_line_is_done(comment: Comment, linux: Test, windows: Test) -> None:
    outcome = comment('Flaky.\n/retry linux failed\n\n/retry windows')

    assert [(made.run_id, made.failed_only) for made in outcome.retries] == [(linux.id, True), (windows.id, False)]


def test_lines_of_one_comment_retry_the_run_that_was_there_before(comment: Comment, linux: Test) -> None:
    outcome = comment('/retry linux\n/retry linux failed')

    assert [(made.run_id, made.failed_only) for made in outcome.retries] == [(linux.id, False), (linux.id, True)]


def test_equal_lines_count_once(comment: Comment, linux: Test, rows: Rows) -> None:
    comment('/retry linux because of this\n/retry linux because of that\n/retry LINUX')

    assert [row['reason'] for row in rows.of('run_retry')] == [b'of this']


def test_equal_refusals_are_reported_once(comment: Comment, linux: Test) -> None:
    assert len(comment('/retry foo\n/retry foo').refusals) == 1


def test_a_line_that_is_not_understood_is_explained_and_the_others_done(comment: Comment, linux: Test) -> None:
    outcome = comment('/retry the linux one\n/retry linux')

    assert len(outcome.retries) == 1
    refusal, = outcome.refusals
    assert (refusal.platform, refusal.run_id) == (None, None)
    assert refusal.message.startswith('I do not understand "the".')


def test_a_reason_that_is_too_long_is_refused_and_not_cut(comment: Comment, linux: Test, rows: Rows) -> None:
    outcome = comment(f'/retry because {"x" * 256}')

    assert outcome.refusals == (CommentRefusal(
        None, None, 'The reason cannot be kept. Longer than maximum length 255.'),)
    assert rows.of('run_retry') == []


def test_twenty_lines_are_enough(comment: Comment, linux: Test, rows: Rows) -> None:
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
    assert_ignored(comment(payload(action=action)), 'The comment is not new.', rows)


@pytest.mark.parametrize('changes', [{'issue.pull_request': ...}, {'issue.pull_request': None}])
def test_a_comment_on_an_issue_is_ignored(comment: Comment, linux: Test, rows: Rows, changes: JSON) -> None:
    assert_ignored(comment(having(changes)), 'The comment is on an issue, not on a pull request.', rows)


def test_a_comment_on_a_closed_pull_request_is_ignored(comment: Comment, linux: Test, rows: Rows) -> None:
    assert_ignored(comment(having({'issue.state': 'closed'})), 'The pull request is not open.', rows)


@pytest.mark.parametrize('changes', [
    {'comment.user.type': 'Bot'}, {'comment.performed_via_github_app': {'id': 1, 'slug': 'some-app'}}])
def test_a_comment_by_a_bot_is_ignored(comment: Comment, linux: Test, rows: Rows, changes: JSON) -> None:
    assert_ignored(comment(having(changes)), 'The comment is by a bot.', rows)


def test_a_comment_in_another_repository_is_ignored(comment: Comment, linux: Test, rows: Rows) -> None:
    assert_ignored(comment(having({'repository.full_name': 'alice-gh/ccextractor'})),
                   'The comment is not on a pull request of CCExtractor/ccextractor.', rows)


def test_the_repositorys_name_may_be_written_in_any_case(comment: Comment, linux: Test) -> None:
    assert comment(having({'repository.full_name': 'ccextractor/CCExtractor'})).retries


def test_the_repository_of_the_request_counts(comment: Comment, linux: Test, rows: Rows) -> None:
    g.github = {'repository_owner': 'CCExtractor', 'repository': 'other', 'bot_token': ''}

    assert_ignored(comment(), 'The comment is not on a pull request of CCExtractor/other.', rows)


def test_a_host_that_names_no_repository_has_only_one(comment: Comment, linux: Test) -> None:
    g.github = {}

    assert comment(having({'repository': ...})).retries


@pytest.mark.parametrize('sent', [None, [], 'text', 5, {}, {'action': None}, {'action': ['created']}])
def test_what_is_no_payload_is_ignored(comment: Comment, rows: Rows, sent: Any) -> None:
    outcome = retry_from_comment(sent, DELIVERY)

    assert_ignored(outcome, 'The payload has no action as GitHub documents it.', rows)


@pytest.mark.parametrize('path', ['repository', 'repository.full_name', 'issue', 'issue.state', 'issue.number',
                                  'comment', 'comment.user', 'comment.body', 'comment.user.login', 'comment.user.id'])
@pytest.mark.parametrize('value', [..., None, True, 1.5, [], [{}]])
def test_a_payload_that_is_not_as_documented_is_ignored(
        comment: Comment, linux: Test, rows: Rows, path: str, value: Any) -> None:
    outcome = comment(having({path: value}))

    assert outcome.ignored and outcome.ignored.startswith('The payload has no ')
    assert path in outcome.ignored or path == 'repository'
    assert rows.of('run_retry') == []


@pytest.mark.parametrize('changes', [
    {'issue.number': 0}, {'issue.number': -1}, {'issue.number': 2 ** 31}, {'issue.number': 10 ** 40},
    {'comment.user.id': 0}, {'comment.user.id': 2 ** 63}, {'comment.user.login': ''}])
def test_numbers_and_names_that_cannot_be_are_ignored(
        comment: Comment, linux: Test, rows: Rows, changes: JSON) -> None:
    assert_ignored(comment(having(changes)), 'The payload names no account of GitHub, or no pull request.', rows)


def test_a_comment_that_is_longer_than_comments_are_is_ignored(comment: Comment, linux: Test, rows: Rows) -> None:
    assert comment('/retry linux\n' + 'x' * (65536 - 13)).retries
    outcome = comment('/retry linux\n' + 'x' * 65536)

    assert outcome.ignored == 'The comment is longer than comments on GitHub can be.'
    assert len(rows.of('run_retry')) == 1


# People


@pytest.mark.parametrize('login', ['alice-gh', 'Alice-GH', 'ALICE-GH'])
@pytest.mark.parametrize('stored', ['alice-gh', 'Alice-Gh'])
def test_a_persons_account_may_be_written_in_any_case(
        comment: Comment, linux: Test, alice: User, login: str, stored: str) -> None:
    alice.github_login = stored

    assert comment(having({'comment.user.login': login})).retries


@pytest.mark.parametrize('role', [Role.admin, Role.tester, Role.contributor])
def test_a_permitted_role_may(comment: Comment, linux: Test, alice: User, role: Role) -> None:
    alice.role = role

    assert comment().retries


@pytest.mark.parametrize('role', [Role.user, None])
def test_another_role_may_not(comment: Comment, linux: Test, rows: Rows, alice: User, role: Role | None) -> None:
    alice.role = role

    assert_ignored(comment(), 'The role of Alice-GH does not have permission to run tests.', rows, asked=True)


def test_the_setting_says_which_roles_may(comment: Comment, linux: Test, rows: Rows, app: Flask) -> None:
    app.config['RUNS_API_RETRY_ROLES'] = ['admin']

    assert_ignored(comment(), 'The role of Alice-GH does not have permission to run tests.', rows, asked=True)


def test_a_stranger_may_not(comment: Comment, linux: Test, rows: Rows) -> None:
    assert_ignored(comment(having({'comment.user.login': 'mallory'})),
                   'The GitHub account mallory belongs to nobody on this platform.', rows, asked=True)


@pytest.mark.parametrize('stored', [None, ''])
def test_nobody_is_known_by_no_name(comment: Comment, linux: Test, rows: Rows, alice: User, stored: str | None) -> None:
    alice.github_login = stored

    assert comment().ignored == 'The GitHub account Alice-GH belongs to nobody on this platform.'
    assert comment(having({'comment.user.login': ''})).ignored
    assert rows.of('run_retry') == []


def test_a_name_of_several_people_is_nobodys(comment: Comment, linux: Test, rows: Rows) -> None:
    seed.user('alice too', Role.user, github_login='ALICE-gh')

    assert_ignored(comment(), 'The GitHub account Alice-GH belongs to several people on this platform.', rows,
                   asked=True)


@pytest.mark.parametrize(('stored', 'login'), [
    ('\u00e1lice-gh', 'alice-gh'), ('alice-gh ', 'alice-gh'), ('al\u0131ce-gh', 'alice-gh'), ('\u212aim', 'kim')])
def test_a_collation_that_takes_other_letters_for_the_same_does_not_count(
        comment: Comment, linux: Test, rows: Rows, alice: User, stored: str, login: str) -> None:
    def lower(text: str) -> str:
        decomposed = unicodedata.normalize('NFKD', text.replace('\u0131', 'i'))
        return ''.join(c for c in decomposed if not unicodedata.combining(c)).rstrip().lower()

    connection = db.session.connection().connection.dbapi_connection
    assert isinstance(connection, sqlite3.Connection)
    connection.create_function('lower', 1, lower)
    alice.github_login = stored

    assert_ignored(comment(having({'comment.user.login': login})),
                   f'The GitHub account {login} belongs to nobody on this platform.', rows, asked=True)


@pytest.mark.parametrize('login', ['\u00e1lice-gh', 'alice-gh\0', "' OR 1 = 1 --", '%', '\u212a' * 300])
def test_a_name_that_is_none_of_githubs_is_nobodys(comment: Comment, linux: Test, rows: Rows, login: str) -> None:
    assert_ignored(comment(having({'comment.user.login': login})),
                   f'The GitHub account {login} belongs to nobody on this platform.', rows, asked=True)


def test_a_blocked_account_may_not_and_gets_no_answer(comment: Comment, linux: Test, rows: Rows) -> None:
    seed.add(BlockedUsers(user_id=ALICE_ON_GITHUB))

    outcome = comment()

    assert_ignored(outcome, 'The writer of the comment is blocked.', rows)
    assert outcome.reply == ''


# Deliveries


def test_a_delivery_that_is_repeated_makes_nothing_more(
        comment: Comment, linux: Test, windows: Test, rows: Rows) -> None:
    first = comment('/retry\n/retry linux failed', DELIVERY)

    again = comment('/retry\n/retry linux failed', DELIVERY)

    assert len(first.retries) == 3
    assert [(made.new_run_id, made.replayed) for made in again.retries] == [
        (made.new_run_id, True) for made in first.retries]
    assert again.refusals == ()
    assert len(rows.of('run_retry')) == 3


def test_it_makes_nothing_more_when_the_retry_has_been_retried(comment: Comment, linux: Test, rows: Rows) -> None:
    first = comment('/retry linux', DELIVERY).retries[0]
    comment('/retry linux')

    assert comment('/retry linux', DELIVERY).retries[0].new_run_id == first.new_run_id
    assert len(rows.of('run_retry')) == 2


def test_another_delivery_is_another_retry(comment: Comment, linux: Test, rows: Rows) -> None:
    comment('/retry linux', DELIVERY)
    comment('/retry linux', DELIVERY.upper())

    assert len(rows.of('run_retry')) == 2


@pytest.mark.parametrize('delivery_id', ['x' * 9_999, 'two words', '\u00fc\n\0', '\ud800', '  '])
def test_the_delivery_may_be_called_anything(comment: Comment, linux: Test, rows: Rows, delivery_id: str) -> None:
    assert not comment('/retry linux', delivery_id).retries[0].replayed
    assert comment('/retry linux', delivery_id).retries[0].replayed
    assert len(rows.of('run_retry')) == 1


@pytest.mark.parametrize('delivery_id', [None, '', 5, b'x'])
def test_without_a_delivery_the_comment_itself_counts_once(
        comment: Comment, linux: Test, rows: Rows, delivery_id: Any) -> None:
    db.session.commit()
    for _ in range(2):
        assert retry_from_comment(payload('/retry linux'), delivery_id).retries
    other = having({'comment.id': 99262141}, '/retry linux')
    assert not retry_from_comment(other, delivery_id).retries[0].replayed

    assert len(rows.of('run_retry')) == 2


def test_without_either_it_is_done_all_the_same(comment: Comment, linux: Test) -> None:
    db.session.commit()

    assert retry_from_comment(having({'comment.id': ...}, '/retry linux'), None).retries


# Answers


def test_the_answer_says_what_was_made_and_what_was_not(comment: Comment, linux: Test) -> None:
    windows = run_of(TestPlatform.windows, finished=False)
    first, second = windows.id + 1, windows.id + 2

    assert comment('/retry linux\n/retry failed\n/retry now').reply == (
        f'- linux: run {linux.id} is queued again as [run {first}](http://localhost/test/{first}), with 2 tests.\n'
        f'- linux: run {linux.id} is queued again as [run {second}](http://localhost/test/{second}), '
        f'with 1 test that failed.\n'
        f'- I do not understand "now". Write /retry, and behind it any of: linux, windows, failed, because and a '
        f'reason.\n'
        f'- windows: run {windows.id} is not retried. Run {windows.id} has not finished: it has no failed tests yet.')


def test_the_answer_names_a_platform_without_a_run(comment: Comment, linux: Test) -> None:
    assert comment('/retry windows').reply == '- This pull request has no run on windows.'


def test_the_answer_to_a_repeated_delivery_says_so(comment: Comment, linux: Test) -> None:
    comment('/retry linux', DELIVERY)

    assert comment('/retry linux', DELIVERY).reply == (
        f'- linux: run {linux.id} is queued again already, as '
        f'[run {linux.id + 1}](http://localhost/test/{linux.id + 1}).')


def test_the_answer_does_without_an_address(
        comment: Comment, linux: Test, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, 'run_address', lambda _run_id: None)

    assert comment('/retry linux').reply == (
        f'- linux: run {linux.id} is queued again as run {linux.id + 1}, with 2 tests.')


def test_who_asked_and_may_not_is_told_why(comment: Comment, linux: Test) -> None:
    assert comment(having({'comment.user.login': 'mallory'})).reply == (
        'No run is retried. The GitHub account mallory belongs to nobody on this platform.')


def test_who_asked_for_nothing_is_not_answered(comment: Comment, linux: Test) -> None:
    assert comment('Looks good.').reply == ''


@pytest.mark.parametrize(('word', 'shown'), [
    ('@octocat', '(at)octocat'),
    ('&#64;octocat', r'\&#<!-- -->64;octocat'),
    ('#1', '#<!-- -->1'),
    ('**x**[y](z)<img>', r'\*\*x\*\*\[y\](z)\<img\>'),
    ('a_b~c|d\\$e', r'a\_b\~c\|d\\\$e'),
    ('x`@a', r'x\`(at)a'),
])
def test_what_somebody_wrote_is_shown_and_does_nothing(comment: Comment, linux: Test, word: str, shown: str) -> None:
    reply = comment(f'/retry {word}').reply

    assert reply.startswith(f'- I do not understand "{shown}".')
    assert '@' not in reply


def test_a_hosts_own_objection_stays_on_its_line(comment: Comment, linux: Test, app: Flask) -> None:
    app.config['RUNS_API_BEFORE_RETRY'] = lambda _source: 'no\n\n/retry @all'

    assert comment('/retry linux').reply == f'- linux: run {linux.id} is not retried. no /retry (at)all'


# Faults


@pytest.mark.parametrize('statement', ['SELECT blocked_users', 'SELECT coalesce', 'INSERT INTO run_retry'])
def test_a_database_that_is_away_makes_the_delivery_fail(
        comment: Comment, linux: Test, rows: Rows, statement: str) -> None:
    def lose(_cursor: Any, sent: str, *_: Any) -> None:
        if sent.startswith(statement):
            raise sqlite3.OperationalError('disk I/O error')

    event.listen(db.engine, 'do_execute', lose)
    with pytest.raises(ServiceUnavailable):
        comment('/retry linux', DELIVERY)
    event.remove(db.engine, 'do_execute', lose)

    assert rows.of('run_retry') == []
    assert not comment('/retry linux', DELIVERY).retries[0].replayed


@pytest.mark.parametrize('statement', ['SELECT blocked_users', 'SELECT coalesce', 'INSERT INTO run_retry'])
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


@pytest.fixture
def bare() -> Iterator[Flask]:
    """Give the miniature without the blueprint."""
    app = create_app('sqlite://', mount=False)
    with app.app_context():
        db.create_all()
        yield app
        db.session.remove()
        db.engine.dispose()


def test_a_host_without_blocked_users_is_told_so_when_it_matters(
        bare: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(mod_ci.models, 'BlockedUsers')
    bare.register_blueprint(create_blueprint())

    with pytest.raises(MountError, match=r'lacks the model mod_ci\.models\.BlockedUsers\.$'):
        retry_from_comment(payload(), DELIVERY)


def test_a_host_without_github_accounts_is_told_so_when_it_matters() -> None:
    class Base(DeclarativeBase):
        pass

    def copied(kind: type[host.Entity]) -> type:
        model = getattr(import_module(kind.module), kind.model)
        return type(kind.model, (Base,), {'__tablename__': model.__tablename__, **{
            column.key: mapped_column(column.type, primary_key=column.primary_key)
            for column in model.__table__.columns if column.key != 'github_login'}})

    app = Flask('other')
    app.register_blueprint(create_blueprint(models={
        kind.model: copied(kind) for kind in host.ENTITIES.values() if kind.model != 'BlockedUsers'}))

    with app.app_context(), pytest.raises(
            MountError, match=r'lacks the column User\.github_login, the model mod_ci\.models\.BlockedUsers\.$'):
        retry_from_comment(payload(), DELIVERY)


def test_an_account_that_the_host_calls_otherwise_must_be_there(bare: Flask) -> None:
    with pytest.raises(MountError, match=r'lacks the column User\.gh\.$'):
        bare.register_blueprint(create_blueprint(names={'User.github_login': 'gh'}))


def test_importing_it_imports_nothing_of_the_platform() -> None:
    script = ('import json, sys, mod_runs_api.github; '
              'print(json.dumps([name for name in sys.modules if name.startswith(("mod_", "github", "run"))]))')
    done = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, check=True)

    assert {name.partition('.')[0] for name in json.loads(done.stdout)} <= {'mod_runs_api', 'runpy'}


# What GitHub is told and asked


class FakeGitHub:
    """The platform's functions and PyGithub, as far as they are used, and what was asked of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened: list[Any] = []
        self.statuses: list[Any] = []
        self.artifacts: Any = []
        self.fault: Exception | None = None
        self.log: list[Any] = []
        pygithub = ModuleType('github')
        pygithub.Auth = SimpleNamespace(Token=lambda token: f'auth {token}')  # type: ignore[attr-defined]
        pygithub.Github = self._open  # type: ignore[attr-defined]
        self.controllers = ModuleType('mod_ci.controllers')
        self.controllers.update_status_on_github = self._update  # type: ignore[attr-defined]
        self.controllers.find_artifact_for_commit = self._find  # type: ignore[attr-defined]
        self.controllers.MAX_ARTIFACTS_TO_SEARCH = 3  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, 'github', pygithub)
        monkeypatch.setitem(sys.modules, 'mod_ci.controllers', self.controllers)

    def _open(self, *, auth: str, timeout: int, retry: int | None, per_page: int) -> Any:
        assert timeout <= 10 and retry is None, 'a person waits for the answer'

        def get_repo(name: str) -> Any:
            if self.fault is not None:
                raise self.fault
            self.opened.append((auth, name))
            return SimpleNamespace(get_commit=lambda sha: f'commit {sha}', get_artifacts=lambda: iter(self.artifacts))

        return SimpleNamespace(get_repo=get_repo)

    def _update(self, gh_commit: Any, state: str, description: str, context: str, target_url: Any = 'not set') -> None:
        self.statuses.append((gh_commit, state, description, context, target_url))

    def _find(self, repository: Any, commit_sha: str, platform: Any, log: Any) -> Any:
        """Search like the platform: up to a limit, and with None for every trouble."""
        self.log.append(log)
        try:
            for count, artifact in enumerate(repository.get_artifacts(), 1):
                if (artifact.platform, artifact.commit) == (platform, commit_sha):
                    return artifact
                if count >= 3:
                    break
        except Exception:
            pass
        return None


@pytest.fixture
def github(alice: User, app: Flask, monkeypatch: pytest.MonkeyPatch) -> FakeGitHub:
    """Give a GitHub that the host has a token for."""
    app.config['GITHUB_TOKEN'] = 'ghp_secret'
    return FakeGitHub(monkeypatch)


@pytest.fixture
def told(github: FakeGitHub) -> Iterator[FakeGitHub]:
    """Give a GitHub that is told of every retry."""
    run_retried.connect(post_queued_status)
    yield github
    run_retried.disconnect(post_queued_status)


def test_the_commit_status_shows_that_the_tests_are_queued(told: FakeGitHub, comment: Comment, windows: Test) -> None:
    made, = comment('/retry windows').retries

    assert told.opened == [('auth ghp_secret', 'CCExtractor/ccextractor')]
    assert told.statuses == [(f'commit {windows.commit}', 'pending', 'Tests queued', 'CI - windows',
                              f'http://localhost/test/{made.new_run_id}')]


def test_a_repeated_delivery_posts_no_second_status(told: FakeGitHub, comment: Comment, linux: Test) -> None:
    comment('/retry linux', DELIVERY)
    comment('/retry linux', DELIVERY)

    assert len(told.statuses) == 1


def test_no_status_is_posted_unless_somebody_wants_it(github: FakeGitHub, comment: Comment, linux: Test) -> None:
    comment('/retry linux')

    assert github.opened == []


def test_the_status_does_without_an_address(on_file: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    on_file.config.update(GITHUB_OWNER='CCExtractor', GITHUB_REPOSITORY='ccextractor', GITHUB_TOKEN='ghp_secret')
    github = FakeGitHub(monkeypatch)
    run = seed.run([seed.regression_test()])
    db.session.commit()

    post_queued_status(on_file, new_run_id=run.id)

    assert github.statuses == [(f'commit {run.commit}', 'pending', 'Tests queued', 'CI - linux', 'not set')]


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


LIMIT = 3


def source(platform: str = 'linux') -> Source:
    """Describe a run to retry."""
    return Source(id=42, platform=platform, commit='5f2a9c0e7d41', status='completed', root_id=42, attempt=1,
                  owner_ids=frozenset())


def artifact(platform: TestPlatform = TestPlatform.linux, commit: str = '5f2a9c0e7d41', expired: Any = False) -> Any:
    """Describe the artifact of a build."""
    return SimpleNamespace(platform=platform, commit=commit, expired=expired)


GONE = 'GitHub has no build of commit 5f2a9c0e for linux, or no longer: it keeps builds for 90 days.'


@pytest.mark.parametrize(('platform', 'member'), [('linux', TestPlatform.linux), ('windows', TestPlatform.windows)])
def test_a_run_whose_build_is_kept_may_be_retried(github: FakeGitHub, platform: str, member: TestPlatform) -> None:
    github.artifacts = [artifact(commit='other'), artifact(member)]

    assert build_artifact_exists(source(platform)) is None
    assert github.log == [host.log()]


@pytest.mark.parametrize('listed', [
    [], [artifact(commit='other')], [artifact(TestPlatform.windows)], [artifact(expired=True)],
    [artifact(commit='other')] * LIMIT, [artifact(commit='other')] * LIMIT + [artifact()]])
def test_a_run_whose_build_is_gone_may_not(github: FakeGitHub, listed: list[Any]) -> None:
    github.artifacts = listed

    assert build_artifact_exists(source()) == GONE


def failing(*artifacts: Any) -> Iterator[Any]:
    """List artifacts until GitHub stops to answer."""
    yield from artifacts
    raise ConnectionError('ghp_secret')


def test_a_search_that_breaks_off_says_nothing(github: FakeGitHub) -> None:
    github.artifacts = failing(artifact(commit='other'))

    assert build_artifact_exists(source()) is None


def test_a_search_that_breaks_off_behind_the_build_has_found_it(github: FakeGitHub) -> None:
    github.artifacts = failing(artifact())

    assert build_artifact_exists(source()) is None


def test_a_platform_that_searches_without_a_limit_searches_all(github: FakeGitHub) -> None:
    del github.controllers.MAX_ARTIFACTS_TO_SEARCH
    github.artifacts = [artifact(commit='other')] * LIMIT + [artifact()]

    assert build_artifact_exists(source()) is None


@pytest.mark.parametrize('setting', ['GITHUB_TOKEN', 'GITHUB_OWNER', 'GITHUB_REPOSITORY', None])
def test_a_github_that_cannot_be_asked_has_no_objection(
        github: FakeGitHub, app: Flask, caplog: pytest.LogCaptureFixture, setting: str | None) -> None:
    if setting is None:
        github.fault = ConnectionError('ghp_secret')
    else:
        app.config[setting] = ''

    with caplog.at_level(logging.INFO):
        assert build_artifact_exists(source()) is None

    assert 'the build of run 42 was not looked for' in caplog.text
    assert 'ghp_secret' not in caplog.text


def test_the_setting_refuses_a_retry_whose_build_is_gone(
        github: FakeGitHub, comment: Comment, linux: Test, app: Flask, rows: Rows) -> None:
    app.config['RUNS_API_BEFORE_RETRY'] = build_artifact_exists

    outcome = comment('/retry linux')

    assert outcome.refusals == (CommentRefusal(
        'linux', linux.id, f'GitHub has no build of commit {linux.commit[:8]} for linux, or no longer: '
                           'it keeps builds for 90 days.'),)
    assert rows.of('run_retry') == []


def test_the_token_is_not_in_what_is_shown_of_the_settings(github: FakeGitHub) -> None:
    assert host.github().token == 'ghp_secret'
    assert 'ghp_secret' not in repr(host.github())
