"""A build that succeeds after it has ended its run (contrib/README.rst, "A build that failed and is repeated")."""

import logging
from datetime import timedelta

import pytest
import seed
from database import db
from mod_ci.models import BlockedUsers, MaintenanceMode
from mod_test.models import TestPlatform, TestProgress, TestStatus, TestType
from support.changes import add_retries
from support.github import AUTHOR, NEW_COMMIT, PR
from support.histories import end, finish
from support.messages import NOT_VISIBLE
from support.statements import before_statements, fail

from mod_runs_api import retry_run
from mod_runs_api.github import retry_after_build

FAILED = 'Cancelling tests as Github Action(s) failed'


@pytest.fixture
def app_settings(app_settings):
    """The settings of a platform that allows a run two automatic retries."""
    return {'RUNS_API_AUTOMATIC_RETRIES': 2, **app_settings}


@pytest.fixture
def make_canceled(make_run):
    """Add runs that never started, canceled an hour ago with a message, by default because the build failed."""
    def make(message=FAILED, **configuration):
        run = make_run(stages=(), **configuration)
        seed.progress(run, TestStatus.canceled, message=message, ago=timedelta(hours=1))
        db.session.commit()
        return run

    return make


@pytest.fixture
def canceled(make_canceled):
    """The pull request's run on Linux, canceled because its build failed."""
    return make_canceled()


@pytest.fixture
def succeed(rows, github, caplog):
    """Report that the build of a run has succeeded, and return the retries that this made."""
    caplog.set_level(logging.INFO)

    def report(run):
        db.session.commit()
        before = rows.of('run_retry')
        retry_after_build(getattr(run, 'id', run))
        return rows.of('run_retry')[len(before):]

    return report


@pytest.fixture
def posted(succeed, github):
    """Report that the build of a run has succeeded, which makes no run, and return the statuses that this posted."""
    def report(run):
        before = len(github.statuses)
        assert succeed(run) == []
        return [(status['state'], int(status['target_url'].rpartition('/')[2])) for status in github.statuses[before:]]

    return report


def test_a_run_that_its_build_ended_is_retried_by_nobody_with_all_its_tests(
        succeed, attempts, canceled, rows, tests, caplog):
    made, = succeed(canceled)

    assert (made['source_run_id'], made['failed_only'], made['user_id'], made['automatic']) == (canceled.id, 0, None, 1)
    assert rows.selection(made['run_id']) == [test.id for test in tests]
    attempt = attempts(canceled).json['data'][1]
    assert (attempt['reason'], attempt['automatic'], attempt['requested_by']) == (
        'Automatic: the build has succeeded', True, None)
    assert f'run {canceled.id} is retried as run {made["run_id"]} with 2 tests, automatically' in caplog.text


def test_tests_that_are_inactive_now_are_left_out(succeed, canceled, rows, tests):
    tests[0].active = False

    made, = succeed(canceled)

    assert rows.selection(made['run_id']) == [tests[1].id]


OFF = pytest.mark.parametrize('settings', [{'RUNS_API_AUTOMATIC_RETRIES': 0}])


@OFF
def test_without_automatic_retries_no_run_is_made_and_nothing_is_asked(posted, canceled, github):
    assert (posted(canceled), github.asked) == ([], [])


# Once


def test_the_second_delivery_makes_no_second_retry(succeed, posted, canceled, github):
    made, = succeed(canceled)
    github.asked.clear()

    assert posted(canceled) == [('pending', made['run_id'])]
    end(made['run_id'], TestStatus.preparation)
    assert posted(canceled) == []
    assert github.asked == []


def test_two_events_at_the_same_moment_make_one_retry(succeed, canceled, while_github_is_asked, caplog):
    while_github_is_asked(lambda: succeed(canceled))

    assert len(succeed(canceled)) == 1
    assert caplog.text.count(' is retried as run ') == 1 and 'no run is retried' not in caplog.text


