"""
What a retry is (contract section 4): nothing here knows HTTP.

:func:`create` reads top to bottom: find the run, choose the tests, write the new run down. It works on one connection
and leaves the transaction to its caller, and it sends SELECT and INSERT only.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (BindParameter, Column, ColumnElement, Connection,
                        Integer, LargeBinary, Row, Select, String, Table, and_,
                        bindparam, case)
from sqlalchemy import cast as sql_cast
from sqlalchemy import (exists, false, func, insert, or_, select, true,
                        type_coerce)

from . import clock
from .errors import RunNotFound, Unprocessable
from .host import Host

#: The stages after which nothing more happens to a run.
FINISHED = frozenset({'completed', 'canceled'})


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
    run_token: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)

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


def create(connection: Connection, statements: Statements, order: Order) -> Retry:
    """
    Make a new run of an existing one.

    Parameters
    ----------
    connection : Connection
        Whose transaction the new run is written in. Commit it to keep the run.
    statements : Statements
        Those of the mount.
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
    rows = _find(connection, statements, order)
    if rows[0].earlier_id is not None:
        return _replay(order, rows[0])
    source = _read_source(rows)
    test_ids = _choose_tests(connection, statements, order, source, rows[0])
    objection = order.check(source) if order.check else None
    if objection:
        raise Unprocessable(objection, {'run_id': source.id})
    new_run_id = _write(connection, statements, order, source, test_ids)
    return Retry(source.id, new_run_id, order.failed_only, len(test_ids))


