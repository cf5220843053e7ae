"""
The conditions that a retry must meet now, by who requests it (docs/how-it-works.rst, "The five conditions").

``domain/conditions.py`` has their sentences. The tables are asked before GitHub, and again in the transaction that
creates the retry: GitHub may take seconds.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection

from ..database.attempts import count_author_retries
from ..database.run import find_superseding
from ..database.users import find_blocked
from ..domain import conditions
from ..domain.author import find_canceled
from ..domain.progress import Progress
from ..domain.retry import RetryRules
from ..domain.run import Run
from ..errors import RefusedByCheck
from ..extension import ExtensionState
from ..platform.github import NoAnswer
from ..settings import Settings

#: Raises :exc:`Refusal` if a run, with this progress of its attempts, may not be retried.
Condition = Callable[[Connection, Run, Mapping[int, Progress]], None]


class Policy(NamedTuple):
    """The conditions that a retry must meet, in their order. Each kind of requester has its own policy, below."""

    #: Before the rules.
    before: Sequence[Condition]
    #: The rules that choose the tests, or refuse the retry.
    rules: RetryRules
    #: After the rules.
    after: Sequence[Condition]
    #: Whether GitHub is asked, after what the tables can refuse. Without an answer it refuses nothing.
    asks_github: bool


def policy_for_person(settings: Settings) -> Policy:
    """Return the policy for a person who uses a client or the command line, and for code in the same process."""
    return Policy((), settings.retry_rules, BY_TABLES if settings.checks else (), asks_github=settings.checks)


def policy_for_comment(settings: Settings, is_by_author: bool) -> Policy:
    """Return the policy for a comment. The author of the pull request writes it without a role, if ``is_by_author``."""
    # It takes the newest commit. The second condition comes first: a running attempt may replace the one of which
    # nothing failed.
    rules = settings.retry_rules
    before: Sequence[Condition] = (require_ended, _require_not_canceled) if is_by_author else (require_ended,)
    after: Sequence[Condition] = (partial(_require_author_retries_left, rules),) if is_by_author else ()
    return Policy(before, rules, after, asks_github=True)


def policy_for_sweep(settings: Settings, require_due: Condition) -> Policy:
    """Return the policy for a sweep. Its plan has asked GitHub already, and a run without an answer waits."""
    return Policy((require_due,), settings.retry_rules.for_automatic_retry(), BY_TABLES, asks_github=False)


def require_newest_commit(connection: Connection, run: Run, progress: Mapping[int, Progress]) -> None:
    """Raise :exc:`RefusedByCheck` if the commit of a run is superseded: the first condition."""
    _require(run, conditions.explain_superseded(run, find_superseding(connection, run)))


def require_ended(connection: Connection, run: Run, progress: Mapping[int, Progress]) -> None:
    """Raise :exc:`RefusedByCheck` if an attempt of a run has not ended: the second condition."""
    _require(run, conditions.explain_unfinished(run, conditions.find_unfinished(progress.values())))


#: The conditions that the tables decide for everybody but a comment.
BY_TABLES: Sequence[Condition] = (require_newest_commit, require_ended)


def _require_not_canceled(connection: Connection, run: Run, progress: Mapping[int, Progress]) -> None:
    """Raise :exc:`RefusedByCheck` if a person canceled the run or its newest attempt: no author starts it again."""
    canceled_id = find_canceled(progress, run.id)
    if canceled_id is not None:
        raise RefusedByCheck(f'A person canceled run {canceled_id}. Ask a maintainer to retry it.', run_id=run.id)


def _require_author_retries_left(rules: RetryRules, connection: Connection, run: Run,
                                 progress: Mapping[int, Progress]) -> None:
    """Raise :exc:`RefusedByCheck` if the author of a pull request has used up the retries of a run."""
    rules.require_author_retries_left(run, count_author_retries(connection, run.root_id))


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
    pull_request = state.github.read_pull_request(run.pr_nr)
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
