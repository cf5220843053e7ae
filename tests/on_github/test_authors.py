"""The author of a pull request retries its run without a role, and is told so (docs/github.rst, "For contributors")."""

import logging
from datetime import datetime, timedelta

import pytest
import seed
from database import db
from flask import current_app
from mod_auth.models import Role
from mod_customized.models import CustomizedTest
from mod_test.models import Test, TestPlatform, TestStatus
from sqlalchemy import delete
from support.changes import change_retries, delete_run
from support.github import ALICE, AUTHOR, OLD_COMMIT
from support.histories import end, finish
from support.messages import LOST_MACHINE
from support.statements import record_statements
from support.visitor import Visitor

from mod_runs_api import retry_run

OCTOCAT = {'comment.user.id': AUTHOR, 'comment.user.login': 'octocat'}


@pytest.fixture
def app_settings(app_settings):
    """The settings of a platform on which an author may retry a run twice."""
    return {'RUNS_API_AUTHOR_RETRIES': 2, **app_settings}


@pytest.fixture
def by_author(comment):
    """Comment as the author of the pull request, whom the platform does not know."""
    return lambda body='/retry linux failed', **changes: comment(body, {**OCTOCAT, **changes})


def make_retry(outcome):
    """Return the only retry that a comment made."""
    retry, = outcome.retries
    return retry.new_run_id


# The retry


def test_an_author_whom_the_platform_does_not_know_runs_the_failed_tests_again(
        by_author, attempts, linux, tests, rows, caplog):
    caplog.set_level(logging.INFO)

    new_run_id = make_retry(by_author('/retry linux failed because the VM froze'))

    row = rows.one('run_retry')
    assert (row['run_id'], row['author_login'], row['user_id']) == (new_run_id, 'octocat', None)
    assert rows.selection(new_run_id) == [tests[1].id]
    assert attempts(linux).json['data'][1]['requested_by'] == 'octocat on GitHub'
    assert 'for no user, the author octocat on GitHub' in caplog.text


def test_an_author_who_is_a_user_without_a_role_is_the_requester_and_an_owner(by_author, attempts, linux, rows):
    octocat = seed.user('Octo', Role.user, github_login='OctoCat')

    new_run_id = make_retry(by_author())

    assert rows.one('run_retry')['user_id'] == octocat.id
    assert rows.owners(new_run_id) == [octocat.id]
    assert attempts(linux).json['data'][1]['requested_by'] == 'Octo'
    # The platform blanks the name of a deactivated user.
    for name in ('', f'Anonymous {octocat.id}'):
        octocat.name = name
        db.session.commit()
        assert attempts(linux).json['data'][1]['requested_by'] == 'octocat on GitHub'


def test_an_author_retries_a_run_as_often_as_the_setting_says_even_if_retries_are_deleted(
        by_author, github, linux, rows):
    end(make_retry(by_author()))
    second = make_retry(by_author(**{'comment.id': 2}))
    end(second)
    delete_run(2)
    github.asked.clear()

    assert by_author().reply == (
        f'- linux: run {linux.id} is not retried: `The author of this pull request has retried this run 2 times '
        'already. Ask a maintainer to retry it.`')
    # The database refuses it, before GitHub looks for the build.
    assert 'artifacts' not in github.asked
    # A second delivery finds its run first.
    assert make_retry(by_author(**{'comment.id': 2})) == second
    assert len(rows.of('run_retry')) == 2


@pytest.mark.parametrize('settings', [{'RUNS_API_AUTHOR_RETRIES': 1}])
def test_an_author_who_has_used_up_the_retries_still_gets_the_status_of_a_run_that_passed(
        by_author, github, linux, tests):
    finish(make_retry(by_author()), tests[1:])

    assert by_author().reply.startswith('- The status of run ')
    assert [status['state'] for status in github.statuses] == ['pending', 'success']


@pytest.mark.parametrize('settings', [{'RUNS_API_AUTHOR_RETRIES': 1}])
def test_an_author_cannot_use_more_retries_while_github_is_asked(by_author, linux, rows, while_github_is_asked):
    while_github_is_asked(lambda: end(make_retry(by_author())))

    assert by_author().reply == (
        f'- linux: run {linux.id} is not retried: `The author of this pull request has retried this run 1 time '
        'already. Ask a maintainer to retry it.`')
    assert len(rows.of('run_retry')) == 1


