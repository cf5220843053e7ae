"""Which run a comment means, who may, and what it is answered (docs/github.rst, "Comments")."""

import re
from functools import reduce
from typing import Any

import pytest
import seed
from database import db
from mod_auth.models import Role
from mod_ci.models import BlockedUsers
from mod_test.models import TestPlatform, TestStatus, TestType
from support.github import ALICE, AUTHOR, NEW_COMMIT, OLD_COMMIT, PR, RateLimitExceededException, comment_payload
from support.histories import end, finish
from support.rows import RetryRow
from support.statements import before_statements, fail

from mod_runs_api import ServiceUnavailable, retry_run
from mod_runs_api.domain.reply import Reply, Target
from mod_runs_api.github import retry_from_comment
from mod_runs_api.log import explain

ONE = {'comment.id': 1}


def reasons(outcome):
    """Return why what a comment asks for is refused, as the reply quotes it."""
    return re.findall('(?m)^- (?:.+ is not retried: )?`(.+)`$', outcome.reply)


# Which run a comment means


def test_a_comment_retries_the_run_of_its_pull_request_whatever_the_case_of_names(comment, linux, rows, writer):
    writer.github_login = 'Alice-gh'

    changes = {'repository.full_name': 'ccextractor/CCEXTRACTOR', 'comment.user.login': 'alice-GH', 'issue.user': None}
    retry, = comment('/RETRY linux failed because the VM froze', changes).retries

    assert (retry.run_id, retry.new_run_id) == (linux.id, linux.id + 1)
    assert rows.retries == [RetryRow(linux.id + 1, linux.id, linux.id, True, 'the VM froze', writer.id, 1)]
    assert rows.owners(linux.id + 1) == [writer.id]


NO_WINDOWS = 'The head commit 5f2a9c0e has no run on windows.'
PULL_REQUEST = f'pull request {PR}'
#: GitHub does not answer about the pull request.
SILENCE = {PULL_REQUEST: ConnectionError('ghp_secret')}


def test_a_comment_without_a_valid_command_is_answered_and_github_is_not_asked(comment, github, linux):
    outcome = comment('/retry nothing')

    assert outcome.retries == ()
    (reason,) = reasons(outcome)
    assert reason.startswith('I do not understand this line.')
    assert github.asked == []


def test_a_reason_is_kept_to_the_letter(comment, linux, rows):
    comment(f'/retry linux because {chr(0x1f480) * 255}')
    assert [row.reason for row in rows.retries] == [chr(0x1f480) * 255]


def test_the_newest_run_of_the_head_commit_is_retried_and_a_head_without_a_run_is_not(github, comment, make_run, rows):
    make_run()
    of_head = make_run()
    make_run(commit=OLD_COMMIT)

    assert comment('/retry linux').retries[0].run_id == of_head.id

    github.pulls[PR].head.sha = NEW_COMMIT
    before = rows.retries
    assert comment('/retry').reply.splitlines() == [
        f'- `The head commit {NEW_COMMIT[:8]} has no run on {platform}.`' for platform in ('linux', 'windows')]
    assert rows.retries == before


def test_without_an_answer_of_github_the_newest_run_is_retried_and_its_commit_named(
        github, comment, make_run, caplog):
    make_run()
    newest = make_run(commit=OLD_COMMIT)
    github.build(OLD_COMMIT, ['linux'])
    # A retry does not make its commit the newest.
    retry_run(1)
    github.faults = SILENCE

    run = f'- linux: run {newest.id} of commit `{OLD_COMMIT[:8]}`'
    assert comment('/retry linux', ONE).reply.startswith(f'{run} is queued again as ')
    assert comment('/retry linux', ONE).reply.startswith(f'{run} has already been queued again as ')
    assert comment('/retry linux').reply.startswith(f'{run} is not retried: ')
    assert reasons(comment('/retry windows')) == ['This pull request has no run on windows.']
    assert 'ConnectionError' in caplog.text
    assert 'ghp_secret' not in caplog.text


