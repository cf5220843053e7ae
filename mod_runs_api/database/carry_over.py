"""
Carrying results over into a retry.

A row of ``run_carried_over`` is the mark of a result that is really that of another run.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import (ColumnElement, FromClause, Select, SQLColumnExpression, and_, case, exists, false, func, insert,
                        or_, select, true)
from sqlalchemy.orm import aliased

from .. import clock
from ..domain.progress import CarryOver, ProgressRow
from ..errors import StaleRead
from ..host.models import TestProgressModel, TestResultFileModel, TestResultModel
from . import BY_PRIMARY_KEY, Database, has_rows
from .progress import is_completed

#: How long after its creation a retry is always looked at again.
WATCHED_FOR = timedelta(days=2)


def is_carried_over(db: Database, result: type[TestResultModel]) -> ColumnElement[bool]:
    """Return the condition that a result was carried over into its run, and is not the run's own: it has a mark."""
    # A mark counts while the row that completed the retry is there: the restart deletes it, and runs everything.
    marks, completed = db.run_carried_over.alias(), aliased(db.host.TestProgress)
    return exists().where(marks.c.run_id == result.test_id, marks.c.regression_test_id == result.regression_test_id,
                          _counts(marks, completed))


def _counts(marks: FromClause, completed: type[TestProgressModel]) -> ColumnElement[bool]:
    # With the time, because SQLite uses ids again: there may be marks of an end before a restart.
    return and_(completed.id == marks.c.progress_id, completed.test_id == marks.c.run_id,
                completed.timestamp == marks.c.progress_timestamp)


def is_selected_by_carry_over(db: Database, run_id: SQLColumnExpression[int],
                              regression_test_id: SQLColumnExpression[int]) -> ColumnElement[bool]:
    """Return the condition that carrying over has selected a test for a run, which was not selected for it before."""
    marks, completed = db.run_carried_over.alias(), aliased(db.host.TestProgress)
    return exists().where(marks.c.run_id == run_id, marks.c.regression_test_id == regression_test_id,
                          marks.c.was_selected == false(), _counts(marks, completed))


def count_carried_over(db: Database, run_ids: Sequence[int]) -> dict[int, dict[int, int]]:
    """Return the number of results that were carried over into each run, by the run that really ran the tests."""
    mark, completed, test = db.run_carried_over.c, db.host.TestProgress, db.host.RegressionTest
    rows = db.connection.execute(
        select(mark.run_id, mark.origin_run_id, func.count())
        .join_from(db.run_carried_over, completed, _counts(db.run_carried_over, completed))
        # Marks of a regression test that was deleted stay.
        .join(test, test.id == mark.regression_test_id)
        .where(mark.run_id.in_(run_ids))
        .group_by(mark.run_id, mark.origin_run_id)
        .order_by(mark.run_id, mark.origin_run_id))
    counts: dict[int, dict[int, int]] = {run_id: {} for run_id in run_ids}
    for run_id, origin_run_id, count in rows:
        counts[run_id][origin_run_id] = count
    return counts


def find_runs_with_own_results(db: Database, run_ids: Sequence[int]) -> set[int]:
    """Return those of some runs that really ran a test."""
    run, result = db.host.Test, db.host.TestResult
    own = (select(result.test_id)
           .with_hint(result, BY_PRIMARY_KEY)
           .where(result.test_id == run.id, ~is_carried_over(db, result))
           .correlate(run))
    return set(db.connection.scalars(select(run.id).where(run.id.in_(run_ids), has_rows(own))))


def read_executed_tests(db: Database, run_ids: Collection[int]) -> set[int]:
    """Return the active tests that any of some runs really ran."""
    return set(db.connection.scalars(_select_executed_tests(db, run_ids).distinct()))


def _select_executed_tests(db: Database, run_ids: Collection[int]) -> Select[Any]:
    """Select the test of each result of an active test in some runs that was not carried over into them."""
    result, test = db.host.TestResult, db.host.RegressionTest
    return (select(result.regression_test_id)
            .with_hint(result, BY_PRIMARY_KEY)
            .join_from(result, test, and_(test.id == result.regression_test_id, test.active == true()))
            .where(result.test_id.in_(run_ids), ~is_carried_over(db, result)))


def find_origins(db: Database, run_id: int, run_ids: Sequence[int]) -> dict[int, int]:
    """Return the active tests that a run has no result of, each with the last of some runs that really ran it."""
    result, own = db.host.TestResult, aliased(db.host.TestResult)
    places = {run: place for place, run in enumerate(run_ids)}
    rows = db.connection.execute(
        _select_executed_tests(db, run_ids).add_columns(func.max(case(places, value=result.test_id)))
        .where(result.regression_test_id.not_in(select(own.regression_test_id).where(own.test_id == run_id)))
        .group_by(result.regression_test_id)
        # Every transaction that locks regression tests through foreign keys should do so in the same order.
        .order_by(result.regression_test_id))
    return {regression_test_id: run_ids[place] for regression_test_id, place in rows}


def find_contradicted(db: Database, run_id: int, origins: dict[int, int]) -> set[int]:
    """Return the tests of which a run has reported an output that the origin does not have, and no result."""
    file = db.host.TestResultFile

    def read_files(run_ids: Iterable[int], test_ids: Iterable[int]) -> dict[tuple[int, int, int], str | None]:
        return {(run, test, output): got for run, test, output, got in db.connection.execute(
            select(file.test_id, file.regression_test_id, file.regression_test_output_id, file.got)
            .with_hint(file, BY_PRIMARY_KEY)
            .where(file.test_id.in_(run_ids), file.regression_test_id.in_(test_ids)))}

    own = read_files([run_id], list(origins))
    others = read_files({*origins.values()}, {test for _, test, _ in own}) if own else {}
    # None is a value too: the output is as expected.
    return {test for (_, test, output), got in own.items()
            if (origins[test], test, output) not in others or others[origins[test], test, output] != got}


