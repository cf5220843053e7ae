"""Sentences about the attempts of a run, for pages, GitHub and the command line."""

from collections.abc import Callable, Collection, Iterable, Sequence, Set
from dataclasses import dataclass

from .attempts import Attempt
from .built_commit import OtherBuild
from .verdict import TestVerdict, VerdictName

#: The phrase for one test and for several, in the order in which a reader wants to know it.
PHRASES: dict[VerdictName, tuple[str, str]] = {
    'flaky': ('is flaky', 'are flaky'),
    'failing_identically': ('fails each time in the same way', 'fail each time in the same way'),
    'failing_differently': ('fails each time but not in the same way', 'fail each time but not in the same way'),
    'failed_once': ('failed in the only attempt that ran it', 'failed in the only attempt that ran them'),
    'never_ran': ('never ran', 'never ran'),
    'build_changed': ('passed and failed but only in different builds',
                      'passed and failed but only in different builds'),
    'expectation_changed': ('had another result approved in between', 'had another result approved in between'),
}


def counted(count: int, noun: str) -> str:
    """Return a number of things: "1 test", "3 tests"."""
    return f'{count} {noun}' if count == 1 else f'{count} {noun}s'


def queued_again(run: str, new_run: str, tests: str) -> str:
    """Return the sentence about a retry that was created."""
    return f'{run} is queued again as {new_run}, with {tests}.'


@dataclass(frozen=True)
class Finding:
    """A statement about some tests: "2 tests are flaky". Without ids it is about all tests."""

    text: str
    regression_test_ids: tuple[int, ...]


def list_findings(tests: Sequence[TestVerdict]) -> list[Finding]:
    """Return a statement for each verdict but "passed", or one if all passed; none for fewer than two attempts."""
    # One attempt alone proves nothing.
    if count_attempts(tests) < 2:
        return []
    findings: list[Finding] = []
    for name, phrases in PHRASES.items():
        ids = tuple(test.regression_test_id for test in tests if test.verdict == name)
        if ids:
            is_one = len(ids) == 1
            # Only the first has the noun: "2 tests are flaky and 1 fails each time".
            noun = '' if findings else ' test' if is_one else ' tests'
            findings.append(Finding(f'{len(ids)}{noun} {phrases[0] if is_one else phrases[1]}', ids))
    return findings or [Finding('every test passed each time it ran', ())]


def to_sentence(tests: Sequence[TestVerdict]) -> str | None:
    """Return the verdicts in a sentence: "Over 3 attempts 2 tests are flaky."; None if there are no findings."""
    findings = list_findings(tests)
    attempts = counted(count_attempts(tests), 'attempt')
    return f'Over {attempts} {_join([finding.text for finding in findings])}.' if findings else None


def to_hint(tests: Collection[TestVerdict], ids: Collection[int], approved: Set[int], master_id: int | None,
            same_in_master: Set[int]) -> str | None:
    """
    Return a hint about tests that may be run again, with a sentence for each kind of them; None without a hint.

    ``approved`` has those of the tests whose result is expected by now. No other sentence is about them.
    ``same_in_master`` has the others that fail in the same way in ``master_id``, the newest run of master.
    """
    flaky, differing, same = (
        {test.regression_test_id for test in tests if test.verdict == verdict}.intersection(ids) - approved
        for verdict in ('flaky', 'failing_differently', 'failing_identically'))
    in_master = f'in the same way in run {master_id}, the newest of master'
    # The phrase for one test and for several of each kind.
    kinds = [
        (approved, 'has the result that is expected now: running it again will probably pass',
         'have the result that is expected now: running them again will probably pass'),
        (flaky, 'passed in another attempt: it is flaky', 'passed in another attempt: they are flaky'),
        (differing, 'failed each time, but not in the same way', 'failed each time, but not in the same way'),
        (same, 'failed each time, in the same way', 'failed each time, in the same way'),
        (same_in_master, f'fails {in_master}', f'fail {in_master}'),
    ]
    sentences = [f'{_some(found, ids)} {one if len(found) == 1 else several}' for found, one, several in kinds if found]
    unlikely = same | same_in_master
    # If there are some, the last sentence is about them.
    advice = f': running {"it" if len(unlikely) == 1 else "them"} again will hardly change that' if unlikely else ''
    return f'{". ".join(sentences)}{advice}.' if sentences else None


def _some(tests: Collection[int], ids: Collection[int]) -> str:
    if len(tests) < len(ids):
        return f'{len(tests)} of the {len(ids)}'
    return 'This test' if len(tests) == 1 else f'All {len(tests)}'


def carried_over_sentence(attempt: Attempt, link: Callable[[int], str]) -> str:
    """
    Return how many results a run did not get itself, and from which runs, in a sentence; empty if there are none.

    ``link`` returns "run 28" with a link, as the page or the report writes it.
    """
    origins = attempt.carried_over_from
    if not origins:
        return ''
    runs = [f'{link(run_id)} ({count})' if len(origins) > 1 else link(run_id) for run_id, count in origins.items()]
    return (f'{attempt.carried_over} of the {attempt.passed + attempt.failed} results '
            f'{"is" if attempt.carried_over == 1 else "are"} carried over from {_join(runs)}.')


def other_builds_sentence(other_builds: Sequence[OtherBuild]) -> str:
    """Return how many results were built from which other commit, in a sentence; empty if there are none."""
    if not other_builds:
        return ''
    first, *others = other_builds
    return _join([f'{first.results} of the results carried over {"was" if first.results == 1 else "were"} built from '
                  f'{first.short}', *(f'{other.results} from {other.short}' for other in others)]) + '.'


def count_attempts(tests: Iterable[TestVerdict]) -> int:
    """Return the number of ended attempts that ran a test. The others prove nothing."""
    return len({attempt.run_id for test in tests for attempt in test.attempts if attempt.has_run})


def _join(texts: Sequence[str]) -> str:
    *first, last = texts
    return f'{", ".join(first)} and {last}' if first else last
