"""
Carrying results over into a retry.

A row of ``run_carried_over`` is the mark of a result that was copied from another run.
"""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import (ColumnElement, Connection, RowMapping,
                        SQLColumnExpression, and_, insert, select, true)
from sqlalchemy.orm import aliased

from ..domain.carry_over import CarryOver
from ..domain.outcomes import Mark
from ..domain.progress import ProgressRow
from ..platform.models import (CustomizedTest, RegressionTest, TestProgress,
                               TestResult, TestResultFile)
from .attempts import select_attempts
from .expressions import BY_PRIMARY_KEY
from .progress import has_completed
from .tables import run_carried_over, run_retry


def read_marks(connection: Connection, run_ids: Collection[int]) -> dict[int, dict[int, Mark]]:
    """Return the marks of the results that were carried over into each run, by test."""
    marks: dict[int, dict[int, Mark]] = {run_id: {} for run_id in run_ids}
    # A mark counts while the row that completed the retry exists. The restart deletes that row and runs everything.
    for run_id, regression_test_id, origin_id, was_selected in connection.execute(
            select(run_carried_over.c.run_id, run_carried_over.c.regression_test_id, run_carried_over.c.origin_run_id,
                   run_carried_over.c.was_selected)
            .with_hint(run_carried_over, BY_PRIMARY_KEY)
            .join_from(run_carried_over, TestProgress, and_(
                TestProgress.id == run_carried_over.c.progress_id, TestProgress.test_id == run_carried_over.c.run_id))
            .where(run_carried_over.c.run_id.in_(run_ids))):
        marks[run_id][regression_test_id] = Mark(origin_id, was_selected)
    return marks


def read_reported_files(connection: Connection, run_id: int) -> dict[int, dict[int, str | None]]:
    """Return the output files without a result that the worker of a run reported, by test."""
    has_result = (select(TestResult.test_id).with_hint(TestResult, BY_PRIMARY_KEY)
                  .where(TestResult.test_id == TestResultFile.test_id,
                         TestResult.regression_test_id == TestResultFile.regression_test_id).exists())
    files = _read_files(connection, TestResultFile.test_id == run_id, ~has_result)
    return {regression_test_id: of_test for (_, regression_test_id), of_test in files.items()}


def read_files(connection: Connection, run_ids: Collection[int],
               regression_test_ids: Collection[int]) -> dict[tuple[int, int], dict[int, str | None]]:
    """Return the output files of these runs and tests, by run and test."""
    return _read_files(connection, TestResultFile.test_id.in_(run_ids),
                       TestResultFile.regression_test_id.in_(regression_test_ids))


def _read_files(connection: Connection,
                *conditions: ColumnElement[bool]) -> dict[tuple[int, int], dict[int, str | None]]:
    files: dict[tuple[int, int], dict[int, str | None]] = {}
    for run_id, regression_test_id, output_id, got in connection.execute(
            select(TestResultFile.test_id, TestResultFile.regression_test_id, TestResultFile.regression_test_output_id,
                   TestResultFile.got)
            .with_hint(TestResultFile, BY_PRIMARY_KEY)
            .where(*conditions)):
        files.setdefault((run_id, regression_test_id), {})[output_id] = got
    return files


def copy_results(connection: Connection, plan: CarryOver) -> None:
    """Copy the result and the output files of each test from its origin run into a retry, and mark them."""
    # The rows are read and inserted again, because an INSERT … SELECT would lock those that it reads.
    run_id, completion, origins = plan.completion.run_id, plan.completion, plan.origins
    selected = set(connection.scalars(select(CustomizedTest.regression_id).where(CustomizedTest.test_id == run_id)))
    # The marks come first: of two simultaneous copies, the second violates their key before it has written much.
    connection.execute(insert(run_carried_over), [
        {'run_id': run_id, 'regression_test_id': regression_test_id, 'origin_run_id': origin_id,
         'progress_id': completion.id, 'was_selected': regression_test_id in selected}
        for regression_test_id, origin_id in origins.items()])
    columns = [TestResultFile.regression_test_output_id, TestResultFile.expected, TestResultFile.got]
    files = [row for row in _read_rows(connection, TestResultFile, columns, origins)
             if row['regression_test_output_id'] not in plan.reported.get(row['regression_test_id'], {})]
    results = _read_rows(connection, TestResult, [TestResult.runtime, TestResult.exit_code, TestResult.expected_rc],
                         origins)
    not_selected = [{'test_id': run_id, 'regression_id': test} for test in sorted(origins.keys() - selected)]
    for model, rows in ((TestResultFile, files), (TestResult, results), (CustomizedTest, not_selected)):
        if rows:
            connection.execute(insert(model), [{**row, 'test_id': run_id} for row in rows])


def _read_rows(connection: Connection, model: type[TestResult] | type[TestResultFile],
               columns: Sequence[SQLColumnExpression[object]], origins: Mapping[int, int]) -> list[RowMapping]:
    """Return the rows of each test in its origin run, in the order of the tests."""
    # The foreign keys of results lock regression tests. A common order of all transactions prevents deadlocks.
    rows = connection.execute(
        select(model.test_id, model.regression_test_id, *columns)
        .with_hint(model, BY_PRIMARY_KEY)
        .where(model.test_id.in_(set(origins.values())))
        .order_by(model.regression_test_id))
    return [row for row in rows.mappings() if origins.get(row['regression_test_id']) == row['test_id']]


def is_still_completed(connection: Connection, completion: ProgressRow) -> bool:
    """Return whether the progress row that completed a run exists, and lock it until the transaction ends."""
    return connection.scalar(
        select(TestProgress.id).where(TestProgress.id == completion.id).with_for_update(read=True)) is not None


def find_incomplete_retries(connection: Connection, run_ids: Collection[int]) -> list[int]:
    """Return the completed failed-only retries, of these runs, without a result of an active test that others have."""
    # This is only a search: domain/carry_over.py decides which of these results a retry gets.
    retries = {run_id: root_id for run_id, root_id in connection.execute(
        select(run_retry.c.run_id, run_retry.c.root_run_id)
        .where(run_retry.c.run_id.in_(run_ids), run_retry.c.failed_only == true(), has_completed(run_retry.c.run_id)))}
    # Each result is read once. Comparing attempts in pairs took a minute for a hundred of them.
    attempts = select_attempts(set(retries.values()))
    tests = (select(attempts.c.root_id, TestResult.regression_test_id).distinct()
             .join_from(attempts, TestResult, TestResult.test_id == attempts.c.run_id)
             .join(RegressionTest, and_(RegressionTest.id == TestResult.regression_test_id,
                                        RegressionTest.active == true())).subquery())
    own = aliased(TestResult)
    return list(connection.scalars(
        select(run_retry.c.run_id).distinct()
        .with_hint(own, BY_PRIMARY_KEY)
        .join_from(run_retry, tests, tests.c.root_id == run_retry.c.root_run_id)
        .outerjoin(own, and_(own.test_id == run_retry.c.run_id,
                             own.regression_test_id == tests.c.regression_test_id))
        .where(run_retry.c.run_id.in_(retries), own.test_id.is_(None))))
