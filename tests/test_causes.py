"""Why a run ended, from sequences of progress rows: the table of docs/api.rst, "Causes", line by line."""

from __future__ import annotations

from datetime import datetime

import pytest
import seed
from database import db
from flask import Flask
from flask.testing import FlaskClient
from mod_regression.models import RegressionTest
from mod_test.models import Test, TestProgress, TestStatus
from sqlalchemy import Engine
from support.api import ApiCall, Command
from support.rows import Rows, change_retries

from mod_runs_api import retry_run
from mod_runs_api.causes import (BUILD, CODE, DECISION, INFRASTRUCTURE,
                                 NOT_RAN, NOT_VISIBLE, OUT_OF_ORDER,
                                 TIME_LIMIT, UNKNOWN, VANISHED, Cause,
                                 find_cause)
from mod_runs_api.database.ends import RunRecord
from mod_runs_api.database.runs import Progress, ProgressRow


def row(status: str, message: str) -> ProgressRow:
    """Return a progress row."""
    return ProgressRow(1, 1, status, message, datetime(2026, 11, 24))


def canceled(message: str) -> ProgressRow:
    """Return the row that ends a run with a message."""
    return row('canceled', message)


STARTED = [row('preparation', 'Loaded variables'), row('testing', 'Running tests')]
COMPLETED = row('completed', 'Ran all tests')


def cause(*rows: ProgressRow, selected: int | None = 20, missing: int = 8, longest_runtime: int = 1200) -> Cause | None:
    """Return the cause of a run that stopped half-way, unless said otherwise."""
    results = 12 if selected is None else selected - missing
    return find_cause(RunRecord(Progress(1, rows), selected, missing, results, longest_runtime))


# None: its results decide, or it has not ended


@pytest.mark.parametrize('rows', [[], STARTED[:1], STARTED])
def test_a_run_that_has_not_ended_has_no_cause(rows: list[ProgressRow]) -> None:
    assert cause(*rows) is None


@pytest.mark.parametrize('later', [
    [],
    [canceled(TIME_LIMIT), canceled(TIME_LIMIT)],
    [canceled(OUT_OF_ORDER)],
    [canceled('Cancelling tests as Github Action(s) failed')],
    [canceled('Canceled by admin')],
    [canceled('Whatever the platform will say one day')],
    [COMPLETED],
])
def test_a_run_that_completed_whole_has_no_cause_whatever_came_after(later: list[ProgressRow]) -> None:
    assert cause(*STARTED, COMPLETED, *later, missing=0) is None


@pytest.mark.parametrize('earlier', ['Canceled by user', OUT_OF_ORDER, 'Tests canceled'])
def test_a_run_that_completed_whole_after_it_was_canceled_has_no_cause(earlier: str) -> None:
    assert cause(*STARTED, canceled(earlier), COMPLETED, missing=0) is None


def test_without_selected_tests_a_run_that_completed_with_a_result_is_whole() -> None:
    assert cause(*STARTED, COMPLETED, selected=None) is None


def test_a_run_that_goes_on_after_it_was_canceled_has_not_ended() -> None:
    assert cause(STARTED[0], canceled('Canceled by user'), STARTED[1]) is None


# Decision


@pytest.mark.parametrize('message', ['Canceled by user', 'Canceled by admin', 'Canceled by alice via API: wrong'])
@pytest.mark.parametrize('later', [
    [], [canceled(OUT_OF_ORDER)], [canceled(TIME_LIMIT)], [canceled('')], [COMPLETED], [STARTED[1], canceled(VANISHED)],
    [canceled('Build failed: the workflow finished with failure')]])
def test_what_a_person_canceled_is_a_decision_whatever_its_machine_says(message: str, later: list[ProgressRow]) -> None:
    assert cause(*STARTED, canceled(message), *later) == (DECISION, message)


def test_blanks_around_what_a_person_did_do_not_matter() -> None:
    assert cause(canceled(' Canceled by admin\n'), canceled(TIME_LIMIT)) == (DECISION, 'Canceled by admin')


