"""What the sweep reads and writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (String, exists, func, insert, literal, or_, select,
                        true, type_coerce)
from sqlalchemy.orm import aliased

from .. import clock
from ..host.models import ENDED_STATUSES
from . import Database, by_key
from .runs import (ProgressRow, Source, is_completed, last_status,
                   select_progress)

#: How many progress rows are read at once.
ROWS_AT_ONCE = 250


def walk_backwards(db: Database) -> Iterator[list[ProgressRow]]:
    """Yield all progress rows, the newest first, many at once: there is no index on their times."""
    progress = db.host.TestProgress
    newest = (select_progress(db).where(progress.test_id.is_not(None)).order_by(progress.id.desc())
              .limit(ROWS_AT_ONCE))
    following = newest
    while rows := [ProgressRow(*row) for row in db.rows(following)]:
        yield rows
        following = newest.where(progress.id < rows[-1].id)


def find_incomplete(db: Database, run_ids: Sequence[int]) -> set[int]:
    """Return those of some completed runs that may lack a result of their own: :func:`read_run_records` knows."""
    run, result, customized, mark = db.host.Test, db.host.TestResult, db.host.CustomizedTest, db.run_carried_over.c
    results = by_key(result, select(func.count()).where(result.test_id == run.id)).scalar_subquery()
    has_result = by_key(result, select(result.test_id).where(
        result.test_id == customized.test_id, result.regression_test_id == customized.regression_id)).exists()
    # The ids again, or MariaDB reads the rows of all runs.
    lacks_result = exists().where(customized.test_id == run.id, customized.test_id.in_(run_ids), ~has_result)
    has_mark = exists().where(mark.run_id == run.id, mark.run_id.in_(run_ids), mark.was_selected == true())
    return set(db.scalars(select(run.id).where(run.id.in_(run_ids), or_(results == 0, lacks_result, has_mark))))


def read_machines(db: Database) -> dict[int, list[datetime]]:
    """Return for each run that has not ended when its machines were started."""
    machine = db.host.GcpInstance
    machines: dict[int, list[datetime]] = {}
    for run_id, timestamp in db.rows(
            select(machine.test_id, machine.timestamp)
            .where(machine.test_id.is_not(None),
                   func.coalesce(last_status(db, machine.test_id), '').not_in(ENDED_STATUSES))):
        machines.setdefault(run_id, []).append(timestamp)
    return machines


def write_end(db: Database, run_id: int, message: str, last_progress_id: int | None) -> bool:
    """
    Write the progress row that ends a run, in one statement, and return whether it was written.

    It is not if the run has another last row by now.
    """
    run, progress, other = db.host.Test, db.host.TestProgress, aliased(db.host.TestProgress)
    last = select(func.coalesce(func.max(other.id), 0)).where(other.test_id == run_id).scalar_subquery()
    written = db.execute(insert(progress).from_select(
        [progress.test_id, progress.status, progress.timestamp, progress.message],
        select(run.id, literal('canceled', String), literal(clock.now()), literal(message))
        .where(run.id == run_id, last == (last_progress_id or 0))))
    return bool(written.rowcount)


def find_newer_run(db: Database, source: Source) -> Any:
    """
    Return the newest run of the commit, platform and pull request of a run; None if that is itself.

    It has ``run_id``, and ``root_run_id`` if it is a retry.
    """
    run, retry = db.host.Test, db.run_retry.c
    return db.execute(
        select(run.id.label('run_id'), retry.root_run_id)
        .outerjoin_from(run, db.run_retry, retry.run_id == run.id)
        # By id, because there is no index on commits.
        .where(run.id > source.id, run.commit == source.commit, run.pr_nr == source.pr_nr,
               type_coerce(run.platform, String) == source.platform)
        .order_by(run.id.desc()).limit(1)).one_or_none()


def count_automatic(db: Database, root_id: int) -> int:
    """Return how many automatic retries a first run has got."""
    retry = db.run_retry.c
    return db.scalar(select(func.count()).where(retry.root_run_id == root_id, retry.automatic == true())) or 0


def is_under_maintenance(db: Database, platform: str) -> bool:
    """Return whether a platform starts no runs at present."""
    maintenance = db.host.MaintenanceMode
    return maintenance is not None and bool(db.scalar(select(exists().where(
        type_coerce(maintenance.platform, String) == platform, maintenance.disabled == true()))))


def read_automatic_attempts(db: Database, platform: str, limit: int) -> Sequence[Any]:
    """Return ``run_id`` and ``created_at`` of the newest automatic attempts of a platform."""
    run, retry = db.host.Test, db.run_retry.c
    return db.rows(
        select(retry.run_id, retry.created_at)
        .join_from(db.run_retry, run, run.id == retry.run_id)
        .where(retry.automatic == true(), type_coerce(run.platform, String) == platform)
        .order_by(retry.run_id.desc()).limit(limit))


def has_completed_since(db: Database, platform: str, progress_id: int) -> bool:
    """Return whether a run of a platform has completed after a progress row."""
    run, progress = db.host.Test, db.host.TestProgress
    return bool(db.scalar(select(exists(
        select(progress.id).join_from(progress, run, run.id == progress.test_id)
        .where(progress.id > progress_id, is_completed(progress),
               type_coerce(run.platform, String) == platform)))))


def ping(db: Database) -> None:
    """Ask the database anything, to see whether it answers."""
    db.scalar(select(literal(1)))
