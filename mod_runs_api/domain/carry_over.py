"""
The results that a failed-only retry gets from other attempts (docs/how-it-works.rst, "Results are carried over").

A completed failed-only retry gets a result for each active test that it did not run itself, if another attempt ran it.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from .progress import Progress, ProgressRow, sort_by_results

#: For each output of a test that has a file, its hash; None if the file is identical to the expected one.
OutputFiles = Mapping[int, str | None]


class CarryOver(NamedTuple):
    """The results to carry over into a retry: the row that completed it, and the origin run of each test."""

    completion: ProgressRow
    origins: dict[int, int]
    #: The outputs that the worker of the retry reported without a result, by test.
    reported: Mapping[int, OutputFiles]


def choose_origins(completion: ProgressRow | None, without_result: Collection[int], progress: Mapping[int, Progress],
                   own_results: Mapping[int, Collection[int]]) -> dict[int, int]:
    """
    Return the origin run of each test that a retry gets from another attempt.

    ``completion`` is the row that completed the retry; None for the results that it would get if it completed now.
    ``without_result`` has the active tests of which it has no result, or will have none if it has not ended.
    ``own_results`` has the tests that each attempt ran itself.
    """
    # From the last results on, and only for tests without an origin.
    origins: dict[int, int] = {}
    remaining = set(without_result)
    for run_id in reversed(sort_by_results(progress.values())):
        # A completed retry does not change because of runs that started later.
        if completion is None or progress[run_id].rows[0].id < completion.id:
            tests = remaining.intersection(own_results[run_id])
            origins |= dict.fromkeys(tests, run_id)
            remaining -= tests
    return origins


def drop_contradicted(origins: Mapping[int, int], reported: Mapping[int, OutputFiles],
                      files: Mapping[tuple[int, int], OutputFiles]) -> dict[int, int]:
    """
    Return the origin runs but for the tests that must stay without a result.

    These are the tests of which the retry's worker reported an output that differs from that of the origin run.
    ``reported`` has the outputs that the worker reported without a result, by test, and ``files`` those of the origin
    runs, by run and test.
    """
    # The origin run must have each reported output, with the same file.
    return {test: origin_id for test, origin_id in origins.items()
            if reported.get(test, {}).items() <= files.get((origin_id, test), {}).items()}
