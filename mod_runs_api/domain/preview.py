"""The preview of a retry (docs/api.rst, "Preview")."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..errors import Refusal
from .attempts import RunStatus
from .retry import RetryRules
from .run import RegressionTest, Run


@dataclass(frozen=True)
class Choice:
    """One kind of retry."""

    #: The tests that the retry would run, in order; none if it would be refused.
    regression_test_ids: list[int]
    refusal: Refusal | None = None
    #: A sentence about running these tests again, from the attempts so far and from master.
    hint: str | None = None

    @property
    def test_count(self) -> int:
        """The number of regression tests that the retry would run."""
        return len(self.regression_test_ids)

    def refuse(self, refusal: Refusal) -> 'Choice':
        """Return this choice refused, unless it is refused already."""
        return self if self.refusal else Choice([], refusal)


@dataclass(frozen=True)
class Preview:
    """A retry of a run as it would be now: one of all tests, and one of those that did not pass."""

    run_id: int
    status: RunStatus
    all: Choice
    failed_only: Choice

    @property
    def is_refused(self) -> bool:
        """Whether every retry would be refused."""
        return bool(self.all.refusal and self.failed_only.refusal)

    def refuse(self, refusal: Refusal) -> 'Preview':
        """Return this preview with both choices refused."""
        return replace(self, all=self.all.refuse(refusal), failed_only=self.failed_only.refuse(refusal))


def choose(rules: RetryRules, run: Run, tests: Sequence[RegressionTest], failed_only: bool) -> Choice:
    """Return the choice that :meth:`RetryRules.choose_tests` makes, or refuses."""
    try:
        return Choice(rules.choose_tests(run, tests, failed_only))
    except Refusal as refusal:
        return Choice([], refusal)
