"""Reading the attempts of a run."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Subquery, func, select, union_all

from ..domain.attempts import AttemptRecord
from ..domain.users import User, name_requester
from . import Database
from .retry import decode_reason


def read_records(db: Database, root_ids: Collection[int]) -> dict[int, dict[int, AttemptRecord]]:
    """Return the records of the attempts of each root run that has any, by run id and in this order."""
    run, user, retry, attempts = db.host.Test, db.host.User, db.run_retry.c, select_attempts(db, root_ids)
    rows = db.connection.execute(
        select(attempts.c.root_id, run.id, db.host.built_commit, retry.source_run_id, retry.failed_only,
               retry.automatic, retry.reason, user.id, user.name, retry.author_login, retry.created_at)
        .join_from(attempts, run, run.id == attempts.c.run_id)
        .outerjoin(db.run_retry, retry.run_id == run.id)
        .outerjoin(user, user.id == retry.user_id)
        .order_by(run.id))
    records: dict[int, dict[int, AttemptRecord]] = {}
    for root_id, run_id, build, source_id, failed_only, automatic, reason, *requested_by, created_at in rows:
        user_id, user_name, author_login = requested_by
        requester = None if user_id is None else User(user_id, user_name, role=None)
        records.setdefault(root_id, {})[run_id] = AttemptRecord(
            run_id, build, source_id, failed_only, automatic, decode_reason(reason),
            name_requester(requester, author_login), created_at)
    return records


def read_attempt_ids(db: Database, root_id: int) -> list[int]:
    """Return the attempts of a root run, ordered by run id."""
    return sorted(db.connection.scalars(select(select_attempts(db, [root_id]).c.run_id)))


def read_machine_starts(db: Database, run_ids: Collection[int]) -> dict[int, list[datetime | str]]:
    """Return the start times of the machines of these runs."""
    machine = db.host.GcpInstance
    starts: dict[int, list[datetime | str]] = {}
    for run_id, timestamp in db.read_about(run_ids, select(machine.test_id, machine.timestamp)
                                           .where(machine.test_id.in_(run_ids))):
        starts.setdefault(run_id, []).append(timestamp)
    return starts


def count_author_retries(db: Database, root_id: int) -> int:
    """Return how many retries of a root run its author has requested without a role, including deleted ones."""
    retry = db.run_retry.c
    return db.connection.scalar(select(func.count()).select_from(db.run_retry).where(
        retry.root_run_id == root_id, retry.author_login.is_not(None))) or 0


def read_last_retried(db: Database, count: int) -> Sequence[int]:
    """Return the newest attempt of each of the newest root runs that were retried, the newest root run first."""
    run, retry = db.host.Test, db.run_retry.c
    return db.connection.scalars(
        select(func.max(run.id)).join_from(db.run_retry, run, run.id == retry.run_id)
        .group_by(retry.root_run_id).order_by(retry.root_run_id.desc()).limit(count)).all()


def select_attempts(db: Database, root_ids: Collection[int]) -> Subquery:
    """Select ``root_id`` and ``run_id`` of each attempt of these root runs, which may have been deleted."""
    run, retry = db.host.Test, db.run_retry.c
    return union_all(select(run.id.label('root_id'), run.id.label('run_id')).where(run.id.in_(root_ids)),
                     select(retry.root_run_id, run.id).join_from(db.run_retry, run, run.id == retry.run_id)
                     .where(retry.root_run_id.in_(root_ids))).subquery()
