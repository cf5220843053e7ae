"""The progress of a run, and its end (docs/operations.rst, "Results are carried over")."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import NamedTuple

COMPLETED, CANCELED = 'completed', 'canceled'

#: A machine is lost if it is silent for this time longer than the platform lets it run.
GRACE = timedelta(hours=2)

#: The statuses of the last row of a run that has ended.
ENDED_STATUSES = (COMPLETED, CANCELED)


class ProgressRow(NamedTuple):
    """A progress row."""

    run_id: int
    id: int
    status: str
    message: str
    #: The platform writes some times in UTC and some in its machine's local time: see :func:`mod_runs_api.clock.age`.
    #: A string if the driver cannot parse it.
    timestamp: datetime | str


@dataclass(frozen=True)
class Progress:
    """The progress of a run. The ids of progress rows define the order of events; their times do not."""

    run_id: int
    #: The rows by id, without those that repeat the row before, except the last. Empty while the run is queued.
    rows: Sequence[ProgressRow]

    @property
    def stage(self) -> str | None:
        """The last stage of the run; None while it is queued."""
        return self.rows[-1].status if self.rows else None

    @property
    def completed(self) -> ProgressRow | None:
        """The first row that completed the run, regardless of later rows."""
        return next((row for row in self.rows if row.status == COMPLETED), None)

    @property
    def end(self) -> ProgressRow | None:
        """The row that ended the run: the first completed row, or else the first of the canceled rows at the tail."""
        # The platform writes the time limit again at each tick while the machine exists.
        if self.stage not in ENDED_STATUSES:
            return None
        return self.completed or list(takewhile(lambda row: row.status == CANCELED, reversed(self.rows)))[-1]


def sort_by_end(progress: Iterable[Progress]) -> list[ProgressRow]:
    """Return the end of each run that has ended, the latest last."""
    return sorted((run.end for run in progress if run.end is not None), key=lambda end: end.id)
