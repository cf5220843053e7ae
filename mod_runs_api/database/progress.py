"""Reading the progress of runs."""

from collections.abc import Sequence

from sqlalchemy import (ColumnElement, Connection, SQLColumnExpression, and_,
                        exists, func, select)
from sqlalchemy.orm import aliased

from ..domain.progress import COMPLETED, ENDED_STAGES, Progress, ProgressRow
from ..platform.models import TestProgress
from .expressions import as_text, as_time, has_rows


def read_progress(connection: Connection, run_ids: Sequence[int]) -> dict[int, Progress]:
    """Return the progress of each run."""
    rows: dict[int, list[ProgressRow]] = {run_id: [] for run_id in run_ids}
    # In the order of the index of the runs. By the id alone, the server may read the whole table.
    for row in connection.execute(select(*columns_of_progress()).where(TestProgress.test_id.in_(run_ids))
                                  .order_by(TestProgress.test_id, TestProgress.id)):
        progress_row = ProgressRow(**row._mapping)
        rows[progress_row.run_id].append(progress_row)
    return {run_id: Progress(run_id, rows[run_id]) for run_id in run_ids}


def columns_of_progress() -> Sequence[SQLColumnExpression[object]]:
    """Return the columns of a :class:`ProgressRow`, by its names."""
    return (TestProgress.test_id.label('run_id'), TestProgress.id.label('id'), stage_of(TestProgress).label('stage'),
            func.coalesce(TestProgress.message, '').label('message'),
            as_time(TestProgress.timestamp).label('timestamp'))


def is_completed(progress: type[TestProgress]) -> ColumnElement[bool]:
    """Return the condition that a progress row completed a run."""
    return stage_of(progress) == COMPLETED


def is_first_completed(progress: type[TestProgress]) -> ColumnElement[bool]:
    """Return the condition that a progress row completed a run, and is no repeated row."""
    earlier = aliased(TestProgress)
    return and_(is_completed(progress), ~exists().where(earlier.test_id == progress.test_id, earlier.id < progress.id,
                                                        is_completed(earlier)))


def has_completed(run_id: SQLColumnExpression[int]) -> ColumnElement[bool]:
    """Return the condition that a run has completed, regardless of later rows."""
    progress = aliased(TestProgress)
    return has_rows(select(progress.id).where(progress.test_id == run_id, is_completed(progress)))


def last_stage(run_id: SQLColumnExpression[int]) -> ColumnElement[str]:
    """Return the last stage of a run, as a subquery; NULL while the run is queued."""
    return (select(stage_of(TestProgress)).where(TestProgress.test_id == run_id)
            .order_by(TestProgress.id.desc()).limit(1).scalar_subquery())


def has_ended(run_id: SQLColumnExpression[int]) -> ColumnElement[bool]:
    """Return the condition that a run has ended; false while it is queued."""
    return func.coalesce(last_stage(run_id), '').in_(ENDED_STAGES)


def stage_of(progress: type[TestProgress]) -> ColumnElement[str]:
    """Return the stage of a progress row, which the platform calls its status. It ignores blanks around it."""
    return func.trim(as_text(progress.status))
