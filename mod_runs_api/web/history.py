"""What a run's page says of its attempts, and of what they prove."""

from __future__ import annotations

from dataclasses import dataclass

from ..attempts import Attempt, list_newest_attempts
from ..database import Database
from ..database.runs import read_test_commands
from ..summary import PHRASES, list_findings, to_sentence
from ..verdict import Verdict, read_verdict

#: How many attempts a page lists, and compares in the grid: the newest.
MAX_LISTED = 10
#: How many tests the grid shows.
MAX_TESTS = 50
#: How many attempts are compared for a page, which is to be there at once.
MAX_COMPARED = 25


@dataclass(frozen=True)
class GridRow:
    """One regression test that did not simply pass."""

    regression_test_id: int
    #: Its command line, if the host tells it.
    command: str | None
    #: What is said of it, for example "is flaky".
    phrase: str
    #: How it came out, by run. An attempt that it was not selected for, and has no result in, is not there.
    outcomes: dict[int, str]


@dataclass(frozen=True)
class Grid:
    """How the tests that did not simply pass came out in the attempts that have ended."""

    #: The runs of the columns, newest first.
    columns: list[int]
    rows: list[GridRow]
    attempts_left_out: int
    tests_left_out: int


@dataclass(frozen=True)
class RetryHistory:
    """The attempts of a run, as its page lists them."""

    #: The run that is looked at.
    own: Attempt
    #: The newest attempts, newest first, and the run that is looked at if it is older.
    attempts: list[Attempt]
    #: How many more there are.
    left_out: int
    #: None if there are too many attempts to compare them for a page.
    verdict: Verdict | None
    #: None if there is nothing to show in it.
    grid: Grid | None

    @property
    def results(self) -> int:
        """How many tests of the run have a result."""
        return self.own.passed + self.own.failed

    @property
    def sentence(self) -> str:
        """What the attempts prove; empty while fewer than two have run a test and ended."""
        if self.verdict is None:
            return 'There are too many attempts to compare them here.'
        return to_sentence(self.verdict)

    @property
    def tests_of_others(self) -> int:
        """How many tests the other attempts have beyond those of this one, whose results it gets if it completes."""
        is_under_way = self.own.failed_only and self.own.status in ('queued', 'running')
        if not is_under_way or self.verdict is None:
            return 0
        return sum(test.active for test in self.verdict.tests) - self.own.tests


def read_history(db: Database, run_id: int) -> RetryHistory | None:
    """Return what a run's page says of its attempts; None for a run that was never retried."""
    page = list_newest_attempts(db, run_id, MAX_LISTED)
    if page is None:
        return None
    own = next(attempt for attempt in page.attempts if attempt.run_id == run_id)
    verdict = read_verdict(db, run_id) if page.total <= MAX_COMPARED else None
    return RetryHistory(own, page.attempts, page.total - len(page.attempts), verdict,
                        _read_grid(db, verdict) if verdict else None)


def _read_grid(db: Database, verdict: Verdict) -> Grid | None:
    """Return the grid; None while fewer than two attempts have ended, or if every test simply passed."""
    run_ids = sorted({outcome.run_id for test in verdict.tests for outcome in test.attempts}, reverse=True)
    tests = {test.regression_test_id: test for test in verdict.tests}
    test_ids = [test_id for finding in list_findings(verdict) for test_id in finding.regression_test_ids]
    if len(run_ids) < 2 or not test_ids:
        return None
    shown = test_ids[:MAX_TESTS]
    commands = read_test_commands(db, shown)
    columns = run_ids[:MAX_LISTED]
    rows = [GridRow(test_id, commands.get(test_id), PHRASES[tests[test_id].verdict][0],
                    {outcome.run_id: outcome.outcome for outcome in tests[test_id].attempts}) for test_id in shown]
    return Grid(columns, rows, len(run_ids) - len(columns), len(test_ids) - len(shown))
