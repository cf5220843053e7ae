"""
Asking whether a run may be retried now (docs/github.rst, "The five conditions"). ``domain/conditions.py`` decides.

The tables are asked before GitHub, and again in the transaction that creates the retry: GitHub may take seconds.
"""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Connection

from ..database.run import find_superseding
from ..database.users import find_blocked
from ..domain import conditions
from ..domain.progress import Progress
from ..domain.run import Run
from ..errors import RefusedByCheck
from ..extension import ExtensionState
from ..host.github import NoAnswer


def require_ended(run: Run, progress: Mapping[int, Progress]) -> None:
    """Raise :exc:`RefusedByCheck` if an attempt of a run has not ended: the second condition."""
    _require(run, conditions.explain_unfinished(run, conditions.find_unfinished(progress.values())))


def require_by_tables(connection: Connection, run: Run, progress: Mapping[int, Progress]) -> None:
    """Raise :exc:`RefusedByCheck` if the first or the second condition is not met."""
    _require(run, conditions.explain_superseded(run, find_superseding(connection, run)))
    require_ended(run, progress)


#: Sends one question to GitHub. Raises :exc:`RefusedByCheck` or :exc:`NoAnswer`.
GitHubCondition = Callable[[ExtensionState, Run], None]


def github_conditions(run: Run) -> Sequence[GitHubCondition]:
    """Return the questions that decide the last three conditions for a run."""
    return [_require_pull_request, _require_build] if run.pr_nr else [_require_build]


def require_by_github(state: ExtensionState, run: Run) -> None:
    """Raise :exc:`RefusedByCheck` if one of the other conditions is not met. Without an answer they refuse nothing."""
    for require in github_conditions(run):
        try:
            require(state, run)
        except NoAnswer as no_answer:
            if no_answer.is_silence:
                return  # Each further question would wait for another time-out.


def _require_pull_request(state: ExtensionState, run: Run) -> None:
    """Raise :exc:`RefusedByCheck` if the third or the fourth condition is not met, or :exc:`NoAnswer`."""
    pull_request = state.github.read_pull_request(run.pr_nr, run.commit)
    _require(run, conditions.explain_closed(run, pull_request))
    _require(run, conditions.explain_blocked(run, _is_blocked(state, pull_request.author_id)))


def _require_build(state: ExtensionState, run: Run) -> None:
    """Raise :exc:`RefusedByCheck` if the fifth condition is not met, or :exc:`NoAnswer`."""
    _require(run, conditions.explain_no_build(run, state.github.has_build(run)))


def _is_blocked(state: ExtensionState, account_id: int | None) -> bool:
    return account_id is not None and bool(state.transactions.run(find_blocked, [account_id]))


def _require(run: Run, refusal: str | None) -> None:
    if refusal is not None:
        raise RefusedByCheck(refusal, run_id=run.id)
