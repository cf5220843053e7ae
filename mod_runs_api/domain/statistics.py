"""Counts over many runs: why they ended, and which tests are often flaky (docs/python-and-command-line.rst)."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from .causes import CAUSES, Cause, CauseName
from .verdict import Verdict


@dataclass(frozen=True)
class CauseCounts:
    """The causes of runs, counted."""

    runs: int
    #: The number of runs that completed with all results.
    whole: int
    by_name: dict[CauseName, int]
    #: The causes with their counts, the most frequent first. All missing results count as one cause.
    details: list[tuple[Cause, int]]

    @classmethod
    def of(cls, causes: Iterable[Cause | None]) -> 'CauseCounts':
        """Return the counts of the causes."""
        counts = Counter(None if cause is None else cause.without_numbers() for cause in causes)
        details = [(cause, count) for cause, count in counts.most_common() if cause is not None]
        return cls(counts.total(), counts[None], {
            name: sum(count for cause, count in details if cause.name == name) for name in CAUSES}, details)


@dataclass(frozen=True)
class FlakyTest:
    """A regression test that was flaky in a root run together with its retries."""

    regression_test_id: int
    command: str
    #: The number of these runs in which it was flaky.
    flaky: int
    #: The number of these runs in which it ran more than once.
    retried: int
    #: The newest root run in which it was flaky.
    last_run_id: int


@dataclass(frozen=True)
class FlakyTests:
    """The tests that were flaky in a root run with its retries, the most often flaky first."""

    runs: int
    tests: list[FlakyTest]


def count_flaky(verdicts: Iterable[Verdict]) -> FlakyTests:
    """Return the tests that were flaky, from the verdicts on root runs, the newest first."""
    runs = 0
    flaky: Counter[int] = Counter()
    retried: Counter[int] = Counter()
    newest: dict[int, tuple[str, int]] = {}
    for verdict in verdicts:
        runs += 1
        for test in verdict.tests:
            regression_test_id = test.regression_test_id
            if sum(attempt.has_run for attempt in test.attempts) > 1:
                retried[regression_test_id] += 1
            if test.verdict == 'flaky':
                flaky[regression_test_id] += 1
                newest.setdefault(regression_test_id, (test.command, verdict.root_run_id))
    tests = [FlakyTest(regression_test_id, command, flaky[regression_test_id], retried[regression_test_id], run_id)
             for regression_test_id, (command, run_id) in newest.items()]
    return FlakyTests(runs, sorted(tests, key=lambda test: (-test.flaky, test.regression_test_id)))
