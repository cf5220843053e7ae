"""
The rules of the sweep: what is done about runs that no person needs to look at (docs/operations.rst, "The sweep").

A machine that disappears leaves a run that never ends: it is ended. A run that infrastructure ended is retried, but
not while that would make an outage worse. What is read decides; there is no state beside the tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from . import clock
from .causes import (find_cause, is_canceled_by_person, is_infrastructure,
                     read_causes)
from .database import Database
from .database.ends import read_run_records
from .database.outcomes import read_not_passed
from .database.retries import RetryRequest
from .database.runs import ProgressRow, Source, find_source, read_progress
from .database.sweep import (count_automatic, find_incomplete, find_newer_run,
                             has_completed_since, is_under_maintenance,
                             read_automatic_attempts, read_machines,
                             walk_backwards)
from .database.tables import MAX_REASON_LENGTH
from .errors import Unprocessable
from .host.models import COMPLETED
from .retry import Retry, create_retry, find_earlier_retry
from .settings import Settings
from .summary import counted

#: An end is not final: the machine may report after all.
SETTLED_AFTER = timedelta(minutes=15)

#: After this an end is left to people, and an attempt is no longer in flight.
GIVEN_UP_AFTER = timedelta(hours=24)

#: How long after the platform's own limit a machine has vanished.
GRACE = timedelta(hours=2)

#: How many automatic attempts in a row must die until no more are made.
OUTAGE = 3

#: How many automatic attempts of a platform are looked at, the newest, or more if more may be in flight.
REMEMBERED = 50


@dataclass(frozen=True)
class PlannedRetry:
    """What is to be done about a run that infrastructure ended."""

    run_id: int
    platform: str
    failed_only: bool
    #: The cause's detail.
    detail: str
    #: Why not now, or None.
    obstacle: str | None

    @property
    def reason(self) -> str:
        """The reason of the retry."""
        return f'Automatic: {self.detail}'[:MAX_REASON_LENGTH]


def read_last_rows(db: Database, now: datetime, settings: Settings) -> list[ProgressRow]:
    """Return the last progress row of each run that is of interest, in the order of the runs."""
    period = GIVEN_UP_AFTER + settings.max_runtime + GRACE
    found: dict[int, ProgressRow] = {}
    for rows in walk_backwards(db):
        for row in rows:
            found.setdefault(row.run_id, row)
        if all(clock.age(row.timestamp, now) > period for row in rows):
            break
    return sorted(row for row in found.values() if clock.age(row.timestamp, now) <= period)


def find_vanished(db: Database, last_rows: Sequence[ProgressRow], now: datetime,
                  settings: Settings) -> dict[int, int | None]:
    """
    Return each run whose machine has vanished, with the id of its last progress row.

    Such a run has no end, and nothing was heard of it since the platform should have given its machine up.
    """
    if db.host.GcpInstance is None:
        return {}  # Nobody knows whether a run has a machine.
    heard_of = read_machines(db)
    for row in last_rows:
        if not row.is_end:
            heard_of.setdefault(row.run_id, []).append(row.timestamp)
    limit = settings.max_runtime + GRACE
    progress = read_progress(db, [run_id for run_id, times in heard_of.items()
                                  if all(clock.age(time, now) > limit for time in times)])
    return {run_id: one.rows[-1].id if one.rows else None for run_id, one in sorted(progress.items())
            if not one.completed and not any(is_canceled_by_person(row) or clock.age(row.timestamp, now) <= limit
                                             for row in one.rows)}


def find_ended_by_infrastructure(db: Database, last_rows: Sequence[ProgressRow], now: datetime) -> list[int]:
    """Return the runs that infrastructure ended within the last day."""
    ended = [row for row in last_rows if row.is_end and clock.age(row.timestamp, now) <= GIVEN_UP_AFTER]
    incomplete = find_incomplete(db, [row.run_id for row in ended if row.status == COMPLETED])
    causes = read_causes(db, [row.run_id for row in ended if row.status != COMPLETED or row.run_id in incomplete])
    return [run_id for run_id, cause in causes.items() if is_infrastructure(cause)]


def plan_retry(db: Database, run_id: int, now: datetime, settings: Settings,
               planned: Counter[str]) -> PlannedRetry | None:
    """
    Return what is to be done about a run; None if infrastructure did not end it, or it has been retried.

    ``planned`` says how many retries are planned of each platform, but not made.
    """
    record = read_run_records(db, [run_id])[run_id]
    cause = find_cause(record)
    if cause is None or not is_infrastructure(cause):
        return None
    source = find_source(db, run_id)
    newer = find_newer_run(db, source)
    if newer is None:
        obstacle = _find_obstacle(db, source, record.progress.rows[-1], now, settings)
        if obstacle is None:
            obstacle = _find_brake(db, source.platform, now, settings, planned[source.platform])
    elif newer.root_run_id == source.root_id:
        return None
    else:
        obstacle = f'run {newer.run_id} of the same commit is newer'
    failed_only = bool(obstacle is None and record.results) and any(test.active for test in read_not_passed(db, run_id))
    return PlannedRetry(run_id, source.platform, failed_only, cause.detail, obstacle)


def create_automatic_retry(db: Database, request: RetryRequest, drop_inactive: bool) -> Retry:
    """
    Create an automatic retry as :func:`mod_runs_api.retry.create_retry` does.

    Raises :exc:`Unprocessable` if it is not due any more: GitHub has been asked since it was planned.
    """
    if find_earlier_retry(db, request) is None:
        is_due = is_infrastructure(read_causes(db, [request.run_id])[request.run_id])
        if not is_due or find_newer_run(db, find_source(db, request.run_id)) is not None:
            raise Unprocessable(f'Run {request.run_id} is not as it was when its retry was planned.',
                                {'run_id': request.run_id})
    return create_retry(db, request, drop_inactive)


def _find_obstacle(db: Database, source: Source, last: ProgressRow, now: datetime, settings: Settings) -> str | None:
    """Return what is in the way of an automatic retry of a run, or None."""
    if clock.age(last.timestamp, now) < SETTLED_AFTER:
        return f'it ended less than {SETTLED_AFTER.seconds // 60} minutes ago, and an end is not final'
    if count_automatic(db, source.root_id) >= settings.automatic_retries:
        return f'the automatic retries of run {source.root_id} are used up'
    if is_under_maintenance(db, source.platform):
        return f'{source.platform} is under maintenance'
    return None


def _find_brake(db: Database, platform: str, now: datetime, settings: Settings, planned: int) -> str | None:
    """Return why no automatic retry of a platform is made at the moment: in an outage retries make it worse."""
    limit = max(REMEMBERED, settings.automatic_retries_at_once)
    attempts = {attempt.run_id: attempt.created_at for attempt in read_automatic_attempts(db, platform, limit)}
    progress = read_progress(db, list(attempts))
    ended = sorted((one for one in progress.values() if one.has_ended), key=lambda one: one.end_id)
    in_flight = [run_id for run_id, created_at in attempts.items()
                 if now - created_at < GIVEN_UP_AFTER and not progress[run_id].has_ended]
    count = len(in_flight) + planned
    if count >= settings.automatic_retries_at_once:
        return f'{counted(count, "automatic attempt")} of {platform} {"is" if count == 1 else "are"} in flight'
    causes = read_causes(db, [one.run_id for one in ended[-OUTAGE:]])
    have_died = len(causes) == OUTAGE and all(map(is_infrastructure, causes.values()))
    if have_died and not has_completed_since(db, platform, ended[-1].end_id):
        return f'the last {OUTAGE} automatic attempts of {platform} died, and no run of it has completed since'
    return None
