"""
Carrying results over into a retry.

A row of ``run_carried_over`` is the mark of a result that was copied from another run.
"""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import (ColumnElement, FromClause, RowMapping, SQLColumnExpression, and_, exists, false, insert, select,
                        true)
from sqlalchemy.orm import aliased

from ..domain.carry_over import CarryOver
from ..domain.progress import ProgressRow
from ..errors import StaleRead
from ..host.models import TestProgressModel, TestResultFileModel, TestResultModel
from . import BY_PRIMARY_KEY, Database
from .attempts import select_attempts
from .progress import has_completed


def is_carried_over(db: Database, result: type[TestResultModel]) -> ColumnElement[bool]:
    """Return the condition that a result was carried over into its run: it has a mark."""
    # A mark counts while the row that completed the retry exists. The restart deletes that row and runs everything.
    marks, completed = db.run_carried_over.alias(), aliased(db.host.TestProgress)
    return exists().where(marks.c.run_id == result.test_id, marks.c.regression_test_id == result.regression_test_id,
                          _mark_is_valid(marks, completed))


def _mark_is_valid(marks: FromClause, completed: type[TestProgressModel]) -> ColumnElement[bool]:
    return and_(completed.id == marks.c.progress_id, completed.test_id == marks.c.run_id)


def is_selected_by_carry_over(db: Database, run_id: SQLColumnExpression[int],
                              regression_test_id: SQLColumnExpression[int]) -> ColumnElement[bool]:
    """Return the condition that carrying over selected a test for a run. The test was not selected before."""
    marks, completed = db.run_carried_over.alias(), aliased(db.host.TestProgress)
    return exists().where(marks.c.run_id == run_id, marks.c.regression_test_id == regression_test_id,
                          marks.c.was_selected == false(), _mark_is_valid(marks, completed))


def read_carried_over(db: Database, run_ids: Collection[int]) -> dict[int, dict[int, int]]:
    """Return for each run the origin runs of the results carried over into it, by test. They may have been deleted."""
    mark, completed = db.run_carried_over.c, db.host.TestProgress
    origins: dict[int, dict[int, int]] = {run_id: {} for run_id in run_ids}
    for run_id, regression_test_id, origin_id in db.connection.execute(
            select(mark.run_id, mark.regression_test_id, mark.origin_run_id)
            .join_from(db.run_carried_over, completed, _mark_is_valid(db.run_carried_over, completed))
            .where(mark.run_id.in_(run_ids))):
        origins[run_id][regression_test_id] = origin_id
    return origins


def read_own_results(db: Database, run_ids: Collection[int],
                     regression_test_ids: Collection[int]) -> dict[int, set[int]]:
    """Return those of the tests that each run ran itself."""
    result = db.host.TestResult
    tests: dict[int, set[int]] = {run_id: set() for run_id in run_ids}
    for run_id, regression_test_id in db.connection.execute(
            select(result.test_id, result.regression_test_id)
            .with_hint(result, BY_PRIMARY_KEY)
            .where(result.test_id.in_(run_ids), result.regression_test_id.in_(regression_test_ids),
                   ~is_carried_over(db, result))):
        tests[run_id].add(regression_test_id)
    return tests


def read_tests_with_result(db: Database, run_ids: Collection[int]) -> dict[int, set[int]]:
    """Return the tests of which each run has a result, or had one that was carried over."""
    # A carried-over result that somebody deleted is not copied again.
    result = db.host.TestResult
    tests = {run_id: set(origins) for run_id, origins in read_carried_over(db, run_ids).items()}
    for run_id, regression_test_id in db.connection.execute(
            select(result.test_id, result.regression_test_id).where(result.test_id.in_(run_ids))):
        tests[run_id].add(regression_test_id)
    return tests


def read_reported_files(db: Database, run_ids: Collection[int]) -> dict[tuple[int, int], dict[int, str | None]]:
    """Return the output files without a result that workers reported, by run and test."""
    file, result = db.host.TestResultFile, db.host.TestResult
    has_result = (select(result.test_id).with_hint(result, BY_PRIMARY_KEY)
                  .where(result.test_id == file.test_id, result.regression_test_id == file.regression_test_id).exists())
    return _read_files(db, file.test_id.in_(run_ids), ~has_result)


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
             if row['regression_test_output_id'] not in plan.reported.get((run_id, row['regression_test_id']), {})]
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


def find_incomplete_retries(db: Database, run_ids: Collection[int] | None = None) -> dict[int, list[int]]:
    """Return the completed failed-only retries, of some runs or all, without results that others have, by root run."""
    retry = db.run_retry.c
    statement = (select(retry.run_id, retry.root_run_id)
                 .where(retry.failed_only == true(), has_completed(db, retry.run_id)))
    if run_ids is not None:
        statement = statement.where(retry.run_id.in_(run_ids))
    suspects = {run_id: root_id for run_id, root_id in db.connection.execute(statement)}
    incomplete: dict[int, list[int]] = {}
    for root_id, run_id in _read_incomplete(db, suspects):
        incomplete.setdefault(root_id, []).append(run_id)
    return incomplete


def _read_incomplete(db: Database, retries: Mapping[int, int]) -> Sequence[tuple[int, int]]:
    """Return root run and run of each retry without a result of an active test that other attempts have."""
    # This is only a search: domain/carry_over.py decides which of these results a retry gets.
    # Each result is read once. Comparing attempts in pairs took a minute for a hundred of them.
    retry, result, own, test = db.run_retry.c, db.host.TestResult, aliased(db.host.TestResult), db.host.RegressionTest
    attempts = select_attempts(db, set(retries.values()))
    tests = (select(attempts.c.root_id, result.regression_test_id.label('regression_test_id')).distinct()
             .join_from(attempts, result, result.test_id == attempts.c.run_id)
             .join(test, and_(test.id == result.regression_test_id, test.active == true())).subquery())
    return [(root_id, run_id) for root_id, run_id in db.connection.execute(
        select(retry.root_run_id, retry.run_id).distinct()
        .with_hint(own, BY_PRIMARY_KEY)
        .join_from(db.run_retry, tests, tests.c.root_id == retry.root_run_id)
        .outerjoin(own, and_(own.test_id == retry.run_id, own.regression_test_id == tests.c.regression_test_id))
        .where(retry.run_id.in_(retries), own.test_id.is_(None))
        .order_by(retry.run_id))]
