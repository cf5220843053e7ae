"""Posting the commit status of a run again (docs/github.rst, "Comments")."""

from ..database import Database
from ..database.outcomes import read_tests
from ..database.runs import find_newest_of_others, read_runs
from ..database.transactions import Transactions
from ..domain.attempts import derive_status
from ..domain.outcomes import find_outcomes
from ..domain.run import Run
from ..host.github import post_success


def post_success_again(transactions: Transactions, run_id: int) -> bool:
    """Post that a run passed, if the status of its commit on GitHub lags, and return whether GitHub took it."""
    # A variant may have been accepted since, or GitHub did not answer when the run ended.
    run = transactions.run(_find_green_run, run_id)
    return run is not None and post_success(run)


def _find_green_run(db: Database, run_id: int) -> Run | None:
    """Return the run if it passed and determines the status of its commit; else None."""
    # A status belongs to a commit, whatever the pull request.
    if find_newest_of_others(db, [run_id]).get(run_id, 0) > run_id:
        return None
    outcomes = find_outcomes(read_tests(db, [run_id])[run_id])
    return next((run for run in read_runs(db, [run_id]).values()
                 if derive_status(run.stage, outcomes.values()) == 'pass'), None)
