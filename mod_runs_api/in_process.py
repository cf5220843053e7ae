"""The functions for code in the same process: webhook handlers and jobs (docs/python-and-command-line.rst)."""

from typing import Any

from .domain.retry import Retry
from .domain.verdict import Verdict
from .extension import extension_state
from .service.retry import build_request, create_retry
from .service.verdict import read_verdict


def retry_run(run_id: int, *, failed_only: bool = False, reason: str | None = None,
              requested_by: Any = None, idempotency_key: str | None = None) -> Retry:
    """
    Run a run again as a new run, which is committed when this returns (docs/python-and-command-line.rst, "Python").

    Roles, scopes and rate limits are the API's: here the caller answers for them. Needs an application context.

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
    RunNotFinished, NothingFailed, InactiveTests, RefusedByCheck, KeyReused
        The retry is refused: see docs/api.rst, "Refusals". All are :exc:`Refusal`.
    ServiceUnavailable
        The database is away or read-only, or too busy for all tries.
    InternalError
        Any other error of the database. The log has more.
    MountError
        The blueprint is not registered in the current application.
    """
    state = extension_state()
    return create_retry(state, build_request(
        state.transactions, run_id, failed_only=failed_only, reason=reason, requested_by=requested_by,
        idempotency_key=idempotency_key))


def attempts_verdict(run_id: int) -> Verdict:
    """
    Return the verdict of all attempts of a run together on each test (docs/api.rst, "Verdicts").

    Needs an application context.

    Parameters
    ----------
    run_id : int
        Any of the attempts, at least 1.

    Returns
    -------
    Verdict
        With ``overall``, ``counts``, ``sentence`` and ``tests``.

    Raises
    ------
    RunNotFound, ServiceUnavailable, InternalError, MountError
        As of :func:`retry_run`.
    """
    return extension_state().transactions.run(read_verdict, run_id)
