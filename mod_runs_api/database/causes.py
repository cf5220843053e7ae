"""Reading summaries of runs: their progress, and the numbers of their results."""

from collections.abc import Collection, Mapping

from sqlalchemy import and_, case, func, or_, select

from ..domain.causes import RunSummary
from ..domain.progress import Progress
from . import BY_PRIMARY_KEY, Database
from .carry_over import is_carried_over, is_selected_by_carry_over
from .outcomes import is_in_category


def read_run_summaries(db: Database, progress: Mapping[int, Progress]) -> dict[int, RunSummary]:
    """Return the summary of each run. The number of statements does not depend on the number of runs."""
    run_ids = progress.keys()
    if not run_ids:
        return {}  # Otherwise SQLite reads whole tables.
    result = db.host.TestResult
    counts = _count_selected(db, run_ids)
    results = {run_id: (count, longest or 0) for run_id, count, longest in db.connection.execute(
        select(result.test_id, func.count(), func.max(result.runtime))
        .where(result.test_id.in_(run_ids), ~is_carried_over(db, result))
        .group_by(result.test_id))}
    summaries = {}
    for run_id in run_ids:
        selected, missing = counts.get(run_id, (None, 0))
        summaries[run_id] = RunSummary(progress[run_id], selected, missing, *results.get(run_id, (0, 0)))
    return summaries


def _count_selected(db: Database, run_ids: Collection[int]) -> dict[int, tuple[int, int]]:
    """Return for each run the number of tests selected at its creation, and how many of them have no result."""
    # Runs without rows in customized_test are left out. A test that no worker receives counts only if it has a result.
    customized, result = db.host.CustomizedTest, db.host.TestResult
    row = (select(customized.test_id.label('run_id'), customized.regression_id.label('regression_test_id'))
           .where(customized.test_id.in_(run_ids)).distinct().subquery())
    has_own_result = and_(result.test_id.is_not(None), ~is_carried_over(db, result))
    # Carrying over adds rows.
    is_original = ~is_selected_by_carry_over(db, row.c.run_id, row.c.regression_test_id)
    is_counted = and_(or_(has_own_result, is_in_category(db, row.c.regression_test_id)), is_original)
    is_missing = and_(is_counted, ~has_own_result)
    return {run_id: (int(count), int(missing)) for run_id, count, missing in db.connection.execute(
        select(row.c.run_id, func.sum(case((is_counted, 1), else_=0)), func.sum(case((is_missing, 1), else_=0)))
        .with_hint(result, BY_PRIMARY_KEY)
        .outerjoin_from(row, result, and_(result.test_id == row.c.run_id,
                                          result.regression_test_id == row.c.regression_test_id))
        .group_by(row.c.run_id))}
