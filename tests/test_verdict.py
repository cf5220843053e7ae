"""What the attempts prove about a test, and about the commit: the contract's table, row by row."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mod_runs_api.outcomes import Outcome
from mod_runs_api.verdict import VERDICTS, TestVerdict, count, judge, overall

RIGHT, WRONG = frozenset({(1, 'right')}), frozenset({(1, 'wrong')})
PASS = Outcome(0, 0, 'pass', 0, 0, RIGHT, RIGHT)
FAIL = PASS._replace(outcome='fail', produced=WRONG)
OTHER_FILE = FAIL._replace(produced=frozenset({(1, 'also wrong')}))
CRASH = PASS._replace(outcome='fail', exit_code=139)
NO_FILE = PASS._replace(outcome='missing_output', produced=frozenset(), expected=frozenset())
NOT_RUN = Outcome(0, 0, 'not_run')


def carried(outcome: Outcome) -> Outcome:
    """Show the outcome of another attempt."""
    return outcome._replace(outcome='carried_over')


def history(*outcomes: Outcome, active: bool = True) -> TestVerdict:
    """Judge test 7 by its outcomes, from the first attempt on."""
    return judge(7, active, [outcome._replace(run_id=10 * place, attempt=place)
                             for place, outcome in enumerate(outcomes, 1)])


def verdict(*outcomes: Outcome) -> str:
    """Judge a test by its outcomes, from the first attempt on."""
    return history(*outcomes).verdict


@pytest.mark.parametrize('times', [1, 2, 3])
def test_passed_in_every_attempt_is_passed(times: int) -> None:
    assert verdict(*[PASS] * times) == 'passed'


@pytest.mark.parametrize('failure', [FAIL, CRASH, NO_FILE])
def test_passed_in_one_attempt_and_failed_in_another_is_flaky(failure: Outcome) -> None:
    assert verdict(PASS, failure) == verdict(failure, PASS) == verdict(failure, PASS, failure) == 'flaky'


@pytest.mark.parametrize('failure', [FAIL, CRASH, NO_FILE, FAIL._replace(exit_code=None)])
def test_the_same_failure_every_time_is_failing_identically(failure: Outcome) -> None:
    assert verdict(failure, failure) == verdict(failure, failure, failure) == 'failing_identically'


@pytest.mark.parametrize('other', [
    CRASH, OTHER_FILE, NO_FILE,
    FAIL._replace(exit_code=None),
    FAIL._replace(produced=WRONG | {(2, 'more')}),
    FAIL._replace(produced=frozenset({(2, 'wrong')})),
    FAIL._replace(produced=frozenset({(1, 'WRONG')})),
])
def test_another_failure_once_is_failing_differently(other: Outcome) -> None:
    assert verdict(FAIL, other) == verdict(other, FAIL) == verdict(FAIL, FAIL, other) == 'failing_differently'


@pytest.mark.parametrize('failure', [FAIL, CRASH, NO_FILE])
def test_failed_in_the_only_attempt_that_ran_it_is_failed_once(failure: Outcome) -> None:
    assert verdict(failure) == verdict(NOT_RUN, failure) == verdict(failure, NOT_RUN) == 'failed_once'


def test_without_a_result_in_any_attempt_it_never_ran() -> None:
    assert verdict() == verdict(NOT_RUN) == verdict(NOT_RUN, NOT_RUN) == 'never_ran'


@pytest.mark.parametrize('failure', [
    FAIL._replace(expected_rc=10),
    FAIL._replace(expected_rc=None),
    FAIL._replace(expected=frozenset({(1, 'the new right')})),
])
def test_passed_and_failed_with_another_expectation_is_expectation_changed(failure: Outcome) -> None:
    assert verdict(PASS, failure) == verdict(failure, PASS) == 'expectation_changed'


def test_one_attempt_with_another_expectation_is_enough_to_prove_nothing() -> None:
    changed = PASS._replace(expected=frozenset({(1, 'the new right')}))

    assert verdict(PASS, FAIL, changed) == 'expectation_changed'


def test_a_file_that_one_attempt_lacks_is_no_new_expectation() -> None:
    one_more = PASS._replace(produced=RIGHT | {(2, 'b')}, expected=RIGHT | {(2, 'b')})

    assert verdict(one_more, FAIL) == verdict(FAIL, one_more) == 'flaky'


def test_another_expectation_does_not_excuse_what_never_passed() -> None:
    other = FAIL._replace(expected_rc=10, expected=frozenset({(1, 'the new right')}))

    assert verdict(FAIL, other) == 'failing_identically'


def test_what_was_carried_over_is_no_evidence() -> None:
    assert verdict(FAIL, carried(PASS)) == verdict(FAIL, carried(FAIL)) == 'failed_once'
    assert verdict(PASS, carried(FAIL)) == 'passed'
    assert verdict(carried(PASS)) == 'never_ran'


def test_what_was_carried_over_is_no_changed_expectation() -> None:
    assert verdict(PASS, FAIL, carried(PASS._replace(expected_rc=10))) == 'flaky'


def test_an_attempt_that_did_not_get_to_the_test_is_no_failure() -> None:
    assert verdict(PASS, NOT_RUN) == 'passed'
    assert verdict(FAIL, NOT_RUN, FAIL) == 'failing_identically'


@pytest.mark.parametrize('failure', [FAIL, NO_FILE])
def test_latest_is_the_outcome_in_the_last_attempt_that_ran_it(failure: Outcome) -> None:
    assert history(PASS, failure).latest == failure.outcome
    assert history(failure, PASS, carried(failure), NOT_RUN).latest == 'pass'


def test_nothing_is_latest_where_it_never_ran() -> None:
    assert history(NOT_RUN, carried(PASS)).latest is None


def test_every_attempt_is_shown_what_is_no_evidence_too() -> None:
    shown = history(FAIL, NOT_RUN, carried(FAIL)).attempts

    assert [(one.run_id, one.attempt, one.outcome) for one in shown] == [
        (10, 1, 'fail'), (20, 2, 'not_run'), (30, 3, 'carried_over')]


def all_ended(*tests: TestVerdict) -> str:
    """Return what attempts that have all ended prove about the commit."""
    return overall(tests, all_ended=True)


def test_overall_is_pending_while_an_attempt_has_not_ended() -> None:
    assert overall([history(FAIL), history(PASS)], all_ended=False) == 'pending'
    assert overall([], all_ended=False) == 'pending'


@pytest.mark.parametrize('outcomes', [(FAIL,), (NO_FILE,), (PASS, FAIL), (NOT_RUN,), ()])
def test_overall_is_fail_where_a_test_failed_last_or_never_ran(outcomes: tuple[Outcome, ...]) -> None:
    assert all_ended(history(PASS), history(*outcomes), history(FAIL, PASS)) == 'fail'


def test_overall_is_unstable_where_all_passed_last_and_one_is_flaky() -> None:
    assert all_ended(history(PASS), history(FAIL, PASS)) == 'unstable'


def test_overall_is_pass_where_all_passed_and_none_is_flaky() -> None:
    assert all_ended(history(PASS), history(PASS, NOT_RUN)) == all_ended() == 'pass'


def test_overall_is_pass_where_an_expectation_changed_and_the_test_passed_last() -> None:
    assert all_ended(history(FAIL._replace(expected_rc=10), PASS)) == 'pass'


@pytest.mark.parametrize('outcomes', [(FAIL,), (NOT_RUN,), (FAIL, PASS)])
def test_a_test_that_is_inactive_now_does_not_count(outcomes: tuple[Outcome, ...]) -> None:
    assert all_ended(history(PASS), history(*outcomes, active=False)) == 'pass'


def test_every_verdict_is_counted() -> None:
    assert count([history(PASS), history(FAIL, PASS, active=False), history(PASS)]) == {
        'passed': 2, 'flaky': 1, 'failing_identically': 0, 'failing_differently': 0, 'failed_once': 0, 'never_ran': 0,
        'expectation_changed': 0}


FILES = st.dictionaries(st.integers(1, 2), st.tuples(st.sampled_from('xyz'), st.sampled_from('ab')))
CODES = st.sampled_from([0, 0, 1, None])


@st.composite
def outcomes(draw: st.DrawFn) -> Outcome:
    """Generate what an attempt may show of a test, whether or not it fits together."""
    files = draw(FILES).items()
    return Outcome(0, 0, draw(st.sampled_from(['pass', 'fail', 'missing_output', 'not_run', 'carried_over'])),
                   draw(CODES), draw(st.sampled_from([0, 0, 0, 1, None])),
                   frozenset((output, produced) for output, (produced, _) in files),
                   frozenset((output, expected) for output, (_, expected) in files))


def rows_that_hold(shown: Iterable[Outcome]) -> list[str]:
    """Read the contract's table: every row of it that is true of a history."""
    ran = [one for one in shown if one.outcome not in ('not_run', 'carried_over')]
    passes = [one for one in ran if one.outcome == 'pass']
    failures = [one for one in ran if one.outcome in ('fail', 'missing_output')]
    pairs = [(one, other) for one in ran for other in ran]
    other_code = any(one.expected_rc != other.expected_rc for one, other in pairs)
    other_file = any(output == same_output and right != other_right for one, other in pairs
                     for output, right in one.expected for same_output, other_right in other.expected)
    changed = other_code or other_file
    alike = all(one.exit_code == other.exit_code and one.produced == other.produced
                for one, other in pairs if one in failures and other in failures)
    table = {
        'passed': bool(ran) and passes == ran,
        'flaky': bool(passes) and bool(failures) and not changed,
        'failing_identically': len(failures) >= 2 and not passes and alike,
        'failing_differently': len(failures) >= 2 and not passes and not alike,
        'failed_once': len(ran) == 1 and failures == ran,
        'never_ran': ran == [],
        'expectation_changed': bool(passes) and bool(failures) and changed,
    }
    return [name for name, holds in table.items() if holds]