@pytest.mark.parametrize('message', ['PR closed', 'PR is closed', 'Tests canceled', 'Invalid PR number', NOT_RAN])
def test_what_the_pull_request_decided_is_a_decision(message: str) -> None:
    assert cause(canceled(message)) == (DECISION, message)


@pytest.mark.parametrize('message', ['PR closed', 'Tests canceled'])
def test_a_pull_request_decides_after_an_invisible_build_too(message: str) -> None:
    assert cause(canceled(NOT_VISIBLE), canceled(message)) == (DECISION, message)


def test_the_time_limit_after_the_pull_request_was_closed_is_infrastructure() -> None:
    # Unlike a person's, this end is only looked for in the last row.
    assert cause(canceled('PR closed'), canceled(TIME_LIMIT)) == (INFRASTRUCTURE, TIME_LIMIT)


# Build


@pytest.mark.parametrize('message', [
    'Build failed: the workflow finished with conclusion failure',
    'No build will be created: the commit touches only documents',
    'No build available: the workflow never ran',
    'Artifact not found: it may have expired',
    'Artifact download failed: HTTP 403',
    'Artifact download failed: HTTP 410',
    'Cancelling tests as Github Action(s) failed',
])
def test_no_build_is_the_cause_build(message: str) -> None:
    assert cause(canceled(message)) == (BUILD, message)


def test_a_build_that_fails_again_is_the_cause_of_a_run_that_had_run_out_of_time() -> None:
    assert cause(*STARTED, canceled(TIME_LIMIT), canceled('Build failed: …')) == (BUILD, 'Build failed: …')


def test_the_time_limit_after_a_failed_build_is_infrastructure() -> None:
    assert cause(canceled('Build failed: …'), canceled(TIME_LIMIT)) == (INFRASTRUCTURE, TIME_LIMIT)


# Code


def test_the_time_limit_after_a_test_that_ran_for_ten_minutes_is_the_code() -> None:
    assert cause(*STARTED, canceled(TIME_LIMIT), longest_runtime=600_000) == (CODE, TIME_LIMIT)


def test_a_slow_test_alone_says_nothing_of_another_end() -> None:
    assert cause(*STARTED, canceled(OUT_OF_ORDER), longest_runtime=600_000) == (INFRASTRUCTURE, OUT_OF_ORDER)


# Infrastructure


@pytest.mark.parametrize('ticks', [1, 2, 5])
def test_the_time_limit_is_infrastructure_at_each_tick(ticks: int) -> None:
    assert cause(*STARTED, *[canceled(TIME_LIMIT)] * ticks, longest_runtime=599_999) == (INFRASTRUCTURE, TIME_LIMIT)


@pytest.mark.parametrize('message', [
    'GCP operation timed out. The test will be retried automatically.',
    'VM creation failed. Please contact the administrator.',
    'VM creation failed (SOMETHING_NEW). Please contact the administrator.',
    'Required GCP resource not found. Please contact the administrator.',
    'A VM with this name already exists. Please contact the administrator.',
    'Artifact download timed out',
    'Artifact download failed: HTTP 502',
    'Artifact download failed: Connection reset by peer',
])
def test_a_run_that_never_got_its_machine_is_infrastructure(message: str) -> None:
    assert cause(canceled(message)) == (INFRASTRUCTURE, message)


@pytest.mark.parametrize(('message', 'detail'), [
    (OUT_OF_ORDER, OUT_OF_ORDER), ('artifact', 'artifact'), ('', 'the worker gave up'), (' \n', 'the worker gave up'),
    (VANISHED, VANISHED), (f' {TIME_LIMIT}\n', TIME_LIMIT)])
def test_a_worker_that_stopped_is_infrastructure(message: str, detail: str) -> None:
    assert cause(*STARTED, canceled(message)) == (INFRASTRUCTURE, detail)


@pytest.mark.parametrize('later', [[], [canceled(NOT_RAN)], [canceled(NOT_RAN), canceled(NOT_RAN)]])
def test_a_build_that_is_not_visible_yet_is_infrastructure(later: list[ProgressRow]) -> None:
    assert cause(canceled(NOT_VISIBLE), *later) == (INFRASTRUCTURE, NOT_VISIBLE)


