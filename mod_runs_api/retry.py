"""
What a retry is (contract section 4): nothing here knows HTTP.

:func:`create` reads top to bottom: find the run, choose the tests, write the new run down. It works on one session
and leaves the transaction to its caller, and it sends SELECT and INSERT only.
"""

from __future__ import annotations

import hashlib
import secrets
import string
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import (Column, ColumnElement, CursorResult, String, Table,
                        and_, exists, false, func, insert, literal, null, or_,
                        select, true, type_coerce, union_all)
from sqlalchemy.orm import Session

from . import clock
from .errors import RunNotFound, Unprocessable
from .host import Host

#: The stages after which nothing more happens to a run.
FINISHED = frozenset({'completed', 'canceled'})

TOKEN_ALPHABET = string.ascii_letters + string.digits


def _new_token() -> str:
    return ''.join(secrets.choice(TOKEN_ALPHABET) for _ in range(64))


@dataclass(frozen=True)
class Order:
    """
    One retry that somebody asks for.

    Parameters
    ----------
    run_id : int
        The run to run again.
    failed_only : bool
        Run only what did not pass there.
    reason : str or None
        Why, at most 255 code points.
    requester_id : int or None
        The person who asks: an owner of the new run.
    idempotency_key : str or None
        The same key of the same requester makes one run, however often it is sent.
    drop_inactive : bool
        Leave inactive tests out instead of refusing.
    check : callable or None
        Takes the source, and returns why it must not be retried, or None.
    """

    run_id: int
    failed_only: bool = False
    reason: str | None = None
    requester_id: int | None = None
    idempotency_key: str | None = None
    drop_inactive: bool = False
    check: Callable[[Source], str | None] | None = None
    #: The secret that the new run's worker will report with. It is made once for an order and is unique in the
    #: database, so that an order whose commit went unanswered is recognised when it is tried again.
    run_token: str = field(default_factory=_new_token, repr=False)

    @property
    def idempotency_digest(self) -> str | None:
        """What stands for the requester and the key in the database."""
        if self.idempotency_key is None:
            return None
        return hashlib.sha256(f'{self.requester_id} {self.idempotency_key}'.encode()).hexdigest()


@dataclass(frozen=True)
class Retry:
    """
    A retry that was made.

    Attributes
    ----------
    run_id : int
        The source run.
    new_run_id : int
        The run that was made of it.
    failed_only : bool
        Whether only the tests were taken that had not passed.
    test_count : int
        How many regression tests the new run has.
    replayed : bool
        Whether this is the answer to an earlier order with the same idempotency key, and nothing was made now.
    """

    run_id: int
    new_run_id: int
    failed_only: bool
    test_count: int
    replayed: bool = False


@dataclass(frozen=True)
class Source:
    """
    The run to run again.

    Attributes
    ----------
    id : int
        Its id.
    platform : str
        What it runs on, as the database has it: "linux" or "windows".
    commit : str
        What it is a run of.
    status : str or None
        The last stage that it has reached; None while it is queued.
    root_id : int
        The first run of its family.
    attempt : int
        Its place in the family.
    owner_ids : frozenset of int
        Whose it is.
    """

    id: int
    platform: str
    commit: str
    status: str | None
    root_id: int
    attempt: int
    owner_ids: frozenset[int]


@dataclass(frozen=True)
class Candidate:
    """A regression test that the retry may run, and how its command ended in the source run."""

    id: int
    active: bool
    has_result: bool
    exit_code: int | None
    expected_rc: int | None


def create(session: Session, host: Host, retries: Table, order: Order) -> Retry:
    """
    Make a new run of an existing one.

    Parameters
    ----------
    session : Session
        Whose transaction the new run is written in. Commit it to keep the run.
    host : Host
        The models to work on.
    retries : Table
        The table ``run_retry``.
    order : Order
        What is asked for.

    Returns
    -------
    Retry

    Raises
    ------
    RunNotFound
        There is no such run.
    Unprocessable
        There is nothing to run, or nothing that may be run; the check has an objection; or the idempotency key belongs
        to another order.
    """
    source, earlier = _find(session, host, retries, order)
    if earlier is not None:
        return earlier
    if source is None:
        raise RunNotFound(order.run_id)
    test_ids = _choose_tests(session, host, order, source)
    objection = order.check(source) if order.check else None
    if objection:
        raise Unprocessable(objection, {'run_id': source.id})
    new_run_id = _write(session, host, retries, order, source, test_ids)
    return Retry(source.id, new_run_id, order.failed_only, len(test_ids))


def choose(session: Session, host: Host, retries: Table, order: Order) -> list[int]:
    """
    Choose the tests that an order would run, and make nothing.

    Parameters
    ----------
    session : Session
        A session on the host's database.
    host : Host
        The models to work on.
    retries : Table
        The table ``run_retry``.
    order : Order
        What would be asked for, without an idempotency key.

    Returns
    -------
    list of int
        The ids of the regression tests.

    Raises
    ------
    RunNotFound, Unprocessable
        As :func:`create` does.
    """
    source, _ = _find(session, host, retries, order)
    if source is None:
        raise RunNotFound(order.run_id)
    return _choose_tests(session, host, order, source)


