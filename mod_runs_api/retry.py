"""
What a retry is (contract section 4).

:func:`create_retry` reads top to bottom: find the run, choose its tests, write the new run. It works on one connection,
leaves the transaction to its caller, and sends SELECT and INSERT only (on SQLite also DELETE, on the package's own
tables).
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field

from sqlalchemy import (Connection, String, and_, delete, exists, insert, or_,
                        select, type_coerce)

from . import clock
from .attempts import last_status
from .errors import RunNotFound, Unprocessable
from .host.models import ENDED_STATUSES, MAX_ID
from .selection import full_test_set, tests_that_did_not_pass
from .tables import Tables


@dataclass(frozen=True)
class RetryRequest:
    """A retry that somebody asks for."""

    run_id: int
    failed_only: bool = False
    reason: str | None = None
    #: The user who asks. They become an owner of the new run.
    requester_id: int | None = None
    #: Requests with the same one create one run: see :func:`digest_key`.
    idempotency_digest: str | None = None
    #: Leave inactive tests out instead of refusing them.
    drop_inactive: bool = False
    #: The secret that the new run's worker will report with. It is unique in the database, so a run whose commit was
    #: never answered is recognised by it when the request is tried again.
    run_token: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)


@dataclass(frozen=True)
class Retry:
    """
    A retry that was created.

    Attributes
    ----------
    run_id : int
        The source run.
    new_run_id : int
        The run that was created from it.
    failed_only : bool
        Whether it runs only the tests that did not pass in the source run.
    test_count : int
        How many regression tests the new run has.
    replayed : bool
        Whether an earlier request with the same idempotency key created it, and nothing was created now.
    """

    run_id: int
    new_run_id: int
    failed_only: bool
    test_count: int
    replayed: bool = False


@dataclass(frozen=True)
class Source:
    """
    The run that is to be retried, as the checks of ``RUNS_API_BEFORE_RETRY`` see it.

    Attributes
    ----------
    id : int
        Its id.
    platform : str
        "linux" or "windows".
    test_type : str
        "commit" or "pr".
    fork_id : int or None
        The repository that the commit is in.
    branch : str
        The branch, or "pull_request".
    commit : str
        The commit's hash.
    pr_nr : int
        The number of the pull request; 0 if there is none.
    status : str or None
        The last stage that it has reached: "preparation", "testing", "completed" or "canceled". None while it is
        queued.
    root_id : int
        The first of its attempts.
    lookups : dict
        What the checks of this retry have looked up, by a name of their own, so that the later ones need not.
    """

    id: int
    platform: str
    test_type: str
    fork_id: int | None
    branch: str
    commit: str
    pr_nr: int
    status: str | None
    root_id: int
    lookups: dict[str, object] = field(default_factory=dict, repr=False, compare=False)


def digest_key(owner: int | str | None, idempotency_key: str) -> str:
    """
    Return what is stored of an idempotency key.

    The keys of other owners are other keys. An owner is a user's id, None for nobody, or a word for what is no user.
    """
    return hashlib.sha256(f'{owner} {idempotency_key}'.encode()).hexdigest()


def create_retry(connection: Connection, tables: Tables, request: RetryRequest) -> Retry:
    """
    Create a new run from an existing one.

    Raises :exc:`RunNotFound`, or :exc:`Unprocessable` if there is nothing to run, or nothing that may be run.
    """
    source = find_source(connection, tables, request.run_id)
    test_ids = choose_tests(connection, tables, request, source)
    return _write(connection, tables, request, source, test_ids)


def find_source(connection: Connection, tables: Tables, run_id: int) -> Source:
    """Return the run with an id. Raises :exc:`RunNotFound`."""
    if not 1 <= run_id <= MAX_ID:
        raise RunNotFound(run_id)
    test, retry = tables.host.test, tables.run_retry.c
    row = connection.execute(
        select(type_coerce(test.platform, String).label('platform'),
               type_coerce(test.test_type, String).label('test_type'),
               test.fork_id.label('fork_id'), test.branch.label('branch'), test.commit.label('commit'),
               test.pr_nr.label('pr_nr'), last_status(tables, test.id).label('status'), retry.root_test_id)
        .outerjoin_from(test.table, tables.run_retry, retry.test_id == test.id)
        .where(test.id == run_id)).one_or_none()
    if row is None:
        raise RunNotFound(run_id)
    return Source(id=run_id, platform=row.platform, test_type=row.test_type, fork_id=row.fork_id, branch=row.branch,
                  commit=row.commit, pr_nr=row.pr_nr, status=row.status, root_id=row.root_test_id or run_id)


def choose_tests(connection: Connection, tables: Tables, request: RetryRequest, source: Source) -> list[int]:
    """
    Return the ids of the regression tests that a retry would run, in order.

    Raises :exc:`Unprocessable` if there is nothing to run, or nothing that may be run.
    """
    host = tables.host
    if request.failed_only:
        if source.status not in ENDED_STATUSES:
            raise Unprocessable(f'Run {source.id} has not finished: it has no failed tests yet.',
                                {'run_status': source.status or 'queued'})
        select_tests, run_id = tests_that_did_not_pass, source.id
    else:
        select_tests, run_id = full_test_set, _first_attempt_that_exists(connection, tables, source)
    has_rows = bool(connection.scalar(select(exists().where(host.customized_test.test_id == run_id))))
    rows = connection.execute(select_tests(host, run_id, has_rows)).all()

    test_ids = [test_id for test_id, active in rows if active]
    inactive_ids = [test_id for test_id, active in rows if not active]
    if request.failed_only and not rows:
        raise Unprocessable(f'No test of run {source.id} failed: there is nothing to run again.', {'failed_tests': 0})
    if inactive_ids and not request.drop_inactive:
        raise Unprocessable('Some of the tests to run are inactive now.', {'inactive_ids': inactive_ids})
    if not test_ids:
        # A run without rows in customized_test would run every test there is.
        raise Unprocessable(f'Run {source.id} has no active tests: there is nothing to run again.',
                            {'inactive_ids': inactive_ids})
    return test_ids


def _first_attempt_that_exists(connection: Connection, tables: Tables, source: Source) -> int:
    """Return the first of the source's attempts: the one with the full test set. It may have been deleted."""
    test = tables.host.test
    if source.root_id == source.id or connection.scalar(select(test.id).where(test.id == source.root_id)) is None:
        return source.id
    return source.root_id


