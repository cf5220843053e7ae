"""Reading the attempts of a run."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, union_all

from . import Database


def read_attempts(db: Database, root_id: int) -> Sequence[Any]:
    """
    Return the attempts with a first run, in order.

    Each has ``run_id``, and for a retry ``source_run_id``, ``failed_only``, ``automatic``, ``reason``,
    ``requested_by`` and ``created_at``.
    """
    run, user, retry = db.host.Test, db.host.User, db.run_retry.c
    attempts = union_all(select(run.id.label('run_id')).where(run.id == root_id),
                         select(retry.run_id).where(retry.root_run_id == root_id)).subquery()
    return db.rows(
        select(run.id.label('run_id'), retry.source_run_id, retry.failed_only, retry.automatic, retry.reason,
               user.name.label('requested_by'), retry.created_at)
        .join_from(attempts, run, run.id == attempts.c.run_id)
        .outerjoin(db.run_retry, retry.run_id == run.id)
        .outerjoin(user, user.id == retry.user_id)
        .order_by(run.id))


def read_attempt_ids(db: Database, root_id: int) -> list[int]:
    """Return the runs of the attempts with a first run, in order."""
    return [row.run_id for row in read_attempts(db, root_id)]
