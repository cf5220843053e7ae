"""The end of a run is its first row, however often the platform writes it (docs/operations.rst)."""

import pytest
import seed
from database import db
from mod_regression.models import RegressionTest
from mod_test.models import TestProgress, TestStatus
from support.api import ApiCall
from support.histories import TIME_LIMIT, finish, report, retry_in_process
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
def test_an_end_that_is_said_again_is_no_new_end(
        case: str, first: int, tests: list[RegressionTest], rows: Rows) -> None:
    once, again = SAID_AGAIN[case]
    old, healed = retry_in_process(first), retry_in_process(first)
    report(old, tests, failed=tests[1:2])
    write(old, *once)
    finish(healed, tests)
    write(old, *again)

    assert attempts_verdict(first).tests[1].latest == 'pass', case
    resumed = finish(retry_in_process(first, failed_only=True), tests[2:])
    assert rows.carried_over(resumed) == dict.fromkeys([test.id for test in tests[:2]], healed)


def test_a_run_that_went_on_after_its_cancellation_ends_again(first: int, tests: list[RegressionTest]) -> None:
    slow, fast = retry_in_process(first), retry_in_process(first)
    report(slow, tests, failed=tests[1:2])
    write(slow, (CANCELED, 'Canceled by admin'))
    finish(fast, tests)
    write(slow, (TESTING, ''), (CANCELED, 'Canceled by admin'))

    assert attempts_verdict(first).tests[1].latest == 'fail'


def test_a_completed_run_that_lacks_a_result_is_an_error_whatever_the_others_say(
        attempts: ApiCall, tests: list[RegressionTest]) -> None:
    for selection, failed in ((tests, []), (None, tests[:1])):
        attempt, = attempts(finish(seed.run(selection).id, tests[:2], failed=failed)).json['data']
        assert (attempt['status'], attempt['not_run']) == ('error', 1)
