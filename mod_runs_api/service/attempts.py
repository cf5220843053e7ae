"""Listing the attempts of a run (docs/api.rst, "Attempts")."""

from collections.abc import Sequence
from typing import Any

from ..database import Database
from ..database.attempts import read_attempts
from ..database.carry_over import count_carried_over
from ..database.causes import read_run_records
from ..database.outcomes import count_outcomes
from ..database.progress import read_progress
from ..database.retry import decode_reason
from ..database.runs import find_run, read_builds
from ..domain.attempts import Attempt, AttemptsPage, RunStatus, derive_status
from ..domain.builds import OtherBuild, list_other_builds
from ..domain.causes import find_cause
from ..extension import extension_state


def attempts_page(run_id: int, *, limit: int, offset: int) -> AttemptsPage:
    """Return a page of the attempts of a run. Raises :exc:`RunNotFound`."""
    return extension_state().transactions.run(_read_page, run_id, limit, offset)


def _read_page(db: Database, run_id: int, limit: int, offset: int) -> AttemptsPage:
    root_id = find_run(db, run_id).root_id
    rows = list(enumerate(read_attempts(db, root_id), 1))
    return AttemptsPage(run_id, root_id, len(rows), _summarize(db, rows[offset:offset + limit]))


def read_newest_attempts(db: Database, run_id: int, limit: int) -> AttemptsPage | None:
    """
    Return the newest attempts of a run, newest first, and after them the run itself if it is older.

    None if it was never retried. Raises :exc:`RunNotFound`.
    """
    root_id = find_run(db, run_id).root_id
    rows = list(enumerate(read_attempts(db, root_id), 1))
    # The first run may have been deleted.
    if len(rows) == 1 and rows[0][1].source_run_id is None:
        return None
    older = [(number, row) for number, row in rows[:-limit] if row.run_id == run_id]
    return AttemptsPage(run_id, root_id, len(rows), _summarize(db, rows[-limit:][::-1] + older))


def read_status(db: Database, run_id: int) -> RunStatus:
    """Return the status of a run: see :class:`mod_runs_api.domain.attempts.Attempt`."""
    return derive_status(read_progress(db, [run_id])[run_id].status, count_outcomes(db, [run_id])[run_id])


def read_other_builds(db: Database, run_id: int) -> list[OtherBuild]:
    """Return the results of a run that are of other builds."""
    origins = count_carried_over(db, [run_id])[run_id]
    return list_other_builds(run_id, origins, read_builds(db, {run_id, *origins}))


def _summarize(db: Database, rows: Sequence[tuple[int, Any]]) -> list[Attempt]:
    """Return numbered rows as attempts. The number of statements does not depend on the number of rows."""
    run_ids = [row.run_id for _, row in rows]
    records = read_run_records(db, run_ids)
    counts = count_outcomes(db, run_ids)
    carried_over = count_carried_over(db, run_ids)
    origin_ids = {origin_id for origins in carried_over.values() for origin_id in origins}
    builds = read_builds(db, {*run_ids, *origin_ids})
    attempts = []
    for number, row in rows:
        run_id = row.run_id
        record, count = records[run_id], counts[run_id]
        cause = find_cause(record)
        attempts.append(Attempt(
            run_id=run_id, attempt=number, status=derive_status(record.progress.status, count), tests=count.total(),
            passed=count['pass'], failed=count['fail'] + count['missing_output'], not_run=count['not_run'],
            carried_over_from=carried_over[run_id], built_commit_sha=builds[run_id],
            other_builds=list_other_builds(run_id, carried_over[run_id], builds),
            cause=cause and cause.name, cause_detail=cause and cause.detail, source_run_id=row.source_run_id,
            failed_only=row.failed_only, reason=decode_reason(row.reason), requested_by=row.requested_by,
            created_at=row.created_at, automatic=row.automatic))
    return attempts
