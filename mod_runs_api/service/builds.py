"""The retry of a run whose build has succeeded since (docs/github.rst, "A build that succeeds later")."""

from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection

from ..database.attempts import read_attempt_ids
from ..database.progress import read_progress
from ..database.retry import read_automatic_sources
from ..database.runs import find_newest_runs, find_run
from ..domain.attempts import Attempts
from ..domain.causes import is_ended_by_build
from ..domain.commit_status import FailedTest, find_passed
from ..domain.retry import request_automatically
from ..domain.run import Run
from ..errors import RunChanged
from ..extension import ExtensionState
from .attempts import read_attempts
from .commit_status import post_success_again
from .retry import create_retry


def retry_if_ended_by_build(state: ExtensionState, run_id: int) -> int | None:
    """
    Retry the newest run of a run's configuration and commit if its build ended it, unless it has passed before.

    Returns the run that waits for a machine, the new one or the newest; None if automatic retries are off. Raises
    :exc:`RunNotFound`, or a :exc:`Refusal` that says why the newest run stays as it is.
    """
    settings = state.settings
    if not settings.automatic_retries:
        return None
    newest = state.transactions.run(_look_at_newest, run_id)
    if newest.is_waiting:
        return newest.run_id
    if newest.passed_id is not None:
        # Its status may be red: a build was repeated and failed.
        result = post_success_again(state, newest.passed_id)
        why_not = f' Its status is not posted: {result.sentence}.' if isinstance(result, FailedTest) else ''
        raise RunChanged(f'All tests of run {newest.passed_id} passed.{why_not}', run_id=newest.passed_id)
    request = request_automatically(newest.run_id, False, 'the build has succeeded')
    return create_retry(state, request, partial(_require_due, settings.automatic_retries)).new_run_id


class _Newest(NamedTuple):
    """The newest run of a configuration and commit, when a build has succeeded."""

    run_id: int
    #: Whether it waits for a machine, and the platform may post that.
    is_waiting: bool
    #: The attempt that ``/retry failed`` would take, if it has passed.
    passed_id: int | None


def _look_at_newest(connection: Connection, run_id: int) -> _Newest:
    run = find_run(connection, _find_newest(connection, find_run(connection, run_id)))
    attempts = read_attempts(connection, run)
    return _Newest(run.id, run.stage is None and _may_be_announced(attempts), find_passed(attempts))


def _may_be_announced(attempts: Attempts) -> bool:
    """Return whether a queued run is a root run, or the retry of an attempt that its build ended."""
    # A person may cancel their own retry in the queue, and its commit would stay pending.
    source_id = attempts.records[attempts.run.id].source_run_id
    return source_id is None or source_id in attempts.progress and is_ended_by_build(attempts.progress[source_id])


def _find_newest(connection: Connection, run: Run) -> int:
    """Return the newest run of the configuration and commit of a run."""
    # A run by hand on master cannot be told from one of a push, so without a pull request only attempts count.
    if not run.pr_nr:
        return max(read_attempt_ids(connection, run.root_id))
    newer = find_newest_runs(connection, [run.id]).get(run.id)
    return run.id if newer is None else newer.run_id


def _require_due(retries_allowed: int, connection: Connection, run: Run) -> None:
    """Raise :exc:`RunChanged` unless a run is the newest, was ended by its build, and has an automatic retry left."""
    newest_id = _find_newest(connection, run)
    if newest_id != run.id:
        raise RunChanged(f'Run {newest_id} of the same commit is newer.', run_id=run.id)
    if not is_ended_by_build(read_progress(connection, [run.id])[run.id]):
        raise RunChanged(f'Run {run.id} was not ended by its build.', run_id=run.id)
    if len(read_automatic_sources(connection, [run.root_id])[run.root_id]) >= retries_allowed:
        raise RunChanged(f'The automatic retries of run {run.root_id} are used up.', run_id=run.id)
