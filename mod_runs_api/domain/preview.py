"""The preview of a retry (docs/api.rst, "Preview")."""

from dataclasses import dataclass, replace

from ..errors import Refusal
from .attempts import RunStatus
from .retry import RetryOption


@dataclass(frozen=True)
class Preview:
    """The effect that a retry of a run would have now (docs/api.rst, "Preview")."""

    run_id: int
    status: RunStatus
    #: A retry of all tests, and one of the tests that did not pass.
    all: RetryOption
    failed_only: RetryOption

    @property
    def is_refused(self) -> bool:
        """Whether every retry would be refused."""
        return bool(self.all.refusal and self.failed_only.refusal)

    def refuse(self, refusal: Refusal) -> 'Preview':
        """Return this preview with both options refused."""
        return replace(self, all=self.all.refuse(refusal), failed_only=self.failed_only.refuse(refusal))