def test_a_sweep_at_the_same_moment_makes_the_only_retry(
        succeed, make_canceled, while_github_is_asked, command, caplog):
    canceled = make_canceled(NOT_VISIBLE)
    while_github_is_asked(lambda: command('sweep'))

    made, = succeed(canceled)

    assert made['reason'].decode() == 'Automatic: GitHub did not show the build yet, so no test ran.'
    assert 'no run is retried: This idempotency key belongs to another request.' in caplog.text


def test_the_number_of_automatic_retries_of_the_first_run_holds(succeed, canceled, caplog):
    for _ in range(2):
        made, = succeed(canceled)
        seed.add(TestProgress(made['run_id'], TestStatus.canceled, FAILED))

    assert succeed(canceled) == []
    assert f'no run is retried: The automatic retries of run {canceled.id} are used up.' in caplog.text


# Which run


def test_the_newest_run_is_retried_because_the_platform_names_the_oldest(succeed, canceled, make_canceled):
    reopened = make_canceled()

    made, = succeed(canceled)

    assert made['source_run_id'] == reopened.id


@pytest.mark.parametrize('stages', [seed.STARTED, seed.COMPLETED], ids=['running', 'completed'])
def test_a_newer_run_that_is_running_or_has_completed_stays_as_it_is(posted, canceled, make_run, stages):
    make_run(stages=stages)

    assert posted(canceled) == []


def test_a_run_that_a_person_made_for_the_pull_request_stands_in_no_ones_place(succeed, canceled, make_run):
    make_run(stages=(), branch='by-hand')

    made, = succeed(canceled)

    assert made['source_run_id'] == canceled.id


def test_without_a_pull_request_only_the_attempts_of_the_run_count(succeed, make_canceled, make_run):
    of_master = {'test_type': TestType.commit, 'branch': 'master', 'pr_nr': 0}
    pushed = make_canceled(**of_master)
    make_run(stages=(), **of_master)
    first, = succeed(pushed)
    seed.add(TestProgress(first['run_id'], TestStatus.canceled, FAILED))

    second, = succeed(pushed)

    assert [made['source_run_id'] for made in (first, second)] == [pushed.id, first['run_id']]


def test_a_run_that_something_else_ended_stays_as_it_is(succeed, make_canceled):
    assert succeed(make_canceled('PR closed')) == []


@pytest.mark.parametrize('rows_before', [
    # GitHub shows the build late: the webhook writes both rows. The last one alone names no build.
    [NOT_VISIBLE, 'Not ran - no code changes'], [FAILED, 'A new word']])
def test_a_build_that_any_row_names_ended_the_run(succeed, make_canceled, rows_before):
    run = make_canceled(rows_before[0])
    seed.progress(run, TestStatus.canceled, message=rows_before[1])

    assert len(succeed(run)) == 1


# A run that waits, or has passed: neither needs automatic retries


@pytest.mark.parametrize('settings', [{}, {'RUNS_API_AUTOMATIC_RETRIES': 0}])
@pytest.mark.parametrize('make', [
    lambda run, make_run: make_run(stages=()).id, lambda run, make_run: retry_run(run.id).new_run_id],
    ids=['of the platform', 'of a person'])
def test_whoever_made_the_newest_run_its_commit_is_pending_again_while_it_waits(
        posted, make_canceled, make_run, make):
    source = make_canceled('A new word')
    newest = make(source, make_run)

    assert posted(source) == [('pending', newest)]


@pytest.fixture
def green(make_run, tests):
    """A run that has passed."""
    run = make_run(stages=())
    finish(run.id, tests)
    return run


def test_the_retry_of_a_green_run_decides_while_it_waits_although_the_run_has_passed(posted, green):
    retry = retry_run(green.id)
    seed.add(TestProgress(green.id, TestStatus.canceled, FAILED))

    assert posted(green) == [('pending', retry.new_run_id)]


@pytest.mark.parametrize('settings', [{}, {'RUNS_API_AUTOMATIC_RETRIES': 0}])
def test_a_run_that_has_passed_is_not_run_again_and_gets_its_status_back(posted, green, caplog):
    seed.add(TestProgress(green.id, TestStatus.canceled, FAILED))

    assert [posted(green), posted(green)] == [[('success', green.id)], []]
    assert f'no run is retried: All tests of run {green.id} passed.' in caplog.text


