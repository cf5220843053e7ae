"""When a status may be success (docs/how-it-works.rst, "A status belongs to a commit")."""

from datetime import datetime

import pytest
from support.messages import LOST_MACHINE, NOT_VISIBLE, TIME_LIMIT

from mod_runs_api.domain.attempts import AttemptRecord, Attempts
from mod_runs_api.domain.catalogue import Catalogue
from mod_runs_api.domain.commit_status import FailedTest, find_passed, find_standing_against, has_failure
from mod_runs_api.domain.outcomes import ExpectedToday, Result, RunTests
from mod_runs_api.domain.progress import Progress, ProgressRow

from .test_retry import run

GREEN, RED = Result(0, 0), Result(1, 0)
COMPLETED = ('completed', '')
FAILED_BUILD = ('canceled', 'Cancelling tests as Github Action(s) failed')


def progress(rows, run_id=5, first_id=1):
    """Return the progress of a run: statuses and messages, with ids from some number on."""
    return Progress(run_id, [ProgressRow(run_id, row_id, status, message, datetime.min)
                             for row_id, (status, message) in enumerate(rows, first_id)])


def run_tests(*results, selected=2):
    """Return some selected tests, of which the first ones have results."""
    selection = {*range(1, selected + 1)}
    return RunTests(dict(enumerate(results, 1)), selection, selection)


def today(*found, code=0):
    """Return what is expected today of the tests of these attempts: the exit code of the second test may be another."""
    return {run_id: ExpectedToday({1: 0, 2: code}, {}) for attempts in found for run_id in attempts.tests}


ONE_RED = run_tests(GREEN, RED)


def attempts(*of_runs, first_id=8, active=(1, 2)):
    """Return the attempts of root run 8: the progress and the tests of each."""
    ids = range(first_id, first_id + len(of_runs))
    return Attempts(
        run(), {run_id: AttemptRecord(run_id, stored_build=None, retry=None) for run_id in ids},
        {run_id: progress(rows, run_id, 10 * run_id) for run_id, (rows, _) in zip(ids, of_runs)},
        {run_id: tests for run_id, (_, tests) in zip(ids, of_runs)}, Catalogue({*active}, {1, 2}, {}))


@pytest.mark.parametrize(('rows', 'is_expected'), [
    ([COMPLETED], True),
    # Its build was repeated, and the platform wrote the time limit once more.
    ([COMPLETED, FAILED_BUILD], True), ([COMPLETED, ('canceled', TIME_LIMIT)], True),
    ([COMPLETED, ('canceled', NOT_VISIBLE), ('canceled', 'Not ran - no code changes')], True),
    # A decision, whatever was written after a person's.
    ([COMPLETED, ('canceled', 'Canceled by admin')], False),
    ([COMPLETED, ('canceled', 'Canceled by admin'), FAILED_BUILD], False),
    ([COMPLETED, ('canceled', 'PR closed')], False), ([COMPLETED, ('canceled', 'Not ran - no code changes')], False),
    # One that a later row took back, or that came before the completion, is none.
    ([COMPLETED, ('canceled', 'PR closed'), FAILED_BUILD], True),
    ([('canceled', 'Canceled by admin'), COMPLETED], True),
    # All its tests passed, but it has not completed.
    ([('canceled', LOST_MACHINE)], False), ([('testing', '')], False), ([], False)])
def test_a_run_has_passed_whatever_came_later_but_a_decision(rows, is_expected):
    assert find_passed(attempts((rows, run_tests(GREEN, GREEN)))) == (8 if is_expected else None)


@pytest.mark.parametrize('tests', [
    run_tests(GREEN, RED), run_tests(GREEN), run_tests(selected=0)])
def test_a_run_of_which_a_test_did_not_pass_or_that_ran_none_has_not_passed(tests):
    assert find_passed(attempts(([COMPLETED], tests))) is None


@pytest.mark.parametrize(('of_runs', 'passed_id'), [
    ([([COMPLETED], run_tests(GREEN, GREEN)), ([], run_tests())], 8),
    ([([COMPLETED], run_tests(GREEN, GREEN)), ([COMPLETED], run_tests(GREEN, RED))], None),
    # No attempt fits, and the root run was deleted.
    ([([FAILED_BUILD], run_tests())], None)])
def test_the_attempt_that_counts_may_have_passed(of_runs, passed_id):
    assert find_passed(attempts(*of_runs)) == passed_id


def test_a_result_that_is_still_to_be_carried_over_may_be_a_failure():
    found = attempts(([COMPLETED], ONE_RED))

    assert not has_failure(found, {})
    assert not has_failure(found, {1: 8})
    assert has_failure(found, {1: 8, 2: 8})


HANGS = run_tests(GREEN, Result(1, 0, has_timed_out=True))


@pytest.mark.parametrize(('others', 'failed'), [
    ([], None),
    ([attempts(([COMPLETED], ONE_RED))], FailedTest(2, 8)),
    ([attempts(([COMPLETED], run_tests(GREEN, GREEN)))], None),
    # Results may be missing in a run that completed, and rows may come later.
    ([attempts(([COMPLETED, FAILED_BUILD], run_tests(RED)))], FailedTest(1, 8)),
    ([attempts(([COMPLETED], run_tests(GREEN)))], None),
    # What hangs came to its end. What was lost, canceled, queued or running did not.
    ([attempts(([('canceled', TIME_LIMIT)], HANGS))], FailedTest(2, 8)),
    ([attempts(([('canceled', TIME_LIMIT)], ONE_RED))], None),
    ([attempts(([('canceled', LOST_MACHINE)], ONE_RED)), attempts(([('canceled', 'Canceled by admin')], ONE_RED))],
     None),
    ([attempts(([('testing', '')], ONE_RED)), attempts(([], run_tests()))], None),
    # It is retired.
    ([attempts(([COMPLETED], ONE_RED), active=[1])], None),
    # The decisive attempt counts: a queued or canceled one hides none, a green one does.
    ([attempts(([COMPLETED], ONE_RED), ([], run_tests()), ([('canceled', '')], run_tests(GREEN)))], FailedTest(2, 8)),
    ([attempts(([COMPLETED], ONE_RED), ([COMPLETED], run_tests(GREEN, GREEN)))], None),
    # A green run hides no red one.
    ([attempts(([COMPLETED], run_tests(GREEN, GREEN)), first_id=3), attempts(([COMPLETED], ONE_RED))],
     FailedTest(2, 8))])
def test_a_test_that_failed_in_another_run_of_the_commit_stands_against_a_success(others, failed):
    assert find_standing_against(others, today(*others), ()) == failed


@pytest.mark.parametrize('tests', [ONE_RED, run_tests(GREEN, GREEN)])
def test_a_test_that_passed_or_would_pass_today_stands_against_nothing(tests):
    other = attempts(([COMPLETED], tests))

    assert find_standing_against([other], today(other, code=1), ()) is None


@pytest.mark.parametrize(('run_again', 'failed'), [([1], FailedTest(2, 8)), ([2], None), ([1, 2], None)])
def test_a_test_that_the_retry_runs_itself_does_not_stand_against_it(run_again, failed):
    other = attempts(([COMPLETED], ONE_RED))

    assert find_standing_against([other], today(other), run_again) == failed