def test_an_invisible_build_that_then_failed_is_the_build() -> None:
    assert cause(canceled(NOT_VISIBLE), canceled('Build failed: …')) == (BUILD, 'Build failed: …')


def test_a_run_that_completed_without_some_results_is_infrastructure() -> None:
    assert cause(*STARTED, COMPLETED) == (INFRASTRUCTURE, '8 of 20 results are missing')


def test_a_run_that_completed_without_any_result_is_infrastructure() -> None:
    record = RunRecord(Progress(1, [*STARTED, COMPLETED]), selected=None, missing=0, results=0)
    assert find_cause(record) == (INFRASTRUCTURE, 'all results are missing')


@pytest.mark.parametrize('message', ['', 'artifact', OUT_OF_ORDER])
def test_what_a_worker_says_when_it_completes_is_no_cause(message: str) -> None:
    assert cause(*STARTED, row('completed', message)) == (INFRASTRUCTURE, '8 of 20 results are missing')


def test_a_message_that_came_after_an_incomplete_run_is_told_instead_of_the_results() -> None:
    assert cause(*STARTED, COMPLETED, canceled(OUT_OF_ORDER)) == (INFRASTRUCTURE, OUT_OF_ORDER)


def test_an_incomplete_run_with_an_unknown_message_is_told_by_its_results() -> None:
    assert cause(*STARTED, COMPLETED, canceled('A new word')) == (INFRASTRUCTURE, '8 of 20 results are missing')


# Unknown


@pytest.mark.parametrize('message', [
    'PR converted to draft', 'Could not complete test, time limit exceeded again', 'gcp quota', 'The artifact',
    'duplicate entries', 'Canceled', 'Not Canceled by admin', 'PR closed!', 'Infrastructure'])
def test_a_message_that_nobody_knows_is_unknown(message: str) -> None:
    assert cause(*STARTED, canceled(message)) == (UNKNOWN, message)


# Where they are said


@pytest.fixture
def stopped(app: Flask) -> Test:
    """A run of three tests that ran out of time after the first."""
    tests = [seed.regression_test() for _ in range(3)]
    run = seed.run(tests, stages=[TestStatus.preparation, TestStatus.testing])
    seed.result(run, tests[0])
    seed.add(TestProgress(run.id, TestStatus.canceled, TIME_LIMIT))
    db.session.commit()
    return run


def test_the_attempts_tell_the_cause_and_who_is_a_machine(attempts: ApiCall, stopped: Test, engine: Engine) -> None:
    for _ in range(2):
        retry_run(stopped.id)
    with engine.begin() as connection:
        connection.exec_driver_sql('UPDATE run_retry SET automatic = 1 WHERE run_id = 2')

    listed = attempts(stopped.id).json['data']

    assert [(one['cause'], one['cause_detail'], one['automatic']) for one in listed] == [
        (INFRASTRUCTURE, TIME_LIMIT, None), (None, None, True), (None, None, False)]


def test_the_page_says_what_stopped_an_attempt_and_who_is_a_machine(client: FlaskClient, stopped: Test,
                                                                    engine: Engine) -> None:
    retry_run(stopped.id)
    with engine.begin() as connection:
        connection.exec_driver_sql('UPDATE run_retry SET automatic = 1')

    page = client.get(f'/test/{stopped.id}').text

    assert 'stopped: time limit exceeded' in page
    assert '<td>automatic</td>' in page


@pytest.mark.on_file
def test_the_command_lists_the_cause(command: Command, stopped: Test) -> None:
    retry_run(stopped.id)

    change_retries(automatic=True)

    first, second = command('attempts', stopped.id).stdout.splitlines()

    assert (first.split('\t')[9], second.split('\t')[9]) == ('-', 'automatic')
    assert first.split('\t')[-2:] == [INFRASTRUCTURE, TIME_LIMIT]
    assert second.split('\t')[-2:] == ['-', '-']


@pytest.mark.parametrize(('runtimes', 'expected'), [
    ([600_000, 1200], CODE), ([1200, 600_000], CODE), ([599_999, 1200], INFRASTRUCTURE),
    ([None, None], INFRASTRUCTURE)])
