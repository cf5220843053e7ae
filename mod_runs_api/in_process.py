"""The functions for code in the same process, in webhook handlers and jobs (docs/python-and-command-line.rst)."""

from typing import Any

from .domain.attempts import Attempt
from .domain.preview import Preview
from .domain.retry import Retry
from .domain.verdict import Verdict
from .extension import extension_state
from .service.attempts import read_attempts_page
from .service.preview import preview_retry as read_preview
from .service.retry import build_request, create_retry
from .service.validation import load_run_id
from .service.verdict import read_verdict


def retry_run(run_id: int, *, failed_only: bool = False, reason: str | None = None,
              requested_by: Any = None, idempotency_key: str | None = None) -> Retry:
    """
    Run a run again as a new run (docs/python-and-command-line.rst, "Retry a run").

    The new run is committed when the function returns. The function checks no token, role or rate limit. It needs an
    application context.

    Parameters
    ----------
    run_id : int
        The run to run again, at least 1.
    failed_only : bool
        Whether only the regression tests that did not pass in the run are run. By default all are run.
    reason : str, optional
        The reason for the retry, at most 255 Unicode code points.
    requested_by : int, str or User, optional
        The id, the name or the model of the platform's user who requests the retry and becomes an owner of the new run.
        The account must not be deactivated.
    idempotency_key : str, optional
        1 to 255 visible ASCII characters. The same key of the same user, or without a user, creates one run. Further
        calls return the first retry with ``replayed`` set.

    Returns
    -------
    Retry
        The source run and the new run.

    Raises
    ------
    RunNotFound
        The run does not exist.
    InvalidFields
        An argument is of the wrong type or too long, or the user does not exist.
    RunNotFinished, NothingFailed, InactiveTests, RefusedByCheck, KeyReused
        The retry is refused (docs/api.rst, "Refusals"). All are :exc:`Refusal`.
    ServiceUnavailable
        The database is unavailable, read-only or too busy for several tries. The same call may work later.
    InternalError
        The database has another error. The log has more.
    MountError
        There is no application context, or its application has not registered the blueprint.
    """
    state = extension_state()
    return create_retry(state, build_request(
        state.transactions, run_id, failed_only=failed_only, reason=reason, requested_by=requested_by,
        idempotency_key=idempotency_key))


def preview_retry(run_id: int) -> Preview:
    """
    Return what a retry of a run would do now, and create nothing (docs/api.rst, "Preview").

    The configured checks are called as for a requester who may retry, so they may send requests to GitHub. The function
    needs an application context.

    Parameters
    ----------
    run_id : int
        The run that would be run again, at least 1.

    Returns
    -------
    Preview
        The tests or the refusal of a retry of all tests, and of a retry of the tests that did not pass.

    Raises
    ------
    RunNotFound, InvalidFields, ServiceUnavailable, InternalError, MountError
        As :func:`retry_run`.
    """
    return read_preview(extension_state(), load_run_id(run_id))


def list_attempts(run_id: int) -> list[Attempt]:
    """
    Return the root run, its retries, and their retries (docs/api.rst, "Attempts").

    The function needs an application context.

    Parameters
    ----------
    run_id : int
        Any of the attempts, at least 1.

    Returns
    -------
    list of Attempt
        All attempts, ordered by run id. A run that was never retried has one.

    Raises
    ------
    RunNotFound, InvalidFields, ServiceUnavailable, InternalError, MountError
        As :func:`retry_run`.
    """
    return extension_state().transactions.run(read_attempts_page, load_run_id(run_id)).attempts


def attempts_verdict(run_id: int) -> Verdict:
    """
    Return what all attempts of a run together prove about each test (docs/api.rst, "Verdicts").

    The function needs an application context.

    Parameters
    ----------
    run_id : int
        Any of the attempts, at least 1.

    Returns
    -------
    Verdict
        The verdict on the commit, and on each test.

    Raises
    ------
    RunNotFound, InvalidFields, ServiceUnavailable, InternalError, MountError
        As :func:`retry_run`.
    """
    return extension_state().transactions.run(read_verdict, load_run_id(run_id))
