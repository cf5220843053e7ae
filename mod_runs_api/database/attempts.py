"""Reading the attempts of a run."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Subquery, func, select, union_all

from ..domain import users
from ..domain.attempts import AttemptRecord, RetryRecord
from ..platform.models import Test, User, built_commit
from .expressions import as_text
from .retry import decode_reason
from .tables import run_retry


def read_records(connection: Connection, root_ids: Collection[int]) -> dict[int, dict[int, AttemptRecord]]:
    """Return the records of the attempts of each root run that has any, by run id and in this order."""
    attempts = select_attempts(root_ids)
    rows = connection.execute(
        select(attempts.c.root_id, Test.id.label('run_id'), built_commit.label('stored_build'),
               run_retry.c.source_run_id, run_retry.c.failed_only, run_retry.c.automatic, run_retry.c.reason,
               run_retry.c.author_login, run_retry.c.created_at, User.id.label('user_id'), User.name.label('user_name'),
               as_text(User.role).label('user_role'))
        .join_from(attempts, Test, Test.id == attempts.c.run_id)
        .outerjoin(run_retry, run_retry.c.run_id == Test.id)
        .outerjoin(User, User.id == run_retry.c.user_id)
        .order_by(Test.id))
    records: dict[int, dict[int, AttemptRecord]] = {}
    for row in rows:
        retry = None if row.source_run_id is None else _to_retry(row)
        records.setdefault(row.root_id, {})[row.run_id] = AttemptRecord(row.run_id, row.stored_build, retry)
    return records


def _to_retry(row: Row[Any]) -> RetryRecord:
    requester = None if row.user_id is None else users.User.from_row(row.user_id, row.user_name, row.user_role)
    return RetryRecord(row.source_run_id, row.failed_only, row.automatic, decode_reason(row.reason),
                       users.name_requester(requester, row.author_login), row.created_at)


def read_sources(connection: Connection, run_ids: Collection[int]) -> dict[int, int]:
    """Return the source of each of these runs that is a retry."""
    rows = connection.execute(
        select(run_retry.c.run_id, run_retry.c.source_run_id).where(run_retry.c.run_id.in_(run_ids)))
    return {row.run_id: row.source_run_id for row in rows}


def read_attempt_ids(connection: Connection, root_id: int) -> list[int]:
    """Return the attempts of a root run, ordered by run id."""
    return sorted(connection.scalars(select(select_attempts([root_id]).c.run_id)))


def count_author_retries(connection: Connection, root_id: int) -> int:
    """Return how many retries of a root run its author has requested without a role, including deleted ones."""
    return connection.execute(select(func.count()).select_from(run_retry).where(
        run_retry.c.root_run_id == root_id, run_retry.c.author_login.is_not(None))).scalar_one()


def read_last_retried(connection: Connection, count: int) -> Sequence[int]:
    """Return the newest attempt of each of the newest root runs that were retried, the newest root run first."""
    return connection.scalars(
        select(func.max(Test.id)).join_from(run_retry, Test, Test.id == run_retry.c.run_id)
        .group_by(run_retry.c.root_run_id).order_by(run_retry.c.root_run_id.desc()).limit(count)).all()


def select_attempts(root_ids: Collection[int]) -> Subquery:
    """Select ``root_id`` and ``run_id`` of each attempt of these root runs, which may have been deleted."""
    return union_all(select(Test.id.label('root_id'), Test.id.label('run_id')).where(Test.id.in_(root_ids)),
                     select(run_retry.c.root_run_id, Test.id)
                     .join_from(run_retry, Test, Test.id == run_retry.c.run_id)
                     .where(run_retry.c.root_run_id.in_(root_ids))).subquery()