def test_retries_of_users_of_the_other_platform_and_of_an_older_first_run_use_up_nothing(
        by_author, comment, linux, windows, make_run):
    for _ in range(2):
        # Alice is the author here, too.
        end(make_retry(comment('/retry linux', {'comment.user.id': AUTHOR})))
        end(make_retry(by_author('/retry windows failed')))
    for _ in range(2):
        end(make_retry(by_author()))
    assert by_author('/retry failed').retries == ()

    reopened = make_run()
    assert [retry.run_id for retry in by_author().retries] == [reopened.id]


def test_retries_of_retries_use_up_the_number_of_the_first_run(by_author, linux, tests, told):
    for _ in range(2):
        newest = finish(make_retry(by_author()), tests[1:], failed=tests[1:])
    # The attempt that would be retried is itself a retry.
    assert by_author().reply.startswith(f'- linux: run {newest} is not retried: ')
    assert told(linux) == ''


@pytest.mark.parametrize(('association', 'is_answered'), [
    ('OWNER', True), ('MEMBER', True), ('COLLABORATOR', True), ('CONTRIBUTOR', False), (None, False),
    (['OWNER'], False)])
def test_an_unknown_account_is_answered_if_it_belongs_to_the_repository(
        by_author, linux, rows, association, is_answered):
    outcome = by_author(**{'comment.user.id': ALICE, 'comment.author_association': association})

    assert outcome.ignored == 'The GitHub account octocat belongs to no user of this platform.'
    assert outcome.reply == (f'No run is retried: `{outcome.ignored}`' if is_answered else '')
    assert rows.retries == []


@pytest.mark.parametrize('settings', [{'RUNS_API_AUTHOR_RETRIES': 0}])
def test_without_the_setting_an_author_without_a_role_gets_nothing(by_author, linux, rows, told):
    assert by_author().reply == ''
    assert rows.retries == []
    assert told(linux) == ''


@pytest.mark.parametrize('message', ['Canceled by admin', ' Canceled by alice via API: wrong branch'])
def test_what_a_person_stopped_no_author_starts_again(by_author, comment, told, linux, rows, message):
    retry = db.session.get_one(Test, make_retry(by_author()))
    seed.progress(retry, TestStatus.canceled, message=message)

    assert by_author().reply == (
        f'- linux: run {linux.id} is not retried: `A person canceled run {retry.id}. Ask a maintainer to retry it.`')
    assert told(linux) == ''
    # Users with a role may. After that, the newest attempt is no longer the one that was stopped.
    end(make_retry(comment('/retry linux failed')))
    assert told(linux) == TOLD.format('1 time')
    assert make_retry(by_author())
    assert len(rows.of('run_retry')) == 3


def test_an_author_is_told_of_a_running_attempt_before_one_that_a_person_stopped(by_author, make_run):
    stopped = make_run(stages=seed.CANCELED, message='Canceled by admin')
    retry_id = retry_run(stopped.id).new_run_id

    assert by_author().reply == (f'- linux: run {stopped.id} is not retried: '
                                 f'`Run {retry_id}, an attempt of the same run, is still queued.`')


# The author is told

TOLD = 'If this is not due to the pull request, its author may write `/retry linux failed` in a comment on it ({}).'


@pytest.fixture
def report(app):
    """Return what the package adds to the report on a run."""
    def read(run):
        db.session.commit()
        with app.test_request_context():
            current_app.preprocess_request()
            return current_app.jinja_env.from_string('{{ runs_api.retry_report(id) }}').render(id=run.id)

    return read


@pytest.fixture
def page(app):
    """Return the sentence for the author on the page of a run, by default for a stranger; empty if there is none."""
    def read(run, name=None, role=None):
        db.session.commit()
        found = [tag.parent for tag in Visitor(app, name, role).soup(f'/test/{run.id}').select('p > code')]
        return ''.join(tag.decode_contents().replace('<code>', '`').replace('</code>', '`') for tag in found)

    return read


@pytest.fixture
def told(report, page):
    """Return what the author is told of a run, by the report and by the page alike."""
    def read(run):
        assert report(run).endswith(page(run)) and ('/retry' in report(run)) == bool(page(run))
        return page(run)

    return read


def find(run_id):
    """Return a run."""
    return db.session.get_one(Test, run_id)


