"""A build that has succeeded since its run ended (contrib/README.rst, "A build that failed and is repeated")."""

from ..errors import Refusal
from ..extension import extension_state
from ..log import describe, log
from ..service import builds


def retry_after_build(run_id: int) -> None:
    """
    Retry a run if its build ended it, when its build has succeeded, in the platform's ``queue_test``.

    See contrib/README.rst, "A build that failed and is repeated". A run that waits for a machine or has passed gets its
    commit status again. The function raises nothing, because the platform's webhook must go on. If the run is not
    retried, the log says why, unless it waits or automatic retries are off. Needs an application context.

    Parameters
    ----------
    run_id : int
        A run that the platform would queue, but that has progress. The newest run of its commit, platform, pull
        request, fork and branch counts. Without a pull request it is the newest attempt of the run.
    """
    without_retry = f'the build of run {run_id} has succeeded, but no run is retried'
    try:
        why_not = builds.retry_after_build(extension_state(), run_id)
    except Refusal as refusal:
        why_not = refusal.message
    except Exception as fault:
        log.error(f'{without_retry}: {describe(fault)}')
        return
    if why_not:
        log.info(f'{without_retry}: {why_not}')
