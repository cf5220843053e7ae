"""The results that a failed-only retry gets from other attempts (docs/operations.rst, "Results are carried over")."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from .progress import Progress, ProgressRow, sort_by_end


class CarryOver(NamedTuple):
    """The results to carry over into a retry: the row that completed it, and the origin run of each test."""

    completed: ProgressRow
    origins: dict[int, int]


def find_origins(completed: ProgressRow | None, lacking: Collection[int], attempts: Mapping[int, Progress],
                 executed: Mapping[int, Collection[int]]) -> dict[int, int]:
    """
    Return the origin run of each test that a retry lacks and another attempt executed.

    ``completed`` is the row that completed the retry; None for the results that it would get if it completed now.
    """
    # From the latest end on, because the last result counts, and only for tests that are still missing.
    origins: dict[int, int] = {}
    missing = set(lacking)
    for end in reversed(sort_by_end(attempts.values())):
        # A completed retry does not change because of runs that started later.
        if completed is None or attempts[end.run_id].rows[0].id < completed.id:
            found = missing.intersection(executed[end.run_id])
            origins |= dict.fromkeys(found, end.run_id)
            missing -= found
    return origins