def _write(connection: Connection, tables: Tables, request: RetryRequest, source: Source,
           test_ids: list[int]) -> Retry:
    """
    Write the new run.

    It gets no progress row: the platform's scheduled job passes over every run that has one, so a run with a row
    "queued as a retry" would never start. Its origin is in ``run_retry``.
    """
    test, customized, fork = tables.host.test, tables.host.customized_test, tables.host.test_fork
    # The database copies the configuration itself: read and sent back, text would pass through the three-byte
    # connection twice.
    copied = select(*test.configuration, type_coerce(request.run_token, String)).where(test.id == source.id)
    inserted = connection.execute(insert(test.table).from_select([*test.configuration, test.token], copied))
    if not inserted.rowcount:
        raise RunNotFound(source.id)  # It was deleted a moment ago.
    new_run_id = int(inserted.lastrowid)
    if connection.dialect.name == 'sqlite':
        _remove_leftovers(connection, tables, new_run_id, request.idempotency_digest)
    # Before the tests, so that the second of two requests with one key fails before it has written much.
    connection.execute(insert(tables.run_retry).values(
        test_id=new_run_id, source_test_id=source.id, root_test_id=source.root_id, failed_only=request.failed_only,
        reason=_encode(request.reason), user_id=request.requester_id, created_at=clock.now(),
        test_count=len(test_ids), idempotency_digest=request.idempotency_digest))
    connection.execute(insert(customized.table),
                       [{customized.test_id.key: new_run_id, customized.regression_id.key: test_id}
                        for test_id in test_ids])
    owners = set(connection.scalars(select(fork.user_id).where(fork.test_id == source.id)))
    if request.requester_id is not None:
        owners.add(request.requester_id)
    if owners:
        connection.execute(insert(fork.table), [{fork.test_id.key: new_run_id, fork.user_id.key: owner}
                                                for owner in sorted(owners)])
    return Retry(source.id, new_run_id, request.failed_only, len(test_ids))


def _remove_leftovers(connection: Connection, tables: Tables, new_run_id: int, idempotency_digest: str | None) -> None:
    """
    Delete the package's own rows of deleted runs that are in the way of a new one.

    The platform's SQLite enforces no foreign keys, and gives the id of a deleted run to the next one.
    """
    retry, carried, test = tables.run_retry.c, tables.carried_over.c, tables.host.test
    is_in_the_way = retry.test_id == new_run_id
    if idempotency_digest is not None:
        is_in_the_way = or_(is_in_the_way, and_(retry.idempotency_digest == idempotency_digest,
                                                ~exists().where(test.id == retry.test_id)))
    run_ids = connection.scalars(select(retry.test_id).where(is_in_the_way)).all()
    if run_ids:
        connection.execute(delete(tables.carried_over).where(carried.test_id.in_(run_ids)))
        connection.execute(delete(tables.run_retry).where(retry.test_id.in_(run_ids)))


def find_earlier_retry(connection: Connection, tables: Tables, request: RetryRequest) -> Retry | None:
    """
    Return the retry that an earlier request with the same idempotency key created, if there is one.

    Raises :exc:`Unprocessable` if that was another request.
    """
    if request.idempotency_digest is None:
        return None
    retry, test = tables.run_retry.c, tables.host.test
    row = connection.execute(
        select(retry.test_id, retry.source_test_id, retry.failed_only, retry.reason, retry.test_count)
        .join_from(tables.run_retry, test.table, test.id == retry.test_id)
        .where(retry.idempotency_digest == request.idempotency_digest)).one_or_none()
    if row is None:
        return None
    if (row.source_test_id, row.failed_only, row.reason) != (request.run_id, request.failed_only,
                                                             _encode(request.reason)):
        raise Unprocessable('This idempotency key belongs to another request.',
                            {'idempotency_key': 'Already used with another run or body.'})
    return Retry(request.run_id, row.test_id, request.failed_only, row.test_count, replayed=True)


def find_committed_retry(connection: Connection, tables: Tables, request: RetryRequest) -> Retry | None:
    """Return the retry that this very request created, if it did: for a commit that was never answered."""
    retry, test = tables.run_retry.c, tables.host.test
    row = connection.execute(
        select(retry.test_id, retry.test_count)
        .join_from(tables.run_retry, test.table, test.id == retry.test_id)
        .where(test.token == request.run_token)).one_or_none()
    return None if row is None else Retry(request.run_id, row.test_id, request.failed_only, row.test_count)


def _encode(text: str | None) -> bytes | None:
    return None if text is None else text.encode()
