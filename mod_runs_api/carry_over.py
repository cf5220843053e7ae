"""
How an attempt ends whole (contract section 4).

The platform takes the newest run of a commit for all that is known of it. So when a failed-only retry has ended, the
results of the tests that it was not told to run are carried over into it from the other attempts. INSERT only.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (Connection, Select, String, and_, exists, func, insert,
                        select, true, type_coerce, union_all)

from .attempts import ended_attempts
from .selection import FINISHED
from .tables import Tables, is_carried_over


def carry_over(connection: Connection, tables: Tables, run_id: int) -> int:
    """
    Carry the results of the other attempts over into a failed-only retry that has ended, and return how many.

    Nothing is done for any other run, nor a second time.
    """
    retry = tables.run_retry.c
    root_id = connection.scalar(select(retry.root_test_id).where(retry.test_id == run_id, retry.failed_only == true()))
    if root_id is None:
        return 0
    end = _find_end(connection, tables, run_id)
    if end is None:
        return 0
    host = tables.host
    result, file = host.test_result, host.test_result_file
    sources = _find_sources(tables, run_id, root_id).subquery()
    in_this_run = _find_tests_of(connection, tables, run_id)
    # Insert in the order of the regression tests, as every transaction should that locks them through foreign keys.
    results = [row for row in connection.execute(
        select(result.test_id, result.regression_test_id, result.runtime, result.exit_code, result.expected_rc)
        .join_from(sources, result.table, and_(result.test_id == sources.c.test_id,
                                               result.regression_test_id == sources.c.regression_test_id))
        .order_by(result.regression_test_id)) if row.regression_test_id not in in_this_run]
    if not results:
        return 0
    origins = {test_id: source_id for source_id, test_id, *_ in results}
    files = [row for row in connection.execute(
        select(file.test_id, file.regression_test_id, file.regression_test_output_id, file.expected, file.got)
        .where(file.test_id.in_(set(origins.values())))
        .order_by(file.regression_test_id, file.regression_test_output_id)) if origins.get(row[1]) == row[0]]

    progress_id, progress_timestamp = end
    customized = host.customized_test
    # First the package's own rows: of two that do this at once, the second fails before it has written much.
    connection.execute(insert(tables.carried_over), [
        {'test_id': run_id, 'regression_test_id': test_id, 'source_test_id': source_id,
         'progress_id': progress_id, 'progress_timestamp': progress_timestamp}
        for test_id, source_id in origins.items()])
    connection.execute(insert(result.table), [
        {result.test_id.key: run_id, result.regression_test_id.key: test_id, result.runtime.key: runtime,
         result.exit_code.key: exit_code, result.expected_rc.key: expected_rc}
        for _, test_id, runtime, exit_code, expected_rc in results])
    if files:
        connection.execute(insert(file.table), [
            {file.test_id.key: run_id, file.regression_test_id.key: test_id,
             file.regression_test_output_id.key: output_id, file.expected.key: expected, file.got.key: got}
            for _, test_id, output_id, expected, got in files])
    connection.execute(insert(customized.table), [
        {customized.test_id.key: run_id, customized.regression_id.key: test_id} for test_id in origins])
    return len(results)


def runs_that_lack_it(tables: Tables) -> Select[Any]:
    """Select the failed-only retries that have ended and into which nothing was carried over."""
    retry, carried, progress = tables.run_retry.c, tables.carried_over.c, tables.host.test_progress
    return (select(retry.test_id)
            .where(retry.failed_only == true(),
                   exists().where(progress.test_id == retry.test_id,
                                  type_coerce(progress.status, String).in_(FINISHED)),
                   ~exists().where(carried.test_id == retry.test_id, is_carried_over(tables)))
            .order_by(retry.test_id))


def _find_end(connection: Connection, tables: Tables, run_id: int) -> tuple[int, Any] | None:
    """Return id and time of the progress row that ended a run; None where it has not ended."""
    progress = tables.host.test_progress
    row = connection.execute(
        select(progress.id, progress.timestamp, type_coerce(progress.status, String))
        .where(progress.test_id == run_id).order_by(progress.id.desc()).limit(1)).one_or_none()
    return None if row is None or row[2].strip() not in FINISHED else (row[0], row[1])


def _find_tests_of(connection: Connection, tables: Tables, run_id: int) -> set[int | None]:
    """Return the tests that a run was told to run or has a result of."""
    customized, result = tables.host.customized_test, tables.host.test_result
    return set(connection.scalars(union_all(
        select(customized.regression_id).where(customized.test_id == run_id),
        select(result.regression_test_id).where(result.test_id == run_id))))


def _find_sources(tables: Tables, run_id: int, root_id: int) -> Select[Any]:
    """
    Select each active test that other attempts have a result of, with the attempt that it would come from.

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
            .where(attempts.c.id != run_id, regression_test.active == true(), end.id.is_(None))
            .group_by(result.regression_test_id))
