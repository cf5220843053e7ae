"""The attempts of a run: the first run, its retries, and their retries (docs/api.rst, "Attempts")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .causes import find_cause, to_phrase
from .database import Database
from .database.carry_over import count_carried_over
from .database.ends import read_run_records
from .database.outcomes import count_outcomes
from .database.retries import decode_reason
from .database.runs import Progress, find_source, read_attempts, read_progress
from .host.models import COMPLETED


@dataclass(frozen=True)
class Attempt:
    """
    One run among the attempts.

    Attributes
    ----------
    run_id : int
        The run.
    attempt : int
        Its place among the attempts by run id, from 1.
    status : str
        "queued", "running", "pass", "fail", "canceled", "error" or "incomplete", as the platform's API derives it.
    tests : int
        How many tests were selected for it, and after its end those that were carried over into it.
    passed, failed, not_run : int
        How many of them passed, failed (fail or missing_output), and have no result.
    carried_over_from : dict of int to int
        How many of the results are those of other attempts, by the run that really ran the tests.
    cause, cause_detail : str or None
        Why it ended, and the message that says so: see :func:`mod_runs_api.causes.find_cause`.
    source_run_id : int or None
        The run that it is a retry of. None for the first run, as is all that follows.
    failed_only : bool or None
        Whether only what had not passed in its source was selected for it.
    reason : str or None
        Why it was created.
    requested_by : str or None
        The name of the user who asked for it, if there was one and still is.
    created_at : datetime or None
        When it was created, in UTC.
    automatic : bool or None
        Whether a sweep created it.
    """

    run_id: int
    attempt: int
    status: str
    tests: int
    passed: int
    failed: int
    not_run: int
    carried_over_from: dict[int, int]
    cause: str | None
    cause_detail: str | None
    source_run_id: int | None
    failed_only: bool | None
    reason: str | None
    requested_by: str | None
    created_at: datetime | None
    automatic: bool | None

    @property
    def carried_over(self) -> int:
        """How many of the results are those of other attempts."""
        return sum(self.carried_over_from.values())

    @property
    def stopped_by(self) -> str | None:
        """Why it ended, in a few words."""
        return None if self.cause_detail is None else to_phrase(self.cause_detail)


@dataclass(frozen=True)
class AttemptsPage:
    """
    Some of the attempts of a run.

    Attributes
    ----------
    run_id : int
        The run that was asked about.
    root_run_id : int
        The first run of all attempts, which is no retry. It may have been deleted.
    total : int
        How many attempts there are.
    attempts : list of Attempt
        Those of the page.
    """

    run_id: int
    root_run_id: int
    total: int
    attempts: list[Attempt]


def list_attempts(db: Database, run_id: int, limit: int, offset: int) -> AttemptsPage:
    """Return a page of the attempts of a run, by run id. Raises :exc:`RunNotFound`."""
    root_id = find_source(db, run_id).root_id
    rows = list(enumerate(read_attempts(db, root_id), 1))
    return AttemptsPage(run_id, root_id, len(rows), _summarize(db, rows[offset:offset + limit]))


def list_newest_attempts(db: Database, run_id: int, limit: int) -> AttemptsPage | None:
    """
    Return the newest attempts of a run, newest first, and after them the run itself if it is older.

    None if it was never retried. Raises :exc:`RunNotFound`.
    """
    root_id = find_source(db, run_id).root_id
    attempts = read_attempts(db, root_id)
    if not _has_retry(attempts):
        return None
    rows = list(enumerate(attempts, 1))
    older = [(number, row) for number, row in rows[:-limit] if row.run_id == run_id]
    return AttemptsPage(run_id, root_id, len(rows), _summarize(db, rows[:-limit - 1:-1] + older))


def is_retried(db: Database, run_id: int) -> bool:
    """Return whether a run is one of several attempts: a retry, or the first run of retries."""
    return _has_retry(read_attempts(db, find_source(db, run_id).root_id))


def _has_retry(attempts: Sequence[Any]) -> bool:
    # The first run may have been deleted.
    return len(attempts) > 1 or attempts[0].source_run_id is not None


def _summarize(db: Database, rows: Sequence[tuple[int, Any]]) -> list[Attempt]:
    """Return numbered rows as attempts. The number of statements does not depend on the number of rows."""
    run_ids = [row.run_id for _, row in rows]
    records = read_run_records(db, run_ids)
    counts = count_outcomes(db, run_ids)
    carried_over = count_carried_over(db, run_ids)
    attempts = []
    for number, row in rows:
        record, count = records[row.run_id], counts[row.run_id]
        cause = find_cause(record)
        attempts.append(Attempt(
            run_id=row.run_id, attempt=number, status=_status(record.progress, count), tests=count.total(),
            passed=count['pass'], failed=count['fail'] + count['missing_output'], not_run=count['not_run'],
            carried_over_from=carried_over[row.run_id], source_run_id=row.source_run_id, failed_only=row.failed_only,
            reason=decode_reason(row.reason), requested_by=row.requested_by, created_at=row.created_at,
            automatic=row.automatic, cause=cause and cause.name, cause_detail=cause and cause.detail))
    return attempts


def read_status(db: Database, run_id: int) -> str:
    """Return the status of a run: see :class:`Attempt`."""
    return _status(read_progress(db, [run_id])[run_id], count_outcomes(db, [run_id])[run_id])


def _status(progress: Progress, count: Counter[str]) -> str:
    """Return one of the platform's seven words, as its API derives it."""
    if progress.status is None:
        return 'queued'
    if progress.status in ('preparation', 'testing'):
        return 'running'
    if progress.status != COMPLETED:
        return 'canceled' if progress.status == 'canceled' else 'incomplete'
    if count.total() == count['not_run']:
        return 'error'
    return 'fail' if count['fail'] or count['missing_output'] else 'pass'
