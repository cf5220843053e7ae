"""Posting the success of a run as its commit status, and whether it would hide a failure (docs/operations.rst)."""

from collections.abc import Collection, Mapping
from datetime import timedelta

from sqlalchemy import Connection

from ..database.attempts import read_records
from ..database.outcomes import read_expected_today, read_tests
from ..database.progress import read_progress
from ..database.runs import find_others_of_commit, find_run, read_runs
from ..domain.attempts import Attempts
from ..domain.catalogue import Catalogue
from ..domain.commit_status import FailedTest, Posting, find_passed, find_standing_against
from ..domain.run import Run
from ..extension import ExtensionState
from ..host.github import post_success
from .attempts import read_attempts
from .conditions import find_unfinished_attempt


def read_standing_against(connection: Connection, run_again: Mapping[int, Collection[int]],
                          catalogue: Catalogue) -> dict[int, FailedTest]:
    """
    Return the test that stands against a success of each run, if there is one.

    ``run_again`` has the tests that a retry would run, by run.
    """
    others = find_others_of_commit(connection, run_again.keys())
    if not any(others.values()):
        return {}
    attempts = _read_attempts_of(connection, set().union(*others.values()), catalogue)
    decisive_ids = [of_root.decisive_run_id for of_root in attempts.values()]
    expected_today = read_expected_today(connection, decisive_ids, catalogue)
    found = {run_id: find_standing_against([attempts[root_id] for root_id in sorted(root_ids)], expected_today,
                                           run_again[run_id])
             for run_id, root_ids in others.items()}
    return {run_id: failed for run_id, failed in found.items() if failed is not None}


def _read_attempts_of(connection: Connection, root_ids: Collection[int], catalogue: Catalogue) -> dict[int, Attempts]:
    """Return the attempts of each root run. The number of statements does not depend on their number."""
    records = read_records(connection, root_ids)
    runs = read_runs(connection, [max(of_root) for of_root in records.values()])
    run_ids = [run_id for of_root in records.values() for run_id in of_root]
    progress, tests = read_progress(connection, run_ids), read_tests(connection, run_ids, catalogue)
    return {root_id: Attempts(runs[max(of_root)], of_root, {run_id: progress[run_id] for run_id in of_root},
                              {run_id: tests[run_id] for run_id in of_root}, catalogue)
            for root_id, of_root in records.items()}


def post_success_again(state: ExtensionState, run_id: int) -> Posting | FailedTest | None:
    """
    Post that a run passed, if the status of its commit on GitHub lags, and return the result.

    ``run_id`` is any of its attempts. The result is the test that stands against it, if there is one. It is None if the
    status does not lag, if an attempt has not ended, or if the one that ``/retry failed`` takes has not passed.
    """
    # A variant may have been accepted since, or GitHub did not answer when the run ended.
    found = state.transactions.run(_find_passed, run_id, state.settings.max_silence)
    return post_success(found) if isinstance(found, Run) else found


def _find_passed(connection: Connection, run_id: int, max_silence: timedelta) -> Run | FailedTest | None:
    attempts = read_attempts(connection, find_run(connection, run_id))
    passed_id = find_passed(attempts)
    if passed_id is None or find_unfinished_attempt(connection, attempts.progress, max_silence) is not None:
        return None
    # Nothing is run, so each test counts.
    standing_against = read_standing_against(connection, {passed_id: ()}, attempts.catalogue)
    return standing_against.get(passed_id) or find_run(connection, passed_id)
