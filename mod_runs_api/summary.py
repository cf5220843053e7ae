"""What the attempts of a run prove, in words for pages, GitHub and the command line."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from .verdict import Verdict

#: What is said of one test and of several, in the order in which a reader wants to know it.
PHRASES = {
    'flaky': ('is flaky', 'are flaky'),
    'failing_identically': ('fails each time in the same way', 'fail each time in the same way'),
    'failing_differently': ('fails each time but not in the same way', 'fail each time but not in the same way'),
    'failed_once': ('failed in the only attempt that ran it', 'failed in the only attempt that ran them'),
    'never_ran': ('never ran', 'never ran'),
    'expectation_changed': ('cannot be judged because its expected result changed',
                            'cannot be judged because their expected results changed'),
}


def counted(count: int, noun: str) -> str:
    """Return how many there are of something: "1 test", "3 tests"."""
    return f'{count} {noun}' if count == 1 else f'{count} {noun}s'


@dataclass(frozen=True)
class Finding:
    """What is true of some tests: "2 tests are flaky"."""

    text: str
    regression_test_ids: tuple[int, ...]


def list_findings(verdict: Verdict) -> list[Finding]:
    """Return what is worth saying: nothing of tests that passed in every attempt that ran them."""
    findings: list[Finding] = []
    for name, phrases in PHRASES.items():
        ids = tuple(test.regression_test_id for test in verdict.tests if test.verdict == name)
        if ids:
            is_one = len(ids) == 1
            # Only the first says what is counted: "2 tests are flaky and 1 fails each time".
            noun = '' if findings else ' test' if is_one else ' tests'
            findings.append(Finding(f'{len(ids)}{noun} {phrases[0] if is_one else phrases[1]}', ids))
    return findings


def to_sentence(verdict: Verdict) -> str:
    """
    Return what the attempts prove: "Over 3 attempts 2 tests are flaky and 1 fails each time in the same way.".

    It is empty while fewer than two attempts have run a test and ended: one alone proves nothing.
    """
    if count_evidence(verdict) < 2:
        return ''
    texts = [finding.text for finding in list_findings(verdict)] or ['every test passed each time']
    *first, last = texts
    listed = f'{", ".join(first)} and {last}' if first else last
    return f'Over {attempts_phrase(verdict)} {listed}.'


def hint(verdict: Verdict, ids: Collection[int]) -> str:
    """Return what is known already about failed tests that may be run again, in a sentence; empty if nothing is."""
    verdicts = [test.verdict for test in verdict.tests if test.regression_test_id in ids]
    same, flaky, differing = map(verdicts.count, ('failing_identically', 'flaky', 'failing_differently'))
    if same:
        return (f'{_some(same, ids)} failed in every attempt so far, in the same way: running '
                f'{"it" if same == 1 else "them"} again will hardly change that.')
    if flaky:
        return f'{_some(flaky, ids)} passed in another attempt: {"it is" if flaky == 1 else "they are"} flaky.'
    if differing:
        return f'{_some(differing, ids)} failed in every attempt so far, but not in the same way.'
    return ''


def _some(count: int, ids: Collection[int]) -> str:
    if count < len(ids):
        return f'{count} of the {len(ids)}'
    return 'This test' if count == 1 else f'All {count}'


def attempts_phrase(verdict: Verdict) -> str:
    """Return how many attempts have run a test and ended: "3 attempts"."""
    return counted(count_evidence(verdict), 'attempt')


def count_evidence(verdict: Verdict) -> int:
    """Return how many attempts have run a test and ended: the others prove nothing."""
    return len({attempt.run_id for test in verdict.tests for attempt in test.attempts if attempt.has_run})
