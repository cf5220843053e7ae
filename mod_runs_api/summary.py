"""What the attempts prove, in words: for the page, the dialog, GitHub and the command line."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from .verdict import Verdict

#: What is said of one test and of several with each verdict, in the order in which it is said.
PHRASES = {
    'flaky': ('is flaky', 'are flaky'),
    'failing_identically': ('fails each time in the same way', 'fail each time in the same way'),
    'failing_differently': ('fails each time but not in the same way', 'fail each time but not in the same way'),
    'failed_once': ('failed the only time it ran', 'failed the only time they ran'),
    'expectation_changed': ('cannot be judged because its expected result changed',
                            'cannot be judged because their expected results changed'),
    'never_ran': ('never ran', 'never ran'),
}


@dataclass(frozen=True)
class Finding:
    """
    What the attempts prove about some tests.

    Attributes
    ----------
    verdict : str
        The verdict on each of them.
    test_ids : list of int
        The regression tests.
    phrase : str
        What is said of them, for example "are flaky".
    """

    verdict: str
    test_ids: list[int]
    phrase: str


def find(verdict: Verdict) -> list[Finding]:
    """Return what is to be said about the tests that did not simply pass."""
    findings = []
    for name, (of_one, of_several) in PHRASES.items():
        test_ids = [test.regression_test_id for test in verdict.tests if test.verdict == name]
        if test_ids:
            findings.append(Finding(name, test_ids, of_one if len(test_ids) == 1 else of_several))
    return findings


def describe(findings: Sequence[Finding]) -> list[str]:
    """Return the findings in words: "2 tests are flaky", then "1 fails each time in the same way"."""
    return [f'{len(finding.test_ids)}{_noun(finding) if place == 0 else ""} {finding.phrase}'
            for place, finding in enumerate(findings)]


def count_ended(verdict: Verdict) -> int:
    """Return how many attempts have ended."""
    return len({outcome.run_id for test in verdict.tests for outcome in test.attempts})


def summarize(verdict: Verdict) -> str:
    """Return what the attempts prove, in one sentence; empty while fewer than two of them have ended."""
    ended = count_ended(verdict)
    if ended < 2:
        return ''
    findings = describe(find(verdict))
    return f'Over {ended} attempts {_join(findings) or "every test passed each time it ran"}.'


def hint(verdict: Verdict, test_ids: Collection[int]) -> str:
    """Return what is known already about failed tests that may be run again, in one sentence; empty if nothing is."""
    verdicts = [test.verdict for test in verdict.tests if test.regression_test_id in test_ids]
    same, flaky, other = map(verdicts.count, ('failing_identically', 'flaky', 'failing_differently'))
    total = len(test_ids)
    if same:
        return (f'{_some(same, total)} failed in every attempt so far, in the same way: running '
                f'{"it" if same == 1 else "them"} again will hardly change that.')
    if flaky:
        return (f'{_some(flaky, total)} {"is" if flaky == 1 else "are"} flaky: '
                f'{"it" if flaky == 1 else "they"} passed in another attempt.')
    if other:
        return f'{_some(other, total)} failed in every attempt so far, but not in the same way.'
    return ''


def _noun(finding: Finding) -> str:
    return ' test' if len(finding.test_ids) == 1 else ' tests'


def _some(count: int, total: int) -> str:
    if count < total:
        return f'{count} of the {total}'
    return 'The test' if total == 1 else f'All {total}'


def _join(parts: Sequence[str]) -> str:
    return ' and '.join(filter(None, [', '.join(parts[:-1]), *parts[-1:]]))
