"""What attempts prove about a test: the table of docs/verdicts.rst, "The verdict on each test", row by row."""

from dataclasses import replace
from datetime import datetime

import pytest
from support.executions import (CARRIED_OVER, CRASH, FAIL, NEW_CODE, NO_CODE, NO_FILE, NOT_RUN, OTHER_FAIL, PASS, RIGHT,
                                WRONG, Execution, Output)
from support.verdicts import judged

from mod_runs_api.domain.outcomes import Outcome
from mod_runs_api.domain.progress import Progress, ProgressRow
from mod_runs_api.domain.verdict import count_verdicts, judge_commit, needs_evidence

#: A new expected file, and files of an output that was added to the test before the second attempt.
NEW_FILE, ADDED, ADDED_WRONG = Output('new', 'new'), Output(oldest_run_id=2), Output('wrong', oldest_run_id=2)
#: A failure whose output was approved while the run was running.
APPROVED_MEANWHILE = Execution('fail', outputs=(replace(RIGHT, approved_meanwhile=True),))


#: The histories of a test, by what they prove, each with the latest outcome.
HISTORIES: dict[str, list[tuple[list[Execution], Outcome | None]]] = {
    'passed': [([PASS], 'pass'), ([PASS, CARRIED_OVER], 'pass'), ([PASS, NOT_RUN], 'pass')],
    'flaky': [([PASS, CRASH], 'fail'), ([FAIL, PASS, CARRIED_OVER, NOT_RUN], 'pass'),
              # One pair under one expectation is enough.
              ([PASS, FAIL, Execution('pass', 10, 10)], 'pass'),
              # One pair is enough, although another output was approved in between.
              ([APPROVED_MEANWHILE, FAIL, PASS], 'pass'),
              # The same files under the same expectation, whatever else made it fail.
              ([PASS, Execution('fail')], 'fail'),
              # A test that crashed, or wrote something else, may not have reached the other output.
              ([replace(NO_FILE, exit_code=139), Execution('pass', outputs=(ADDED,))], 'pass'),
              ([replace(NO_FILE, outputs=(WRONG,)), Execution('pass', outputs=(RIGHT, ADDED))], 'pass'),
              ([replace(CRASH, outputs=(RIGHT,)), Execution('pass', outputs=(RIGHT, ADDED))], 'pass'),
              # An upload failed. An attempt, or an older run, had a file of the output before.
              ([PASS, NO_FILE], 'missing_output'),
              ([NO_FILE, Execution('pass', outputs=(Output(oldest_run_id=0), ADDED))], 'pass'),
              ([NO_FILE, Execution('pass', outputs=(ADDED,)), NO_FILE], 'missing_output')],
    'failing_identically': [([APPROVED_MEANWHILE, APPROVED_MEANWHILE], 'fail'),
                            ([FAIL, FAIL], 'fail'), ([FAIL, replace(FAIL, expected_rc=10)], 'fail'),
                            ([NO_CODE, NO_CODE], 'fail'), ([NO_FILE, NO_FILE], 'missing_output')],
    'failing_differently': [([FAIL, FAIL, OTHER_FAIL], 'fail'), ([FAIL, CRASH], 'fail'), ([CRASH, NO_CODE], 'fail'),
                            ([FAIL, NO_FILE], 'missing_output'),
                            ([FAIL, Execution('fail', outputs=(Output('WRONG'),))], 'fail')],
    'failed_once': [([NOT_RUN, FAIL], 'fail'), ([FAIL, CARRIED_OVER], 'fail')],
    'never_ran': [([NOT_RUN], None), ([], None), ([CARRIED_OVER], None)],
    'expectation_changed': [([PASS, NEW_CODE], 'fail'),
                            # The output was approved while the run was running, or that of another attempt was.
                            ([APPROVED_MEANWHILE, PASS], 'pass'), ([PASS, APPROVED_MEANWHILE], 'fail'),
                            ([APPROVED_MEANWHILE, APPROVED_MEANWHILE, PASS], 'pass'),
                            ([FAIL, Execution('pass', outputs=(replace(RIGHT, approved_meanwhile=True),))], 'pass'),
                            ([FAIL, Execution('pass', outputs=(NEW_FILE,))], 'pass'),
                            # The output was added in between.
                            ([NO_FILE, Execution('pass', outputs=(ADDED,))], 'pass'),
                            ([PASS, Execution('fail', outputs=(RIGHT, ADDED_WRONG))], 'fail')]}


