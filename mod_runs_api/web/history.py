"""What a run's page says of its attempts."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from ..attempts import (Attempt, carried_over_by_source, find_attempt,
                        list_attempts)
from ..host.models import MAX_ID
from ..tables import Tables

#: How many attempts a page lists: the newest.
MAX_LISTED = 10


@dataclass(frozen=True)
class RetryHistory:
    """The attempts of a run, as its page lists them."""

    #: The run that is looked at.
    own: Attempt
    #: The newest attempts, newest first, and the run that is looked at where it is older.
    attempts: list[Attempt]
    #: How many more there are.
    left_out: int
    #: How many results of the run were carried over, by the run that really ran the tests.
    carried_over: dict[int, int]

    @property
    def results(self) -> int:
        """How many tests of the run have a result."""
        return self.own.passed + self.own.failed

    @property
    def is_waiting_for_results(self) -> bool:
        """Whether results of other attempts will be carried over into the run when it has ended."""
        return self.own.failed_only is True and self.own.status in ('queued', 'running')


def read_history(connection: Connection, tables: Tables, run_id: int) -> RetryHistory | None:
    """Return what a run's page says of its attempts; None for a run that was never retried."""
    if not 1 <= run_id <= MAX_ID:
        return None
    page = list_attempts(connection, tables, run_id, limit=MAX_LISTED, newest_first=True)
    if page.total == 1:
        return None
    attempts = page.attempts
    own = next((attempt for attempt in attempts if attempt.run_id == run_id), None)
    if own is None:
        own = find_attempt(connection, tables, run_id)
        attempts = [*attempts, own]
    carried_over = carried_over_by_source(connection, tables, run_id) if own.carried_over else {}
    return RetryHistory(own, attempts, page.total - len(attempts), carried_over)
