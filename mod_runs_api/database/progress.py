"""Reading the progress of runs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Label, ScalarSelect, SQLColumnExpression, and_, exists, func, or_, select
from sqlalchemy.orm import aliased

from ..domain.progress import COMPLETED, ENDED_STATUSES, Progress, ProgressRow
from ..host.models import TestProgressModel
from . import Database, as_bytes, as_text, has_rows


def read_progress(db: Database, run_ids: Sequence[int]) -> dict[int, Progress]:
    """Return the progress of each run."""
    progress = db.host.TestProgress
    # The platform repeats the time limit at each tick, so only the first and the last of equal rows are read: those
    # that differ from the row before or after.
    reported: list[ColumnElement[Any]] = [status_of(progress), as_bytes(func.coalesce(progress.message, ''))]
    is_read = or_(*(column.is_distinct_from(neighbor(column).over(partition_by=progress.test_id, order_by=progress.id))
                    for neighbor in (func.lag, func.lead) for column in reported))
    all_rows = (select(*columns_of_progress(db), is_read.label('is_read'))
                .where(progress.test_id.in_(run_ids)).subquery())
    rows: dict[int, list[ProgressRow]] = {run_id: [] for run_id in run_ids}
    columns = [all_rows.c[name] for name in ProgressRow._fields]
    for row in db.read_about(run_ids, select(*columns).where(all_rows.c.is_read).order_by(all_rows.c.id)):
        progress_row = ProgressRow(*row)
        rows[progress_row.run_id].append(progress_row)
    return {run_id: Progress(run_id, rows[run_id]) for run_id in run_ids}


def columns_of_progress(db: Database) -> tuple[Label[int], Label[int], Label[str], Label[str], Label[datetime | str]]:
    """Return the columns of a :class:`ProgressRow`, by its names."""
    progress = db.host.TestProgress
    return (progress.test_id.label('run_id'), progress.id.label('id'), status_of(progress).label('status'),
            func.coalesce(progress.message, '').label('message'), progress.timestamp.label('timestamp'))


def is_completed(progress: type[TestProgressModel]) -> ColumnElement[bool]:
    """Return the condition that a progress row completed a run."""
    return status_of(progress) == COMPLETED


def is_first_completed(db: Database, progress: type[TestProgressModel]) -> ColumnElement[bool]:
    """Return the condition that a progress row completed a run, and is no repeated row."""
    earlier = aliased(db.host.TestProgress)
    return and_(is_completed(progress), ~exists().where(earlier.test_id == progress.test_id, earlier.id < progress.id,
                                                        is_completed(earlier)))


def has_completed(db: Database, run_id: SQLColumnExpression[int]) -> ColumnElement[bool]:
    """Return the condition that a run has completed, regardless of later rows."""
    progress = aliased(db.host.TestProgress)
    return has_rows(select(progress.id).where(progress.test_id == run_id, is_completed(progress)))


def last_status(db: Database, run_id: SQLColumnExpression[int]) -> ColumnElement[str]:
    """Return the last status of a run, as a subquery; NULL while the run is queued."""
    progress = db.host.TestProgress
    return (select(status_of(progress)).where(progress.test_id == run_id)
            .order_by(progress.id.desc()).limit(1).scalar_subquery())


def last_progress_id_of(db: Database, run_id: SQLColumnExpression[int]) -> ScalarSelect[int | None]:
    """Return the id of the last progress row of a run, as a subquery; NULL while the run is queued."""
    progress = db.host.TestProgress
    return select(func.max(progress.id)).where(progress.test_id == run_id).scalar_subquery()


def has_ended(db: Database, run_id: SQLColumnExpression[int]) -> ColumnElement[bool]:
    """Return the condition that a run has ended; false while it is queued."""
    return func.coalesce(last_status(db, run_id), '').in_(ENDED_STATUSES)


def status_of(progress: type[TestProgressModel]) -> ColumnElement[str]:
    """Return the status of a progress row. The platform ignores blanks around it."""
    return func.trim(as_text(progress.status))