@pytest.mark.parametrize('verdict', HISTORIES)
def test_the_verdict_is_the_row_of_the_table_that_holds(verdict):
    for history, latest in HISTORIES[verdict]:
        test = judged(*history)
        assert (test.verdict, test.latest) == (verdict, latest), history
        assert [name for name, count in count_verdicts([test]).items() if count] == [verdict]


ONE, TWO = '1a2b3c4d' * 5, '5e6f7a8b' * 5


@pytest.mark.parametrize(('builds', 'history', 'verdict'), [
    ([ONE, TWO], [FAIL, PASS], 'build_changed'), ([ONE[:7], TWO], [PASS, FAIL], 'build_changed'),
    ([ONE[:7].upper(), ONE], [FAIL, PASS], 'flaky'), ([ONE, ONE[:7]], [FAIL, PASS], 'flaky'),
    ([None, ONE], [FAIL, PASS], 'flaky'), (['', ONE], [FAIL, PASS], 'flaky'),
    # One pair of one build is enough, wherever it is.
    ([ONE, TWO, TWO], [FAIL, PASS, FAIL], 'flaky'), ([ONE, TWO, ONE], [PASS, FAIL, FAIL], 'flaky'),
    ([ONE, ONE, TWO], [PASS, FAIL, FAIL], 'flaky'),
    # An output was added after the first attempt, which is the only one of the failure's build.
    ([ONE, ONE, TWO], [PASS, Execution('fail', outputs=(RIGHT, ADDED_WRONG)), PASS], 'build_changed'),
    ([ONE, TWO], [FAIL, FAIL], 'failing_identically'), ([ONE, TWO], [PASS, PASS], 'passed')])
def test_a_pass_and_a_failure_of_different_builds_prove_nothing_about_the_test(builds, history, verdict):
    assert judged(*history, builds=builds).verdict == verdict


def test_the_attempt_that_ended_last_has_the_latest_outcome():
    assert judged(PASS, FAIL, CARRIED_OVER, ends=[5, 4, 6]).latest == 'pass'


def test_evidence_is_needed_if_a_test_ran_more_than_once_and_failed():
    histories = [([PASS, FAIL], True), ([FAIL, FAIL], True), ([PASS, PASS], False), ([FAIL, CARRIED_OVER], False)]
    assert [needs_evidence(judged(*history).attempts) for history, _ in histories] == [need for _, need in histories]


@pytest.mark.parametrize(('tests', 'overall'), [
    ([judged(PASS)], 'pass'), ([judged(PASS), judged(NOT_RUN)], 'fail'),
    ([judged(FAIL, PASS)], 'unstable'), ([judged(PASS, FAIL)], 'fail'),
    # Active tests decide, and all tests if none is active.
    ([judged(PASS), judged(FAIL, active=False)], 'pass'), ([judged(FAIL, active=False)], 'fail'),
    # Without any test, nothing supports a pass.
    ([], 'fail'), ([judged(FAIL, PASS, builds=[ONE, TWO])], 'pass')])
def test_active_tests_decide_about_the_commit(tests, overall):
    assert judge_commit(tests, progress_of('completed', 'completed')) == overall


def progress_of(*stages):
    """Return the progress of runs 1, 2 and so on, each with its last stage; None if it is queued."""
    return [Progress(run_id, [] if stage is None else [ProgressRow(run_id, run_id, stage, '', datetime.min)])
            for run_id, stage in enumerate(stages, 1)]


@pytest.mark.parametrize(('stages', 'history', 'overall'), [
    ([None], [], 'pending'), (['testing'], [], 'pending'), (['completed', None], [PASS], 'pending'),
    # A machine was lost. A newer attempt with a result of its own decides, and no other.
    (['testing', 'completed'], [NOT_RUN, PASS], 'pass'), (['testing', 'completed'], [NOT_RUN, FAIL], 'fail'),
    (['testing', 'completed'], [NOT_RUN, CARRIED_OVER], 'pending'),
    (['testing', 'canceled'], [NOT_RUN, PASS], 'pending'),
    (['testing', 'completed', None], [NOT_RUN, PASS], 'pending')])
def test_the_commit_waits_for_an_attempt_unless_a_newer_one_has_completed_with_a_result(stages, history, overall):
    assert judge_commit([judged(*history)], progress_of(*stages)) == overall
