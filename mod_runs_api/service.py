"""The domain in transactions, for the routes and for callers in the same process (docs/python-and-command-line.rst)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import InstanceState

from .attempts import AttemptsPage, list_attempts
from .database import Database
from .database.retries import RetryRequest, random_secret
from .database.runs import Source, find_source
from .database.users import find_user_ids
from .errors import InvalidFields, Unprocessable
from .extension import extension_state
from .host.models import MAX_ID
from .host.runtime import log
from .preview import Preview, preview_retry
from .retry import (Retry, choose_tests, create_retry, digest_key,
                    find_earlier_retry)
from .settings import Check
from .signals import run_retried, send
from .summary import counted
from .sweep import create_automatic_retry
from .validation import RetryFields, load_retry_fields
from .verdict import Verdict, read_verdict


def retry_run(run_id: int, *, failed_only: bool = False, reason: str | None = None,
              requested_by: Any = None, idempotency_key: str | None = None) -> Retry:
    """
    Run a run again as a new run, from code in the same process: a webhook handler, a job.

    The new run is committed when this returns, in a transaction of its own. What the caller has pending in ``g.db`` is
    neither committed nor lost. Roles, scopes and rate limits are the API's: here the caller answers for them. Needs an
    application context. See docs/python-and-command-line.rst.

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
        The database is away or read-only, or still failing after all tries.
    InternalError
        Any other error of the database. The log has more.
    MountError
        The blueprint is not registered in the current application.
    """
    if isinstance(run_id, bool) or not isinstance(run_id, int):
        raise InvalidFields({'run_id': ['Must be an integer.']})
    fields, requester_id = load_arguments(failed_only, reason, requested_by, idempotency_key)
    return submit_retry(run_id, fields, requester_id, idempotency_key and digest_key(requester_id, idempotency_key))


def load_arguments(failed_only: bool, reason: str | None, requested_by: Any,
                   idempotency_key: str | None) -> tuple[RetryFields, int | None]:
    """Return the fields that arguments of :func:`retry_run` make, and the requester. Raises :exc:`InvalidFields`."""
    fields = load_retry_fields({'failed_only': failed_only} | ({} if reason is None else {'reason': reason}),
                               idempotency_key)
    return fields, None if requested_by is None else find_user_id(requested_by)


def submit_retry(run_id: int, fields: RetryFields, requester_id: int | None, idempotency_digest: str | None,
                 extra_checks: Sequence[Check] = ()) -> Retry:
    """Build a request, and submit it."""
    request = RetryRequest(run_id=run_id, failed_only=fields.failed_only, reason=fields.reason,
                           requester_id=requester_id, idempotency_digest=idempotency_digest or random_secret())
    return submit_request(request, extra_checks)


def submit_request(request: RetryRequest, extra_checks: Sequence[Check] = ()) -> Retry:
    """Return the retry that a request creates, committed, or that an earlier one with the same digest has created."""
    state = extension_state()
    earlier = check_retry(request, extra_checks)
    if earlier is not None:
        return earlier
    create = create_automatic_retry if request.automatic else create_retry
    retry = state.transactions.run(create, request, state.settings.drop_inactive_tests)
    if not retry.replayed:
        log().info(f'run {retry.run_id} is retried as run {retry.new_run_id} with {counted(retry.test_count, "test")}'
                   f'{" that did not pass" if retry.failed_only else ""}, '
                   f'{"automatically" if request.automatic else f"for user {request.requester_id}"}')
        send(run_retried, run_id=retry.run_id, new_run_id=retry.new_run_id, failed_only=retry.failed_only,
             reason=request.reason, requester_id=request.requester_id)
    return retry


def check_retry(request: RetryRequest, extra_checks: Sequence[Check]) -> Retry | None:
    """
    Ask the checks whether a retry may be made, and return the one that an earlier request has created, if there is one.

    Before the transaction that writes: a check may ask GitHub, and is asked once. Raises what the retry is refused
    with.
    """
    state = extension_state()
    checks = (*state.settings.before_retry, *extra_checks)
    if not checks:
        return None
    found = state.transactions.run(_look_up, request, state.settings.drop_inactive_tests)
    if isinstance(found, Retry):
        return found
    _ask(checks, found, request.automatic)
    return None


def _look_up(db: Database, request: RetryRequest, drop_inactive: bool) -> Retry | Source:
    """Return the retry that an earlier request has created, or else the run that may be retried."""
    earlier = find_earlier_retry(db, request)
    if earlier is not None:
        return earlier
    source = find_source(db, request.run_id)
    choose_tests(db, source, request.failed_only, drop_inactive)
    return source


def _ask(checks: Sequence[Check], source: Source, is_automatic: bool = False) -> None:
    """
    Raise :exc:`Unprocessable` if a check refuses the retry. Each is called once.

    One that fails, or has no answer, is logged. It refuses an automatic retry, and no other.
    """
    for number, check in enumerate(checks):
        if check in checks[:number]:  # By equality: a check may not be hashable.
            continue
        name = getattr(check, '__name__', type(check).__name__)
        try:
            reason = check(source)
        except (Exception, SystemExit) as error:
            trouble = f'failed with {type(error).__name__}'
        else:
            if reason is None or reason == '':
                continue
            if isinstance(reason, str):
                raise Unprocessable(reason, {'run_id': source.id})
            trouble = f'returned {type(reason).__name__}, which is neither str nor None'
        log().error(f'RUNS_API_BEFORE_RETRY: {name} {trouble}')
        if is_automatic:
            raise Unprocessable(f'{name} has no answer.', {'run_id': source.id})


def preview(run_id: int, ask_checks: bool) -> Preview:
    """
    Return what a retry of a run would do now. Raises :exc:`RunNotFound`.

    The checks of the settings, which may ask GitHub, are part of it if ``ask_checks`` is true.
    """
    state = extension_state()
    source, found = state.transactions.run(preview_retry, run_id, state.settings.drop_inactive_tests)
    if ask_checks and not found.is_refused:
        try:
            _ask(state.settings.before_retry, source)
        except Unprocessable as refusal:
            return found.refuse(refusal)
    return found


def attempts_page(run_id: int, *, limit: int, offset: int) -> AttemptsPage:
    """Return a page of the attempts of a run. Raises :exc:`RunNotFound`."""
    return extension_state().transactions.run(list_attempts, run_id, limit, offset)


def attempts_verdict(run_id: int) -> Verdict:
    """
    Return what all attempts of a run together prove about each test.

    Needs an application context. See docs/api.rst, "Verdicts".

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
        The database is away, or still failing after all tries.
    InternalError
        Any other error of the database. The log has more.
    MountError
        The blueprint is not registered in the current application.
    """
    return extension_state().transactions.run(read_verdict, run_id)


def find_user_id(user: Any) -> int:
    """Return the id of a user, given by id, name or model. Raises :exc:`InvalidFields` if there is none."""
    state = extension_state()
    instance = inspect(user, raiseerr=False)
    if isinstance(instance, InstanceState) and isinstance(user, state.tables.host.User) and instance.identity:
        user = instance.identity[0]
    # The platform's connection, which speaks three-byte text, cannot ask for other names.
    is_name = isinstance(user, str) and all(0 < ord(c) < 0x10000 and not 0xD800 <= ord(c) < 0xE000 for c in user)
    is_id = type(user) is int and 1 <= user <= MAX_ID
    user_ids = state.transactions.run(find_user_ids, user) if is_name or is_id else []
    if not user_ids:
        raise InvalidFields({'requested_by': ['There is no such user.']})
    return user_ids[0]
