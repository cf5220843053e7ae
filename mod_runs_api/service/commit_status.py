"""Posting commit statuses, and whether a success would hide a failure (docs/how-it-works.rst)."""

from collections.abc import Collection, Mapping
from contextlib import suppress

from sqlalchemy import Connection

from ..database.outcomes import read_expected_today
from ..database.run import find_others_of_commit, find_run
from ..domain.attempts import Attempts
from ..domain.catalogue import Catalogue
from ..domain.commit_status import (NOT_TAKEN, NOTHING_TO_POST,
                                    STILL_INCOMPLETE, CommitStatus, FailedTest,
                                    Reposting, find_passed,
                                    find_standing_against, has_failure)
from ..domain.conditions import find_unfinished
from ..extension import ExtensionState
from ..platform.github import GitHub, NoAnswer
from .attempts import read_attempts, read_attempts_of_roots
from .carry_over import plan_carry_over


def post_if_possible(github: GitHub, status: CommitStatus) -> None:
    """Post a status, if GitHub takes it. Otherwise the log says why."""
    with suppress(NoAnswer):
        github.post(status)


def post_success_again(state: ExtensionState, run_id: int) -> Reposting:
    """
    Post that a run passed, if the status of its commit lags, and return what was posted, or why nothing was.

    ``run_id`` is any of its attempts. Nothing is posted unless the one that ``/retry failed`` takes has passed, and
    every attempt has ended.
    """
    # A variant may have been accepted since, or GitHub did not answer when the run ended.
    decision = state.transactions.run(_decide_about_success, run_id)
    if decision.status is None:
        return decision
    try:
        # A comment may come again and again.
        if state.github.is_posted(decision.status):
            return NOTHING_TO_POST
        state.github.post(decision.status)
    except NoAnswer:
        return NOT_TAKEN
    return decision


def _decide_about_success(connection: Connection, run_id: int) -> Reposting:
    attempts = read_attempts(connection, find_run(connection, run_id))
    passed_id = find_passed(attempts)
    if passed_id is None or find_unfinished(attempts.progress.values()) is not None:
        return NOTHING_TO_POST
    if only_looks_green(connection, attempts, passed_id):
        return STILL_INCOMPLETE
    # Nothing is run, so each test counts.
    standing_against = read_standing_against(connection, {passed_id: ()}, attempts.catalogue)
    if passed_id in standing_against:
        return standing_against[passed_id].reposting
    return Reposting(CommitStatus.passed(find_run(connection, passed_id)))


def only_looks_green(connection: Connection, attempts: Attempts, run_id: int) -> bool:
    """Return whether a result that did not pass is still to be carried over into an attempt that passed."""
    if not attempts.is_failed_only(run_id):
        return False
    plan = plan_carry_over(connection, attempts, run_id)
    return plan is not None and has_failure(attempts, plan.origins)


def read_standing_against(connection: Connection, run_again: Mapping[int, Collection[int]],
                          catalogue: Catalogue) -> dict[int, FailedTest]:
    """
    Return the test that stands against a success of each run, if there is one.

    ``run_again`` has the tests that a retry would run, by run.
    """
    others = find_others_of_commit(connection, run_again.keys())
    if not any(others.values()):
        return {}
    attempts = read_attempts_of_roots(connection, set().union(*others.values()), catalogue)
    decisive_ids = [of_root.decisive_run_id for of_root in attempts.values()]
    expected_today = read_expected_today(connection, decisive_ids, catalogue)
    found = {run_id: find_standing_against([attempts[root_id] for root_id in sorted(root_ids)], expected_today,
                                           run_again[run_id])
             for run_id, root_ids in others.items()}
    return {run_id: failed for run_id, failed in found.items() if failed is not None}