@given(shown=st.lists(outcomes(), max_size=5))
@settings(max_examples=200, deadline=None, database=None)
def test_the_verdict_is_the_one_row_of_the_table_that_holds(shown: list[Outcome]) -> None:
    assert [history(*shown).verdict] == rows_that_hold(shown)


TESTS = st.lists(st.tuples(st.booleans(), st.lists(outcomes(), max_size=3)), max_size=4)


@given(tests=TESTS, ended=st.booleans())
@settings(max_examples=200, deadline=None, database=None)
def test_overall_and_counts_are_read_from_the_tests(
        tests: list[tuple[bool, list[Outcome]]], ended: bool) -> None:
    judged = [history(*shown, active=active) for active, shown in tests]

    last = [(active, [one.outcome for one in shown if one.outcome not in ('not_run', 'carried_over')][-1:])
            for active, shown in tests]
    flaky = [active and rows_that_hold(shown) == ['flaky'] for active, shown in tests]
    words = {
        'pending': not ended,
        'fail': any(active and last_one in ([], ['fail'], ['missing_output']) for active, last_one in last),
        'unstable': any(flaky),
        'pass': True,
    }
    assert overall(judged, all_ended=ended) == next(word for word, holds in words.items() if holds)
    assert count(judged) == {
        name: sum(rows_that_hold(shown) == [name] for _, shown in tests) for name in VERDICTS}