@pytest.mark.parametrize('error', [TimeoutError(), RateLimitExceededException(403)])
def test_a_silent_github_gets_two_requests_from_a_comment_for_two_platforms(github, comment, windows, caplog, error):
    github.faults = dict.fromkeys((PULL_REQUEST, 'artifacts', 'status'), error)

    first, second = (retry.new_run_id for retry in comment().retries)

    assert [message.partition(': ')[::2] for message in caplog.messages] == [
        (f'GitHub gave no answer about {PULL_REQUEST}', explain(error, '')),
        (f'GitHub did not take the status of run {first}', explain(error, '')),
        (f'the status of run {second} is not posted', 'GitHub did not answer before')]
    assert github.asked == [PULL_REQUEST]


@pytest.mark.parametrize(('question', 'asked'), [
    # It is asked again after a status was taken.
    (PULL_REQUEST, [PULL_REQUEST] * 2), ('artifacts', [PULL_REQUEST, *[PULL_REQUEST, 'artifacts'] * 2])])
def test_a_question_that_github_cannot_answer_takes_no_run_of_a_comment_its_status(
        github, comment, windows, question, asked):
    github.faults = {question: TimeoutError()}

    assert len(comment().retries) == 2
    assert [status['context'] for status in github.statuses] == ['CI - linux', 'CI - windows']
    assert github.asked == asked


@pytest.mark.parametrize('faults', [{}, SILENCE], ids=['of the head', 'of the pull request'])
def test_a_run_that_is_not_the_pull_requests_own_is_left_alone(github, comment, linux, make_run, faults):
    github.faults = faults
    others: list[dict[str, Any]] = [
        {'pr_nr': PR + 1}, {'test_type': TestType.commit}, {'branch': 'master'},
        {'github': 'https://github.com/mallory/CCExtractor-ccextractor.git'},
        {'github': 'https://github.com/notCCExtractor/ccextractor.git'}]
    for other in others:
        make_run(**other)

    assert comment('/retry linux').retries[0].run_id == linux.id


def test_retry_failed_runs_what_did_not_pass_in_the_attempt_that_ended_last(comment, linux, tests, rows):
    def retry(line):
        made, = comment(line).retries
        return made.new_run_id, made.run_id, len(rows.selection(made.new_run_id))

    end(retry('/retry linux failed')[0])
    second, *full = retry('/retry linux')
    assert full == [linux.id, 2]
    end(second, TestStatus.canceled)
    third, *failed = retry('/retry linux failed')
    assert failed == [linux.id, 1]
    end(third, TestStatus.canceled)

    finish(retry('/retry linux')[0], tests)
    finish(second, tests, failed=tests)
    assert retry('/retry linux failed')[1:] == (second, 2)


def test_retry_failed_runs_the_root_run_again_if_no_attempt_ran_a_test(comment, make_run, tests, rows):
    first = make_run(stages=()).id
    end(first, TestStatus.canceled)

    retry, = comment('/retry linux failed').retries

    assert (retry.run_id, rows.selection(retry.new_run_id)) == (first, [test.id for test in tests])


def test_retry_failed_is_answered_with_what_is_known_already(comment, linux, tests):
    first = comment('/retry linux failed')
    finish(first.retries[0].new_run_id, tests[1:], failed=tests[1:])

    assert first.reply.endswith(', with 1 test that did not pass.')
    second = comment('/retry linux failed', ONE)
    assert second.reply.endswith(
        ', with 1 test that did not pass. Over 2 attempts 1 test failed in the only attempt that ran it.')
    end(second.retries[0].new_run_id)
    # It is about the failed tests, and an answer that was given is not given again.
    assert comment('/retry linux').reply.endswith(', with 2 tests.')
    assert 'Over' not in comment('/retry linux failed', ONE).reply


def test_a_second_comment_while_github_is_asked_makes_no_second_run(comment, linux, rows, while_github_is_asked):
    while_github_is_asked(lambda: comment('/retry linux'))

    assert reasons(comment('/retry linux')) == ['Run 2, an attempt of the same run, is still queued.']
    assert len(rows.retries) == 1


