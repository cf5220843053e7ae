"""What attempts prove about a test: the table of docs/api.rst, "Verdicts", row by row, and the sentences about it."""

from dataclasses import replace
from datetime import datetime
from itertools import count
from unittest.mock import Mock

import pytest
from support.executions import (CARRIED_OVER, CRASH, FAIL, NO_CODE, NO_FILE, NOT_RUN, OTHER_FAIL, PASS, RIGHT, WRONG,
                                Execution, Output)

from mod_runs_api.domain.attempts import Attempt
from mod_runs_api.domain.builds import group_by_build
from mod_runs_api.domain.outcomes import Outcome
from mod_runs_api.domain.progress import Progress, ProgressRow
from mod_runs_api.domain.sentences import (carried_over_sentence, list_findings, other_builds_sentence, to_hint,
                                           to_sentence)
from mod_runs_api.domain.statistics import FlakyTest, FlakyTests, count_flaky
from mod_runs_api.domain.verdict import (AttemptOutcome, Verdict, _had_same_expectation, count_verdicts, judge,
                                         judge_commit, needs_evidence)

#: A new expected file, and files of an output that was added to the test before the second attempt.
NEW_FILE, ADDED, ADDED_WRONG = Output('new', 'new'), Output(oldest_run_id=2), Output('wrong', oldest_run_id=2)
#: A failure whose output was approved while the run was running.
APPROVED_MEANWHILE = Execution('fail', outputs=(replace(RIGHT, approved_meanwhile=True),))
#: A failure under another expected code.
NEW_CODE = Execution('fail', 0, None)


def judged(*history, test_id=1, builds=(), ends=(), active=True):
    """Return the verdict on a test with these executions in its attempts: runs 1, 2 and so on."""
    attempts = [AttemptOutcome(number, number, ends[number - 1] if ends else number,
                               builds[number - 1] if builds else None, execution.outcome)
                for number, execution in enumerate(history, 1)]
    evidence = {number: execution.evidence for number, execution in enumerate(history, 1)}
    return judge(test_id, f'command {test_id}', active, attempts, evidence)


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


@pytest.mark.parametrize(('failure', 'builds', 'expected'), [
    (FAIL, [ONE, TWO] * 60, 'build_changed'), (NEW_CODE, [ONE] * 120, 'expectation_changed')])
def test_attempts_that_are_alike_are_compared_once(monkeypatch, failure, builds, expected):
    compare = Mock(wraps=_had_same_expectation)
    monkeypatch.setattr('mod_runs_api.domain.verdict._had_same_expectation', compare)

    assert judged(*[PASS, failure] * 60, builds=builds).verdict == expected
    assert 0 < compare.call_count < 5


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


# In words


def verdicts_of(*histories):
    """Return the verdicts on tests 1, 2 and so on."""
    return [judged(*history, test_id=test_id) for test_id, history in zip(count(1), histories)]


CHANGED = [PASS, NEW_CODE]

SENTENCES = {
    None: [[FAIL, NOT_RUN]],
    'Over 2 attempts 2 tests are flaky and 1 fails each time in the same way.': [
        [FAIL, PASS], [FAIL, FAIL], [PASS, FAIL]],
    # An attempt that ran nothing is not counted in.
    'Over 2 attempts 1 test is flaky.': [[FAIL, NOT_RUN, PASS]],
    'Over 2 attempts 1 test fails each time but not in the same way, 1 failed in the only attempt that ran it '
    'and 1 never ran.': [[FAIL, OTHER_FAIL], [FAIL, NOT_RUN], [NOT_RUN, NOT_RUN]],
    'Over 2 attempts 2 tests fail each time but not in the same way.': [[FAIL, OTHER_FAIL], [FAIL, OTHER_FAIL]],
    'Over 2 attempts 2 tests failed in the only attempt that ran them and 2 never ran.': [
        [FAIL, NOT_RUN], [NO_FILE, NOT_RUN], [NOT_RUN, NOT_RUN], [NOT_RUN, NOT_RUN], [PASS, PASS]],
    'Over 2 attempts 1 test had another result approved in between.': [CHANGED],
    'Over 2 attempts 2 tests had another result approved in between.': [CHANGED, CHANGED],
    'Over 2 attempts every test passed each time it ran.': [[PASS, PASS], [PASS, CARRIED_OVER]]}


