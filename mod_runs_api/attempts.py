"""The attempts of a run: the first run, its retries, and their retries (contract section 1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (ColumnElement, CompoundSelect, Connection, Select,
                        String, Subquery, and_, case, exists, func, or_,
                        select, true, type_coerce, union_all)

from .errors import RunNotFound
from .host.models import ENDED_STATUSES, MAX_ID, TestResultTable
from .selection import differing_outputs, missing_outputs
from .tables import Tables, is_carried_over


@dataclass(frozen=True)
class Attempt:
    """
    One run among the attempts.

    Attributes
    ----------
    run_id : int
        The run.
    attempt : int
        Its place among the attempts by run id, from 1.
    status : str
        "queued", "running", "pass", "fail", "canceled", "error" or "incomplete", as the platform's API derives it.
    tests : int
        How many tests it was told to run, and after its end those that were carried over into it.
    passed, failed, not_run : int
        How many of them passed, did not pass, and have no result.
    carried_over : int
        How many of the results are those of other attempts.
    source_run_id : int or None
        The run that it is a retry of. None for the first run, as is all that follows.
    failed_only : bool or None
        Whether it was told to run only what had not passed in its source.
    reason : str or None
        Why it was created.
    requested_by : str or None
        The name of the user who asked for it, if there was one and still is.
    created_at : datetime or None
        When it was created, in UTC.
    """

    run_id: int
    attempt: int
    status: str
    tests: int
    passed: int
    failed: int
    not_run: int
    carried_over: int
    source_run_id: int | None = None
    failed_only: bool | None = None
    reason: str | None = None
    requested_by: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True)
class AttemptsPage:
    """
    Some of the attempts of a run.

    Attributes
    ----------
    run_id : int
        The run that was asked about.
    root_run_id : int
        The first run of all attempts, which is no retry. It may have been deleted.
    total : int
        How many attempts there are.
    attempts : list of Attempt
        Those of the page.
    """

    run_id: int
    root_run_id: int
    total: int
    attempts: list[Attempt]


def list_attempts(connection: Connection, tables: Tables, run_id: int, *, limit: int, offset: int) -> AttemptsPage:
    """Return a page of the attempts of a run, by run id. Raises :exc:`RunNotFound`."""
    root_id, first_retry, total = _count_attempts(connection, tables, run_id)
    numbers = range(1, total + 1)[offset:offset + limit]
    retries = _read_retries(connection, tables, root_id, first_retry, numbers)
    return AttemptsPage(run_id, root_id, total, _read_attempts(connection, tables, root_id, numbers, retries))


def list_newest_attempts(connection: Connection, tables: Tables, run_id: int, *, limit: int) -> AttemptsPage:
    """
    Return the newest attempts of a run, newest first, and after them the run itself if it is older.

    Raises :exc:`RunNotFound`.
    """
    root_id, first_retry, total = _count_attempts(connection, tables, run_id)
    retry = tables.run_retry.c
    earlier = connection.scalar(select(func.count()).where(retry.root_test_id == root_id, retry.test_id < run_id)) or 0
    own_number = 1 if run_id == root_id else first_retry + earlier
    numbers = range(total, 0, -1)[:limit]
    retries = _read_retries(connection, tables, root_id, first_retry, numbers)
    for row in connection.execute(_select_retries(tables).where(retry.test_id == run_id)):
        retries[own_number] = row
    listed = [*numbers] if own_number in numbers else [*numbers, own_number]
    return AttemptsPage(run_id, root_id, total, _read_attempts(connection, tables, root_id, listed, retries))


def _count_attempts(connection: Connection, tables: Tables, run_id: int) -> tuple[int, int, int]:
    """Return the first of the attempts of a run, the number of its first retry, and how many attempts there are."""
    root_id = find_root(connection, tables, run_id)
    test, retry = tables.host.test, tables.run_retry.c
    # The root is attempt 1 if it is still there, and the retries follow by id.
    first_retry = 1 if connection.scalar(select(test.id).where(test.id == root_id)) is None else 2
    retries = connection.scalar(select(func.count()).where(retry.root_test_id == root_id)) or 0
    return root_id, first_retry, first_retry - 1 + retries


def _select_retries(tables: Tables) -> Select[Any]:
    retry, user = tables.run_retry.c, tables.host.user
    return (select(retry.test_id, retry.source_test_id, retry.failed_only, retry.reason, user.name, retry.created_at)
            .outerjoin_from(tables.run_retry, user.table, user.id == retry.user_id))


def _read_retries(connection: Connection, tables: Tables, root_id: int, first_retry: int,
                  numbers: range) -> dict[int, Any]:
    """Return the retries among the attempts with some numbers, by their numbers."""
    first = max(min(numbers, default=1), first_retry)
    retry = tables.run_retry.c
    rows = connection.execute(_select_retries(tables).where(retry.root_test_id == root_id).order_by(retry.test_id)
                              .offset(first - first_retry).limit(len(numbers)))
    return dict(enumerate(rows, first))


def _read_attempts(connection: Connection, tables: Tables, root_id: int, numbers: Sequence[int],
                   retries: dict[int, Any]) -> list[Attempt]:
    """Return the attempts with some numbers. Those that are no retries are the root."""
    run_ids = [retries[number].test_id if number in retries else root_id for number in numbers]
    summaries = _summarize(connection, tables, run_ids)
    return [_to_attempt(number, run_id, summaries[run_id], retries.get(number))
            for number, run_id in zip(numbers, run_ids)]


def carried_over_by_source(connection: Connection, tables: Tables, run_id: int) -> dict[int, int]:
    """Return how many results were carried over into a run, by the run that really ran the tests."""
    carried = tables.carried_over.c
    return _pairs(connection, select(carried.source_test_id, func.count())
                  .where(carried.test_id == run_id, is_carried_over(tables))
                  .group_by(carried.source_test_id).order_by(carried.source_test_id))


def find_root(connection: Connection, tables: Tables, run_id: int) -> int:
    """Return the first of the attempts of a run. Raises :exc:`RunNotFound`."""
    if not 1 <= run_id <= MAX_ID:
        raise RunNotFound(run_id)
    test, retry = tables.host.test, tables.run_retry.c
    root_id = connection.scalar(
        select(func.coalesce(retry.root_test_id, test.id))
        .outerjoin_from(test.table, tables.run_retry, retry.test_id == test.id)
        .where(test.id == run_id))
    if root_id is None:
        raise RunNotFound(run_id)
    return int(root_id)


def has_retries(connection: Connection, tables: Tables, run_id: int) -> bool:
    """Return whether a run is one of several attempts: a retry, or the first run of retries."""
    retry = tables.run_retry.c
    return bool(connection.scalar(select(or_(exists().where(retry.test_id == run_id),
                                             exists().where(retry.root_test_id == run_id)))))


def ended_attempts(tables: Tables, root_id: int) -> Select[Any]:
    """Select the id of each attempt that has ended."""
    attempts = all_attempts(tables, root_id).subquery()
    return select(attempts.c.id).where(last_status(tables, attempts.c.id).in_(ENDED_STATUSES))


def all_attempts(tables: Tables, root_id: int) -> CompoundSelect[Any]:
    """Select the id of each attempt: the first run, if it is still there, and all retries."""
    test, retry = tables.host.test, tables.run_retry.c
    return union_all(select(test.id.label('id')).where(test.id == root_id),
                     select(retry.test_id).where(retry.root_test_id == root_id))


def last_status(tables: Tables, run_id: ColumnElement[Any]) -> ColumnElement[str | None]:
    """Return the last status of a run, as a subquery; NULL while the run is queued."""
    progress = tables.host.test_progress
    rows = progress.table.alias()
    # Trimmed, as the platform trims what it reads.
    return (select(func.trim(type_coerce(rows.c[progress.status.key], String)))
            .where(rows.c[progress.test_id.key] == run_id)
            .order_by(rows.c[progress.id.key].desc()).limit(1).scalar_subquery())


def _to_attempt(number: int, run_id: int, summary: _Summary, retry: Any) -> Attempt:
    """Return an attempt. ``retry`` is its row in ``run_retry``; None for the first run."""
    origin: dict[str, Any] = {}
    if retry is not None:
        # Whoever wrote the reason may not have written UTF-8.
        reason = None if retry.reason is None else retry.reason.decode(errors='replace')
        origin = {'source_run_id': retry.source_test_id, 'failed_only': retry.failed_only, 'reason': reason,
                  'requested_by': retry.name, 'created_at': retry.created_at}
    return Attempt(run_id=run_id, attempt=number, status=summary.status, tests=summary.tests, passed=summary.passed,
                   failed=summary.failed, not_run=max(summary.tests - summary.passed - summary.failed, 0),
                   carried_over=summary.carried_over, **origin)


@dataclass(frozen=True)
class _Summary:
    """What a run's rows say of it, as the platform's API reads them."""

    #: Of the last progress row.
    last_status: str | None
    tests: int
    passed: int
    failed: int
    carried_over: int

    @property
    def status(self) -> str:
        """One of the platform's seven words."""
        if self.last_status is None:
            return 'queued'
        if self.last_status in ('preparation', 'testing'):
            return 'running'
        if self.last_status != 'completed':
            return 'canceled' if self.last_status == 'canceled' else 'incomplete'
        if not self.passed and not self.failed:
            return 'error'
        return 'fail' if self.failed else 'pass'


