"""The family of a run: what it was retried from, and what became of it (contract section 1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Table, bindparam, func, select

from .errors import RunNotFound
from .host import Host


@dataclass(frozen=True)
class Attempt:
    """
    A run of a family.

    Attributes
    ----------
    run_id : int
        The run.
    source_run_id : int or None
        The run that it is a retry of; None, as in all that follows but the attempt, for the first one.
    attempt : int
        One more than its source's; 1 for the first one.
    failed_only : bool or None
        Whether it ran only what had not passed in its source.
    reason : str or None
        Why it was made.
    requested_by : str or None
        The name of the person who asked for it, where there was one and still is.
    created_at : datetime or None
        When it was made, in UTC.
    """

    run_id: int
    source_run_id: int | None = None
    attempt: int = 1
    failed_only: bool | None = None
    reason: str | None = None
    requested_by: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True)
class Family:
    """
    A run and all its relatives.

    Attributes
    ----------
    run_id : int
        The run that was asked about.
    root_run_id : int
        The first one, which is no retry.
    attempts : list of Attempt
        All of them, the first one too, by run id.
    """

    run_id: int
    root_run_id: int
    attempts: list[Attempt]


class Statements:
    """
    How a family is read: written once for a mount, so that each statement is compiled once and for all.

    Parameters
    ----------
    host : Host
        The models to work on.
    retries : Table
        The table ``run_retry``.
    """

    def __init__(self, host: Host, retries: Table) -> None:
        test, user = host.test, host.user
        self.find_root = (
            select(func.coalesce(retries.c.root_test_id, test.id))
            .outerjoin_from(test.table, retries, retries.c.test_id == test.id)
            .where(test.id == bindparam('run_id')))
        self.find_retries = (
            select(retries.c.test_id, retries.c.source_test_id, retries.c.attempt, retries.c.failed_only,
                   retries.c.reason, user.name, retries.c.created_at)
            .outerjoin_from(retries, user.table, user.id == retries.c.user_id)
            .where(retries.c.root_test_id == bindparam('root_id'))
            .order_by(retries.c.test_id))


def find(connection: Connection, statements: Statements, run_id: int) -> Family:
    """
    Find the family of a run, in two statements however large it is.

    Parameters
    ----------
    connection : Connection
        A connection to the host's database.
    statements : Statements
        Those of the mount.
    run_id : int
        Any run of the family.

    Returns
    -------
    Family

    Raises
    ------
    RunNotFound
        There is no such run.
    """
    root_id = connection.scalar(statements.find_root, {'run_id': run_id})
    if root_id is None:
        raise RunNotFound(run_id)
    rows = connection.execute(statements.find_retries, {'root_id': root_id})
    retried = [Attempt(row.test_id, row.source_test_id, row.attempt, row.failed_only,
                       None if row.reason is None else row.reason.decode(), row.name, row.created_at)
               for row in rows]
    return Family(run_id, root_id, [Attempt(root_id), *retried])
