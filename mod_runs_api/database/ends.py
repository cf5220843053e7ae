"""What the tables say of how runs have ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, case, func, or_, select, true

from . import Database, by_key
from .carry_over import select_marks
from .outcomes import is_given_to_workers
from .runs import Progress, read_progress


@dataclass(frozen=True)
class RunRecord:
    """What the tables say of a run. Results are the run's own: carried-over ones do not count."""

    progress: Progress
    #: How many regression tests were selected when it was made. None if it has no rows in ``customized_test``: nobody
    #: knows any more.
    selected: int | None
    #: How many of those have no result.
    missing: int
    #: How many results there are.
    results: int
    #: Of the slowest regression test, in milliseconds.
    longest_runtime: int = 0

    @property
    def has_all_results(self) -> bool:
        """Whether every selected test has a result."""
        return bool(self.results) if self.selected is None else not self.missing


def read_run_records(db: Database, run_ids: Sequence[int]) -> dict[int, RunRecord]:
    """Return what the tables say of some runs. The number of statements does not depend on the number of runs."""
    result = db.host.TestResult
    progress = read_progress(db, run_ids)
    selected = {run_id: (int(count), int(missing)) for run_id, count, missing in _count_selected(db, run_ids)}
    marks = select_marks(db, run_ids).subquery()
    results = {run_id: (count, longest or 0) for run_id, count, longest in db.rows(by_key(
        result, select(result.test_id, func.count(), func.max(result.runtime))
        .outerjoin_from(result, marks, and_(marks.c.run_id == result.test_id,
                                            marks.c.regression_test_id == result.regression_test_id))
        .where(result.test_id.in_(run_ids), marks.c.run_id.is_(None))
        .group_by(result.test_id)))}
    records = {}
    for run_id in run_ids:
        count, missing = selected.get(run_id, (None, 0))
        records[run_id] = RunRecord(progress[run_id], count, missing, *results.get(run_id, (0, 0)))
    return records


def _count_selected(db: Database, run_ids: Sequence[int]) -> Sequence[Any]:
    """
    Return each run with rows in ``customized_test``, how many tests were selected when it was made, and are missing.

    Tests that are never given to a worker do not count.
    """
    customized, result = db.host.CustomizedTest, db.host.TestResult
    selected = (select(customized.test_id.label('run_id'), customized.regression_id.label('regression_test_id'))
                .where(customized.test_id.in_(run_ids)).distinct().subquery())
    marks = select_marks(db, run_ids).subquery()
    is_selected = and_(or_(result.test_id.is_not(None), is_given_to_workers(db, selected.c.regression_test_id)),
                       # Carrying over adds the tests that were not.
                       func.coalesce(marks.c.was_selected, true()))
    is_missing = and_(is_selected, or_(result.test_id.is_(None), marks.c.run_id.is_not(None)))
    return db.rows(by_key(
        result,
        select(selected.c.run_id, func.sum(case((is_selected, 1), else_=0)), func.sum(case((is_missing, 1), else_=0)))
        .outerjoin_from(selected, result, and_(result.test_id == selected.c.run_id,
                                               result.regression_test_id == selected.c.regression_test_id))
        .outerjoin(marks, and_(marks.c.run_id == selected.c.run_id,
                               marks.c.regression_test_id == selected.c.regression_test_id))
        .group_by(selected.c.run_id)))