def copy_results(db: Database, plan: CarryOver) -> None:
    """Copy a result of each test with its outputs from its origin into a retry, and mark it."""
    # Outputs come before results, as in the platform's restart: who locks in one order is no deadlock. Under READ
    # COMMITTED a restart may commit in between; then results are missing, and nothing is copied.
    customized = db.host.CustomizedTest
    run_id, completed, origins = plan.completed.run_id, plan.completed, plan.origins
    selected = set(db.connection.scalars(select(customized.regression_id).where(customized.test_id == run_id)))
    # The marks are first: of two that do this at once, the second violates their key before it has written much.
    db.connection.execute(insert(db.run_carried_over), [
        {'run_id': run_id, 'regression_test_id': regression_test_id, 'origin_run_id': origin_id,
         'progress_id': completed.id, 'progress_timestamp': completed.timestamp,
         'was_selected': regression_test_id in selected}
        for regression_test_id, origin_id in origins.items()])
    mark = db.run_carried_over.c
    # Only the new ones: something may have been carried over into the run before.
    is_new = and_(mark.run_id == run_id, mark.progress_id == completed.id,
                  mark.progress_timestamp == completed.timestamp, mark.regression_test_id.in_(list(origins)))
    # A worker may have reported an output, and no result.
    file, own = db.host.TestResultFile, aliased(db.host.TestResultFile)
    is_reported = exists().where(own.test_id == run_id, own.regression_test_id == file.regression_test_id,
                                 own.regression_test_output_id == file.regression_test_output_id)
    # The origins again, or MariaDB may read the rows of all runs.
    origin_ids = set(origins.values())
    _copy_marked(db, file, [file.regression_test_output_id, file.expected, file.got],
                 and_(is_new, file.test_id.in_(origin_ids), ~is_reported))
    result = db.host.TestResult
    copied = _copy_marked(db, result, [result.runtime, result.exit_code, result.expected_rc],
                          and_(is_new, result.test_id.in_(origin_ids)))
    if copied != len(origins):
        raise StaleRead  # An origin has been restarted or deleted meanwhile.
    db.connection.execute(insert(customized).from_select(
        [customized.test_id, customized.regression_id],
        select(mark.run_id, mark.regression_test_id).where(is_new, mark.was_selected == false())))


def _copy_marked(db: Database, model: type[TestResultModel] | type[TestResultFileModel],
                 columns: Sequence[SQLColumnExpression[object]], condition: ColumnElement[bool]) -> int:
    """Copy the rows of a model that marks point to, from their origins into the marked runs. Return their number."""
    mark = db.run_carried_over.c
    copied = [model.regression_test_id, *columns]
    inserted = db.connection.execute(insert(model).from_select(
        [model.test_id, *copied],
        select(mark.run_id, *copied)
        .with_hint(model, BY_PRIMARY_KEY)
        .join_from(db.run_carried_over, model, and_(model.test_id == mark.origin_run_id,
                                                    model.regression_test_id == mark.regression_test_id))
        .where(condition)))
    return inserted.rowcount


def is_still_completed(db: Database, completed: ProgressRow) -> bool:
    """Return whether the progress row that completed a run is there, and keep it there until the transaction ends."""
    progress = db.host.TestProgress
    return db.connection.scalar(
        select(progress.id).where(progress.id == completed.id).with_for_update(read=True)) is not None


def find_missed(db: Database) -> Sequence[int]:
    """Return the completed failed-only retries that lack a result of an active test that another attempt has."""
    # One without marks, or created lately, is always looked at. Any other was complete as of its end, and is looked at
    # only if another attempt has a newer progress row.
    progress, retry, other, mark = db.host.TestProgress, db.run_retry.c, db.run_retry.alias().c, db.run_carried_over.c
    completed = select(progress.id).where(progress.test_id == retry.run_id, is_completed(progress))
    marked = (select(progress.id)
              .with_hint(progress, BY_PRIMARY_KEY)
              .join_from(db.run_carried_over, progress, _counts(db.run_carried_over, progress))
              .where(mark.run_id == retry.run_id))
    later = select(progress.id).where(progress.id > marked.correlate(db.run_retry).limit(1).scalar_subquery())
    result, own, test = db.host.TestResult, aliased(db.host.TestResult), db.host.RegressionTest
    own_result = select(own.test_id).where(own.test_id == retry.run_id,
                                           own.regression_test_id == result.regression_test_id)
    lacking = (select(result.test_id)
               .with_hint(result, BY_PRIMARY_KEY)
               .join_from(result, test, and_(test.id == result.regression_test_id, test.active == true()))
               .where(own_result.correlate(db.run_retry, result).limit(1).scalar_subquery().is_(None)))

    def of_retry(rows: Select[Any]) -> ColumnElement[bool]:
        return has_rows(rows.correlate(db.run_retry))

    def in_another(rows: Select[Any], run_id: Any) -> ColumnElement[bool]:
        of_other = rows.where(run_id == other.run_id, other.root_run_id == retry.root_run_id,
                              other.run_id != retry.run_id)
        return or_(of_retry(rows.where(run_id == retry.root_run_id)), of_retry(of_other))

    return db.connection.scalars(
        select(retry.run_id)
        .where(retry.failed_only == true(), of_retry(completed),
               or_(retry.created_at > clock.now() - WATCHED_FOR, ~of_retry(marked),
                   in_another(later, progress.test_id)),
               in_another(lacking, result.test_id))
        .order_by(retry.run_id)).all()