def choose(connection: Connection, statements: Statements, order: Order) -> list[int]:
    """
    Choose the tests that an order would run, and make nothing.

    Parameters
    ----------
    connection : Connection
        A connection to the host's database.
    statements : Statements
        Those of the mount.
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
    rows = _find(connection, statements, order)
    return _choose_tests(connection, statements, order, _read_source(rows), rows[0])


def find_made(connection: Connection, statements: Statements, order: Order) -> Retry | None:
    """
    Find the run that an order has already made: for a commit that went unanswered.

    Parameters
    ----------
    connection : Connection
        A connection, in a later transaction than the one that was committed.
    statements : Statements
        Those of the mount.
    order : Order
        The very order that the run was made for.

    Returns
    -------
    Retry or None
    """
    row = connection.execute(statements.find_made, {'run_token': order.run_token}).one_or_none()
    return None if row is None else Retry(order.run_id, row.test_id, order.failed_only, row.test_count)


def _find(connection: Connection, statements: Statements, order: Order) -> Sequence[Row[Any]]:
    """Find all that is known of the source run: see :func:`_find_source`."""
    rows = connection.execute(statements.find[order.failed_only],
                              {'run_id': order.run_id, 'digest': order.idempotency_digest or ''}).all()
    if not rows:
        raise RunNotFound(order.run_id)
    return rows


def _replay(order: Order, row: Row[Any]) -> Retry:
    """Give what an earlier order with the same idempotency key has made, if it was the same order."""
    asked = (order.run_id, order.failed_only, _encode(order.reason))
    if (row.source_test_id, row.failed_only, row.reason) != asked:
        raise Unprocessable('This idempotency key belongs to another request.',
                            {'idempotency_key': 'Already used with another run or body.'})
    return Retry(order.run_id, row.earlier_id, order.failed_only, row.test_count, replayed=True)


def _read_source(rows: Sequence[Row[Any]]) -> Source:
    row = rows[0]
    return Source(id=row.id,
                  platform=row.platform,
                  commit=row.commit,
                  status=row.status and row.status.strip(),
                  root_id=row.root_test_id or row.id,
                  attempt=row.attempt or 1,
                  owner_ids=frozenset(row.user_id for row in rows if row.user_id is not None))


def _choose_tests(connection: Connection, statements: Statements, order: Order, source: Source,
                  row: Row[Any]) -> list[int]:
    """Choose the regression tests of the new run, in the order of their ids."""
    if order.failed_only and source.status not in FINISHED:
        raise Unprocessable(f'Run {source.id} has not finished: it has no failed tests yet.',
                            {'run_status': source.status or 'queued'})
    numbers = _read_selection(connection, statements.selections[order.failed_only, bool(row.has_selection)], row)
    test_ids = sorted({number for number in numbers if number > 0})
    inactive_ids = sorted({-number for number in numbers if number < 0})
    if order.failed_only and not test_ids and not inactive_ids:
        raise Unprocessable(f'No test of run {source.id} failed: there is nothing to run again.', {'failed_tests': 0})
    if inactive_ids and not order.drop_inactive:
        raise Unprocessable('Some of the tests to run are inactive now.', {'inactive_ids': inactive_ids})
    if not test_ids:
        # A run without rows of its own would run every test there is.
        raise Unprocessable(f'Run {source.id} has no active tests: there is nothing to run again.',
                            {'inactive_ids': inactive_ids})
    return test_ids


def _read_selection(connection: Connection, selection: Selection, row: Row[Any]) -> Sequence[int]:
    """Read the signed ids of a selection: they came with the source, where that has rows of its own."""
    packed = row.selection if row.has_selection else connection.scalar(selection.alone, {'run_id': row.id})
    total, _, ids = (packed or '0 ').partition(' ')
    numbers = [int(number) for number in ids.split(',') if number.strip('-')]
    if sum(map(abs, numbers)) == int(total):
        return numbers
    # MySQL cuts the ids off at group_concat_max_len, by default at 1024 bytes; MariaDB at a megabyte.
    return connection.scalars(selection.rows, {'run_id': row.id}).all()


def _write(connection: Connection, statements: Statements, order: Order, source: Source, test_ids: list[int]) -> int:
    """
    Write the new run down.

    It gets no progress row: the platform's scheduled job passes over every run that has one, so that a run with a
    row "queued as a retry" would never start. Where it came from stands in ``run_retry``.
    """
    inserted = connection.execute(statements.insert_run, {'run_id': source.id, 'run_token': order.run_token})
    if not inserted.rowcount:
        raise RunNotFound(source.id)  # It vanished a moment ago.
    new_run_id = int(inserted.lastrowid)
    # Next and not last, so that the second of two orders with one key finds out before it has written much.
    connection.execute(statements.insert_retry, {
        'test_id': new_run_id, 'source_test_id': source.id, 'root_test_id': source.root_id,
        'attempt': source.attempt + 1, 'failed_only': order.failed_only, 'reason': _encode(order.reason),
        'user_id': order.requester_id, 'created_at': clock.now(), 'test_count': len(test_ids),
        'idempotency_digest': order.idempotency_digest})
    _insert_pairs(connection, statements.customized_test, new_run_id, test_ids)
    owner_ids = source.owner_ids.union([] if order.requester_id is None else [order.requester_id])
    _insert_pairs(connection, statements.test_fork, new_run_id, sorted(owner_ids))
    return new_run_id


def _insert_pairs(connection: Connection, columns: tuple[Column[Any], Column[Any]], run_id: int,
                  other_ids: Iterable[int]) -> None:
    """Insert a row of the run and each other id, in one statement."""
    # The numbers are written into the statement: the driver would take longer to fill thousands of parameters in
    # than the database takes to store the rows. And past SQLAlchemy's cache, where each such text would stay.
    rows = ', '.join(f'({run_id:d}, {other_id:d})' for other_id in other_ids)
    if rows:
        quote = connection.dialect.identifier_preparer
        names = ', '.join(map(quote.format_column, columns))
        connection.exec_driver_sql(f'INSERT INTO {quote.format_table(columns[0].table)} ({names}) VALUES {rows}')


def _encode(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


RUN_ID: BindParameter[int] = bindparam('run_id', type_=Integer)
RUN_TOKEN: BindParameter[str] = bindparam('run_token', type_=String)


class Selection:
    """
    How the tests of one kind of retry are read (contract section 4).

    A source without rows in ``customized_test`` ran every regression test that there was. Which those were is no
    longer known: every test that is active now, and for the failed ones those with a result in the source.

    Parameters
    ----------
    host : Host
        The models to work on.
    failed_only : bool
        Only those that did not pass.
    has_selection : bool
        Whether the source has rows in ``customized_test``.
    """

    def __init__(self, host: Host, failed_only: bool, has_selection: bool) -> None:
        test, chosen, result = host.regression_test, host.customized_test, host.test_result
        is_active = test.active == true()
        signed_id = case((is_active, test.id), else_=-test.id)
        rows = _in_this_order(select(signed_id))
        if has_selection:
            rows = (rows.select_from(chosen.table).join(test.table, test.id == chosen.regression_id)
                    .where(chosen.test_id == RUN_ID))
        elif failed_only:
            have_result = select(result.regression_test_id).where(result.test_id == RUN_ID)
            rows = rows.where(or_(is_active, test.id.in_(have_result)))
        else:
            rows = rows.where(is_active)
        if failed_only:
            rows = rows.where(_did_not_pass(host))
        #: A row for each test: its id, below zero where it is inactive. Tests may repeat, as the source's rows do.
        self.rows = rows
        #: The same as one text: the sum of the ids, by which a text that is cut off is known, and the numbers. Row by
        #: row they take the driver longer than all the rest of a retry takes.
        self.packed = rows.with_only_columns(
            type_coerce(func.sum(test.id), String) + ' '
            + func.coalesce(func.aggregate_strings(type_coerce(signed_id, String), ','), '')).scalar_subquery()
        #: That text by itself, where it does not come with the source.
        self.alone = select(self.packed)


def _did_not_pass(host: Host) -> ColumnElement[bool]:
    """
    Say of a regression test that it did not pass in the source run.

    What the run's page shows as failed has not passed, nor has a test without a result.
    """
    test, result, file = host.regression_test, host.test_result, host.test_result_file
    output, variant = host.regression_test_output, host.regression_test_output_files
    ended_as_expected = select(result.regression_test_id).where(
        result.test_id == RUN_ID, result.exit_code == result.expected_rc)

    is_accepted = exists().where(
        variant.regression_test_output_id == file.regression_test_output_id,
        # As bytes: the database's collation may take upper case for lower, and ignore blanks at the end.
        sql_cast(variant.file_hashes, LargeBinary) == sql_cast(file.got, LargeBinary))
    have_differing = select(file.regression_test_id).where(
        file.test_id == RUN_ID, file.got.is_not(None), ~is_accepted)

    is_there = exists().where(
        file.test_id == RUN_ID, file.regression_test_id == output.regression_id,
        file.regression_test_output_id == output.id)
    # Of the tests that have a result, since the others have not ended as expected.
    have_missing = _in_this_order(
        select(output.regression_id).select_from(result.table)
        .join(output.table, output.regression_id == result.regression_test_id)
        .where(result.test_id == RUN_ID, output.ignore == false(), ~is_there))

    return or_(test.id.not_in(ended_as_expected), test.id.in_(have_differing), test.id.in_(have_missing))


def _in_this_order(statement: Select[Any]) -> Select[Any]:
    """
    Have MariaDB read the tables of a statement in the order in which they are written.

    Left to itself it may begin with all regression tests, and go through all runs of each: the statistics that it
    goes by say little about tables that have grown since.
    """
    return statement.prefix_with('STRAIGHT_JOIN', dialect='mysql').prefix_with('STRAIGHT_JOIN', dialect='mariadb')


class Statements:
    """
    What a retry sends to the database: written once for a mount, so that each is compiled once and for all.

    Parameters
    ----------
    host : Host
        The models to work on.
    retries : Table
        The table ``run_retry``.
    """

    def __init__(self, host: Host, retries: Table) -> None:
        self.find_made = (select(retries.c.test_id, retries.c.test_count)
                          .join(host.test.table, host.test.id == retries.c.test_id)
                          .where(host.test.token == RUN_TOKEN))
        self.selections = {(failed_only, has_selection): Selection(host, failed_only, has_selection)
                           for failed_only in (False, True) for has_selection in (False, True)}
        self.find = {failed_only: _find_source(host, retries, self.selections[failed_only, True])
                     for failed_only in (False, True)}
        # The database copies the configuration itself: read and sent back it would pass through the connection's
        # three-byte text twice.
        configuration = host.test.configuration
        self.insert_run = insert(host.test.table).from_select(
            [*configuration, host.test.token], select(*configuration, RUN_TOKEN).where(host.test.id == RUN_ID))
        self.insert_retry = insert(retries)
        self.customized_test = (host.customized_test.test_id, host.customized_test.regression_id)
        self.test_fork = (host.test_fork.test_id, host.test_fork.user_id)


def _find_source(host: Host, retries: Table, selection: Selection) -> Select[Any]:
    """
    Find a run, with its owners (a row for each), its family, and what was made with an idempotency key.

    And with the selection of its tests, unless something was made, or it has no rows of its own. It is there for a
    failed-only retry of a run that has not finished too, which is refused: to ask first would be a statement more.
    """
    test, progress, fork, chosen = host.test, host.test_progress, host.test_fork, host.customized_test
    origin, earlier = retries.alias('origin'), retries.alias('earlier')
    status = (select(type_coerce(progress.status, String)).where(progress.test_id == RUN_ID)
              .order_by(progress.id.desc()).limit(1).scalar_subquery())
    return (
        select(test.id, type_coerce(test.platform, String).label('platform'), test.commit.label('commit'),
               status.label('status'), fork.user_id,
               exists().where(chosen.test_id == RUN_ID).label('has_selection'),
               case((earlier.c.test_id.is_(None), selection.packed)).label('selection'),
               origin.c.root_test_id, origin.c.attempt,
               earlier.c.test_id.label('earlier_id'), earlier.c.source_test_id, earlier.c.failed_only,
               earlier.c.reason, earlier.c.test_count)
        .select_from(test.table)
        .outerjoin(fork.table, fork.test_id == test.id)
        .outerjoin(origin, origin.c.test_id == test.id)
        # One row or none, whatever the run: the second condition is always true, and is there because SQLAlchemy
        # takes a join on no column of the other side for a mistake.
        .outerjoin(earlier, and_(earlier.c.idempotency_digest == bindparam('digest', type_=String),
                                 or_(earlier.c.source_test_id == test.id, earlier.c.source_test_id != test.id)))
        .where(test.id == RUN_ID))
