"""
The decisions of the sweep (docs/operations.rst, "The sweep").

A machine that disappears leaves a run that never ends: it is ended. A run that infrastructure ended is retried, but
not while that would make an outage worse.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from .. import clock
from .causes import RunRecord
from .progress import ProgressRow, in_order_of_ends
from .retry import MAX_REASON_LENGTH
from .run import Run

#: An end is not final: the machine may report after all.
SETTLED_AFTER = timedelta(minutes=15)

#: After this an end is left to people, and an attempt is no longer in flight.
GIVEN_UP_AFTER = timedelta(hours=24)

#: How long after the platform's own limit a machine has vanished.
GRACE = timedelta(hours=2)

#: The number of automatic attempts that must die in a row until no more are made.
OUTAGE = 3


class Step(NamedTuple):
    """A step of the sweep: an action on one run, or the reason for none."""

    run_id: int
    what: Literal['carried over', 'ended', 'retried', 'waiting']
    new_run_id: int | None
    why: str


@dataclass(frozen=True)
class PlannedRetry:
    """A retry that a sweep is to make."""

    run: Run
    failed_only: bool
    #: The detail of the cause.
    detail: str

    @property
    def reason(self) -> str:
        """The reason of the retry."""
        return f'Automatic: {self.detail}'[:MAX_REASON_LENGTH]


def has_vanished(signs_of_life: Iterable[datetime], now: datetime, limit: timedelta) -> bool:
    """
    Return whether a machine has vanished, and not so long ago that its run is history.

    ``limit`` is how long a machine may be silent.
    """
    silence = min(clock.age(sign, now) for sign in signs_of_life)
    return limit < silence <= limit + GIVEN_UP_AFTER


def ended_recently(end: ProgressRow | None, now: datetime) -> bool:
    """Return whether a run ended within the last day."""
    return end is not None and clock.age(end.timestamp, now) <= GIVEN_UP_AFTER


def is_settled(end: ProgressRow, now: datetime) -> bool:
    """Return whether an end is old enough to be believed."""
    return clock.age(end.timestamp, now) >= SETTLED_AFTER


def find_outage(records: Mapping[int, RunRecord]) -> ProgressRow | None:
    """Return the newest end of automatic attempts, if infrastructure ended all of the last ones; else None."""
    last = in_order_of_ends(record.progress for record in records.values())[-OUTAGE:]
    is_outage = len(last) == OUTAGE and all(records[progress.run_id].has_died for progress in last)
    return last[-1].end if is_outage else None