@pytest.mark.parametrize('sentence', SENTENCES)
def test_a_sentence_states_what_the_attempts_prove(sentence):
    assert to_sentence(verdicts_of(*SENTENCES[sentence])) == sentence


def test_a_finding_names_its_tests():
    assert [(finding.text, finding.regression_test_ids) for finding in list_findings(
        verdicts_of([FAIL, PASS], [FAIL, FAIL], [PASS, FAIL]))] == [
        ('2 tests are flaky', (1, 3)), ('1 fails each time in the same way', (2,))]


IDENTICAL, FLAKY, DIFFERING, ONCE = [FAIL, FAIL], [PASS, FAIL], [OTHER_FAIL, FAIL], [NOT_RUN, FAIL]
HARDLY = ': running {} again will hardly change that.'
MASTER = 'in the same way in run 40, the newest of master' + HARDLY


def hint_of(histories, same_in_master, approved=frozenset()):
    """Return the hint about tests 1, 2 and so on. Another test that failed is none of them."""
    return to_hint(verdicts_of(*histories, IDENTICAL), range(1, len(histories) + 1), approved, 40, same_in_master)


@pytest.mark.parametrize(('histories', 'same_in_master', 'hint'), [
    ([IDENTICAL], set(), 'This test failed each time, in the same way' + HARDLY.format('it')),
    ([IDENTICAL, ONCE, ONCE], set(), '1 of the 3 failed each time, in the same way' + HARDLY.format('it')),
    ([IDENTICAL, IDENTICAL, ONCE], set(), '2 of the 3 failed each time, in the same way' + HARDLY.format('them')),
    ([FLAKY, ONCE], set(), '1 of the 2 passed in another attempt: it is flaky.'),
    ([FLAKY, FLAKY, ONCE], set(), '2 of the 3 passed in another attempt: they are flaky.'),
    ([DIFFERING], set(), 'This test failed each time, but not in the same way.'),
    ([ONCE, [FAIL, CARRIED_OVER], [NOT_RUN, NOT_RUN], CHANGED], set(), None),
    ([ONCE, ONCE, ONCE], {1, 3}, '2 of the 3 fail ' + MASTER.format('them')),
    ([ONCE, ONCE], {1, 2}, 'All 2 fail ' + MASTER.format('them'))])
def test_a_hint_states_what_is_known_about_tests_that_may_run_again(histories, same_in_master, hint):
    assert hint_of(histories, same_in_master) == hint


@pytest.mark.parametrize(('histories', 'same_in_master', 'hint'), [
    ([IDENTICAL, FLAKY, DIFFERING, FLAKY, ONCE], set(),
     '2 of the 5 passed in another attempt: they are flaky. 1 of the 5 failed each time, but not in the same way. '
     '1 of the 5 failed each time, in the same way' + HARDLY.format('it')),
    # The advice is given once, and is about both kinds.
    ([IDENTICAL, ONCE], {2}, '1 of the 2 failed each time, in the same way. 1 of the 2 fails ' + MASTER.format('them')),
    ([IDENTICAL, ONCE], {1}, '1 of the 2 failed each time, in the same way. 1 of the 2 fails ' + MASTER.format('it')),
    ([IDENTICAL, IDENTICAL], {1}, 'All 2 failed each time, in the same way. 1 of the 2 fails ' + MASTER.format('them')),
    ([FLAKY, ONCE], {2}, '1 of the 2 passed in another attempt: it is flaky. 1 of the 2 fails ' + MASTER.format('it')),
    # A flaky test may also fail on master.
    ([FLAKY], {1}, 'This test passed in another attempt: it is flaky. This test fails ' + MASTER.format('it'))])