def find_made(session: Session, host: Host, retries: Table, order: Order) -> Retry | None:
    """
    Find the run that an order has already made: for a commit that went unanswered.

    Parameters
    ----------
    session : Session
        A session of a later transaction than the one that was committed.
    host : Host
        The models to work on.
    retries : Table
        The table ``run_retry``.
    order : Order
        The very order that the run was made for.

    Returns
    -------
    Retry or None
    """
    row = session.execute(
        select(retries.c.test_id, retries.c.test_count)
        .join(host.test.table, host.test.id == retries.c.test_id)
        .where(host.test.token == order.run_token)
    ).one_or_none()
    return None if row is None else Retry(order.run_id, row.test_id, order.failed_only, row.test_count)


def _find(session: Session, host: Host, retries: Table, order: Order) -> tuple[Source | None, Retry | None]:
    """Find the source run, and what an earlier order with the same idempotency key has made."""
    test, progress, fork = host.test, host.test_progress, host.test_fork
    origin, earlier = retries.alias('origin'), retries.alias('earlier')
    last_id = select(func.max(progress.id)).where(progress.test_id == order.run_id).scalar_subquery()
    rows = session.execute(
        select(test.id, type_coerce(test.platform, String).label('platform'), test.commit.label('commit'),
               type_coerce(progress.status, String).label('status'), fork.user_id,
               origin.c.root_test_id, origin.c.attempt,
               earlier.c.test_id.label('earlier_id'), earlier.c.source_test_id, earlier.c.failed_only,
               earlier.c.reason, earlier.c.test_count)
        .select_from(test.table)
        .outerjoin(progress.table, and_(progress.test_id == test.id, progress.id == last_id))
        .outerjoin(fork.table, fork.test_id == test.id)
        .outerjoin(origin, origin.c.test_id == test.id)
        # One row or none, whatever the run: the second condition is always true, and is there because SQLAlchemy
        # takes a join on no column of the other side for a mistake.
        .outerjoin(earlier, and_(earlier.c.idempotency_digest == (order.idempotency_digest or ''),
                                 or_(earlier.c.source_test_id == test.id, earlier.c.source_test_id != test.id)))
        .where(test.id == order.run_id)
    ).all()
    if not rows:
        return None, None
    row = rows[0]
    if row.earlier_id is not None:
        asked = (order.run_id, order.failed_only, _encode(order.reason))
        if (row.source_test_id, row.failed_only, row.reason) != asked:
            raise Unprocessable('This idempotency key belongs to another request.',
                                {'idempotency_key': 'Already used with another run or body.'})
        return None, Retry(order.run_id, row.earlier_id, order.failed_only, row.test_count, replayed=True)
    return Source(id=row.id,
                  platform=row.platform,
                  commit=row.commit,
                  status=row.status and row.status.strip(),
                  root_id=row.root_test_id or row.id,
                  attempt=row.attempt or 1,
                  owner_ids=frozenset(row.user_id for row in rows if row.user_id is not None)), None


def _choose_tests(session: Session, host: Host, order: Order, source: Source) -> list[int]:
    """Choose the regression tests of the new run, in the order of their ids."""
    if order.failed_only and source.status not in FINISHED:
        raise Unprocessable(f'Run {source.id} has not finished: it has no failed tests yet.',
                            {'run_status': source.status or 'queued'})
    candidates = _candidates(session, host, order)
    if order.failed_only:
        outputs = _outputs(session, host, source.id)
        candidates = [candidate for candidate in candidates if not _passed(candidate, outputs)]
        if not candidates:
            raise Unprocessable(f'No test of run {source.id} failed: there is nothing to run again.',
                                {'failed_tests': 0})
    inactive_ids = [candidate.id for candidate in candidates if not candidate.active]
    if inactive_ids and not order.drop_inactive:
        raise Unprocessable('Some of the tests to run are inactive now.', {'inactive_ids': inactive_ids})
    test_ids = [candidate.id for candidate in candidates if candidate.active]
    if not test_ids:
        # A run without rows of its own would run every test there is.
        raise Unprocessable(f'Run {source.id} has no active tests: there is nothing to run again.',
                            {'inactive_ids': inactive_ids})
    return test_ids


def _candidates(session: Session, host: Host, order: Order) -> list[Candidate]:
    """
    List the source's tests, each once and in the order of their ids.

    A source without rows in ``customized_test`` ran every regression test that there was. Which those were is no
    longer known: every test that is active now, and for the failed ones those with a result in the source.
    """
    chosen, test, result = host.customized_test, host.regression_test, host.test_result
    of_source = and_(result.test_id == order.run_id, result.regression_test_id == test.id)
    columns = select(test.id, test.active, result.test_id.is_not(None), result.exit_code, result.expected_rc)
    with_rows = (columns
                 .select_from(chosen.table)
                 .join(test.table, test.id == chosen.regression_id)
                 .outerjoin(result.table, of_source)
                 .where(chosen.test_id == order.run_id))
    without_rows = (columns
                    .select_from(test.table)
                    .outerjoin(result.table, of_source)
                    .where(~_has_rows(host, order.run_id),
                           or_(test.active == true(), result.test_id.is_not(None) if order.failed_only else false())))
    # By id, for rows may repeat.
    found = {row[0]: Candidate(*row) for row in session.execute(union_all(with_rows, without_rows))}
    return [found[test_id] for test_id in sorted(found)]