def test_two_people_who_write_the_same_make_one_run(comment, linux, rows):
    first, = comment('/retry linux failed', ONE).retries
    for status in ('queued', 'running'):
        for line in ('/retry linux failed', '/retry linux'):
            assert comment(line).reply == (
                f'- linux: run {linux.id} is not retried: '
                f'`Run {first.new_run_id}, an attempt of the same run, is still {status}.`')
        end(first.new_run_id, TestStatus.testing)
    assert len(rows.retries) == 1


# What is ignored


def assert_ignored(outcome, reason, rows, answered=False):
    """Check that nothing was done and why, and that nobody is answered who has not asked for something."""
    assert (outcome.ignored, outcome.retries) == (reason, ())
    assert outcome.reply == (f'No run is retried: `{reason}`' if answered else '')
    assert rows.retries == []


@pytest.mark.parametrize(('place', 'value', 'reason'), [
    ('action', 'edited', 'The comment is not new.'),
    ('issue.pull_request', None, 'The comment is on an issue, not on a pull request.'),
    ('issue.state', 'closed', 'The pull request is not open.'),
    ('comment.user.type', 'Bot', 'The comment is by a bot.'),
    ('comment.performed_via_github_app', {'id': 1, 'slug': 'some-app'}, 'The comment is by a bot.'),
    ('repository.full_name', 'alice-gh/ccextractor',
     'The comment is not on a pull request of CCExtractor/ccextractor.'),
    ('comment.body', 'Looks good.', 'The comment has no command.'),
    ('comment.body', '```\n/retry\n```', 'The comment has no command.')])
def test_a_comment_that_asks_for_nothing_here_is_ignored(comment, linux, rows, place, value, reason):
    assert_ignored(comment('/retry', {place: value}), reason, rows)


NO_INTEGERS = [None, True, '7', 7.0, float('nan'), 0, -1, 2 ** 63, 10 ** 5000, [7], {'id': 7}]
NO_TEXTS = [None, 7, True, b'/retry', ['/retry'], {'/retry': 1}]
NO_OBJECTS = [True, 7, 'id', [], [{'id': 7}]]

#: By a field the values that GitHub never has there.
MALFORMED: dict[str, list[Any]] = {
    **dict.fromkeys(('comment.id', 'comment.user.id', 'issue.number', 'issue.user.id'), NO_INTEGERS),
    **dict.fromkeys(('action', 'repository.full_name', 'issue.state', 'comment.body', 'comment.user.type'), NO_TEXTS),
    'comment.user.login': [*NO_TEXTS, '', 'x' * 40, 'ålice', 'a b', 'a\0b', 'a\n', '\ud800'],
    **dict.fromkeys(('repository', 'issue', 'comment', 'comment.user'), [None, {}, *NO_OBJECTS]),
    'issue.user': [{}, *NO_OBJECTS],
    **dict.fromkeys(('issue.pull_request', 'comment.performed_via_github_app'), NO_OBJECTS)}


@pytest.mark.parametrize('place', MALFORMED)
def test_a_payload_with_a_field_of_another_type_is_ignored(comment, linux, rows, place):
    for value in MALFORMED[place]:
        assert_ignored(comment('/retry', {place: value}), 'The payload is not as GitHub documents it.', rows)


def test_a_payload_that_lacks_a_field_or_is_no_object_is_ignored(comment, linux, rows):
    payloads: list[Any] = [None, [], 'comment', 7, {}]
    for place in MALFORMED.keys() - {'issue.pull_request', 'comment.performed_via_github_app'}:
        *above, name = place.split('.')
        payload = comment_payload()
        del reduce(dict.__getitem__, above, payload)[name]
        payloads.append(payload)

    for payload in payloads:
        assert_ignored(retry_from_comment(payload), 'The payload is not as GitHub documents it.', rows)


# Who may


def test_a_role_that_may_not_retry_is_told_so_if_there_is_a_command(comment, linux, rows, writer):
    writer.role = Role.user

    assert_ignored(comment('Looks good.'), 'The comment has no command.', rows)
    assert_ignored(comment(), 'The role of Alice-GH does not have permission to run tests.', rows, answered=True)


NOBODY = 'The GitHub account Alice-GH belongs to no user of this platform.'


