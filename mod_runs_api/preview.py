"""What a retry would do now (docs/api.rst, "Preview")."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .attempts import read_status
from .database import Database
from .database.runs import Source, find_source
from .errors import RunsApiError
from .retry import choose_tests
from .summary import hint
from .verdict import read_verdict


@dataclass(frozen=True)
class Choice:
    """What one kind of retry would do."""

    #: What it would run, in order; nothing if it would be refused.
    regression_test_ids: list[int]
    #: What it would be refused with.
    refusal: RunsApiError | None = None
    #: What the attempts so far say about running these tests again, in a sentence.
    hint: str | None = None

    @property
    def test_count(self) -> int:
        """How many regression tests it would run."""
        return len(self.regression_test_ids)

    def refuse(self, refusal: RunsApiError) -> Choice:
        """Return this choice refused, unless it is refused already."""
        return self if self.refusal else Choice([], refusal)


@dataclass(frozen=True)
class Preview:
    """What a retry of a run would do now: one of everything, and one of only what did not pass."""

    run_id: int
    #: As in :class:`mod_runs_api.attempts.Attempt`.
    status: str
    all: Choice
    failed_only: Choice

    @property
    def is_refused(self) -> bool:
        """Whether every retry would be refused."""
        return bool(self.all.refusal and self.failed_only.refusal)

    def refuse(self, refusal: RunsApiError) -> Preview:
        """Return this preview with both choices refused."""
        return replace(self, all=self.all.refuse(refusal), failed_only=self.failed_only.refuse(refusal))


def preview_retry(db: Database, run_id: int, drop_inactive: bool) -> tuple[Source, Preview]:
    """Return a run, and what its retry would do. Raises :exc:`RunNotFound`."""
    source = find_source(db, run_id)
    failed_only = _choose(db, source, True, drop_inactive)
    if failed_only.regression_test_ids:
        known = hint(read_verdict(db, run_id), failed_only.regression_test_ids)
        failed_only = replace(failed_only, hint=known or None)
    return source, Preview(run_id, read_status(db, run_id), _choose(db, source, False, drop_inactive), failed_only)


def _choose(db: Database, source: Source, failed_only: bool, drop_inactive: bool) -> Choice:
    try:
        return Choice(choose_tests(db, source, failed_only, drop_inactive))
    except RunsApiError as refusal:
        return Choice([], refusal)
