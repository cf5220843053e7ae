"""
Carrying results over into a retry.

A row of ``run_carried_over`` is the mark of a result that was copied from another run.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import (ColumnElement, FromClause, SQLColumnExpression, Subquery, and_, exists, false, func, insert,
                        select, true, union_all)
from sqlalchemy.orm import aliased

from ..domain.carry_over import CarryOver
from ..domain.progress import ProgressRow
from ..errors import StaleRead
from ..host.models import TestProgressModel, TestResultFileModel, TestResultModel
from . import BY_PRIMARY_KEY, Database, has_rows
from .progress import has_completed


def is_carried_over(db: Database, result: type[TestResultModel]) -> ColumnElement[bool]:
    """Return the condition that a result was carried over into its run: it has a mark."""
    # A mark counts while the row that completed the retry exists. The restart deletes that row and runs everything.
    marks, completed = db.run_carried_over.alias(), aliased(db.host.TestProgress)
    return exists().where(marks.c.run_id == result.test_id, marks.c.regression_test_id == result.regression_test_id,
                          _mark_is_valid(db, marks, completed))


def _mark_is_valid(db: Database, marks: FromClause, completed: type[TestProgressModel]) -> ColumnElement[bool]:
    # SQLite uses ids again. Only there does the time distinguish the marks of an end before a restart. On a server the
    # marks stay valid if somebody corrects the times.
    is_same_time = completed.timestamp == marks.c.progress_timestamp
    return and_(completed.id == marks.c.progress_id, completed.test_id == marks.c.run_id,
                is_same_time if db.connection.dialect.name == 'sqlite' else true())


def is_selected_by_carry_over(db: Database, run_id: SQLColumnExpression[int],
                              regression_test_id: SQLColumnExpression[int]) -> ColumnElement[bool]:
    """Return the condition that carrying over selected a test for a run. The test was not selected before."""
    marks, completed = db.run_carried_over.alias(), aliased(db.host.TestProgress)
    return exists().where(marks.c.run_id == run_id, marks.c.regression_test_id == regression_test_id,
                          marks.c.was_selected == false(), _mark_is_valid(db, marks, completed))


def count_carried_over(db: Database, run_ids: Sequence[int]) -> dict[int, dict[int, int]]:
    """Return the number of results that were carried over into each run, by origin run."""
    mark, completed, result = db.run_carried_over.c, db.host.TestProgress, db.host.TestResult
    rows = db.connection.execute(
        select(mark.run_id, mark.origin_run_id, func.count())
        .with_hint(result, BY_PRIMARY_KEY)
        .join_from(db.run_carried_over, completed, _mark_is_valid(db, db.run_carried_over, completed))
        # The mark of a result that was deleted stays, and does not count.
        .join(result, and_(result.test_id == mark.run_id, result.regression_test_id == mark.regression_test_id))
        .where(mark.run_id.in_(run_ids))
        .group_by(mark.run_id, mark.origin_run_id)
        .order_by(mark.run_id, mark.origin_run_id))
    counts: dict[int, dict[int, int]] = {run_id: {} for run_id in run_ids}
    for run_id, origin_run_id, count in rows:
        counts[run_id][origin_run_id] = count
    return counts


def read_carried_over(db: Database, run_ids: Collection[int]) -> dict[int, set[int]]:
    """Return for each run the tests of which a result was carried over into it. It may have been deleted."""
    mark, completed = db.run_carried_over.c, db.host.TestProgress
    return _group_tests(run_ids, db.connection.execute(
        select(mark.run_id, mark.regression_test_id)
        .join_from(db.run_carried_over, completed, _mark_is_valid(db, db.run_carried_over, completed))
        .where(mark.run_id.in_(run_ids))))


def find_runs_with_own_results(db: Database, run_ids: Sequence[int]) -> set[int]:
    """Return the ids of the runs that have an own result."""
    run, result = db.host.Test, db.host.TestResult
    own = (select(result.test_id)
           .where(result.test_id == run.id, ~is_carried_over(db, result))
           .correlate(run))
    return set(db.connection.scalars(select(run.id).where(run.id.in_(run_ids), has_rows(own))))


def read_executed(db: Database, run_ids: Collection[int],
                  regression_test_ids: Collection[int]) -> dict[int, set[int]]:
    """Return the tests that each run executed, as far as they are among some tests."""
    result = db.host.TestResult
    return _group_tests(run_ids, db.connection.execute(
        select(result.test_id, result.regression_test_id)
        .with_hint(result, BY_PRIMARY_KEY)
        .where(result.test_id.in_(run_ids), result.regression_test_id.in_(regression_test_ids),
               ~is_carried_over(db, result))))


def read_settled_tests(db: Database, run_ids: Collection[int]) -> dict[int, set[int]]:
    """Return the tests of which each run has a result, or had one that was carried over."""
    # A carried-over row that somebody deleted is not copied again.
    result, settled = db.host.TestResult, read_carried_over(db, run_ids)
    for run_id, regression_test_id in db.connection.execute(
            select(result.test_id, result.regression_test_id).where(result.test_id.in_(run_ids))):
        settled[run_id].add(regression_test_id)
    return settled


def _group_tests(run_ids: Collection[int], rows: Iterable[Sequence[int]]) -> dict[int, set[int]]:
    tests: dict[int, set[int]] = {run_id: set() for run_id in run_ids}
    for run_id, regression_test_id in rows:
        tests[run_id].add(regression_test_id)
    return tests


def find_contradicted(db: Database, origins: Mapping[int, Mapping[int, int]]) -> set[tuple[int, int]]:
    """Return run and test where the worker reported a different output but no result."""
    file, result = db.host.TestResultFile, db.host.TestResult

    def read_files(*conditions: ColumnElement[bool]) -> dict[tuple[int, int, int], str | None]:
        return {(run_id, test, output): got for run_id, test, output, got in db.connection.execute(
            select(file.test_id, file.regression_test_id, file.regression_test_output_id, file.got)
            .with_hint(file, BY_PRIMARY_KEY)
            .where(*conditions))}

    has_result = (select(result.test_id).with_hint(result, BY_PRIMARY_KEY)
                  .where(result.test_id == file.test_id, result.regression_test_id == file.regression_test_id).exists())
    own = {(run_id, test, output): got
           for (run_id, test, output), got in read_files(file.test_id.in_(origins), ~has_result).items()
           if test in origins[run_id]}
    others = read_files(file.test_id.in_({origins[run_id][test] for run_id, test, _ in own}),
                        file.regression_test_id.in_({test for _, test, _ in own})) if own else {}
    # None is a value, too: the output is identical to the expected one.
    return {(run_id, test) for (run_id, test, output), got in own.items()
            if ((origins[run_id][test], test, output), got) not in others.items()}


def copy_results(db: Database, plan: CarryOver) -> None:
    """Copy the result and the outputs of each test from its origin run into a retry, and mark them."""
    # Outputs come before results, as in the platform's restart: the same order of locks prevents deadlocks. Under READ
    # COMMITTED a restart may commit in between. Then results are missing, and nothing is copied.
    customized = db.host.CustomizedTest
    run_id, completed, origins = plan.completed.run_id, plan.completed, plan.origins
    selected = set(db.connection.scalars(select(customized.regression_id).where(customized.test_id == run_id)))
    # The marks come first: of two simultaneous copies, the second violates their key before it has written much.
    db.connection.execute(insert(db.run_carried_over), [
        {'run_id': run_id, 'regression_test_id': regression_test_id, 'origin_run_id': origin_id,
         'progress_id': completed.id, 'progress_timestamp': completed.timestamp,
         'was_selected': regression_test_id in selected}
        for regression_test_id, origin_id in origins.items()])
    mark = db.run_carried_over.c
    # The run may have older marks.
    is_new = and_(mark.run_id == run_id, mark.progress_id == completed.id,
                  mark.progress_timestamp == completed.timestamp, mark.regression_test_id.in_(list(origins)))
    # A worker may have reported an output without a result.
    file, own = db.host.TestResultFile, aliased(db.host.TestResultFile)
    is_reported = exists().where(own.test_id == run_id, own.regression_test_id == file.regression_test_id,
                                 own.regression_test_output_id == file.regression_test_output_id)
    # Without the ids of the origin runs, MariaDB may read the rows of all runs.
    origin_ids = set(origins.values())
    _copy_marked(db, file, [file.regression_test_output_id, file.expected, file.got],
                 and_(is_new, file.test_id.in_(origin_ids), ~is_reported))
    result = db.host.TestResult
    copied = _copy_marked(db, result, [result.runtime, result.exit_code, result.expected_rc],
                          and_(is_new, result.test_id.in_(origin_ids)))
    if copied != len(origins):
        raise StaleRead  # An origin run was restarted or deleted in between.
    db.connection.execute(insert(customized).from_select(
        [customized.test_id, customized.regression_id],
        select(mark.run_id, mark.regression_test_id).where(is_new, mark.was_selected == false())))


def _copy_marked(db: Database, model: type[TestResultModel] | type[TestResultFileModel],
                 columns: Sequence[SQLColumnExpression[object]], condition: ColumnElement[bool]) -> int:
    """Copy the marked rows of a model from their origin runs into the marked runs. Return their number."""
    mark = db.run_carried_over.c
    copied = [model.regression_test_id, *columns]
    inserted = db.connection.execute(insert(model).from_select(
        [model.test_id, *copied],
        select(mark.run_id, *copied)
        # The rows that it reads are locked, so its plan must not depend on statistics.
        .with_hint(model, BY_PRIMARY_KEY)
        .join_from(db.run_carried_over, model, and_(model.test_id == mark.origin_run_id,
                                                    model.regression_test_id == mark.regression_test_id))
        .where(condition)
        # The foreign keys of results lock regression tests. A common order of all transactions prevents deadlocks.
        .order_by(model.regression_test_id)))
    return inserted.rowcount


def is_still_completed(db: Database, completed: ProgressRow) -> bool:
    """Return whether the progress row that completed a run exists, and lock it until the transaction ends."""
    progress = db.host.TestProgress
    return db.connection.scalar(
        select(progress.id).where(progress.id == completed.id).with_for_update(read=True)) is not None


def find_missed(db: Database, run_ids: Collection[int] | None = None) -> dict[int, list[int]]:
    """Return the completed failed-only retries among some runs, or all, that lack results of others, by root run."""
    retry = db.run_retry.c
    statement = (select(retry.run_id, retry.root_run_id)
                 .where(retry.failed_only == true(), has_completed(db, retry.run_id)))
    if run_ids is not None:
        statement = statement.where(retry.run_id.in_(run_ids))
    suspects = {run_id: root_id for run_id, root_id in db.connection.execute(statement)}
    missed: dict[int, list[int]] = {}
    for root_id, run_id in _read_lacking(db, suspects):
        missed.setdefault(root_id, []).append(run_id)
    return missed


def _read_lacking(db: Database, retries: Mapping[int, int]) -> Sequence[tuple[int, int]]:
    """Return root run and run of each retry that lacks a result of an active test that other attempts have."""
    # This is only a search: domain/carry_over.py decides which of these results a retry gets.
    # Each result is read once. Comparing attempts in pairs took a minute for a hundred of them.
    retry, result, own, test = db.run_retry.c, db.host.TestResult, aliased(db.host.TestResult), db.host.RegressionTest
    attempts = _select_attempts(db, retry.root_run_id.in_(set(retries.values())))
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


def _select_attempts(db: Database, *conditions: ColumnElement[bool]) -> Subquery:
    """Select ``root_id`` and ``run_id`` of each attempt of the root runs that were retried."""
    retry = db.run_retry.c
    return union_all(
        select(retry.root_run_id.label('root_id'), retry.run_id.label('run_id')).where(*conditions),
        select(retry.root_run_id, retry.root_run_id).where(*conditions).distinct()).subquery()
