"""Sentences about the attempts of a run, for pages, GitHub and the command line."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from .builds import OtherBuild
from .verdict import Verdict, VerdictName

#: The phrase for one test and for several, in the order in which a reader wants to know it.
PHRASES: dict[VerdictName, tuple[str, str]] = {
    'flaky': ('is flaky', 'are flaky'),
    'failing_identically': ('fails each time in the same way', 'fail each time in the same way'),
    'failing_differently': ('fails each time but not in the same way', 'fail each time but not in the same way'),
    'failed_once': ('failed in the only attempt that ran it', 'failed in the only attempt that ran them'),
    'never_ran': ('never ran', 'never ran'),
    'build_changed': ('passed and failed but only in different builds',
                      'passed and failed but only in different builds'),
    'expectation_changed': ('cannot be judged because its expected result changed',
                            'cannot be judged because their expected results changed'),
}


def counted(count: int, noun: str) -> str:
    """Return a number of things: "1 test", "3 tests"."""
    return f'{count} {noun}' if count == 1 else f'{count} {noun}s'


@dataclass(frozen=True)
class Finding:
    """A statement about some tests: "2 tests are flaky". Without ids it is about all."""

    text: str
    regression_test_ids: tuple[int, ...]


def list_findings(verdict: Verdict) -> list[Finding]:
    """
    Return a statement for each verdict but "passed" that a test has, or one if all have passed.

    There are none while fewer than two attempts have run a test and ended: one alone proves nothing.
    """
    if _count_evidence(verdict) < 2:
        return []
    findings: list[Finding] = []
    for name, phrases in PHRASES.items():
        ids = tuple(test.regression_test_id for test in verdict.tests if test.verdict == name)
        if ids:
            is_one = len(ids) == 1
            # Only the first has the noun: "2 tests are flaky and 1 fails each time".
            noun = '' if findings else ' test' if is_one else ' tests'
            findings.append(Finding(f'{len(ids)}{noun} {phrases[0] if is_one else phrases[1]}', ids))
    return findings or [Finding('every test passed each time', ())]


def to_sentence(verdict: Verdict) -> str:
    """
    Return the verdicts in a sentence: "Over 3 attempts 2 tests are flaky and 1 fails each time in the same way.".

    It is empty if there are no findings.
    """
    findings = list_findings(verdict)
    return f'Over {attempts_phrase(verdict)} {_join([finding.text for finding in findings])}.' if findings else ''


def hint_of_attempts(verdict: Verdict, ids: Collection[int]) -> str:
    """Return a sentence about the verdicts on tests that may be run again; empty if there is nothing to say."""
    counts = Counter(test.verdict for test in verdict.tests if test.regression_test_id in ids)
    same, flaky, differing = counts['failing_identically'], counts['flaky'], counts['failing_differently']
    if same:
        return f'{_some(same, ids)} failed in every attempt so far, in the same way: {_hardly(same)}'
    if flaky:
        return f'{_some(flaky, ids)} passed in another attempt: {"it is" if flaky == 1 else "they are"} flaky.'
    if differing:
        return f'{_some(differing, ids)} failed in every attempt so far, but not in the same way.'
    return ''


def hint_of_master(same: int, ids: Collection[int], run_id: int) -> str:
    """Return a sentence about tests that fail in the same way in the newest run of master; empty if none does."""
    if not same:
        return ''
    return (f'{_some(same, ids)} {"fails" if same == 1 else "fail"} in the same way in run {run_id}, the newest of '
            f'master: {_hardly(same)}')


def _hardly(count: int) -> str:
    return f'running {"it" if count == 1 else "them"} again will hardly change that.'


def _some(count: int, ids: Collection[int]) -> str:
    if count < len(ids):
        return f'{count} of the {len(ids)}'
    return 'This test' if count == 1 else f'All {count}'


def other_builds_sentence(other_builds: Sequence[OtherBuild]) -> str:
    """Return how many results were built from which other commit, in a sentence; empty if there are none."""
    if not other_builds:
        return ''
    first, *others = other_builds
    return _join([f'{first.results} of the results carried over {"was" if first.results == 1 else "were"} built from '
                  f'{first.short}', *(f'{other.results} from {other.short}' for other in others)]) + '.'


def attempts_phrase(verdict: Verdict) -> str:
    """Return the number of attempts that have run a test and ended: "3 attempts"."""
    return counted(_count_evidence(verdict), 'attempt')


def _count_evidence(verdict: Verdict) -> int:
    """Return the number of attempts that have run a test and ended: the others prove nothing."""
    return len({attempt.run_id for test in verdict.tests for attempt in test.attempts if attempt.has_run})


def _join(texts: Sequence[str]) -> str:
    *first, last = texts
    return f'{", ".join(first)} and {last}' if first else last
