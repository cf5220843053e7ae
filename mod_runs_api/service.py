"""The domain in a transaction of its own, for the routes and for callers in the same process (contract section 2)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from sqlalchemy import Connection, inspect, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import InstanceState

from .attempts import AttemptsPage, list_attempts
from .errors import InvalidFields, Unprocessable
from .extension import ExtensionState, extension_state
from .faults import describe, to_api_error
from .host.models import MAX_ID
from .host.runtime import log
from .retry import (Retry, RetryRequest, Source, choose_tests, create_retry,
                    digest_key, find_committed_retry, find_earlier_retry,
                    find_source)
from .settings import Check
from .signals import run_retried, send
from .transaction import run_transaction
from .validation import load_retry_fields
from .verdict import Verdict, read_verdict
from .wording import counted

T = TypeVar('T')


def retry_run(run_id: int, *, failed_only: bool = False, reason: str | None = None,
              requested_by: Any = None, idempotency_key: str | None = None) -> Retry:
    """
    Run a run again as a new run, from code in the same process: a webhook handler, a job (contract section 2).

    The new run is committed when this returns, in a transaction of its own. What the caller has pending in ``g.db`` is
    neither committed nor lost. Roles, scopes and rate limits are the API's: here the caller answers for them. Needs an
    application context.

    Parameters
    ----------
    run_id : int
        The run to run again, at least 1.
    failed_only : bool
        Run only the regression tests that did not pass there.
    reason : str, optional
        Why, at most 255 Unicode code points.
    requested_by : int, str or User, optional
        The id, the name or the model of the platform's user who asks for it. They become an owner of the new run.
    idempotency_key : str, optional
        1 to 255 visible ASCII characters. The same key from the same user, or from nobody, creates one run: further
        calls return it with ``replayed`` set.

    Returns
    -------
    Retry
        With ``run_id`` and ``new_run_id``.

    Raises
    ------
    RunNotFound
        There is no such run.
    InvalidFields
        An argument is of the wrong type or too long, or the user does not exist.
    Unprocessable
        Nothing failed, the run has not finished, tests are inactive, a check refused the retry, or the key belongs to
        another call.
    ServiceUnavailable
        The database is away or read-only, or still failing after the retries.
    InternalError
        Any other error of the database. The log has more.
    MountError
        The blueprint is not registered in the current application.
    """
    state = extension_state()
    if isinstance(run_id, bool) or not isinstance(run_id, int):
        raise InvalidFields({'run_id': ['Must be an integer.']})
    fields = load_retry_fields({'failed_only': failed_only} | ({} if reason is None else {'reason': reason}),
                               idempotency_key)
    requester_id = None if requested_by is None else find_user_id(state, requested_by)
    return submit_retry(state, RetryRequest(
        run_id=run_id, requester_id=requester_id,
        idempotency_digest=idempotency_key and digest_key(requester_id, idempotency_key),
        drop_inactive=state.settings.drop_inactive_tests, **fields))


def submit_retry(state: ExtensionState, request: RetryRequest, extra_checks: tuple[Check, ...] = ()) -> Retry:
    """Return the retry that a request creates, committed, or that an earlier one with the same key has created."""
    checks: list[Check] = []
    for check in (*state.settings.before_retry, *extra_checks):
        if check not in checks:  # Each is called once.
            checks.append(check)
    if checks:
        # Before the transaction that writes: a check may ask GitHub, and is asked once.
        found = in_transaction(state, lambda connection: _look_up(connection, state, request))
        if isinstance(found, Retry):
            return found
        for check in checks:
            _ask(check, found)

    def work(connection: Connection) -> Retry:
        retry = find_earlier_retry(connection, state.tables, request)
        return create_retry(connection, state.tables, request) if retry is None else retry

    retry = in_transaction(state, work, lambda connection: find_committed_retry(connection, state.tables, request))
    if not retry.replayed:
        log().info(f'run {retry.run_id} is retried as run {retry.new_run_id} with {counted(retry.test_count, "test")}'
                   f'{" that did not pass" if retry.failed_only else ""}, for user {request.requester_id}')
        send(run_retried, run_id=retry.run_id, new_run_id=retry.new_run_id, failed_only=retry.failed_only,
             reason=request.reason, requester_id=request.requester_id)
    return retry


def _look_up(connection: Connection, state: ExtensionState, request: RetryRequest) -> Retry | Source:
    """Return the retry that an earlier request has created, or else the run that may be retried."""
    retry = find_earlier_retry(connection, state.tables, request)
    if retry is not None:
        return retry
    source = find_source(connection, state.tables, request.run_id)
    choose_tests(connection, state.tables, request, source)
    return source


def _ask(check: Check, source: Source) -> None:
    """Raise :exc:`Unprocessable` if a check refuses the retry. One that fails refuses nothing."""
    name = getattr(check, '__name__', type(check).__name__)
    try:
        reason = check(source)
    except (Exception, SystemExit) as error:
        log().error(f'RUNS_API_BEFORE_RETRY: {name} failed with {type(error).__name__}')
        return
    if isinstance(reason, str) and reason:
        raise Unprocessable(reason, {'run_id': source.id})
    if reason is not None and reason != '':
        log().error(f'RUNS_API_BEFORE_RETRY: {name} returned {type(reason).__name__}, which is neither str nor None')


def attempts_page(run_id: int, *, limit: int, offset: int) -> AttemptsPage:
    """Return a page of the attempts of a run. Raises :exc:`RunNotFound`."""
    state = extension_state()
    return in_transaction(state, lambda connection: list_attempts(
        connection, state.tables, run_id, limit=limit, offset=offset))


def attempts_verdict(run_id: int) -> Verdict:
    """
    Return what all attempts of a run together prove about each test (contract section 1, ``/verdict``).

    Needs an application context.

    Parameters
    ----------
    run_id : int
        Any of the attempts, at least 1.

    Returns
    -------
    Verdict
        With ``overall``, ``counts`` and ``tests``.

    Raises
    ------
    RunNotFound
        There is no such run.
    ServiceUnavailable
        The database is away, or still failing after the retries.
    InternalError
        Any other error of the database. The log has more.
    MountError
        The blueprint is not registered in the current application.
    """
    state = extension_state()
    return in_transaction(state, lambda connection: read_verdict(connection, state.tables, run_id))


def in_transaction(state: ExtensionState, work: Callable[[Connection], T],
                   find_committed: Callable[[Connection], T | None] | None = None) -> T:
    """
    Return what ``work`` returns, committed in a transaction of its own: see :func:`run_transaction`.

    Raises :exc:`ServiceUnavailable` or :exc:`InternalError` for an error of the database.
    """
    def begin() -> AbstractContextManager[Connection]:
        if state.is_api_request():
            # Here, because giving back a dead connection fails too, and is then tried again.
            state.runtime.release_connection()
        return state.runtime.transaction()

    return _with_api_errors(lambda: run_transaction(begin, work, find_committed))


def read_for_page(state: ExtensionState, work: Callable[[Connection], T]) -> T:
    """
    Return what ``work`` reads for a page of the host.

    It reads on the connection that the page has already: pages that held one and waited for a second could use up the
    pool. Raises as :func:`in_transaction` does.
    """
    return _with_api_errors(lambda: work(state.runtime.session_connection()))


def _with_api_errors(run: Callable[[], T]) -> T:
    try:
        return run()
    except (SQLAlchemyError, ValueError) as fault:  # ValueError: MariaDB has cut JSON off at group_concat_max_len.
        error = to_api_error(fault)
        log().error(f'{error.code}: {describe(fault)}')
    # Outside the except block: chained to the database's error, it could put stored values into a log.
    raise error


def find_user_id(state: ExtensionState, user: Any) -> int:
    """Return the id of a user, given by id, name or model. Raises :exc:`InvalidFields` if there is none."""
    table = state.tables.host.user
    instance = inspect(user, raiseerr=False)
    if isinstance(instance, InstanceState) and instance.mapper.local_table is table.table and instance.identity:
        user = instance.identity[0]
    column = None
    # The platform's connection, which speaks three-byte text, cannot ask for other names.
    if isinstance(user, str) and all(0 < ord(c) < 0x10000 and not 0xD800 <= ord(c) < 0xE000 for c in user):
        column = table.name
    elif type(user) is int and 1 <= user <= MAX_ID:
        column = table.id
    ids: list[int] = []
    if column is not None:
        query = select(table.id, column).where(column == user)
        rows = in_transaction(state, lambda connection: connection.execute(query).all())
        # The database's collation may ignore case; it must not decide who somebody is.
        ids = [user_id for user_id, found in rows if found == user]
    if not ids:
        raise InvalidFields({'requested_by': ['There is no such user.']})
    return ids[0]