def _summarize(connection: Connection, tables: Tables, run_ids: Sequence[int]) -> dict[int, _Summary]:
    """Return a summary of each run. The number of statements does not depend on the number of runs."""
    host, carried = tables.host, tables.carried_over.c
    test, customized, regression_test = host.test, host.customized_test, host.regression_test
    statuses = _pairs(connection, select(test.id, last_status(tables, test.id)).where(test.id.in_(run_ids)))
    told = _pairs(connection, select(customized.test_id, func.count())
                  .where(customized.test_id.in_(run_ids)).group_by(customized.test_id))
    active = connection.scalar(select(func.count()).where(regression_test.active == true())) or 0
    carried_over = _pairs(connection, select(carried.test_id, func.count())
                          .where(carried.test_id.in_(run_ids), is_carried_over(tables)).group_by(carried.test_id))
    results = {run_id: (count, failed) for run_id, count, failed in connection.execute(
        _count_results(tables, run_ids))}
    summaries = {}
    for run_id in run_ids:
        count, failed = results.get(run_id, (0, 0))
        summaries[run_id] = _Summary(statuses.get(run_id), told.get(run_id, active), count - int(failed),
                                     int(failed), carried_over.get(run_id, 0))
    return summaries


def _count_results(tables: Tables, run_ids: Sequence[int]) -> Select[Any]:
    """Select for each run how many results it has, and how many of them are failures to the platform's API."""
    result = tables.host.test_result
    missing = missing_outputs(tables.host).where(result.test_id.in_(run_ids)).distinct().subquery()
    differing = differing_outputs(tables.host).where(
        tables.host.test_result_file.test_id.in_(run_ids)).distinct().subquery()
    failed = or_(result.exit_code.is_distinct_from(result.expected_rc),
                 missing.c.test_id.is_not(None), differing.c.test_id.is_not(None))
    return (select(result.test_id, func.count(), func.sum(case((failed, 1), else_=0)))
            .outerjoin_from(result.table, missing, _is_of(result, missing))
            .outerjoin(differing, _is_of(result, differing))
            .where(result.test_id.in_(run_ids))
            .group_by(result.test_id))


def _is_of(result: TestResultTable, outputs: Subquery) -> ColumnElement[bool]:
    return and_(outputs.c.test_id == result.test_id, outputs.c.regression_test_id == result.regression_test_id)


def _pairs(connection: Connection, statement: Select[Any]) -> dict[int, Any]:
    return {key: value for key, value in connection.execute(statement)}
