"""The retry history on a run's page (docs/web-pages.rst, "The retry history")."""

from dataclasses import dataclass

from .attempts import Attempt
from .outcomes import Outcome
from .verdict import Verdict
from .words import other_builds_sentence, to_sentence


@dataclass(frozen=True)
class GridRow:
    """One regression test that did not simply pass."""

    regression_test_id: int
    command: str
    #: Its verdict in words, for example "is flaky".
    phrase: str
    #: Its outcome in each run. An attempt that it was not selected for, and has no result in, is not there.
    outcomes: dict[int, Outcome]


@dataclass(frozen=True)
class Grid:
    """The outcomes of the tests that did not simply pass, in the attempts that have ended."""

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
    #: The number of the others.
    left_out: int
    #: None if there are too many attempts to compare them for a page.
    verdict: Verdict | None
    #: None if there is nothing to show in it.
    grid: Grid | None
    #: The number of active tests that only other attempts have, while this one is a failed-only retry under way: if it
    #: completes, it gets their results.
    tests_of_others: int

    @property
    def results(self) -> int:
        """The number of tests of the run that have a result."""
        return self.own.passed + self.own.failed

    @property
    def sentence(self) -> str:
        """The verdicts in a sentence, or that there are too many attempts; empty while one alone proves nothing."""
        if self.verdict is None:
            return 'There are too many attempts to compare them here.'
        return to_sentence(self.verdict)

    @property
    def other_builds(self) -> str:
        """The sentence about carried-over results of other builds; empty if there are none, or nobody knows."""
        return other_builds_sentence(self.own.other_builds)