def test_no_success_is_posted_while_a_retry_of_the_run_runs(posted, green):
    end(retry_run(green.id).new_run_id, TestStatus.testing)

    assert posted(green) == []


def test_a_retry_whose_build_ended_it_is_not_made_again_if_the_attempt_before_has_passed(posted, green):
    retry = retry_run(green.id).new_run_id
    seed.add(TestProgress(retry, TestStatus.canceled, FAILED))

    assert posted(green) == [('success', green.id)]


def test_a_run_that_has_passed_is_not_run_again_whatever_becomes_of_its_status(posted, green, make_run, tests, caplog):
    other = make_run(stages=(), branch='by-hand')
    finish(other.id, tests, failed=tests)

    assert posted(green) == []
    assert (f'All tests of run {green.id} passed. Its status is not posted again: test {tests[0].id} failed in run '
            f'{other.id} of the same commit.') in caplog.text


def test_a_retry_that_still_gets_a_failure_has_not_passed(succeed, incomplete):
    newest = retry_run(incomplete).new_run_id
    seed.add(TestProgress(newest, TestStatus.canceled, FAILED))

    made, = succeed(incomplete)

    assert made['source_run_id'] == newest


# While GitHub is asked


def test_a_run_that_completes_while_github_is_asked_stays(succeed, canceled, while_github_is_asked, caplog):
    while_github_is_asked(lambda: end(canceled.id))

    assert succeed(canceled) == []
    assert f'Run {canceled.id} was not ended by its build.' in caplog.text


def test_a_run_that_is_made_while_github_is_asked_is_the_one_that_counts(
        succeed, canceled, make_run, while_github_is_asked, caplog):
    while_github_is_asked(lambda: make_run(stages=()))

    assert succeed(canceled) == []
    assert f'Run {canceled.id + 1} of the same commit is newer.' in caplog.text


# The conditions


def test_a_question_without_an_answer_refuses_nothing(succeed, canceled, github, caplog):
    github.faults['pull request 1342'] = TimeoutError('GitHub')

    assert len(succeed(canceled)) == 1
    assert 'GitHub gave no answer about pull request 1342: TimeoutError: GitHub' in caplog.text


#: By the sentence of each condition how it comes about.
UNMET = {
    'is superseded': lambda github, make_run: make_run(commit=NEW_COMMIT),
    'is still running': lambda github, make_run: add_retries(1, [make_run(stages=seed.STARTED, branch='other').id]),
    'Pull request 1342 is closed.': lambda github, make_run: github.close_pull(PR),
    'The author of pull request 1342 is blocked.': lambda github, make_run: seed.add(BlockedUsers(user_id=AUTHOR)),
    'There is no build': lambda github, make_run: github.builds.clear()}


@pytest.mark.parametrize('sentence', UNMET)
def test_the_five_conditions_refuse_the_retry(succeed, canceled, github, make_run, caplog, sentence):
    UNMET[sentence](github, make_run)

    assert succeed(canceled) == []
    assert sentence in caplog.text


@pytest.mark.parametrize('settings', [{'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE': 1}])
def test_maintenance_and_the_limit_at_once_refuse_nothing(succeed, canceled, make_canceled, github):
    seed.add(MaintenanceMode(platform=TestPlatform.linux, disabled=True))
    github.open_pull(PR + 1, NEW_COMMIT, AUTHOR)

    assert len(succeed(canceled)) == len(succeed(make_canceled(commit=NEW_COMMIT, pr_nr=PR + 1))) == 1


# Errors


def test_no_error_reaches_the_platform(succeed, canceled, engine, caplog):
    with before_statements(engine, 'INSERT INTO run_retry', fail):
        assert succeed(canceled) == []
    assert 'no run is retried: ServiceUnavailable' in caplog.text

    assert succeed(2 ** 31 - 1) == succeed('x') == []
    assert 'no run is retried: RunNotFound' in caplog.text and 'no run is retried: TypeError' in caplog.text