def test_no_kind_of_test_hides_another_in_a_hint(histories, same_in_master, hint):
    assert hint_of(histories, same_in_master) == hint


IT_HARDLY = HARDLY.format('it')
EXPECTED = 'the result that is expected now: running {} again will probably pass'


@pytest.mark.parametrize(('approved', 'same_in_master', 'hint'), [
    ({1, 2, 3, 4}, set(), f'All 4 have {EXPECTED.format("them")}.'),
    ({1, 2, 3}, set(), f'3 of the 4 have {EXPECTED.format("them")}.'),
    # Of the others it says what it says without them.
    ({4}, set(), f'1 of the 4 has {EXPECTED.format("it")}. 1 of the 4 passed in another attempt: it is flaky. '
                 f'1 of the 4 failed each time, in the same way{IT_HARDLY}'),
    ({1, 4}, {3}, f'2 of the 4 have {EXPECTED.format("them")}. 1 of the 4 passed in another attempt: it is flaky. '
                  '1 of the 4 fails ' + MASTER.format('it')),
    ({1, 2, 4}, {3}, f'3 of the 4 have {EXPECTED.format("them")}. 1 of the 4 fails ' + MASTER.format('it'))])
def test_a_hint_begins_with_what_was_approved_since_and_says_nothing_else_of_it(approved, same_in_master, hint):
    assert hint_of([IDENTICAL, FLAKY, ONCE, ONCE], same_in_master, approved) == hint


@pytest.mark.parametrize(('origins', 'sentence'), [
    ({}, ''),
    ({28: 1}, '1 of the 20 results is carried over from [28].'),
    ({28: 19}, '19 of the 20 results are carried over from [28].'),
    ({28: 18, 30: 1}, '19 of the 20 results are carried over from [28] (18) and [30] (1).'),
    ({28: 1, 30: 1, 31: 2}, '4 of the 20 results are carried over from [28] (1), [30] (1) and [31] (2).')])
def test_a_sentence_says_what_a_run_did_not_run_itself_and_where_that_was_run(origins, sentence):
    run = Attempt(run_id=33, attempt=3, status='fail', tests=21, passed=18, failed=2, not_run=1,
                  carried_over_from=origins, to_carry_over=0, built_commit_sha=None, other_builds=[], cause=None,
                  cause_detail=None, cause_sentence=None)

    assert carried_over_sentence(run, '[{}]'.format) == sentence


@pytest.mark.parametrize(('builds', 'counts', 'sentence'), [
    ([ONE, TWO], {1: 3}, '3 of the results carried over were built from 1a2b3c4d.'),
    ([ONE, TWO], {1: 1}, '1 of the results carried over was built from 1a2b3c4d.'),
    ([ONE, TWO, 'c' * 40], {1: 2, 2: 1}, '2 of the results carried over were built from 1a2b3c4d and 1 from 5e6f7a8b.'),
    ([ONE, ONE[:12], 'c' * 40], {1: 2, 2: 1}, '3 of the results carried over were built from 1a2b3c4d.'),
    ([ONE, ONE[:9]], {1: 3}, ''), ([None, TWO], {1: 3}, ''), ([ONE, None], {1: 3}, '')])
def test_results_of_other_builds_are_counted_by_build(builds, counts, sentence):
    others = group_by_build(len(builds), counts, dict(enumerate(builds, 1)))

    assert other_builds_sentence(others) == sentence


def test_flaky_tests_are_counted_the_most_often_flaky_first():
    def verdict(run_id, *histories):
        return Verdict(run_id, run_id, [], 'pass', {}, None, verdicts_of(*histories))

    found = count_flaky([
        verdict(9, IDENTICAL, FLAKY, ONCE), verdict(5, FLAKY, FLAKY, FLAKY), verdict(3, IDENTICAL, FLAKY)])

    assert found == FlakyTests(3, [
        FlakyTest(2, 'command 2', 3, 3, 9), FlakyTest(1, 'command 1', 1, 3, 5), FlakyTest(3, 'command 3', 1, 1, 5)])
