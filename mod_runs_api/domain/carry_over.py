"""Carrying results over into a failed-only retry (docs/operations.rst, "An attempt ends whole")."""

from dataclasses import dataclass

from .progress import ProgressRow


@dataclass(frozen=True)
class CarryOver:
    """The results that are to be carried over into one retry."""

    #: The progress row that completed the retry.
    completed: ProgressRow
    #: By regression test the run that really ran it.
    origins: dict[int, int]

    @property
    def run_id(self) -> int:
        """The retry."""
        return self.completed.run_id
