"""The end of a run is its first row, however often the platform writes it (docs/operations.rst)."""

from __future__ import annotations

import pytest
import seed
from database import db
from mod_regression.models import RegressionTest
from mod_test.models import TestProgress, TestStatus
from support.api import ApiCall
from support.histories import TIME_LIMIT, end, finish, report, retry_in_process
from support.rows import Rows

from mod_runs_api import attempts_verdict

pytestmark = pytest.mark.usefixtures('app')

COMPLETED, CANCELED, TESTING = TestStatus.completed, TestStatus.canceled, TestStatus.testing


def write(run_id: int, *rows: tuple[TestStatus, str]) -> None:
    """Write progress rows, as the platform's job does."""
    db.session.add_all([TestProgress(run_id, status, message) for status, message in rows])
    db.session.commit()


#: The rows of an attempt that ended before another one, and those that are written after that.
SAID_AGAIN = {
    'the time limit at each tick': ([(CANCELED, TIME_LIMIT)], [(CANCELED, TIME_LIMIT)] * 3),
    'another cancellation': ([(CANCELED, TIME_LIMIT)], [(CANCELED, 'Build failed'), (CANCELED, TIME_LIMIT)]),
    'a completion': ([(COMPLETED, '')], [(COMPLETED, '')]),
    'the time limit after a completion': ([(COMPLETED, '')], [(CANCELED, TIME_LIMIT)] * 2),
    'messages that differ in case only': ([(CANCELED, 'a')], [(CANCELED, 'A')])}


@pytest.mark.parametrize('case', SAID_AGAIN)
def test_an_end_that_is_said_again_is_no_new_end(case: str, first: int, tests: list[RegressionTest]) -> None:
    rows, again = SAID_AGAIN[case]
    old, healed = retry_in_process(first), retry_in_process(first)
    report(old, tests, failed=tests[1:2])
    write(old, *rows)
    finish(healed, tests)
    write(old, *again)

    assert attempts_verdict(first).tests[1].latest == 'pass', case
    resumed = retry_in_process(first, failed_only=True)
    report(resumed, tests[2:])
    write(resumed, (COMPLETED, ''))
    assert attempts_verdict(first).tests[1].attempts[-1].outcome == 'carried_over'


def test_a_run_that_went_on_after_its_cancellation_ends_again(first: int, tests: list[RegressionTest]) -> None:
    slow, fast = retry_in_process(first), retry_in_process(first)
    report(slow, tests, failed=tests[1:2])
    write(slow, (CANCELED, 'Canceled by admin'))
    finish(fast, tests)
    write(slow, (TESTING, ''), (CANCELED, 'Canceled by admin'))

    assert attempts_verdict(first).tests[1].latest == 'fail'


def test_the_newer_result_is_carried_over_where_an_old_end_is_said_again(
        first: int, tests: list[RegressionTest], rows: Rows) -> None:
    healed = finish(retry_in_process(first), tests)
    last = retry_in_process(first, failed_only=True)
    end(first)
    report(last, tests[2:])
    end(last)

    assert {row['origin_run_id'] for row in rows.of('run_carried_over') if row['run_id'] == last} == {healed}


@pytest.mark.parametrize('failed', [0, 1])
def test_a_completed_run_that_lacks_a_result_is_an_error_whatever_the_others_say(attempts: ApiCall, failed: int) -> None:
    tests = seed.regression_tests(3)
    with_rows = finish(seed.run(tests).id, tests[:2], failed=tests[:failed])
    without_rows = finish(seed.run().id, tests[:2], failed=tests[:failed])

    for run_id in (with_rows, without_rows):
        attempt, = attempts(run_id).json['data']
        assert (attempt['status'], attempt['not_run']) == ('error', 1)
    report(with_rows, tests[2:])
    assert attempts(with_rows).json['data'][0]['status'] == ('fail' if failed else 'pass')