def test_the_author_is_told_how_often_the_command_may_still_be_used(told, by_author, comment, linux, tests):
    assert told(linux) == TOLD.format('2 times')
    first = finish(make_retry(by_author()), tests[1:], failed=tests[1:])
    assert told(find(first)) == told(linux) == TOLD.format('1 time')

    end(make_retry(by_author()), TestStatus.canceled)
    assert told(linux) == ''
    end(make_retry(comment('/retry linux failed')), TestStatus.canceled)
    change_retries(author_login='octocat')
    assert told(linux) == ''


def test_the_sentence_ends_the_report_after_the_verdicts_and_the_builds(report, by_author, make_run, tests):
    first = make_run(stages=())
    finish(first.id, tests, failed=tests[1:])
    retry = find(make_retry(by_author()))
    first.built_commit, retry.built_commit = '1a2b3c4d' * 5, '5e6f7a8b' * 5
    seed.result(retry, tests[1], exit_code=1)
    end(retry.id)

    assert report(retry).startswith('Over 2 attempts: 1 test fails each time but not in the same way (')
    assert report(retry).endswith(f'). 1 of the results carried over was built from 1a2b3c4d. {TOLD.format("1 time")}')


def test_only_visitors_without_the_button_are_told(page, linux):
    assert page(linux, 'alice', Role.contributor) == ''
    assert page(linux, 'bob', Role.user) == TOLD.format('2 times')


def test_the_author_is_told_of_a_run_that_the_time_limit_ended(told, make_run):
    stopped = make_run(stages=seed.CANCELED, message='Could not complete test, time limit exceeded')

    assert told(stopped) == TOLD.format('2 times')


@pytest.mark.parametrize('settings', [{}, {'RUNS_API_AUTOMATIC_RETRIES': 1}])
def test_the_author_is_told_to_wait_for_the_build_if_that_ended_the_attempt_to_be_retried(told, by_author, make_run):
    failed = make_run(stages=seed.CANCELED, message='Build failed: action_required')
    later = 'Once its build has succeeded, the author of this pull request may write `/retry linux failed` in a comment'

    assert told(failed) == f'{later} on it (2 times).'
    # The cause is that of the attempt that would be retried, whichever page it is.
    retry = db.session.get_one(Test, make_retry(by_author()))
    seed.progress(retry, TestStatus.canceled, message='A new word')
    assert told(retry) == f'{later} on it (1 time).'


@pytest.mark.parametrize('settings', [{'RUNS_API_AUTOMATIC_RETRIES': 1}])
def test_the_author_is_told_that_a_run_may_start_by_itself_while_a_sweep_may_retry_it(told, by_author, make_run):
    lost = make_run(stages=seed.CANCELED, message=LOST_MACHINE)
    assert told(lost) == f"{TOLD.format('2 times')} A new run may start by itself."

    # After a day no sweep retries it.
    for row in lost.progress:
        row.timestamp -= timedelta(hours=26)
    assert told(lost) == TOLD.format('2 times')

    # The newest attempt counts, and it has had its automatic retry.
    retry = find(make_retry(by_author()))
    seed.progress(retry, TestStatus.canceled, message=LOST_MACHINE)
    assert told(retry) == f"{TOLD.format('1 time')} A new run may start by itself."
    change_retries(automatic=True)
    assert told(retry) == TOLD.format('1 time')


@pytest.mark.parametrize('settings', [{'RUNS_API_AUTOMATIC_RETRIES': 2}])
def test_no_run_is_said_to_start_by_itself_after_its_automatic_retry_was_deleted(told, make_run):
    lost = make_run(stages=seed.CANCELED, message=LOST_MACHINE)
    deleted = retry_run(lost.id).new_run_id
    change_retries(automatic=True)
    delete_run(deleted)

    assert told(lost) == TOLD.format('2 times')


def test_where_a_person_canceled_the_newest_attempt_the_page_leads_to_a_maintainer(
        app, by_author, report, linux, make_run):
    retry = find(make_retry(by_author()))
    seed.progress(retry, TestStatus.canceled, message='Canceled by admin')
    sentence = 'A person canceled the newest attempt of this run. A maintainer can retry the run.'
    closed = make_run(TestPlatform.windows, stages=seed.CANCELED, message='PR closed')
    db.session.commit()

    def say(run, name=None, role=None):
        return [tag.get_text() for tag in Visitor(app, name, role).soup(f'/test/{run.id}').select('.runs-api-author')]

    # The red status of before leads to the older run.
    assert [say(run) for run in (linux, retry)] == [[sentence]] * 2
    assert sentence not in report(linux)
    assert say(linux, 'carol', Role.contributor) == []
    assert say(closed) == []