@dataclass(frozen=True)
class Outputs:
    """The outputs of one run: sets of output ids by regression test."""

    expected: defaultdict[int, set[int]]
    produced: defaultdict[int, set[int]]
    differing: defaultdict[int, set[int]]


def _outputs(session: Session, host: Host, run_id: int) -> Outputs:
    """Read what the regression tests of a run should have written, and what they wrote."""
    chosen, file = host.customized_test, host.test_result_file
    output, variant = host.regression_test_output, host.regression_test_output_files
    produced = (select(file.regression_test_id, file.regression_test_output_id, literal(False), file.got,
                       variant.file_hashes)
                .outerjoin(variant.table, and_(variant.regression_test_output_id == file.regression_test_output_id,
                                               file.got.is_not(None)))
                .where(file.test_id == run_id))
    expected = (select(output.regression_id, output.id, literal(True), null(), null())
                .where(output.ignore == false()))
    with_rows = (expected.join(chosen.table, chosen.regression_id == output.regression_id)
                 .where(chosen.test_id == run_id))
    without_rows = expected.where(~_has_rows(host, run_id))

    outputs = Outputs(defaultdict(set), defaultdict(set), defaultdict(set))
    accepted: set[tuple[int, int]] = set()
    for test_id, output_id, is_expected, got, file_hashes in session.execute(
            union_all(produced, with_rows, without_rows)):
        if is_expected:
            outputs.expected[test_id].add(output_id)
            continue
        outputs.produced[test_id].add(output_id)
        if got is not None:
            outputs.differing[test_id].add(output_id)
            # Compared here and not in SQL, whose collation takes upper case for lower and ignores trailing spaces.
            if got == file_hashes:
                accepted.add((test_id, output_id))
    for test_id, output_id in accepted:
        outputs.differing[test_id].discard(output_id)
    return outputs


def _passed(candidate: Candidate, outputs: Outputs) -> bool:
    """
    Say whether a regression test passed in the source run.

    What the run's page shows as failed has not passed, nor has a test without a result.
    """
    return (candidate.has_result
            and candidate.exit_code is not None
            and candidate.exit_code == candidate.expected_rc
            and not outputs.differing[candidate.id]
            and outputs.expected[candidate.id] <= outputs.produced[candidate.id])


def _has_rows(host: Host, run_id: int) -> ColumnElement[bool]:
    return exists(select(host.customized_test.test_id).where(host.customized_test.test_id == run_id))


def _write(session: Session, host: Host, retries: Table, order: Order, source: Source,
           test_ids: Sequence[int]) -> int:
    """
    Write the new run down.

    It gets no progress row: the platform's scheduled job passes over every run that has one, so that a run with a
    row "queued as a retry" would never start. Where it came from stands in ``run_retry``.
    """
    # The database copies the configuration itself: read and sent back it would pass through the connection's
    # three-byte text twice.
    configuration = host.test.configuration
    inserted = cast('CursorResult[Any]', session.execute(
        insert(host.test.table).from_select(
            [*configuration, host.test.token],
            select(*configuration, literal(order.run_token)).where(host.test.id == source.id))))
    if not inserted.rowcount:
        raise RunNotFound(source.id)  # It vanished a moment ago.
    new_run_id = inserted.lastrowid
    # Next and not last, so that the second of two orders with one key finds out before it has written much.
    session.execute(insert(retries).values(
        test_id=new_run_id, source_test_id=source.id, root_test_id=source.root_id, attempt=source.attempt + 1,
        failed_only=order.failed_only, reason=_encode(order.reason), user_id=order.requester_id,
        created_at=clock.now(), test_count=len(test_ids),
        idempotency_digest=order.idempotency_digest))
    _insert_pairs(session, host.customized_test.test_id, new_run_id, host.customized_test.regression_id, test_ids)
    owner_ids = source.owner_ids.union([] if order.requester_id is None else [order.requester_id])
    _insert_pairs(session, host.test_fork.test_id, new_run_id, host.test_fork.user_id, sorted(owner_ids))
    return int(new_run_id)


def _insert_pairs(session: Session, run_column: Column[Any], run_id: int, other_column: Column[Any],
                  other_ids: Sequence[int]) -> None:
    if other_ids:
        session.execute(insert(run_column.table),
                        [{run_column.key: run_id, other_column.key: other_id} for other_id in other_ids])


def _encode(text: str | None) -> bytes | None:
    return None if text is None else text.encode()
