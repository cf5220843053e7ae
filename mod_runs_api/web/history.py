"""What a run's page says of its attempts, and of what they prove."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from ..attempts import (Attempt, carried_over_by_source, has_retries,
                        list_newest_attempts)
from ..summary import PHRASES, list_findings, to_sentence
from ..tables import Tables
from ..verdict import Verdict, read_verdict

#: How many attempts a page lists, and compares in the grid: the newest.
MAX_LISTED = 10
#: How many tests the grid shows.
MAX_TESTS = 50
#: How many attempts are compared for a page, which is to be there at once.
MAX_COMPARED = 25


@dataclass(frozen=True)
class GridRow:
    """One test that did not simply pass."""

    test_id: int
    #: Its command line, if the host tells it.
    command: str | None
    #: What is said of it, for example "is flaky".
    phrase: str
    #: How it came out, by run. An attempt that was not told to run it is not there.
    outcomes: dict[int, str]


@dataclass(frozen=True)
class Grid:
    """How the tests that did not simply pass came out in the attempts that have ended."""

    #: The run of each column, with the number of the attempt, newest first.
    columns: dict[int, int]
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
    #: How many results of the run were carried over, by the run that really ran the tests.
    carried_over: dict[int, int]
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
        """What the attempts prove; nothing while fewer than two have ended."""
        if self.verdict is None:
            return 'There are too many attempts to compare them here.'
        return to_sentence(self.verdict)

    @property
    def is_waiting_for_results(self) -> bool:
        """Whether results of other attempts will be carried over into the run when it has ended."""
        return self.own.failed_only is True and self.own.status in ('queued', 'running')


def read_history(connection: Connection, tables: Tables, run_id: int) -> RetryHistory | None:
    """Return what a run's page says of its attempts; None for a run that was never retried."""
    if not has_retries(connection, tables, run_id):
        return None
    page = list_newest_attempts(connection, tables, run_id, limit=MAX_LISTED)
    own = next(attempt for attempt in page.attempts if attempt.run_id == run_id)
    carried_over = carried_over_by_source(connection, tables, run_id) if own.carried_over else {}
    verdict = read_verdict(connection, tables, run_id) if page.total <= MAX_COMPARED else None
    grid = _read_grid(connection, tables, verdict) if verdict else None
    return RetryHistory(own, page.attempts, page.total - len(page.attempts), carried_over, verdict, grid)


def _read_grid(connection: Connection, tables: Tables, verdict: Verdict) -> Grid | None:
    """Return the grid; None while fewer than two attempts have ended, or if every test simply passed."""
    numbers = {outcome.run_id: outcome.attempt for test in verdict.tests for outcome in test.attempts}
    run_ids = sorted(numbers, reverse=True)
    tests = {test.regression_test_id: test for test in verdict.tests}
    test_ids = [test_id for finding in list_findings(verdict) for test_id in finding.test_ids]
    if len(run_ids) < 2 or not test_ids:
        return None
    shown = test_ids[:MAX_TESTS]
    commands = _read_commands(connection, tables, shown)
    columns = {run_id: numbers[run_id] for run_id in run_ids[:MAX_LISTED]}
    rows = [GridRow(test_id, commands.get(test_id), PHRASES[tests[test_id].verdict][0],
                    {outcome.run_id: outcome.outcome for outcome in tests[test_id].attempts}) for test_id in shown]
    return Grid(columns, rows, len(run_ids) - len(columns), len(test_ids) - len(shown))


def _read_commands(connection: Connection, tables: Tables, test_ids: list[int]) -> dict[int, str]:
    """Return the command line of each test, if the host has it."""
    test = tables.host.regression_test
    if test.command is None:
        return {}
    rows = connection.execute(select(test.id, test.command).where(test.id.in_(test_ids)))
    return {test_id: command for test_id, command in rows}
