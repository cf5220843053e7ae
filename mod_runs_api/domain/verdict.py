"""The verdicts of the attempts of a run on its tests (docs/api.rst, "Verdicts")."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, NamedTuple, get_args

from .outcomes import RAN, Evidence, Outcome
from .run import are_different_builds

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
    #: The commit that was built for the attempt; None if nobody knows.
    build: str | None
    outcome: Outcome
    #: Filled in for a test that ran more than once and failed at least once: no other verdict depends on it.
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
        The outcome in the attempt that ended last of those that really ran the test: pass, fail or missing_output.
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
    """Return whether the verdict on a test depends on exit codes and files: it ran more than once, and failed."""
    ran = [attempt.outcome for attempt in attempts if attempt.has_run]
    return len(ran) > 1 and set(ran) != {'pass'}


def judge(regression_test_id: int, command: str, active: bool, attempts: Sequence[AttemptOutcome]) -> TestVerdict:
    """Return the verdict on a test from its attempts: those that have ended and list it, by run id."""
    ran = [attempt for attempt in attempts if attempt.has_run]
    latest = max(ran, key=lambda attempt: attempt.end_id).outcome if ran else None
    return TestVerdict(regression_test_id, command, active, _verdict(ran), latest, attempts)


def _verdict(ran: Collection[AttemptOutcome]) -> VerdictName:
    """Return the verdict on a test from the attempts that really ran it."""
    passes = [attempt for attempt in ran if attempt.outcome == 'pass']
    failures = [attempt for attempt in ran if attempt.outcome != 'pass']
    if not ran:
        return 'never_ran'
    if not failures:
        return 'passed'
    if passes:
        # Each pass beside each failure that happened under the same expectation.
        comparable = [(passed, failed) for passed, failed in product(passes, failures)
                      if _expected_the_same(passed.evidence, failed.evidence)]
        if not comparable:
            return 'expectation_changed'
        of_one_build = any(not are_different_builds(passed.build, failed.build) for passed, failed in comparable)
        return 'flaky' if of_one_build else 'build_changed'
    if len(failures) == 1:
        return 'failed_once'
    ways = {failure.evidence.way_to_fail for failure in failures}
    return 'failing_identically' if len(ways) == 1 else 'failing_differently'


def _expected_the_same(one: Evidence, other: Evidence) -> bool:
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


def judge_commit(tests: Sequence[TestVerdict], *, all_ended: bool) -> Overall:
    """Return the verdict on the commit. Active tests decide, and all where none is active."""
    deciding = [test for test in tests if test.active] or tests
    if not all_ended:
        return 'pending'
    if any(test.latest != 'pass' for test in deciding):
        return 'fail'
    if any(test.verdict == 'flaky' for test in deciding):
        return 'unstable'
    return 'pass'
