"""Reading the retry history for a run's page, and for the report on it (docs/web-pages.rst, "The retry history")."""

from ..database import Database
from ..database.outcomes import read_outcomes
from ..database.runs import read_commands
from ..domain.attempts import Attempt
from ..domain.builds import OtherBuild
from ..domain.history import Grid, GridRow, RetryHistory
from ..domain.verdict import Verdict
from ..domain.words import PHRASES
from ..extension import extension_state
from .attempts import read_newest_attempts, read_other_builds
from .verdict import read_verdict

#: The number of attempts that a page lists, and compares in the grid: the newest.
MAX_LISTED = 10
#: The number of tests in the grid.
MAX_TESTS = 50
#: The number of attempts that are compared for a page, which is to be there at once.
MAX_COMPARED = 25


def retry_history(run_id: int) -> RetryHistory | None:
    """Return the retry history of a run; None for a run that was never retried."""
    return extension_state().transactions.read(_read_history, run_id)


def read_report(run_id: int) -> tuple[Verdict, list[OtherBuild]]:
    """Return the verdict of the attempts of a run, and its results of other builds."""
    return extension_state().transactions.read(
        lambda db: (read_verdict(db, run_id), read_other_builds(db, run_id)))


def _read_history(db: Database, run_id: int) -> RetryHistory | None:
    page = read_newest_attempts(db, run_id, MAX_LISTED)
    if page is None:
        return None
    own = next(attempt for attempt in page.attempts if attempt.run_id == run_id)
    verdict = read_verdict(db, run_id) if page.total <= MAX_COMPARED else None
    return RetryHistory(own, page.attempts, page.total - len(page.attempts), verdict,
                        _read_grid(db, verdict) if verdict else None,
                        _count_tests_of_others(db, own, verdict) if verdict else 0)


def _count_tests_of_others(db: Database, own: Attempt, verdict: Verdict) -> int:
    """Return the number of active tests that a failed-only retry under way will get from the other attempts."""
    if not own.failed_only or own.status not in ('queued', 'running'):
        return 0
    own_ids = {regression_test_id for regression_test_id, _, _ in read_outcomes(db, [own.run_id])}
    return sum(test.active and test.regression_test_id not in own_ids for test in verdict.tests)


def _read_grid(db: Database, verdict: Verdict) -> Grid | None:
    """Return the grid; None while fewer than two attempts have ended, or if every test simply passed."""
    run_ids = sorted({outcome.run_id for test in verdict.tests for outcome in test.attempts}, reverse=True)
    # In the order of the findings.
    tests = [test for name in PHRASES for test in verdict.tests if test.verdict == name]
    if len(run_ids) < 2 or not tests:
        return None
    shown = tests[:MAX_TESTS]
    commands = read_commands(db, [test.regression_test_id for test in shown])
    columns = run_ids[:MAX_LISTED]
    rows = [GridRow(test.regression_test_id, commands[test.regression_test_id], PHRASES[test.verdict][0],
                    {attempt.run_id: attempt.outcome for attempt in test.attempts}) for test in shown]
    return Grid(columns, rows, len(run_ids) - len(columns), len(tests) - len(shown))
