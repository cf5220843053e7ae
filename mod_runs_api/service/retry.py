"""Retrying a run (docs/api.rst, "Retry a run")."""

from collections.abc import Callable, Sequence
from typing import Any

from ..database import Database
from ..database.outcomes import read_not_passed, read_selected
from ..database.retry import encode_reason, find_retry, write_retry
from ..database.runs import find_run
from ..domain.retry import Retry, RetryRequest, choose_tests, digest_key
from ..domain.run import Run
from ..domain.words import counted
from ..errors import InvalidFields, Unprocessable
from ..extension import extension_state
from ..host.log import log
from ..settings import Check
from ..signals import send_run_retried
from .checks import ask_checks
from .validation import find_user_id, load_retry_fields


def retry_run(run_id: int, *, failed_only: bool = False, reason: str | None = None,
              requested_by: Any = None, idempotency_key: str | None = None) -> Retry:
    """
    Run a run again as a new run, from code in the same process: a webhook handler, a job.

    The new run is committed when this returns, in a transaction of its own. Changes that are pending in ``g.db`` are
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
    request = build_request(run_id, failed_only, reason, requested_by, idempotency_key)
    return create_retry(request, extension_state().settings.before_retry)


def build_request(run_id: int, failed_only: bool, reason: str | None, requested_by: Any,
                  idempotency_key: str | None) -> RetryRequest:
    """Return the request that the arguments of :func:`retry_run` make. Raises :exc:`InvalidFields`."""
    if isinstance(run_id, bool) or not isinstance(run_id, int):
        raise InvalidFields({'run_id': ['Must be an integer.']})
    fields = load_retry_fields({'failed_only': failed_only} | ({} if reason is None else {'reason': reason}),
                               idempotency_key)
    requester_id = None if requested_by is None else find_user_id(requested_by)
    return RetryRequest(run_id, fields.failed_only, fields.reason, requester_id,
                        idempotency_digest=digest_key(requester_id, idempotency_key))


def create_retry(request: RetryRequest, checks: Sequence[Check],
                 is_due: Callable[[Database, Run], bool] = lambda db, run: True) -> Retry:
    """
    Return the retry that a request creates, committed, or the one that an earlier request with its digest has created.

    The checks are asked before the transaction that writes, because they may ask GitHub. ``is_due`` is asked in it.
    Raises :exc:`RunNotFound`, or :exc:`Unprocessable` if there is nothing to run, nothing that may be run, or if the
    retry is not due any more.
    """
    transactions, settings = extension_state().transactions, extension_state().settings
    if checks:
        earlier = find_earlier(request)
        if earlier is not None:
            return earlier
        check_retry(request, checks)

    def create(db: Database) -> Retry:
        earlier = find_earlier_retry(db, request)
        if earlier is not None:
            return earlier
        source = find_run(db, request.run_id)
        if not is_due(db, source):
            raise Unprocessable(f'Run {source.id} is not as it was when its retry was planned.', {'run_id': source.id})
        regression_test_ids = read_tests_to_run(db, source, request.failed_only, settings.drop_inactive_tests)
        new_run_id = write_retry(db, request, source, regression_test_ids)
        return Retry(source.id, new_run_id, request.failed_only, len(regression_test_ids))

    retry = transactions.run(create)
    if not retry.replayed:
        log().info(f'run {retry.run_id} is retried as run {retry.new_run_id} with {counted(retry.test_count, "test")}'
                   f'{" that did not pass" if retry.failed_only else ""}, '
                   f'{"automatically" if request.automatic else f"for user {request.requester_id}"}')
        send_run_retried(run_id=retry.run_id, new_run_id=retry.new_run_id, failed_only=retry.failed_only,
                         reason=request.reason, requester_id=request.requester_id)
    return retry


def find_earlier(request: RetryRequest) -> Retry | None:
    """Return the retry of an earlier request with the same idempotency key, if there is one."""
    return extension_state().transactions.run(find_earlier_retry, request)


def check_retry(request: RetryRequest, checks: Sequence[Check]) -> None:
    """Ask the checks about a retry that the tables do not refuse. Raises the refusal."""
    def find_retriable_run(db: Database) -> Run:
        run = find_run(db, request.run_id)
        read_tests_to_run(db, run, request.failed_only, extension_state().settings.drop_inactive_tests)
        return run

    ask_checks(checks, extension_state().transactions.run(find_retriable_run), silence_refuses=request.automatic)


def read_run(run_id: int) -> Run:
    """Return a run. Raises :exc:`RunNotFound`."""
    return extension_state().transactions.run(find_run, run_id)


def read_tests_to_run(db: Database, run: Run, failed_only: bool, drop_inactive: bool) -> list[int]:
    """Return the regression tests that a retry of a run would run, in order. Raises :exc:`Unprocessable`."""
    tests = read_not_passed(db, run.id) if failed_only else read_selected(db, run.full_set_id)
    return choose_tests(run, tests, failed_only, drop_inactive)


def find_earlier_retry(db: Database, request: RetryRequest) -> Retry | None:
    """
    Return the retry that an earlier request with the same digest has created, if there is one.

    It counts as replayed, unless this very request created it in a transaction whose commit was never answered.
    Raises :exc:`Unprocessable` if the key belongs to a request for something else.
    """
    row = find_retry(db, request.idempotency_digest)
    if row is None:
        return None
    if (row.source_run_id, row.failed_only, row.reason) != (request.run_id, request.failed_only,
                                                            encode_reason(request.reason)):
        raise Unprocessable('This idempotency key belongs to another request.',
                            {'idempotency_key': 'Already used with another run or body.'})
    return Retry(request.run_id, row.run_id, request.failed_only, row.test_count,
                 replayed=row.run_token != request.run_token)
