"""The progress of a run, and its end (docs/how-it-works.rst, "Results are carried over")."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import NamedTuple

COMPLETED, CANCELED = 'completed', 'canceled'

#: The messages of ends that the clock writes, maybe hours after the last test. The platform's job writes both. It may
#: write the time limit again at each tick, also after the run has completed.
TIME_LIMIT = 'Could not complete test, time limit exceeded'
LOST_MACHINE = 'The machine of this run has vanished.'

#: The last stages of a run that has ended.
ENDED_STAGES = (COMPLETED, CANCELED)


class ProgressRow(NamedTuple):
    """A progress row."""

    run_id: int
    id: int
    stage: str
    message: str
    #: The platform writes some times in UTC and some in its machine's local time: see :func:`mod_runs_api.clock.age`.
    timestamp: datetime


@dataclass(frozen=True)
class Progress:
    """The progress of a run. The ids of progress rows define the order of events; their times do not."""

    run_id: int
    #: The rows by id. Empty while the run is queued.
    rows: Sequence[ProgressRow]

    @property
    def stage(self) -> str | None:
        """The last stage of the run; None while it is queued."""
        return self.rows[-1].stage if self.rows else None

    @property
    def first_completed(self) -> ProgressRow | None:
        """The first row that completed the run, regardless of later rows."""
        return next((row for row in self.rows if row.stage == COMPLETED), None)

    @property
    def has_completed(self) -> bool:
        """Whether a row completed the run, regardless of later rows."""
        return self.first_completed is not None

    @property
    def end(self) -> ProgressRow | None:
        """The row that ended the run: the first completed row, or else the first of the canceled rows at the tail."""
        if self.stage not in ENDED_STAGES:
            return None
        return self.tail[0] if self.first_completed is None else self.first_completed

    @property
    def completion(self) -> ProgressRow | None:
        """The end of a run that has completed; None for any other run."""
        return self.first_completed if self.stage in ENDED_STAGES else None

    @property
    def tail(self) -> Sequence[ProgressRow]:
        """The canceled rows at the end, by id. The platform writes the time limit again at each tick."""
        newest_first = list(takewhile(lambda row: row.stage == CANCELED, reversed(self.rows)))
        return newest_first[::-1]


def sort_by_results(progress: Iterable[Progress]) -> list[int]:
    """Return the runs that have ended in the order of their results, of which the last counts."""
    places = sorted((_place_results(run, run.end), run.run_id) for run in progress if run.end is not None)
    return [run_id for _, run_id in places]


def _place_results(run: Progress, end: ProgressRow) -> tuple[int, int]:
    if run.has_completed or end.message.strip() not in (TIME_LIMIT, LOST_MACHINE):
        return end.id, end.id
    # The clock wrote this end, so its place is that of the row before. Otherwise results of a machine that was lost in
    # the morning would replace those of a retry that completed at noon.
    return max((row.id for row in run.rows if row.id < end.id), default=0), end.id
