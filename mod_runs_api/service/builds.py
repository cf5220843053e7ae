"""The retry of a run whose build has succeeded since (docs/github.rst, "A build that succeeds later")."""

from functools import partial

from ..database import Database
from ..database.progress import read_progress
from ..database.runs import find_newest_runs
from ..database.sweep import read_automatic_sources
from ..domain.causes import is_ended_by_build
from ..domain.retry import request_automatically
from ..domain.run import Run
from ..errors import RunChanged
from ..extension import ExtensionState
from .checks import list_checks_of_automatic_retries
from .retry import create_retry


def retry_if_ended_by_build(state: ExtensionState, run_id: int) -> None:
    """
    Retry the newest run of a run's commit, platform, pull request and fork if its build ended it.

    The function does nothing if automatic retries are off. It raises :exc:`RunNotFound`, or a :exc:`Refusal` that says
    why the run stays as it is.
    """
    settings = state.settings
    if settings.automatic_retries:
        newest_id = state.transactions.run(_find_newest, run_id)
        # A check without an answer refuses nothing: there is usually one event, and the platform has seen the build.
        create_retry(state, request_automatically(newest_id, False, 'the build has succeeded'),
                     list_checks_of_automatic_retries(settings), partial(_require_due, settings.automatic_retries))


def _find_newest(db: Database, run_id: int) -> int:
    newer = find_newest_runs(db, [run_id]).get(run_id)
    return run_id if newer is None else newer.run_id


def _require_due(retries_allowed: int, db: Database, run: Run) -> None:
    """Raise :exc:`RunChanged` unless a run is the newest, was ended by its build, and has an automatic retry left."""
    newer = find_newest_runs(db, [run.id]).get(run.id)
    if newer is not None:
        raise RunChanged(f'Run {newer.run_id} of the same commit is newer.', run_id=run.id)
    if not is_ended_by_build(read_progress(db, [run.id])[run.id]):
        raise RunChanged(f'Run {run.id} was not ended by its build.', run_id=run.id)
    if len(read_automatic_sources(db, [run.root_id])[run.root_id]) >= retries_allowed:
        raise RunChanged(f'The automatic retries of run {run.root_id} are used up.', run_id=run.id)
