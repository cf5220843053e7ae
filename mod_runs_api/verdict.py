"""What the attempts of a run prove about its tests (contract section 1, ``GET /runs/{run_id}/verdict``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from .outcomes import RAN, Outcome, read_outcomes
from .tables import Tables

#: Every verdict on a test, in the order of the contract's table.
VERDICTS = ('passed', 'flaky', 'failing_identically', 'failing_differently', 'failed_once', 'never_ran',
            'expectation_changed')


@dataclass(frozen=True)
class TestVerdict:
    """
    What all attempts together prove about one test.

    Attributes
    ----------
    regression_test_id : int
        The regression test.
    active : bool
        Whether it is active now.
    verdict : str
        One of :data:`VERDICTS`.
    latest : str or None
        The outcome in the newest attempt that ran it; None if no attempt did.
    attempts : tuple of Outcome
        The attempts that have ended and were told to run it or show a result of it, by run id.
    """

    __test__ = False  # pytest takes the class for tests otherwise.

    regression_test_id: int
    active: bool
    verdict: str
    latest: str | None
    attempts: tuple[Outcome, ...]


@dataclass(frozen=True)
class Verdict:
    """
    What all attempts of a run together prove.

    Attributes
    ----------
    run_id : int
        The run that was asked about.
    root_run_id : int
        The first of its attempts, which is no retry.
    attempts : list of int
        The runs of all attempts, in order.
    overall : str
        'pending', 'fail', 'unstable' or 'pass'.
    counts : dict of str to int
        How many tests have each verdict, for all of :data:`VERDICTS`.
    tests : list of TestVerdict
        Every test that any attempt was told to run or has a result of, by id.
    """

    run_id: int
    root_run_id: int
    attempts: list[int]
    overall: str
    counts: dict[str, int]
    tests: list[TestVerdict]


def read_verdict(connection: Connection, tables: Tables, run_id: int) -> Verdict:
    """Return what all attempts of a run together prove. Raises :exc:`RunNotFound`."""
    found = read_outcomes(connection, tables, run_id)
    tests = [judge(test_id, test_id in found.active_ids, outcomes) for test_id, outcomes in found.outcomes.items()]
    return Verdict(run_id, found.root_run_id, found.run_ids, overall(tests, all_ended=found.all_ended),
                   count(tests), tests)


def judge(regression_test_id: int, active: bool, attempts: Iterable[Outcome]) -> TestVerdict:
    """Return what the attempts prove about a test: those that have ended and list it, by run id."""
    attempts = tuple(attempts)
    ran = [attempt for attempt in attempts if attempt.outcome in RAN]
    latest = ran[-1].outcome if ran else None
    return TestVerdict(regression_test_id, active, _verdict(ran), latest, attempts)


def _verdict(ran: Sequence[Outcome]) -> str:
    """Return the verdict on a test from the attempts that really ran it: the contract's table."""
    failures = [attempt for attempt in ran if attempt.outcome != 'pass']
    if not ran:
        return 'never_ran'
    if not failures:
        return 'passed'
    if len(failures) < len(ran):
        return 'flaky' if _expects_the_same(ran) else 'expectation_changed'
    if len(failures) == 1:
        return 'failed_once'
    ways_to_fail = {(failure.exit_code, failure.produced) for failure in failures}
    return 'failing_identically' if len(ways_to_fail) == 1 else 'failing_differently'


def _expects_the_same(ran: Sequence[Outcome]) -> bool:
    """Return whether no attempt was held against another exit code or another file than the others."""
    exit_codes = {attempt.expected_rc for attempt in ran}
    # An output without a file in one attempt leaves nothing to compare there: a missing file is no new expectation.
    expected = frozenset().union(*(attempt.expected for attempt in ran))
    return len(exit_codes) == 1 and len(expected) == len({output_id for output_id, _ in expected})


def overall(tests: Iterable[TestVerdict], *, all_ended: bool) -> str:
    """Return what the attempts prove about the commit: 'pending', 'fail', 'unstable' or 'pass'."""
    active = [test for test in tests if test.active]
    if not all_ended:
        return 'pending'
    if any(test.latest != 'pass' for test in active):
        return 'fail'
    if any(test.verdict == 'flaky' for test in active):
        return 'unstable'
    return 'pass'


def count(tests: Iterable[TestVerdict]) -> dict[str, int]:
    """Return how many tests have each verdict, those that none has too."""
    counts = Counter(test.verdict for test in tests)
    return {verdict: counts[verdict] for verdict in VERDICTS}
