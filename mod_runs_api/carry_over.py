"""
How an attempt ends whole (contract section 4).

The platform reads the newest completed run as the state of the whole commit. So when a failed-only retry has ended, the
results of the tests that it was not told to run are carried over into it from the other attempts. INSERT only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (Connection, Select, and_, exists, func, insert, select,
                        true, union_all)

from .attempts import ended_attempts, last_status
from .host.models import ENDED_STATUSES
from .tables import Tables


def carry_over(connection: Connection, tables: Tables, run_id: int) -> int:
    """
    Carry the results of the other attempts over into a failed-only retry that has ended, and return how many.

    Nothing is done for any other run, nor a second time. If the platform has restarted the run meanwhile, the caller's
    transaction is rolled back.
    """
    retry = tables.run_retry.c
    root_id = connection.scalar(select(retry.root_test_id).where(retry.test_id == run_id, retry.failed_only == true()))
    if root_id is None:
        return 0
    end = _find_end(connection, tables, run_id)
    if end is None:
        return 0
    results = _read_results(connection, tables, run_id, root_id)
    if not results:
        return 0
    _write(connection, tables, run_id, end, results, _read_files(connection, tables, results))
    # Last, so that nothing waits for this lock: the platform may have restarted the run meanwhile.
    progress_id = tables.host.test_progress.id
    if connection.scalar(select(progress_id).where(progress_id == end.id).with_for_update(read=True)) is None:
        connection.rollback()
        return 0
    return len(results)


def has_ended(connection: Connection, tables: Tables, run_id: int) -> bool:
    """Return whether a run has ended."""
    return _find_end(connection, tables, run_id) is not None


def _read_results(connection: Connection, tables: Tables, run_id: int, root_id: int) -> Sequence[Any]:
    """Return the results that belong into a run, in the order of their regression tests."""
    result = tables.host.test_result
    sources = _select_sources(tables, root_id).subquery()
    rows = connection.execute(
        select(result.test_id.label('source_id'), result.regression_test_id.label('regression_test_id'),
               result.runtime.label('runtime'), result.exit_code.label('exit_code'),
               result.expected_rc.label('expected_rc'))
        .join_from(sources, result.table, and_(result.test_id == sources.c.test_id,
                                               result.regression_test_id == sources.c.regression_test_id))
        # Every transaction that locks regression tests through foreign keys should do so in the same order.
        .order_by(result.regression_test_id))
    in_this_run = _find_tests_of(connection, tables, run_id)
    return [row for row in rows if row.regression_test_id not in in_this_run]


def _read_files(connection: Connection, tables: Tables, results: Sequence[Any]) -> Sequence[Any]:
    """Return the output files that belong to results."""
    file = tables.host.test_result_file
    source_ids = {row.regression_test_id: row.source_id for row in results}
    rows = connection.execute(
        select(file.test_id.label('source_id'), file.regression_test_id.label('regression_test_id'),
               file.regression_test_output_id.label('output_id'), file.expected.label('expected'),
               file.got.label('got'))
        .where(file.test_id.in_(set(source_ids.values())))
        .order_by(file.regression_test_id, file.regression_test_output_id))
    return [row for row in rows if source_ids.get(row.regression_test_id) == row.source_id]


def _write(connection: Connection, tables: Tables, run_id: int, end: Any, results: Sequence[Any],
           files: Sequence[Any]) -> None:
    result, file, customized = tables.host.test_result, tables.host.test_result_file, tables.host.customized_test
    # First the package's own rows: of two that do this at once, the second fails before it has written much.
    connection.execute(insert(tables.carried_over), [
        {'test_id': run_id, 'regression_test_id': row.regression_test_id, 'source_test_id': row.source_id,
         'progress_id': end.id, 'progress_timestamp': end.timestamp} for row in results])
    connection.execute(insert(result.table), [
        {result.test_id.key: run_id, result.regression_test_id.key: row.regression_test_id,
         result.runtime.key: row.runtime, result.exit_code.key: row.exit_code,
         result.expected_rc.key: row.expected_rc} for row in results])
    if files:
        connection.execute(insert(file.table), [
            {file.test_id.key: run_id, file.regression_test_id.key: row.regression_test_id,
             file.regression_test_output_id.key: row.output_id, file.expected.key: row.expected,
             file.got.key: row.got} for row in files])
    connection.execute(insert(customized.table), [
        {customized.test_id.key: run_id, customized.regression_id.key: row.regression_test_id} for row in results])


def select_missed_runs(tables: Tables) -> Select[Any]:
    """Select the failed-only retries that have ended and into which nothing was carried over."""
    retry, carried = tables.run_retry.c, tables.carried_over.c
    return (select(retry.test_id)
            .where(retry.failed_only == true(),
                   last_status(tables, retry.test_id).in_(ENDED_STATUSES),
                   ~exists().where(carried.test_id == retry.test_id))
            .order_by(retry.test_id))


def _find_end(connection: Connection, tables: Tables, run_id: int) -> Any:
    """Return id and timestamp of the progress row that ended a run; None if the run has not ended."""
    progress = tables.host.test_progress
    return connection.execute(
        select(progress.id.label('id'), progress.timestamp.label('timestamp'))
        .where(progress.test_id == run_id, last_status(tables, progress.test_id).in_(ENDED_STATUSES))
        .order_by(progress.id.desc()).limit(1)).one_or_none()


def _find_tests_of(connection: Connection, tables: Tables, run_id: int) -> set[int | None]:
    """Return the tests that a run was told to run or has a result of."""
    customized, result = tables.host.customized_test, tables.host.test_result
    return set(connection.scalars(union_all(
        select(customized.regression_id).where(customized.test_id == run_id),
        select(result.regression_test_id).where(result.test_id == run_id))))


def _select_sources(tables: Tables, root_id: int) -> Select[Any]:
    """
    Select each active test that the attempts have a result of, with the attempt that it would come from.

    That is the newest of the ended attempts that really ran it.
    """
    host, carried = tables.host, tables.carried_over.c
    result, regression_test, end = host.test_result, host.regression_test, host.test_progress
    attempts = ended_attempts(tables, root_id).subquery()
    # Joined, because MariaDB reads all that was ever carried over to answer a NOT EXISTS.
    is_of_result = and_(carried.test_id == result.test_id, carried.regression_test_id == result.regression_test_id)
    is_of_mark = and_(end.id == carried.progress_id, end.test_id == carried.test_id,
                      end.timestamp == carried.progress_timestamp)
    return (select(result.regression_test_id.label('regression_test_id'),
                   func.max(result.test_id).label('test_id'))
            .join_from(attempts, result.table, result.test_id == attempts.c.id)
            .join(regression_test.table, regression_test.id == result.regression_test_id)
            .outerjoin(tables.carried_over, is_of_result)
            .outerjoin(end.table, is_of_mark)
            .where(regression_test.active == true(), end.id.is_(None))
            .group_by(result.regression_test_id))
