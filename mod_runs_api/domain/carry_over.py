"""The results that a failed-only retry gets from other attempts (docs/operations.rst, "Results are carried over")."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from .. import clock
from .progress import Progress, ProgressRow, order_ends

#: How long after its end a retry is always compared: a result may arrive late, in an attempt that has ended.
WATCHED_FOR = timedelta(days=2)


class CarryOver(NamedTuple):
    """The results to carry over into a retry: the row that completed it, and the origin run of each test."""

    completed: ProgressRow
    origins: dict[int, int]


@dataclass(frozen=True)
class CompletedRetry:
    """A failed-only retry that has completed."""

    run_id: int
    #: The first run of its attempts.
    root_id: int
    completed_at: datetime | str
    #: Whether results were carried over into it.
    has_carried_over: bool
    #: Whether any of its attempts has a newer progress row than the one that completed it.
    has_newer_progress: bool

    def may_lack_results(self, now: datetime) -> bool:
        """Return whether it must be compared with the other attempts: it may lack results that they have."""
        is_watched = clock.age(self.completed_at, now) <= WATCHED_FOR
        return is_watched or self.has_newer_progress or not self.has_carried_over


def find_last_runs(attempts: Iterable[Progress], executed: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Return for each test the attempt that ended last among those that executed it, from pairs of run and test."""
    tests: dict[int, list[int]] = defaultdict(list)
    for run_id, regression_test_id in executed:
        tests[run_id].append(regression_test_id)
    return {test: end.run_id for end in order_ends(attempts) for test in tests[end.run_id]}


def find_origins(results: Collection[int], last_runs: Mapping[int, int]) -> dict[int, int]:
    """Return the tests of which a retry has no result, each with the attempt whose result it gets."""
    return {test: run_id for test, run_id in last_runs.items() if test not in results}
