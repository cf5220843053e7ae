"""The function for code in the same process, in webhook handlers and jobs (docs/python-and-command-line.rst)."""

from .domain.retry import Retry
from .extension import extension_state
from .platform.models import User
from .service.conditions import policy_for_person
from .service.retry import build_request, create_retry


def retry_run(run_id: int, *, failed_only: bool = False, reason: str | None = None,
              requested_by: int | str | User | None = None, idempotency_key: str | None = None) -> Retry:
    """
    Run a run again as a new run (docs/python-and-command-line.rst, "Python").

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
    request = build_request(state.transactions, run_id, failed_only=failed_only, reason=reason,
                            requested_by=requested_by, idempotency_key=idempotency_key)
    return create_retry(state, request, policy_for_person(state.settings))
