"""What the attempts of a run prove about its tests (docs/api.rst, "Verdicts")."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import NamedTuple

from .database import Database
from .database.carry_over import read_carried_over
from .database.outcomes import read_evidence, read_outcomes
from .database.runs import (find_source, read_active, read_attempts,
                            read_progress)

#: Every verdict on a test, in the order of the table in docs/api.rst.
VERDICTS = ('passed', 'flaky', 'failing_identically', 'failing_differently', 'failed_once', 'never_ran',
            'expectation_changed')

#: The outcomes of a test that the attempt itself ran. Only these are evidence.
RAN = frozenset({'pass', 'fail', 'missing_output'})


class File(NamedTuple):
    """One output of a test: the hash of what was expected at the time, and of what came."""

    expected: str
    produced: str


class Outcome(NamedTuple):
    """
    How a test came out in one attempt.

    The last three attributes are filled only for a test that ran more than once and failed at least once: no other
    verdict depends on them.

    Attributes
    ----------
    run_id : int
        The attempt's run.
    attempt : int
        Its place among the attempts by run id, from 1.
    end_id : int
        The larger, the later the attempt has ended.
    outcome : str
        'pass', 'fail', 'missing_output', 'not_run' (it was selected, and has no result) or 'carried_over' (the result
        of another attempt).
    exit_code : int or None
        What the test ended with.
    expected_rc : int or None
        What it was expected to end with at the time.
    files : Mapping of int to File
        The outputs that have a file, by the id of the output.
    """

    run_id: int
    attempt: int
    end_id: int
    outcome: str
    exit_code: int | None = None
    expected_rc: int | None = None
    files: Mapping[int, File] = MappingProxyType({})

    @property
    def has_run(self) -> bool:
        """Whether the attempt itself ran the test."""
        return self.outcome in RAN

    @property
    def way_to_fail(self) -> tuple[int | None, frozenset[tuple[int, str]]]:
        """What came: the exit code, and every output that has a file. It is equal for failures that are identical."""
        return self.exit_code, frozenset((output_id, file.produced) for output_id, file in self.files.items())


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
        The outcome in the attempt that ended last of those that ran it; None if no attempt did.
    attempts : tuple of Outcome
        The attempts that have ended and that it was selected for or has a result in, by run id.
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
        Every test that was selected for any attempt or has a result in it, by id.
    """

    run_id: int
    root_run_id: int
    attempts: list[int]
    overall: str
    counts: dict[str, int]
    tests: list[TestVerdict]


def read_verdict(db: Database, run_id: int) -> Verdict:
    """Return what all attempts of a run together prove. Raises :exc:`RunNotFound`."""
    root_id = find_source(db, run_id).root_id
    run_ids = [row.run_id for row in read_attempts(db, root_id)]
    ended = {run_id: progress.end_id for run_id, progress in read_progress(db, run_ids).items() if progress.has_ended}
    numbers = {run_id: number for number, run_id in enumerate(run_ids, 1)}
    found = read_outcomes(db, run_ids) + [(*one, 'carried_over') for one in read_carried_over(db, run_ids)]
    by_test: dict[int, list[Outcome]] = {}
    for test_id, attempt_id, outcome in sorted(found):
        outcomes = by_test.setdefault(test_id, [])
        if attempt_id in ended:
            outcomes.append(Outcome(attempt_id, numbers[attempt_id], ended[attempt_id], outcome))
    _add_evidence(db, run_ids, by_test)
    active_ids = read_active(db)
    tests = [judge(test_id, test_id in active_ids, outcomes) for test_id, outcomes in by_test.items()]
    counts = Counter(test.verdict for test in tests)
    return Verdict(run_id, root_id, run_ids, overall(tests, all_ended=len(ended) == len(run_ids)),
                   {verdict: counts[verdict] for verdict in VERDICTS}, tests)


def _add_evidence(db: Database, run_ids: Sequence[int], by_test: dict[int, list[Outcome]]) -> None:
    """Add exit codes and files to the outcomes of every test that ran more than once and failed."""
    test_ids = []
    for test_id, outcomes in by_test.items():
        ran = [outcome.outcome for outcome in outcomes if outcome.has_run]
        if len(ran) > 1 and set(ran) != {'pass'}:
            test_ids.append(test_id)
    if not test_ids:
        return
    codes: dict[tuple[int, int], tuple[int | None, int | None]] = {}
    files: dict[tuple[int, int], dict[int, File]] = defaultdict(dict)
    for row in read_evidence(db, run_ids, test_ids):
        key = row.regression_test_id, row.run_id
        codes[key] = row.exit_code, row.expected_rc
        if row.output_id is not None:
            files[key][row.output_id] = File(row.expected, row.produced)
    for test_id in test_ids:
        for place, outcome in enumerate(by_test[test_id]):
            key = test_id, outcome.run_id
            exit_code, expected_rc = codes.get(key, (None, None))
            by_test[test_id][place] = outcome._replace(
                exit_code=exit_code, expected_rc=expected_rc, files=files[key])


def judge(regression_test_id: int, active: bool, attempts: Iterable[Outcome]) -> TestVerdict:
    """Return what the attempts prove about a test: those that have ended and list it, by run id."""
    attempts = tuple(attempts)
    ran = [attempt for attempt in attempts if attempt.has_run]
    latest = max(ran, key=lambda attempt: attempt.end_id).outcome if ran else None
    return TestVerdict(regression_test_id, active, _verdict(ran), latest, attempts)


def _verdict(ran: Collection[Outcome]) -> str:
    """Return the verdict on a test from the attempts that really ran it."""
    passes = [attempt for attempt in ran if attempt.outcome == 'pass']
    failures = [attempt for attempt in ran if attempt.outcome != 'pass']
    if not ran:
        return 'never_ran'
    if not failures:
        return 'passed'
    if passes:
        expected_the_same = any(_expected_the_same(*pair) for pair in product(passes, failures))
        return 'flaky' if expected_the_same else 'expectation_changed'
    if len(failures) == 1:
        return 'failed_once'
    return 'failing_identically' if len({failure.way_to_fail for failure in failures}) == 1 else 'failing_differently'


def _expected_the_same(one: Outcome, other: Outcome) -> bool:
    """Return whether two attempts held the test against the same exit code and the same files."""
    in_both = one.files.keys() & other.files.keys()
    if one.expected_rc != other.expected_rc or any(
            one.files[output_id].expected != other.files[output_id].expected for output_id in in_both):
        return False
    if one.files.keys() == other.files.keys():
        return True
    # One has a file that the other lacks. A test that crashed, or wrote something else, may not have come to it; a
    # test that did all as before was not asked for it.
    did_as_before = one.exit_code == other.exit_code == one.expected_rc and all(
        one.files[output_id].produced == other.files[output_id].produced for output_id in in_both)
    return not did_as_before


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