def test_the_slowest_test_says_whether_the_code_hangs(attempts: ApiCall, stopped: Test, runtimes: list[int | None],
                                                      expected: str) -> None:
    seed.result(stopped, db.session.get_one(RegressionTest, 2))
    for result, runtime in zip(stopped.results, runtimes):
        result.runtime = runtime

    assert attempts(stopped.id).json['data'][0]['cause'] == expected


def test_the_last_row_is_that_with_the_highest_id_whatever_its_time(attempts: ApiCall, stopped: Test) -> None:
    seed.add(TestProgress(stopped.id, TestStatus.canceled, OUT_OF_ORDER, datetime(2020, 1, 1)))

    assert attempts(stopped.id).json['data'][0]['cause_detail'] == OUT_OF_ORDER


# What was carried over is no result of its own


def complete_with(run_id: int, ran: list[int]) -> None:
    """Have a retry complete after some of its tests, and be made whole."""
    run = db.session.get_one(Test, run_id)
    for regression_id in ran:
        seed.result(run, db.session.get_one(RegressionTest, regression_id))
    seed.progress(run, *seed.COMPLETED)
    db.session.commit()


@pytest.mark.parametrize(('ran', 'expected'), [
    ([2, 3], None), ([2], '1 of 2 results are missing'), ([], '2 of 2 results are missing')])
def test_a_retry_that_was_made_whole_still_lacks_what_it_did_not_run(
        attempts: ApiCall, stopped: Test, rows: Rows, ran: list[int], expected: str | None) -> None:
    for regression_id in (2, 3):
        seed.result(stopped, db.session.get_one(RegressionTest, regression_id),
                    seed.passing(db.session.get_one(RegressionTest, regression_id)).exits(1))
    db.session.commit()
    retry = retry_run(stopped.id, failed_only=True).new_run_id

    complete_with(retry, ran)

    assert len(rows.of('test_result', test_id=retry)) == 3
    assert attempts(retry).json['data'][1]['cause_detail'] == expected


def test_a_test_that_was_carried_over_is_not_what_hangs(attempts: ApiCall, stopped: Test) -> None:
    stopped.results[0].runtime = 600_000
    db.session.commit()
    retry = retry_run(stopped.id, failed_only=True).new_run_id
    complete_with(retry, [2])
    seed.add(TestProgress(retry, TestStatus.canceled, TIME_LIMIT))

    assert attempts(retry).json['data'][1]['cause'] == INFRASTRUCTURE


def test_a_test_that_no_worker_is_given_any_more_was_selected_if_it_ran(attempts: ApiCall, app: Flask) -> None:
    tests = [seed.regression_test() for _ in range(2)]
    run = seed.run(tests, stages=seed.COMPLETED)
    seed.result(run, tests[0])
    tests[0].categories.clear()

    assert attempts(run.id).json['data'][0]['cause_detail'] == '1 of 2 results are missing'


def test_a_test_that_no_worker_is_given_is_not_missing(attempts: ApiCall, app: Flask) -> None:
    tests = [seed.regression_test() for _ in range(2)]
    tests[1].categories.clear()
    run = seed.run(tests, stages=seed.COMPLETED)
    seed.result(run, tests[0])

    assert attempts(run.id).json['data'][0]['cause'] is None


@pytest.mark.parametrize(('results', 'expected'), [(1, None), (0, 'all results are missing')])
def test_a_run_without_selected_tests_needs_one_result(attempts: ApiCall, app: Flask, results: int,
                                                       expected: str | None) -> None:
    tests = [seed.regression_test() for _ in range(2)]
    run = seed.run(stages=seed.COMPLETED)
    for test in tests[:results]:
        seed.result(run, test)

    assert attempts(run.id).json['data'][0]['cause_detail'] == expected


def test_a_test_that_is_selected_twice_is_missing_once(attempts: ApiCall, app: Flask) -> None:
    test = seed.regression_test()
    run = seed.run([test, test], stages=seed.COMPLETED)

    assert attempts(run.id).json['data'][0]['cause_detail'] == '1 of 1 results are missing'
