"""
Carrying results over into a retry.

A row of ``run_carried_over`` is the mark of a result that was copied from another run.
"""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import ColumnElement, RowMapping, SQLColumnExpression, and_, insert, select, true
from sqlalchemy.orm import aliased

from ..domain.carry_over import CarryOver
from ..domain.outcomes import Mark
from ..domain.progress import ProgressRow
from ..errors import StaleRead
from ..host.models import TestResultFileModel, TestResultModel
from . import BY_PRIMARY_KEY, Database
from .attempts import select_attempts
from .progress import has_completed


def read_marks(db: Database, run_ids: Collection[int]) -> dict[int, dict[int, Mark]]:
    """Return the marks of the results that were carried over into each run, by test."""
    mark, completed = db.run_carried_over.c, db.host.TestProgress
    marks: dict[int, dict[int, Mark]] = {run_id: {} for run_id in run_ids}
    # A mark counts while the row that completed the retry exists. The restart deletes that row and runs everything.
    for run_id, test_id, origin_id, was_selected in db.read_about(
            run_ids, select(mark.run_id, mark.regression_test_id, mark.origin_run_id, mark.was_selected)
            .with_hint(db.run_carried_over, BY_PRIMARY_KEY)
            .join_from(db.run_carried_over, completed,
                       and_(completed.id == mark.progress_id, completed.test_id == mark.run_id))
            .where(mark.run_id.in_(run_ids))):
        marks[run_id][test_id] = Mark(origin_id, was_selected)
    return marks


def read_reported_files(db: Database, run_id: int) -> dict[int, dict[int, str | None]]:
    """Return the output files without a result that the worker of a run reported, by test."""
    file, result = db.host.TestResultFile, db.host.TestResult
    has_result = (select(result.test_id).with_hint(result, BY_PRIMARY_KEY)
                  .where(result.test_id == file.test_id, result.regression_test_id == file.regression_test_id).exists())
    return {test: files for (_, test), files in _read_files(db, file.test_id == run_id, ~has_result).items()}


def read_files(db: Database, run_ids: Collection[int],
               regression_test_ids: Collection[int]) -> dict[tuple[int, int], dict[int, str | None]]:
    """Return the output files of these runs and tests, by run and test."""
    file = db.host.TestResultFile
    return _read_files(db, file.test_id.in_(run_ids), file.regression_test_id.in_(regression_test_ids))


def _read_files(db: Database, *conditions: ColumnElement[bool]) -> dict[tuple[int, int], dict[int, str | None]]:
    file = db.host.TestResultFile
    files: dict[tuple[int, int], dict[int, str | None]] = {}
    for run_id, regression_test_id, output_id, got in db.connection.execute(
            select(file.test_id, file.regression_test_id, file.regression_test_output_id, file.got)
            .with_hint(file, BY_PRIMARY_KEY)
            .where(*conditions)):
        files.setdefault((run_id, regression_test_id), {})[output_id] = got
    return files


def copy_results(db: Database, plan: CarryOver) -> None:
    """Copy the result and the output files of each test from its origin run into a retry, and mark them."""
    # The rows are read and inserted again, because an INSERT … SELECT would lock those that it reads. Under READ
    # COMMITTED the order of the reads matters: if a restart of the origin run commits after the files were read, the
    # results are missing, and nothing is copied. In the other order, results would be copied without their files.
    file, result, customized = db.host.TestResultFile, db.host.TestResult, db.host.CustomizedTest
    run_id, completed, origins = plan.completed.run_id, plan.completed, plan.origins
    selected = set(db.connection.scalars(select(customized.regression_id).where(customized.test_id == run_id)))
    # The marks come first: of two simultaneous copies, the second violates their key before it has written much.
    db.connection.execute(insert(db.run_carried_over), [
        {'run_id': run_id, 'regression_test_id': regression_test_id, 'origin_run_id': origin_id,
         'progress_id': completed.id, 'was_selected': regression_test_id in selected}
        for regression_test_id, origin_id in origins.items()])
    files = [row for row in _read_rows(db, file, [file.regression_test_output_id, file.expected, file.got], origins)
             if row['regression_test_output_id'] not in plan.reported.get(row['regression_test_id'], {})]
    results = _read_rows(db, result, [result.runtime, result.exit_code, result.expected_rc], origins)
    if len(results) != len(origins):
        raise StaleRead  # An origin run was restarted or deleted in between.
    not_selected = [{'test_id': run_id, 'regression_id': test} for test in sorted(origins.keys() - selected)]
    for model, rows in ((file, files), (result, results), (customized, not_selected)):
        if rows:
            db.connection.execute(insert(model), [{**row, 'test_id': run_id} for row in rows])


def _read_rows(db: Database, model: type[TestResultModel] | type[TestResultFileModel],
               columns: Sequence[SQLColumnExpression[object]], origins: Mapping[int, int]) -> list[RowMapping]:
    """Return the rows of each test in its origin run, in the order of the tests."""
    # The foreign keys of results lock regression tests. A common order of all transactions prevents deadlocks.
    rows = db.connection.execute(
        select(model.test_id, model.regression_test_id, *columns)
        .with_hint(model, BY_PRIMARY_KEY)
        .where(model.test_id.in_(set(origins.values())))
        .order_by(model.regression_test_id))
    return [row for row in rows.mappings() if origins.get(row['regression_test_id']) == row['test_id']]


def is_still_completed(db: Database, completed: ProgressRow) -> bool:
    """Return whether the progress row that completed a run exists, and lock it until the transaction ends."""
    progress = db.host.TestProgress
    return db.connection.scalar(
        select(progress.id).where(progress.id == completed.id).with_for_update(read=True)) is not None


def find_incomplete_retries(db: Database, run_ids: Collection[int]) -> list[int]:
    """Return the completed failed-only retries, of these runs, without a result of an active test that others have."""
    # This is only a search: domain/carry_over.py decides which of these results a retry gets.
    retry = db.run_retry.c
    retries = {run_id: root_id for run_id, root_id in db.read_about(
        run_ids, select(retry.run_id, retry.root_run_id)
        .where(retry.run_id.in_(run_ids), retry.failed_only == true(), has_completed(db, retry.run_id)))}
    # Each result is read once. Comparing attempts in pairs took a minute for a hundred of them.
    result, own, test = db.host.TestResult, aliased(db.host.TestResult), db.host.RegressionTest
    attempts = select_attempts(db, set(retries.values()))
    tests = (select(attempts.c.root_id, result.regression_test_id.label('regression_test_id')).distinct()
             .join_from(attempts, result, result.test_id == attempts.c.run_id)
             .join(test, and_(test.id == result.regression_test_id, test.active == true())).subquery())
    rows = db.read_about(retries, (
        select(retry.run_id).distinct()
        .with_hint(own, BY_PRIMARY_KEY)
        .join_from(db.run_retry, tests, tests.c.root_id == retry.root_run_id)
        .outerjoin(own, and_(own.test_id == retry.run_id, own.regression_test_id == tests.c.regression_test_id))
        .where(retry.run_id.in_(retries), own.test_id.is_(None))))
    return [run_id for run_id, in rows]
