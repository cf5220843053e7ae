"""Why a run ended, and where that is said (docs/api.rst, "Causes"). The table itself: tests/domain."""

import json
from datetime import datetime
from typing import Any

import pytest
import seed
from database import db
from flask.testing import FlaskClient
from mod_regression.models import RegressionTest
from mod_test.models import Test, TestProgress, TestStatus
from support.api import ApiCall, Command
from support.histories import (OUT_OF_ORDER, TIME_LIMIT, end, finish, report,
                               retry_in_process)
from support.rows import Rows, change_retries

MISSING = '2 of 3 results are missing'
#: The stages of a progress row by their name; any other text is the message of a row that cancels.
STAGES = {stage.value: stage for stage in (TestStatus.preparation, TestStatus.testing, TestStatus.completed)}
STARTED = ['preparation', 'testing']
COMPLETED = [*STARTED, 'completed']


def add_run(tests: list[RegressionTest], rows: list[str], results: int = 1) -> Test:
    """Add a run of some tests that has these progress rows, and results of the first of the tests."""
    run = seed.run(tests)
    for row in rows:
        seed.add(TestProgress(run.id, STAGES.get(row, TestStatus.canceled), '' if row in STAGES else row))
    for test in tests[:results]:
        seed.result(run, test)
    return run


def cause(attempts: ApiCall, run: Test | int, place: int = 0) -> tuple[Any, Any]:
    """Return the cause of an attempt and what decided."""
    attempt = attempts(run).json['data'][place]
    return attempt['cause'], attempt['cause_detail']


def test_the_last_row_is_that_with_the_highest_id_whatever_its_time(
        attempts: ApiCall, tests: list[RegressionTest]) -> None:
    run = add_run(tests, [TIME_LIMIT])
    seed.add(TestProgress(run.id, TestStatus.canceled, OUT_OF_ORDER, datetime(2020, 1, 1)))

    assert cause(attempts, run) == ('infrastructure', OUT_OF_ORDER)


# Which results are missing


@pytest.mark.parametrize(('has_rows', 'results', 'detail'), [
    (True, 3, None), (True, 1, MISSING), (True, 0, '3 of 3 results are missing'),
    # Nobody knows any more what it was given.
    (False, 1, None), (False, 0, 'all results are missing')])
def test_a_run_that_completed_is_whole_or_lacks_results(
        attempts: ApiCall, tests: list[RegressionTest], has_rows: bool, results: int, detail: str | None) -> None:
    # A test that is selected twice is missing once.
    run = add_run([*tests, tests[2]] if has_rows else [], COMPLETED, results=0)
    for test in tests[:results]:
        seed.result(run, test)
    assert cause(attempts, run) == (detail and 'infrastructure', detail)

    if has_rows and results < 3:
        # A test that no worker is given any more was selected if it ran.
        tests[0].categories.clear()
        assert cause(attempts, run)[1] == f'2 of {2 + results} results are missing'


def test_a_test_that_no_worker_is_given_any_more_is_not_missing_for_being_carried_over(
        attempts: ApiCall, tests: list[RegressionTest]) -> None:
    run_id = finish(seed.run(tests).id, tests, failed=tests[:1])
    tests[0].categories.clear()
    retry = finish(retry_in_process(run_id, failed_only=True), [])

    assert (attempts(retry).json['data'][1]['carried_over'], cause(attempts, retry, 1)) == (3, (None, None))


@pytest.fixture
def half_way(tests: list[RegressionTest]) -> int:
    """A run that ran out of time when all of its tests but the first had failed."""
    run = add_run(tests, STARTED, results=0)
    report(run.id, tests, failed=tests[1:])
    run.results[0].runtime = 600_000
    seed.add(TestProgress(run.id, TestStatus.canceled, TIME_LIMIT))
    return run.id


@pytest.mark.parametrize('ran', [2, 1, 0])
def test_what_was_carried_over_is_no_result_of_its_own(
        attempts: ApiCall, tests: list[RegressionTest], half_way: int, rows: Rows, ran: int) -> None:
    retry = retry_in_process(half_way, failed_only=True)
    report(retry, tests[1:1 + ran])
    end(retry)

    assert len(rows.of('test_result', test_id=retry)) == 3
    assert cause(attempts, retry, 1)[1] == (f'{2 - ran} of 2 results are missing' if ran < 2 else None)
    # Nor is it the test that hangs.
    seed.add(TestProgress(retry, TestStatus.canceled, TIME_LIMIT))
    assert cause(attempts, retry, 1)[0] == ('infrastructure' if ran < 2 else None)


# Where they are said


@pytest.mark.on_file
def test_attempts_page_and_command_tell_the_cause_and_who_is_a_machine(
        attempts: ApiCall, command: Command, client: FlaskClient, tests: list[RegressionTest]) -> None:
    run = add_run(tests, [*STARTED, TIME_LIMIT]).id
    retry_in_process(run)
    change_retries(automatic=True)
    retry_in_process(run)

    listed = attempts(run).json['data']
    lines = [line.split('\t') for line in command('attempts', run).stdout.splitlines()]
    page = client.get(f'/test/{run}').text

    assert [(one['cause'], one['cause_detail'], one['automatic']) for one in listed] == [
        ('infrastructure', TIME_LIMIT, None), (None, None, True), (None, None, False)]
    assert [(*line[12:14], line[9]) for line in lines[:2]] == [
        ('infrastructure', TIME_LIMIT, '-'), ('-', '-', 'automatic')]
    assert '</span>: <bdi>time limit exceeded</bdi>' in page and '>automatic</td>' in page


@pytest.mark.on_file
def test_the_command_counts_the_causes_of_the_last_runs_that_ended(
        command: Command, tests: list[RegressionTest], rows: Rows) -> None:
    add_run(tests, ['PR closed'])
    for message in (OUT_OF_ORDER, TIME_LIMIT, TIME_LIMIT, '', 'A new word', 'Canceled by "admin"\t'):
        add_run(tests, [*STARTED, message])
    add_run(tests, COMPLETED)
    add_run(tests, COMPLETED, results=3)
    for unfinished in ([], STARTED):
        add_run(tests, unfinished)
    db.session.commit()
    before = rows.snapshot()

    found = json.loads(command('causes', '--json').output)
    printed = command('causes', '--last', 8).output.splitlines()
    assert command('causes', '--last', 0).exit_code == 2

    assert (found['runs'], found['whole']) == (9, 1)
    assert found['causes'] == {'decision': 2, 'build': 0, 'code': 0, 'infrastructure': 5, 'unknown': 1}
    assert found['details'][0] == {'cause': 'infrastructure', 'detail': TIME_LIMIT, 'count': 2}
    assert {(one['cause'], one['detail'], one['count']) for one in found['details'][1:]} == {
        ('infrastructure', OUT_OF_ORDER, 1), ('infrastructure', 'the worker gave up', 1), ('unknown', 'A new word', 1),
        ('infrastructure', 'results are missing', 1), ('decision', 'Canceled by "admin"', 1),
        ('decision', 'PR closed', 1)}
    assert printed[:8] == ['runs\t8', 'whole\t1', 'decision\t1', 'build\t0', 'code\t0', 'infrastructure\t5',
                           'unknown\t1', f'infrastructure\t2\t{TIME_LIMIT}']
    assert 'decision\t1\tCanceled by "admin"' in printed
    assert rows.snapshot() == before

    # More are counted than are read at once.
    seed.bulk_runs(450, 1)
    assert json.loads(command('causes', '--last', 1000, '--json').output)['whole'] == 451