@pytest.mark.parametrize(('name', 'value'), [
    ('github_login', 'somebody'), ('github_login', None),
    # The platform blanks the name of a deactivated user.
    ('name', 'Anonymous 1'), ('name', '')])
def test_an_account_of_no_user_gets_no_retry_until_it_belongs_to_one(comment, linux, rows, writer, name, value):
    setattr(writer, name, value)
    assert_ignored(comment(), NOBODY, rows)

    seed.user('alice again', Role.contributor, github_login='alice-gh')
    assert comment().retries


@pytest.mark.parametrize(('account', 'reason', 'answered'), [
    (ALICE, 'The writer of the comment is blocked.', False),
    (AUTHOR, 'The author of this pull request is blocked.', True)])
def test_a_blocked_writer_or_author_gets_no_retry(comment, linux, rows, account, reason, answered):
    seed.add(BlockedUsers(user_id=account))

    assert_ignored(comment(), reason, rows, answered)


# Once


@pytest.mark.parametrize('body', ['/retry linux failed', '/retry linux\n/retry linux failed\n/retry'])
def test_a_comment_that_is_delivered_again_makes_nothing_more_whatever_has_happened_since(
        comment, linux, make_run, rows, writer, tests, body):
    outcome = comment(body, ONE)
    first, made = outcome.retries, len(rows.retries)

    def pass_on_the_account():
        writer.github_login = None
        seed.user('bob', Role.tester, github_login='alice-gh')

    def fail_again():
        finish(first[0].new_run_id, tests[1:], failed=tests[1:])

    for happen in (lambda: None, fail_again, lambda: make_run(stages=()), pass_on_the_account):
        happen()
        again = retry_from_comment(comment_payload(body, ONE))
        assert [(retry.run_id, retry.new_run_id) for retry in again.retries] == [
            (linux.id, retry.new_run_id) for retry in first]
        assert reasons(again) == reasons(outcome)
        assert len(rows.retries) == made


# Answers


def test_the_answer_says_what_was_made_what_was_made_before_and_what_was_not(comment, linux, make_run):
    line, before, after = '/retry linux', f'- linux: run {linux.id} ', '[run {0}](http://localhost/test/{0})'
    made = f'{before}is queued again as {after}, with 2 tests.'
    assert comment(line, ONE).reply == made.format(2)
    assert comment('/retry linux windows', ONE).reply.splitlines() == [
        f'{before}has already been queued again as {after}.'.format(2), f'- `{NO_WINDOWS}`']
    windows = make_run(TestPlatform.windows, stages=())

    end(2)
    again, wrong, refused = comment('/retry failed\n/retry now').reply.splitlines()

    assert again == f'{before}is queued again as {after}, with 1 test that did not pass.'.format(4)
    assert wrong.startswith('- ') and 'Write /retry, followed by any of: linux, windows, failed' in wrong
    assert refused == (f'- windows: run {windows.id} is not retried: '
                       f'`Run {windows.id} is still queued.`')


#: What GitHub would make a link, a mention or a command of.
LIVELY = ' '.join(['@octocat', 'me@example.com', '#1', 'GH-123', 'CVE-2026-1234', '5f2a9c0e', 'http://a.example',
                   'www.example.com', '[y](z)', '<img>', '`', '\n/retry'])


def test_the_answer_calls_nobody_links_nothing_but_the_runs_and_is_no_command(comment):
    reply = Reply()
    reply.add_refusal(LIVELY, Target('linux', 5, named_commit=None))

    # GitHub leaves alone what stands in a code span.
    assert re.fullmatch(r'- linux: run 5 is not retried: `[^`]*octocat[^`]*/retry[^`]*`', reply.markdown)
    assert len(reply.markdown.splitlines()) == 1
    assert comment(reply.markdown).ignored == 'The comment has no command.'


# Faults


def test_a_database_that_fails_makes_the_delivery_fail_and_the_next_one_does_it(comment, linux, rows):
    for words in ('FROM user', 'FROM test', 'INSERT INTO test ', 'INSERT INTO customized_test'):
        with before_statements(db.engine, words, fail), pytest.raises(ServiceUnavailable):
            comment('/retry linux', ONE)
        assert rows.retries == [], words

    assert comment('/retry linux', ONE).retries
