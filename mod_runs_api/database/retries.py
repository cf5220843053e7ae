"""Writing a retry, and finding the one that an earlier request has created."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (String, and_, bindparam, delete, exists, func, insert,
                        or_, select, true, type_coerce)

from .. import clock
from ..errors import RunNotFound
from . import Database
from .runs import Source


def random_secret() -> str:
    """Return 64 random characters."""
    return secrets.token_hex(32)


@dataclass(frozen=True)
class RetryRequest:
    """A retry that somebody asks for."""

    run_id: int
    failed_only: bool = False
    reason: str | None = None
    #: The user who asks. They become an owner of the new run.
    requester_id: int | None = None
    #: Whether a sweep asks.
    automatic: bool = False
    #: Requests with the same one create one run: see :func:`mod_runs_api.retry.digest_key`.
    idempotency_digest: str = field(default_factory=random_secret)
    #: The secret that the new run's worker will report with. It is unique in the database, so a run whose commit was
    #: never answered is recognised by it when the request is tried again.
    run_token: str = field(default_factory=random_secret, repr=False)


def write_retry(db: Database, request: RetryRequest, source: Source, regression_test_ids: Sequence[int]) -> int:
    """
    Write the new run, and return its id.

    It gets no progress row: the platform's scheduled job passes over every run that has one, so a run with a row
    "queued as a retry" would never start. Its origin is in ``run_retry``.
    """
    run, customized, owner = db.host.Test, db.host.CustomizedTest, db.host.TestFork
    # The database copies the configuration itself: read and sent back, text would pass through the three-byte
    # connection twice.
    configuration = [run.platform, run.test_type, run.fork_id, run.branch, run.commit, run.pr_nr]
    copied = select(*configuration, type_coerce(request.run_token, String)).where(run.id == source.id)
    inserted = db.execute(insert(run).from_select([*configuration, run.token], copied))
    if not inserted.rowcount:
        raise RunNotFound(source.id)  # It was deleted a moment ago.
    new_run_id = int(inserted.lastrowid)
    if db.connection.dialect.name == 'sqlite':
        _remove_leftovers(db, new_run_id, request.idempotency_digest)
    # Before the tests, so that the second of two requests with one key fails before it has written much.
    db.execute(insert(db.run_retry).values(
        run_id=new_run_id, source_run_id=source.id, root_run_id=source.root_id, failed_only=request.failed_only,
        automatic=request.automatic, reason=encode_reason(request.reason), user_id=request.requester_id,
        created_at=clock.now(), test_count=len(regression_test_ids), idempotency_digest=request.idempotency_digest))
    selected = insert(customized).values({customized.test_id: new_run_id,
                                          customized.regression_id: bindparam('selected')})
    db.execute(selected, [{'selected': test_id} for test_id in regression_test_ids])
    owners = set(db.scalars(select(owner.user_id).where(owner.test_id == source.id)))
    if request.requester_id is not None:
        owners.add(request.requester_id)
    if owners:
        db.execute(insert(owner).values({owner.test_id: new_run_id, owner.user_id: bindparam('owner')}),
                   [{'owner': user_id} for user_id in sorted(owners)])
    return new_run_id


def _remove_leftovers(db: Database, new_run_id: int, idempotency_digest: str) -> None:
    """
    Delete the package's own rows of deleted runs that are in the way of a new one.

    The platform's SQLite enforces no foreign keys, and gives the id of a deleted run to the next one.
    """
    retry, carried, run = db.run_retry.c, db.run_carried_over.c, db.host.Test
    is_in_the_way = or_(retry.run_id == new_run_id, and_(retry.idempotency_digest == idempotency_digest,
                                                         ~exists().where(run.id == retry.run_id)))
    run_ids = db.scalars(select(retry.run_id).where(is_in_the_way)).all()
    if run_ids:
        db.execute(delete(db.run_carried_over).where(carried.run_id.in_(run_ids)))
        db.execute(delete(db.run_retry).where(retry.run_id.in_(run_ids)))


def find_retry(db: Database, idempotency_digest: str) -> Any:
    """
    Return the retry with a digest; None if there is none.

    It has ``run_id``, ``source_run_id``, ``failed_only``, ``reason``, ``test_count`` and ``run_token``.
    """
    retry, run = db.run_retry.c, db.host.Test
    return db.execute(
        select(retry.run_id, retry.source_run_id, retry.failed_only, retry.reason, retry.test_count,
               run.token.label('run_token'))
        .join_from(db.run_retry, run, run.id == retry.run_id)
        .where(retry.idempotency_digest == idempotency_digest)).one_or_none()


def find_root_of_failed_only(db: Database, run_id: int) -> int | None:
    """Return the first of the attempts of a failed-only retry; None for any other run."""
    retry = db.run_retry.c
    root_id: int | None = db.scalar(
        select(retry.root_run_id).where(retry.run_id == run_id, retry.failed_only == true()))
    return root_id


def find_test_count(db: Database, run_id: int) -> int | None:
    """Return how many regression tests are selected for a failed-only retry; None for any other run."""
    retry, customized = db.run_retry.c, db.host.CustomizedTest
    count: int | None = db.scalar(
        select(func.count(customized.regression_id.distinct()))
        .join_from(db.run_retry, customized, customized.test_id == retry.run_id)
        .where(retry.run_id == run_id, retry.failed_only == true())
        .group_by(retry.run_id))
    return count


def encode_reason(reason: str | None) -> bytes | None:
    """Return a reason as it is stored."""
    return None if reason is None else reason.encode()


def decode_reason(reason: bytes | None) -> str | None:
    """Return a stored reason. Whoever wrote it may not have written UTF-8."""
    return None if reason is None else reason.decode(errors='replace')
