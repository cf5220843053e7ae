"""What the attempts prove, in words."""

from __future__ import annotations

import pytest

from mod_runs_api.outcomes import Outcome
from mod_runs_api.summary import hint, list_findings, to_sentence
from mod_runs_api.verdict import VERDICTS, TestVerdict, Verdict

ATTEMPTS = (Outcome(1, 1, 'fail'), Outcome(2, 2, 'pass'), Outcome(3, 3, 'pass'))


def verdict(*names: str, attempts: tuple[Outcome, ...] = ATTEMPTS) -> Verdict:
    """Return what is known of tests with these verdicts, the ids of which begin at 1."""
    tests = [TestVerdict(number, True, name, None, attempts) for number, name in enumerate(names, 1)]
    return Verdict(3, 1, [1, 2, 3], 'fail', {}, tests)


@pytest.mark.parametrize(('names', 'sentence'), [
    (['flaky', 'failing_identically', 'flaky'],
     'Over 3 attempts 2 tests are flaky and 1 fails each time in the same way.'),
    (['flaky'], 'Over 3 attempts 1 test is flaky.'),
    (['failing_identically', 'failing_identically', 'passed'],
     'Over 3 attempts 2 tests fail each time in the same way.'),
    (['failing_differently', 'failed_once', 'never_ran'],
     'Over 3 attempts 1 test fails each time but not in the same way, 1 failed in the only attempt that ran it '
     'and 1 never ran.'),
    (['expectation_changed'], 'Over 3 attempts 1 test cannot be judged because its expected result changed.'),
    (['passed', 'passed'], 'Over 3 attempts every test passed each time.')])
def test_a_sentence_names_what_did_not_pass_always(names: list[str], sentence: str) -> None:
    assert to_sentence(verdict(*names)) == sentence


@pytest.mark.parametrize('ended', [0, 1])
def test_fewer_than_two_attempts_that_have_ended_prove_nothing(ended: int) -> None:
    assert to_sentence(verdict('failed_once', attempts=ATTEMPTS[:ended])) == ''


def test_a_finding_names_its_tests() -> None:
    findings = list_findings(verdict('flaky', 'passed', 'flaky', 'never_ran'))

    assert [finding.test_ids for finding in findings] == [(1, 3), (4,)]


def test_every_verdict_but_passed_is_a_finding() -> None:
    assert len(list_findings(verdict(*VERDICTS))) == len(VERDICTS) - 1


@pytest.mark.parametrize(('names', 'test_ids', 'sentence'), [
    (['failing_identically', 'failed_once', 'flaky'], {1, 2, 3},
     '1 of the 3 failed in every attempt so far, in the same way: running it again will hardly change that.'),
    (['failing_identically', 'failing_identically', 'flaky'], {1, 2, 3},
     '2 of the 3 failed in every attempt so far, in the same way: running them again will hardly change that.'),
    (['failing_identically', 'failing_identically'], {1, 2},
     'All 2 failed in every attempt so far, in the same way: running them again will hardly change that.'),
    (['failing_identically'], {1},
     'This test failed in every attempt so far, in the same way: running it again will hardly change that.'),
    (['flaky', 'failed_once'], {1, 2}, '1 of the 2 passed in another attempt: it is flaky.'),
    (['flaky', 'flaky', 'failing_differently'], {1, 2, 3}, '2 of the 3 passed in another attempt: they are flaky.'),
    (['failing_differently'], {1}, 'This test failed in every attempt so far, but not in the same way.'),
    (['failed_once', 'never_ran', 'expectation_changed'], {1, 2, 3}, '')])
def test_a_hint_says_what_is_known_of_the_failed_tests(names: list[str], test_ids: set[int], sentence: str) -> None:
    assert hint(verdict(*names), test_ids) == sentence


def test_a_hint_is_about_the_given_tests_only() -> None:
    assert hint(verdict('failing_identically', 'failed_once'), {2}) == ''
