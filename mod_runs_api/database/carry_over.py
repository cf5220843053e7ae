"""
Carrying results over into a retry.

A row of ``run_carried_over`` is the mark of a result that another run really has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (ColumnElement, Select, and_, case, exists, func,
                        insert, or_, select, true)
from sqlalchemy.orm import aliased

from . import Database, RunIds, by_key
from .runs import ProgressRow, is_completed


def select_marks(db: Database, run_ids: RunIds) -> Select[Any]:
    """
    Select the mark of each result that was carried over into some runs.

    It has ``run_id``, ``regression_test_id``, ``origin_run_id`` and ``was_selected``.

    A mark counts while the progress row that completed the retry is there: the platform's restart deletes it, and runs
    everything.
    """
    mark = db.run_carried_over.c
    return (select(mark.run_id, mark.regression_test_id, mark.origin_run_id, mark.was_selected)
            .join_from(db.run_carried_over, db.host.TestProgress, _is_of_a_row_that_is_there(db))
            .where(mark.run_id.in_(run_ids)))


def _is_of_a_row_that_is_there(db: Database) -> ColumnElement[bool]:
    mark, completed = db.run_carried_over.c, db.host.TestProgress
    return and_(completed.id == mark.progress_id, completed.test_id == mark.run_id,
                completed.timestamp == mark.progress_timestamp)


def read_carried_over(db: Database, run_ids: Sequence[int]) -> Sequence[Any]:
    """Return regression test and run of each result that was carried over into some runs."""
    result, marks = db.host.TestResult, select_marks(db, run_ids).subquery()
    return db.rows(by_key(result, select(marks.c.regression_test_id, marks.c.run_id).join_from(
        marks, result, and_(result.test_id == marks.c.run_id,
                            result.regression_test_id == marks.c.regression_test_id))))


def count_carried_over(db: Database, run_ids: Sequence[int]) -> dict[int, dict[int, int]]:
    """Return how many results were carried over into each run, by the run that really ran the tests."""
    marks = select_marks(db, run_ids).subquery()
    rows = db.execute(select(marks.c.run_id, marks.c.origin_run_id, func.count())
                      .group_by(marks.c.run_id, marks.c.origin_run_id)
                      .order_by(marks.c.run_id, marks.c.origin_run_id))
    counts: dict[int, dict[int, int]] = {run_id: {} for run_id in run_ids}
    for run_id, origin_run_id, count in rows:
        counts[run_id][origin_run_id] = count
    return counts


def find_results(db: Database, run_id: int, run_ids: Sequence[int]) -> dict[int, int]:
    """
    Return the active tests that a run has no result of, each with the last of the given runs that really ran it.

    ``run_ids`` are in the order of the runs' ends.
    """
    result, test = db.host.TestResult, db.host.RegressionTest
    marks = select_marks(db, run_ids).subquery()
    own = select(result.regression_test_id).where(result.test_id == run_id)
    places = {run: place for place, run in enumerate(run_ids)}
    rows = db.execute(
        select(result.regression_test_id, func.max(case(places, value=result.test_id)))
        .join_from(result, test, and_(test.id == result.regression_test_id, test.active == true()))
        .outerjoin(marks, and_(marks.c.run_id == result.test_id,
                               marks.c.regression_test_id == result.regression_test_id))
        .where(result.test_id.in_(run_ids), marks.c.run_id.is_(None), result.regression_test_id.not_in(own))
        .group_by(result.regression_test_id)
        # Every transaction that locks regression tests through foreign keys should do so in the same order.
        .order_by(result.regression_test_id))
    return {test_id: run_ids[place] for test_id, place in rows}


def copy_results(db: Database, run_id: int, completed: ProgressRow, origins: dict[int, int]) -> None:
    """
    Copy a result of each test from its origin, the run that really ran it, into a run, and mark it.

    ``completed`` is the progress row that completed the run.
    """
    customized = db.host.CustomizedTest
    selected = set(db.scalars(select(customized.regression_id).where(customized.test_id == run_id)))
    # The marks are first: of two that do this at once, the second fails before it has written much.
    db.execute(insert(db.run_carried_over), [
        {'run_id': run_id, 'regression_test_id': test_id, 'origin_run_id': origin_id,
         'progress_id': completed.id, 'progress_timestamp': completed.timestamp, 'was_selected': test_id in selected}
        for test_id, origin_id in origins.items()])
    mark = db.run_carried_over.c
    # With the time, because SQLite uses ids again: there may be marks of an end before a restart.
    is_of_this_end = and_(mark.run_id == run_id, mark.progress_id == completed.id,
                          mark.progress_timestamp == completed.timestamp)
    # A worker may have reported an output, and no result.
    file, own = db.host.TestResultFile, aliased(db.host.TestResultFile)
    is_reported = exists().where(own.test_id == run_id, own.regression_test_id == file.regression_test_id,
                                 own.regression_test_output_id == file.regression_test_output_id)
    result = db.host.TestResult
    # The origins again, or MariaDB may read the rows of all runs.
    origin_ids = set(origins.values())
    _copy_marked(db, result, [result.runtime, result.exit_code, result.expected_rc],
                 and_(is_of_this_end, result.test_id.in_(origin_ids)))
    _copy_marked(db, file, [file.regression_test_output_id, file.expected, file.got],
                 and_(is_of_this_end, file.test_id.in_(origin_ids), ~is_reported))
    db.execute(insert(customized).from_select(
        [customized.test_id, customized.regression_id],
        select(mark.run_id, mark.regression_test_id).where(is_of_this_end, ~mark.was_selected)))


def _copy_marked(db: Database, model: Any, columns: list[Any], condition: ColumnElement[bool]) -> None:
    """Copy the rows of a model that marks name, from their origins into the runs of the marks."""
    mark = db.run_carried_over.c
    copied = [model.regression_test_id, *columns]
    db.execute(insert(model).from_select(
        [model.test_id, *copied],
        by_key(model, select(mark.run_id, *copied)
               .join_from(db.run_carried_over, model, and_(model.test_id == mark.origin_run_id,
                                                           model.regression_test_id == mark.regression_test_id))
               .where(condition))))


def is_still_completed(db: Database, completed: ProgressRow) -> bool:
    """Return whether the progress row that completed a run is there, and keep it there until the transaction ends."""
    progress = db.host.TestProgress
    return db.scalar(select(progress.id).where(progress.id == completed.id).with_for_update(read=True)) is not None


def find_missed(db: Database) -> Sequence[int]:
    """
    Return the failed-only retries that have completed, and lack a result of an active test that another attempt has.

    Not those that something was carried over into when they completed.
    """
    progress, retry, other, mark = db.host.TestProgress, db.run_retry.c, db.run_retry.alias().c, db.run_carried_over.c
    marks = by_key(progress, select(mark.run_id)
                   .join_from(db.run_carried_over, progress, _is_of_a_row_that_is_there(db))
                   .where(mark.run_id == retry.run_id))
    completed = select(progress.id).where(progress.test_id == retry.run_id, is_completed(progress))
    result, own, test = db.host.TestResult, aliased(db.host.TestResult), db.host.RegressionTest
    own_result = select(own.test_id).where(own.test_id == retry.run_id,
                                           own.regression_test_id == result.regression_test_id)
    lacking = by_key(result, select(result.test_id)
                     .join_from(result, test, and_(test.id == result.regression_test_id, test.active == true()))
                     .where(~own_result.correlate(db.run_retry, result).exists()))
    in_root = lacking.where(result.test_id == retry.root_run_id)
    in_other = lacking.where(result.test_id == other.run_id, other.root_run_id == retry.root_run_id)
    return db.scalars(
        select(retry.run_id)
        .where(retry.failed_only == true(), ~_has_rows(db, marks), _has_rows(db, completed),
               or_(_has_rows(db, in_root), _has_rows(db, in_other)))
        .order_by(retry.run_id)).all()


def _has_rows(db: Database, statement: Select[Any]) -> ColumnElement[bool]:
    """Return the condition that a query about a retry has rows. MariaDB may read a whole table for an EXISTS."""
    return statement.correlate(db.run_retry).limit(1).scalar_subquery().is_not(None)
