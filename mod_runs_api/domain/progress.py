"""The progress of a run, and its end (docs/operations.rst, "An attempt ends whole")."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import NamedTuple

COMPLETED, CANCELED = 'completed', 'canceled'

#: The statuses of the last row of a run that has ended.
ENDED_STATUSES = (COMPLETED, CANCELED)


class ProgressRow(NamedTuple):
    """A progress row."""

    run_id: int
    id: int
    status: str
    message: str
    #: A text if the driver cannot read it.
    timestamp: datetime | str


@dataclass(frozen=True)
class Progress:
    """The progress of a run. Ids of progress rows tell the order of things; their times do not."""

    run_id: int
    #: By id; of successive rows that say the same, only the first. Empty while the run is queued.
    rows: Sequence[ProgressRow]

    @property
    def status(self) -> str | None:
        """Its last stage; None while it is queued."""
        return self.rows[-1].status if self.rows else None

    @property
    def completed(self) -> ProgressRow | None:
        """The first row that completed the run, whatever came after."""
        return next((row for row in self.rows if row.status == COMPLETED), None)

    @property
    def end(self) -> ProgressRow | None:
        """The row that ended it: the first ``completed`` one, or else the first of the canceled ones at the tail."""
        # The platform writes the time limit again at each tick for as long as the machine is there.
        if self.status not in ENDED_STATUSES:
            return None
        return self.completed or list(takewhile(lambda row: row.status == CANCELED, reversed(self.rows)))[-1]


def order_ends(progress: Iterable[Progress]) -> list[ProgressRow]:
    """Return the ends of the runs that have ended, the latest last."""
    return sorted((one.end for one in progress if one.end is not None), key=lambda end: end.id)
