"""The attempts of a run: the first run, its retries, and their retries (contract section 1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from .errors import RunNotFound
from .tables import Tables


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
    source_run_id : int or None
        The run that it is a retry of. None for the first run, as is all that follows.
    failed_only : bool or None
        Whether it ran only what had not passed in its source.
    reason : str or None
        Why it was created.
    requested_by : str or None
        The name of the user who asked for it, where there was one and still is.
    created_at : datetime or None
        When it was created, in UTC.
    """

    run_id: int
    attempt: int = 1
    source_run_id: int | None = None
    failed_only: bool | None = None
    reason: str | None = None
    requested_by: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True)
class Attempts:
    """
    All attempts of a run.

    Attributes
    ----------
    run_id : int
        The run that was asked about.
    root_run_id : int
        The first of them, which is no retry.
    attempts : list of Attempt
        All of them, by run id.
    """

    run_id: int
    root_run_id: int
    attempts: list[Attempt]


def list_attempts(connection: Connection, tables: Tables, run_id: int) -> Attempts:
    """Return the attempts of a run. Raises :exc:`RunNotFound`."""
    test, user, retry = tables.host.test, tables.host.user, tables.run_retry.c
    root_id = connection.scalar(
        select(func.coalesce(retry.root_test_id, test.id))
        .outerjoin_from(test.table, tables.run_retry, retry.test_id == test.id)
        .where(test.id == run_id))
    if root_id is None:
        raise RunNotFound(run_id)
    rows = connection.execute(
        select(retry.test_id, retry.source_test_id, retry.failed_only, retry.reason, user.name, retry.created_at)
        .outerjoin_from(tables.run_retry, user.table, user.id == retry.user_id)
        .where(retry.root_test_id == root_id)
        .order_by(retry.test_id))
    retries = [Attempt(row.test_id, attempt, row.source_test_id, row.failed_only,
                       None if row.reason is None else row.reason.decode(errors='replace'), row.name, row.created_at)
               for attempt, row in enumerate(rows, 2)]
    return Attempts(run_id, root_id, [Attempt(root_id), *retries])
