"""The attempts of a run, as its page and the report on it describe them (docs/web-pages.rst, "The retry history")."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .attempts import Attempt
from .author import AuthorHint
from .outcomes import Outcome, RunTests, outcome_of
from .sentences import PHRASES, carried_over_sentence, other_builds_sentence
from .verdict import AttemptOutcome, TestVerdict, Verdict

#: The number of attempts that a page lists and compares in the grid. The newest are chosen.
MAX_LISTED = 10
#: The number of tests in the grid.
MAX_TESTS = 50


class Cell(NamedTuple):
    """How a test came out in a run. A carried-over result passed or failed in another attempt."""

    outcome: Outcome
    is_carried_over: bool = False


@dataclass(frozen=True)
class GridRow:
    """One regression test that ran and did not simply pass."""

    regression_test_id: int
    command: str
    #: Its verdict in words, for example "is flaky".
    phrase: str
    #: A cell for each run that selected the test or has a result of it.
    cells: dict[int, Cell]


@dataclass(frozen=True)
class Grid:
    """The outcomes of the tests that did not simply pass, in the attempts that have ended."""

    #: The runs of the columns, newest first.
    columns: list[int]
    rows: list[GridRow]
    #: The number of tests that never ran. They have no rows, because a run that stopped early would fill the grid.
    never_ran: int
    attempts_left_out: int
    tests_left_out: int


@dataclass(frozen=True)
class RetryHistory:
    """The attempts of a run, as its page lists them."""

    #: The run of the page.
    own: Attempt
    #: The newest attempts, newest first, and the run of the page if it is older.
    attempts: list[Attempt]
    #: The number of attempts that are not listed.
    left_out: int
    verdict: Verdict
    #: The tests of every attempt, by run id.
    tests: Mapping[int, RunTests]

    @property
    def newest(self) -> Attempt:
        """The newest attempt."""
        return self.attempts[0]

    @property
    def sentence(self) -> str | None:
        """The verdicts in a sentence; None if there is nothing to say."""
        return self.verdict.sentence

    @property
    def grid(self) -> Grid | None:
        """The grid; None if there is nothing to show in it."""
        return build_grid(self.verdict.tests, self.tests)

    def carried_over(self, link: Callable[[int], str]) -> str:
        """Return the sentence about the results of other attempts, in which ``link`` writes a run; empty if none."""
        return carried_over_sentence(self.own, link)

    @property
    def other_builds(self) -> str:
        """The sentence about carried-over results of other builds; empty if there are none or none is known."""
        return other_builds_sentence(self.own.other_builds)


@dataclass(frozen=True)
class PageNotes:
    """The notes on retries on the page of a run, and in the report on it."""

    #: None for a run that was never retried.
    history: RetryHistory | None = None
    #: The sentence for the author of its pull request; None if there is none.
    author_hint: AuthorHint | None = None
    #: The sentence in its place if a person canceled the newest attempt. The report leaves it out.
    left_to_maintainers: str | None = None


def build_grid(tests: Sequence[TestVerdict], of_runs: Mapping[int, RunTests]) -> Grid | None:
    """Return the grid; None while fewer than two attempts have ended, or if every test simply passed."""
    def build_cell(regression_test_id: int, attempt: AttemptOutcome) -> Cell:
        if attempt.outcome != 'carried_over':
            return Cell(attempt.outcome)
        return Cell(outcome_of(of_runs[attempt.run_id].results[regression_test_id]), is_carried_over=True)

    run_ids = sorted({outcome.run_id for test in tests for outcome in test.attempts}, reverse=True)
    # In the order of the phrases, so that the most interesting tests come first.
    listed = [test for name in PHRASES for test in tests if test.verdict == name]
    if len(run_ids) < 2 or not listed:
        return None
    ran = [test for test in listed if test.verdict != 'never_ran']
    rows = [GridRow(test.regression_test_id, test.command, PHRASES[test.verdict][0],
                    {attempt.run_id: build_cell(test.regression_test_id, attempt) for attempt in test.attempts})
            for test in ran[:MAX_TESTS]]
    columns = run_ids[:MAX_LISTED]
    return Grid(columns, rows, never_ran=len(listed) - len(ran), attempts_left_out=len(run_ids) - len(columns),
                tests_left_out=len(ran) - len(rows))
