"""The platform's ``queue_test``, which finds a run that has ended (docs/github.rst, "A build that succeeds later")."""

from ..errors import Refusal
from ..extension import extension_state
from ..log import describe, log
from ..service.builds import retry_if_ended_by_build


def retry_after_build(run_id: int) -> int | None:
    """
    Retry a run if its build ended it, or post its success again if it has passed, in the platform's ``queue_test``.

    See docs/github.rst, "A build that succeeds later". The build has succeeded. The function does nothing if automatic
    retries are off. It raises nothing, because the platform's webhook must go on: the log says why no run was created.
    Needs an application context.

    Parameters
    ----------
    run_id : int
        A run that the platform would queue, but that has progress. The newest run of its commit, platform, pull
        request, fork and branch is retried. Without a pull request it is the newest attempt of the run.

    Returns
    -------
    int or None
        The run that waits for a machine, so that the platform can say so. It is the new run, or the newest run if that
        was queued before and is a root run, or the retry of a run that its build ended. None if there is no such run.
    """
    try:
        return retry_if_ended_by_build(extension_state(), run_id)
    except Refusal as refusal:
        log.info(f'the build of run {run_id} has succeeded, but no run is retried: {refusal.message}')
    except Exception as fault:
        log.error(f'the build of run {run_id} has succeeded, but no run is retried: {describe(fault)}')
    return None
