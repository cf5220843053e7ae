"""The work when the build of a run has succeeded (contrib/README.rst, "A build that failed and is repeated")."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection

from ..database.attempts import read_attempt_ids
from ..database.retry import read_automatic_sources
from ..database.run import find_newer_runs, find_run
from ..domain.causes import is_ended_by_build
from ..domain.commit_status import CommitStatus, find_passed
from ..domain.progress import Progress
from ..domain.retry import request_automatically
from ..domain.run import Run
from ..errors import RunChanged
from ..extension import ExtensionState
from .attempts import read_attempts
from .commit_status import only_looks_green, post_if_possible, post_success_again
from .conditions import policy_for_build
from .retry import create_retry


def retry_after_build(state: ExtensionState, run_id: int) -> str:
    """
    Retry the newest run of a run's configuration and commit if its build ended it.

    If it waits for a machine, or has passed, only its commit status is posted again. Return what the log says of a run
    that has passed, and otherwise nothing. Raises :exc:`RunNotFound`, or a :exc:`Refusal` that says why the newest run
    stays as it is.
    """
    newest = state.transactions.run(_look_at_newest, run_id)
    run = newest.run
    if newest.is_waiting:
        # A repeated build that failed meanwhile has turned its commit red.
        post_if_possible(state.github, CommitStatus.queued(run.commit, run.platform, run.id))
    elif newest.passed_id is not None:
        why_not = post_success_again(state, newest.passed_id).why_not
        return f'All tests of run {newest.passed_id} passed. {why_not}'.rstrip()
    elif state.settings.automatic_retries:
        request = request_automatically(run.id, False, 'the build has succeeded')
        create_retry(state, request, policy_for_build(
            state.settings, partial(_require_due, state.settings.automatic_retries)))
    return ''


class _Newest(NamedTuple):
    """The newest run of a configuration and commit, when a build has succeeded."""

    run: Run
    #: Whether it waits for a machine.
    is_waiting: bool
    #: The attempt that ``/retry failed`` would take, if it has passed.
    passed_id: int | None


def _look_at_newest(connection: Connection, run_id: int) -> _Newest:
    run = find_run(connection, _find_newest(connection, find_run(connection, run_id)))
    attempts = read_attempts(connection, run)
    passed_id = find_passed(attempts)
    if passed_id is not None and only_looks_green(connection, attempts, passed_id):
        passed_id = None
    return _Newest(run, not attempts.progress[run.id].rows, passed_id)


def _find_newest(connection: Connection, run: Run) -> int:
    """Return the newest run of the configuration and commit of a run."""
    # A run by hand on master cannot be told from one of a push, so without a pull request only attempts count.
    if not run.pr_nr:
        return max(read_attempt_ids(connection, run.root_id))
    newer = find_newer_runs(connection, [run.id]).get(run.id)
    return run.id if newer is None else newer.run_id


def _require_due(retries_allowed: int, connection: Connection, run: Run, progress: Mapping[int, Progress]) -> None:
    """Raise :exc:`RunChanged` unless a run is the newest, was ended by its build, and has an automatic retry left."""
    newest_id = _find_newest(connection, run)
    if newest_id != run.id:
        raise RunChanged(f'Run {newest_id} of the same commit is newer.', run_id=run.id)
    if not is_ended_by_build(progress[run.id]):
        raise RunChanged(f'Run {run.id} was not ended by its build.', run_id=run.id)
    if len(read_automatic_sources(connection, [run.root_id])[run.root_id]) >= retries_allowed:
        raise RunChanged(f'The automatic retries of run {run.root_id} are used up.', run_id=run.id)
