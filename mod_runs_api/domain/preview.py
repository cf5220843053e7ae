"""The preview of a retry (docs/api.rst, "Preview")."""

from dataclasses import dataclass, replace

from ..errors import Refusal
from .attempts import RunStatus
from .retry import RetryOption


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
        A retry of the tests that did not pass. Each option has ``test_count``, ``regression_test_ids``,
        ``inactive_ids``, ``refusal`` and ``hint``.
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
