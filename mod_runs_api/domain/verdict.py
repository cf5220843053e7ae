"""The verdicts of the attempts of a run on its tests (docs/verdicts.rst, "The verdict on each test")."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, NamedTuple, get_args

from .built_commit import are_different_builds
from .outcomes import RAN, Evidence, Outcome
from .progress import Progress

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
    #: Its place in the order of the results: the larger, the later.
    place: int
    #: The commit that was built for the attempt; None if it is unknown.
    build: str | None
    outcome: Outcome

    @property
    def has_run(self) -> bool:
        """Whether the attempt itself ran the test."""
        return self.outcome in RAN


@dataclass(frozen=True)
class TestVerdict:
    """The verdict of all attempts together on one regression test (docs/verdicts.rst, "The verdict on each test")."""

    regression_test_id: int
    command: str
    #: Whether the test is active now.
    active: bool
    verdict: VerdictName
    #: The outcome in the attempt that ended last among those that ran the test. None if no attempt ran it.
    latest: Outcome | None
    #: The ended attempts that selected the test or have a result of it, by run id.
    attempts: Sequence[AttemptOutcome]


@dataclass(frozen=True)
class Verdict:
    """The verdicts of all attempts of a run together (docs/verdicts.rst, "The verdict on each test")."""

    run_id: int
    #: The root run of the attempts. It may have been deleted.
    root_run_id: int
    #: The runs of all attempts, by run id.
    attempts: list[int]
    overall: Overall
    #: The number of tests with each of the eight verdicts.
    counts: dict[VerdictName, int]
    #: The verdicts in a sentence for people. None if there is nothing to say.
    sentence: str | None
    #: Every test that an attempt selected or has a result of, by id.
    tests: list[TestVerdict]


def count_verdicts(tests: Iterable[TestVerdict]) -> dict[VerdictName, int]:
    """Return the number of tests with each verdict."""
    counts = Counter(test.verdict for test in tests)
    return {verdict: counts[verdict] for verdict in VERDICTS}


def needs_evidence(attempts: Iterable[AttemptOutcome]) -> bool:
    """Return whether the verdict on a test depends on exit codes and files: it ran more than once and failed."""
    ran = [attempt.outcome for attempt in attempts if attempt.has_run]
    return len(ran) > 1 and set(ran) != {'pass'}


def judge(regression_test_id: int, command: str, active: bool, attempts: Sequence[AttemptOutcome],
          evidence: Mapping[int, Evidence]) -> TestVerdict:
    """
    Return the verdict on a test from its attempts: those that have ended and list it, by run id.

    ``evidence`` has the evidence of each run that ran the test, if the test :func:`needs_evidence`.
    """
    ran = [attempt for attempt in attempts if attempt.has_run]
    return TestVerdict(regression_test_id, command, active, _verdict(ran, evidence), find_latest(ran), attempts)


def find_latest(attempts: Iterable[AttemptOutcome]) -> Outcome | None:
    """Return the outcome in the attempt that ended last of those that ran the test; None if none did."""
    ran = [attempt for attempt in attempts if attempt.has_run]
    return max(ran, key=lambda attempt: attempt.place).outcome if ran else None


def _verdict(ran: Collection[AttemptOutcome], evidence: Mapping[int, Evidence]) -> VerdictName:
    """Return the verdict on a test from the attempts that ran it."""
    passes = [attempt for attempt in ran if attempt.outcome == 'pass']
    failures = [attempt for attempt in ran if attempt.outcome != 'pass']
    if not ran:
        return 'never_ran'
    if not failures:
        return 'passed'
    if passes:
        return _compare(passes, failures, evidence)
    if len(failures) == 1:
        return 'failed_once'
    ways = {evidence[failure.run_id].way_to_fail for failure in failures}
    return 'failing_identically' if len(ways) == 1 else 'failing_differently'


def _compare(passes: Iterable[AttemptOutcome], failures: Iterable[AttemptOutcome],
             evidence: Mapping[int, Evidence]) -> VerdictName:
    """Return the verdict on a test that passed in some attempts and failed in others, each by run id."""
    verdict: VerdictName = 'expectation_changed'
    for passed, failed in product(passes, failures):
        if _had_same_expectation(passed.run_id, failed.run_id, evidence):
            if not are_different_builds(passed.build, failed.build):
                return 'flaky'
            verdict = 'build_changed'
    return verdict


def _had_same_expectation(passed_id: int, failed_id: int, evidence: Mapping[int, Evidence]) -> bool:
    """Return whether two attempts expected the same exit code, and the same of each output."""
    of_pass, of_failure = evidence[passed_id], evidence[failed_id]
    if of_pass.expected_rc != of_failure.expected_rc:
        return False
    # The attempt that passed ended with the expected exit code.
    is_alike = of_failure.exit_code == of_failure.expected_rc
    # For each output with a file in only one of them, whether a run before the other one had a file of it.
    existed = []
    for output in of_pass.files.keys() | of_failure.files.keys():
        if output not in of_failure.files:
            existed.append(of_pass.files[output].oldest_run_id < failed_id)
        elif output not in of_pass.files:
            existed.append(of_failure.files[output].oldest_run_id < passed_id)
        else:
            file_of_pass, file_of_failure = of_pass.files[output], of_failure.files[output]
            # An unknown expectation equals nothing.
            expected = file_of_pass.expected_by_worker
            if expected is None or expected != file_of_failure.expected_by_worker:
                return False
            is_alike = is_alike and file_of_pass.produced == file_of_failure.produced
    # An output with a file in only one of them was expected in both, because a crash or an upload that failed leaves no
    # file. The exception is an output added in between: no earlier run had a file of it.
    was_added = is_alike and bool(existed) and not any(existed)
    return not was_added


def judge_commit(tests: Sequence[TestVerdict], progress: Collection[Progress]) -> Overall:
    """Return the verdict on the commit from all attempts. Active tests decide, or all tests if none is active."""
    have_own_result = {attempt.run_id for test in tests for attempt in test.attempts if attempt.has_run}
    # A run whose machine was lost does not end by itself. It holds up no verdict of a newer attempt.
    newest_result = max((attempt.run_id for attempt in progress
                         if attempt.has_completed and attempt.run_id in have_own_result), default=0)
    if any(attempt.end is None and attempt.run_id > newest_result for attempt in progress):
        return 'pending'
    judged = [test for test in tests if test.active] or tests
    # Without any test, nothing supports a pass.
    if not judged or any(test.latest != 'pass' for test in judged):
        return 'fail'
    if any(test.verdict == 'flaky' for test in judged):
        return 'unstable'
    return 'pass'
