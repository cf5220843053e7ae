"""The verdicts of the attempts of a run on its tests (docs/api.rst, "Verdicts")."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, NamedTuple, get_args

from .outcomes import RAN, Evidence, Outcome
from .run import digits_of_build

#: Every verdict on a test, in the order of the table in docs/api.rst.
VerdictName = Literal['passed', 'flaky', 'failing_identically', 'failing_differently', 'failed_once', 'never_ran',
                      'build_changed', 'expectation_changed']

#: The verdict on the commit.
Overall = Literal['pending', 'fail', 'unstable', 'pass']

VERDICTS: tuple[VerdictName, ...] = get_args(VerdictName)


class AttemptOutcome(NamedTuple):
    """The outcome of a test in one attempt."""

    run_id: int
    #: The place of the attempt by run id, from 1.
    attempt: int
    #: The larger, the later the attempt has ended.
    end_id: int
    #: The commit that was built for the attempt; None if it is unknown.
    build: str | None
    outcome: Outcome
    #: Only filled in for a test that ran more than once and failed at least once. No other verdict depends on it.
    evidence: Evidence = Evidence()

    @property
    def has_run(self) -> bool:
        """Whether the attempt itself ran the test."""
        return self.outcome in RAN


@dataclass(frozen=True)
class TestVerdict:
    """
    The verdict of all attempts of a run together on one regression test (docs/api.rst, "Verdicts").

    Attributes
    ----------
    regression_test_id : int
        The test.
    command : str
        The command line of the test.
    active : bool
        Whether the test is active now.
    verdict : str
        One of the words of the table: passed, flaky, failing_identically and so on.
    latest : str or None
        The outcome in the attempt that ended last among those that executed the test: pass, fail or missing_output.
        None if no attempt ran it.
    attempts : sequence of AttemptOutcome
        The ended attempts that selected the test or have a result of it, by run id, each with ``run_id``, ``attempt``
        (its position, from 1) and ``outcome``.
    """

    __test__ = False  # pytest takes the class for tests otherwise.

    regression_test_id: int
    command: str
    active: bool
    verdict: VerdictName
    latest: Outcome | None
    attempts: Sequence[AttemptOutcome]


@dataclass(frozen=True)
class Verdict:
    """
    The verdicts of all attempts of a run together (docs/api.rst, "Verdicts").

    Attributes
    ----------
    run_id : int
        The requested run.
    root_run_id : int
        The first run of the attempts. It may have been deleted.
    attempts : list of int
        The runs of all attempts, by run id.
    overall : str
        The verdict on the commit: pending, fail, unstable or pass.
    counts : dict of str to int
        The number of tests with each of the eight verdicts.
    sentence : str or None
        The verdicts in a sentence for people. None if there is nothing to say.
    tests : list of TestVerdict
        Every test that an attempt selected or has a result of, by id.
    """

    run_id: int
    root_run_id: int
    attempts: list[int]
    overall: Overall
    counts: dict[VerdictName, int]
    sentence: str | None
    tests: list[TestVerdict]


def count_verdicts(tests: Iterable[TestVerdict]) -> dict[VerdictName, int]:
    """Return the number of tests with each verdict."""
    counts = Counter(test.verdict for test in tests)
    return {verdict: counts[verdict] for verdict in VERDICTS}


def needs_evidence(attempts: Iterable[AttemptOutcome]) -> bool:
    """Return whether the verdict on a test depends on exit codes and files: it ran more than once and failed."""
    ran = [attempt.outcome for attempt in attempts if attempt.has_run]
    return len(ran) > 1 and set(ran) != {'pass'}


def judge(regression_test_id: int, command: str, active: bool, attempts: Sequence[AttemptOutcome]) -> TestVerdict:
    """Return the verdict on a test from its attempts: those that have ended and list it, by run id."""
    ran = [attempt for attempt in attempts if attempt.has_run]
    latest = max(ran, key=lambda attempt: attempt.end_id).outcome if ran else None
    return TestVerdict(regression_test_id, command, active, _verdict(ran), latest, attempts)


def _verdict(ran: Collection[AttemptOutcome]) -> VerdictName:
    """Return the verdict on a test from the attempts that executed it."""
    passes = [attempt for attempt in ran if attempt.outcome == 'pass']
    failures = [attempt for attempt in ran if attempt.outcome != 'pass']
    if not ran:
        return 'never_ran'
    if not failures:
        return 'passed'
    if passes:
        if _are_comparable(passes, failures, of_one_build=True):
            return 'flaky'
        return 'build_changed' if _are_comparable(passes, failures) else 'expectation_changed'
    if len(failures) == 1:
        return 'failed_once'
    ways = {failure.evidence.way_to_fail for failure in failures}
    return 'failing_identically' if len(ways) == 1 else 'failing_differently'


class _Shape(NamedTuple):
    """The outputs that have a file, and a number of digits of the build. Attempts are compared by these."""

    outputs: frozenset[int]
    digits: int


def _are_comparable(passes: Iterable[AttemptOutcome], failures: Iterable[AttemptOutcome],
                    of_one_build: bool = False) -> bool:
    """Return whether any pass and any failure had the same expectation and, if wanted, no different builds."""
    # Attempts of one shape are compared together, because 1,600 passes and 1,600 failures are 2.5 million pairs.
    shapes = product(_group_by_shape(passes, of_one_build).items(), _group_by_shape(failures, of_one_build).items())
    for (one, some_passes), (other, some_failures) in shapes:
        # One of two builds may be abbreviated.
        common = _Shape(one.outputs & other.outputs, min(one.digits, other.digits))
        passed, failed = _group_by_expectation(some_passes, common), _group_by_expectation(some_failures, common)
        for expectation in passed.keys() & failed.keys():
            # One may have a file that the other lacks. A test that crashed or wrote something else may not have reached
            # that output. If everything else is the same, the output was not expected then.
            if one.outputs == other.outputs or len(passed[expectation] | failed[expectation]) > 1:
                return True
    return False


def _group_by_shape(attempts: Iterable[AttemptOutcome], of_one_build: bool) -> dict[_Shape, list[AttemptOutcome]]:
    groups: dict[_Shape, list[AttemptOutcome]] = defaultdict(list)
    for attempt in attempts:
        digits = len(digits_of_build(attempt.build)) if of_one_build else 0
        groups[_Shape(frozenset(attempt.evidence.files), digits)].append(attempt)
    return groups


def _group_by_expectation(attempts: Iterable[AttemptOutcome],
                          shape: _Shape) -> dict[tuple[object, ...], set[tuple[object, ...]]]:
    """Return the different results of some attempts, by build and expectation, as far as a shape has them."""
    results: dict[tuple[object, ...], set[tuple[object, ...]]] = defaultdict(set)
    for attempt in attempts:
        evidence, build = attempt.evidence, digits_of_build(attempt.build)[:shape.digits]
        files = [evidence.files[output_id] for output_id in shape.outputs]
        expectation = build, evidence.expected_rc, *(file.expected for file in files)
        results[expectation].add((evidence.exit_code, *(file.produced for file in files)))
    return results


def judge_commit(tests: Sequence[TestVerdict], *, all_ended: bool) -> Overall:
    """Return the verdict on the commit. Active tests decide, or all tests if none is active."""
    deciding = [test for test in tests if test.active] or tests
    if not all_ended:
        return 'pending'
    if any(test.latest != 'pass' for test in deciding):
        return 'fail'
    if any(test.verdict == 'flaky' for test in deciding):
        return 'unstable'
    return 'pass'
