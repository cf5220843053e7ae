"""The rule for the outcome of a test, and which tests a run has."""

import pytest

from mod_runs_api.domain.outcomes import (DifferingFile, ExpectedToday, Mark, Result, RunTests, find_outcomes,
                                          find_outcomes_for_verdict, outcome_of)

ACCEPTED, WRONG = (DifferingFile(got, {b'accepted', b'also accepted'}) for got in (b'accepted', b'wrong'))
#: Expected outputs without a file, by whether they are ignored.
IGNORED, EXPECTED, UNKNOWN = True, False, None


@pytest.mark.parametrize(('result', 'outcome'), [
    # exit code, expected exit code, outputs without a file, files that differ
    (Result(0, 0), 'pass'),
    (Result(10, 10), 'pass'),
    (Result(0, 0, [IGNORED]), 'pass'),
    (Result(0, 0, [IGNORED], [ACCEPTED]), 'pass'),
    (Result(1, 0), 'fail'),
    (Result(0, 10), 'fail'),
    (Result(None, 0), 'fail'),
    (Result(0, None), 'fail'),
    (Result(None, None), 'fail'),
    (Result(0, 0, [], [WRONG]), 'fail'),
    (Result(10, 10, [], [WRONG]), 'fail'),
    (Result(0, 0, [], [ACCEPTED, WRONG]), 'fail'),
    (Result(0, 0, [], [DifferingFile(b'new', {None})]), 'fail'),
    (Result(0, 0, [EXPECTED]), 'missing_output'),
    (Result(0, 0, [UNKNOWN]), 'missing_output'),
    (Result(0, 0, [IGNORED, EXPECTED]), 'missing_output'),
    (Result(1, 0, [EXPECTED]), 'missing_output'),
    (Result(None, None, [EXPECTED], [WRONG]), 'missing_output'),
])
def test_exit_code_and_outputs_decide_the_outcome_of_a_result(result, outcome):
    assert outcome_of(result) == outcome


@pytest.mark.parametrize(('then', 'code', 'differing', 'is_approved'), [
    # the result by what was expected at the time; the exit code that is expected today, and the files that differ today
    (Result(1, 0), 1, [], True), (Result(1, 0), 0, [], False), (Result(1, 0), None, [], False),
    (Result(0, 0, [], [WRONG]), 0, [], True), (Result(0, 0, [], [WRONG]), 0, [ACCEPTED], True),
    # One output was approved, and another is expected to be something else by now.
    (Result(1, 0), 1, [WRONG], False), (Result(0, 0, [], [WRONG]), 0, [WRONG], False),
    # A test that passes was not approved, and an output without a file is not.
    (Result(0, 0), 0, [], False), (Result(0, 0, [], [ACCEPTED]), 0, [], False),
    (Result(1, 0, [EXPECTED]), 1, [], False), (Result(1, 0, [IGNORED]), 1, [], True)])
def test_a_failure_was_approved_since_if_its_result_passes_by_what_is_expected_today(then, code, differing,
                                                                                     is_approved):
    today = ExpectedToday({7: code}, {7: differing})

    assert today.find_approved(RunTests({7: then}, {8}, {7, 8})) == ({7} if is_approved else set())


def test_what_is_expected_today_judges_results_and_no_test_without_one():
    today = ExpectedToday({1: 1}, {2: [WRONG]})

    assert today.find_outcomes(RunTests({1: Result(1, 0), 2: Result(0, 0)}, {3}, {1, 2, 3})) == {
        1: 'pass', 2: 'fail', 3: 'not_run'}


def test_a_selected_test_without_a_result_did_not_run():
    assert find_outcomes(RunTests({1: Result(0, 0)}, {2}, {1, 2})) == {1: 'pass', 2: 'not_run'}


def test_a_test_in_no_category_is_part_of_a_run_only_if_it_has_a_result():
    assert find_outcomes(RunTests({}, {1}, {2})) == {}
    assert find_outcomes(RunTests({1: Result(0, 0)}, set(), {2})) == {1: 'pass'}


def test_only_a_result_is_carried_over():
    marks = dict.fromkeys([2, 3], Mark(4, was_selected=True))
    tests = RunTests({1: Result(1, 0), 2: Result(1, 0)}, {3}, {1, 2, 3}, marks=marks)

    assert find_outcomes(tests) == {1: 'fail', 2: 'fail', 3: 'not_run'}
    assert find_outcomes_for_verdict(tests) == {1: 'fail', 2: 'carried_over', 3: 'not_run'}


def test_the_tests_are_in_order():
    assert list(find_outcomes(RunTests({3: Result(0, 0), 1: Result(0, 0)}, {4, 2}, {1, 2, 3, 4}))) == [1, 2, 3, 4]
