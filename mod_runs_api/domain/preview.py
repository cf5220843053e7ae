"""The preview of a retry (docs/api.rst, "Preview")."""

from dataclasses import dataclass, replace

from ..errors import Refusal
from .attempts import RunStatus
from .retry import RetryRules, Source


@dataclass(frozen=True)
class RetryOption:
    """
    One kind of retry: of all tests, or of the tests that did not pass.

    Attributes
    ----------
    regression_test_ids : list of int
        The tests that it would run, in order. Empty if it would be refused.
    refusal : Refusal or None
        The error that it would raise.
    hint : str or None
        A sentence about running these tests again, from the attempts so far and from master. None if there is nothing
        to say, and for all tests.
    """

    regression_test_ids: list[int]
    refusal: Refusal | None = None
    hint: str | None = None

    @property
    def test_count(self) -> int:
        """The number of regression tests that the retry would run."""
        return len(self.regression_test_ids)

    def refuse(self, refusal: Refusal) -> 'RetryOption':
        """Return this option refused, unless it is refused already."""
        return self if self.refusal else RetryOption([], refusal)


@dataclass(frozen=True)
class Preview:
    """
    The result of a preview: the effect of a retry of a run now (docs/api.rst, "Preview").

    Attributes
    ----------
    run_id : int
        The run.
    status : str
        Its status, as in :class:`mod_runs_api.Attempt`.
    all : RetryOption
        A retry of all tests.
    failed_only : RetryOption
        A retry of the tests that did not pass. Each option has ``test_count``, ``regression_test_ids``, ``refusal`` and
        ``hint``.
    """

    run_id: int
    status: RunStatus
    all: RetryOption
    failed_only: RetryOption

    @property
    def is_refused(self) -> bool:
        """Whether every retry would be refused."""
        return bool(self.all.refusal and self.failed_only.refusal)

    def refuse(self, refusal: Refusal) -> 'Preview':
        """Return this preview with both options refused."""
        return replace(self, all=self.all.refuse(refusal), failed_only=self.failed_only.refuse(refusal))


def find_option(rules: RetryRules, source: Source, failed_only: bool) -> RetryOption:
    """Return the option with the tests that :meth:`RetryRules.choose_tests` chooses, or with its refusal."""
    try:
        return RetryOption(rules.choose_tests(source, failed_only))
    except Refusal as refusal:
        return RetryOption([], refusal)