def test_the_author_is_told_if_a_failure_was_approved_since_although_it_repeats(
        told, by_author, make_run, tests):
    master, first = seed.run(tests), make_run(stages=())
    for run in (master, first):
        finish(run.id, tests, failed=tests[1:])
    assert told(first) == ''

    tests[1].expected_rc = 139

    assert told(first) == TOLD.format('2 times')


def test_the_author_is_told_for_a_week(told, make_run):
    old = make_run()
    for row in old.progress:
        row.timestamp = datetime(2026, 1, 1)

    assert told(old) == ''


def test_the_author_is_told_of_the_newest_first_run_of_the_platforms_own_repository_alone(told, make_run):
    older, newest = make_run(commit=OLD_COMMIT), make_run()
    of_a_fork = make_run(github='https://github.com/octocat/ccextractor.git')

    assert [told(run) for run in (older, newest, of_a_fork)] == ['', TOLD.format('2 times'), '']


def test_the_author_is_not_told_if_a_decision_ended_the_attempt_that_would_be_retried(told, make_run):
    assert told(make_run(stages=seed.CANCELED, message='Tests canceled')) == ''


def test_the_author_is_not_told_while_an_attempt_is_queued(told, by_author, linux):
    make_retry(by_author())

    assert told(linux) == ''


def test_the_author_is_not_told_if_nothing_failed(told, linux, tests):
    seed.result(linux, tests[1])

    assert told(linux) == ''


def test_the_author_is_not_told_if_the_tests_that_failed_are_inactive(told, linux, tests):
    tests[1].active = False

    assert told(linux) == ''


def test_inactive_tests_of_a_run_without_rows_keep_no_author_from_being_told(told, make_run, tests):
    everything = make_run(stages=())
    db.session.execute(delete(CustomizedTest).where(CustomizedTest.test_id == everything.id))
    finish(everything.id, tests, failed=tests)
    tests[0].active = False

    assert told(everything) == TOLD.format('2 times')


def test_the_author_is_not_told_if_all_failures_are_the_same_each_time(told, by_author, make_run, tests):
    first = make_run(stages=())
    finish(first.id, tests, failed=tests[1:])
    assert told(first) == TOLD.format('2 times')

    retry = finish(make_retry(by_author()), tests[1:], failed=tests[1:])

    assert (told(first), told(find(retry))) == ('', '')


@pytest.mark.parametrize('settings', [{'RUNS_API_AUTHOR_RETRIES': 2, 'RUNS_API_INACTIVE_TESTS': 'drop'}])
def test_the_author_is_not_told_because_of_an_approved_test_that_is_inactive(told, by_author, make_run, tests):
    first = make_run(stages=())
    finish(first.id, tests, failed=tests)
    retry = finish(make_retry(by_author()), tests, failed=tests)
    tests[1].expected_rc = 139
    assert told(find(retry)) == TOLD.format('1 time')

    tests[1].active = False

    assert told(find(retry)) == ''


def test_the_author_is_not_told_if_all_failures_are_the_same_on_master(told, make_run, tests):
    finish(seed.run(tests).id, tests, failed=tests[1:])
    same, other = make_run(stages=()), make_run(TestPlatform.windows, stages=())
    finish(seed.run(tests, platform=TestPlatform.windows).id, tests, failed=tests[1:])
    finish(same.id, tests, failed=tests[1:])
    finish(other.id, tests, failed=tests)

    assert told(same) == ''
    assert told(other) == TOLD.format('2 times').replace('linux', 'windows')


def test_the_page_of_a_run_that_was_made_by_hand_only_looks_for_retries(client, make_run, engine):
    counts = []
    for run_id in (make_run(branch='fix').id, make_run().id):
        with record_statements(engine) as sent:
            assert client.get(f'/test/{run_id}') == 200
        counts.append(len([statement for statement in sent if 'run_retry' in statement]))

    # It reads the run, and the records of its attempts.
    assert counts[0] == 2 < counts[1]


def test_master_is_compared_with_the_attempt_that_would_be_retried(told, by_author, make_run, tests):
    finish(seed.run(tests).id, tests, failed=tests[1:])
    first = make_run(stages=())
    seed.result(first, tests[1], exit_code=1)
    finish(first.id, tests[:1])
    assert told(first) == TOLD.format('2 times')

    finish(make_retry(by_author()), tests[1:], failed=tests[1:])

    assert told(first) == ''
