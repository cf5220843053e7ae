"""Listing the attempts of a run, for the API and for its page (docs/api.rst, "Attempts")."""

from collections.abc import Collection, Sequence

from ..database import Database
from ..database.attempts import check_attempts, read_attempt_ids, read_attempts
from ..database.carry_over import count_carried_over, read_executed_tests
from ..database.causes import read_run_records
from ..database.outcomes import count_outcomes, read_outcomes
from ..database.progress import read_progress
from ..database.runs import find_run, read_builds
from ..domain.attempts import Attempt, AttemptRecord, AttemptsPage, derive_status
from ..domain.causes import find_cause
from ..domain.history import MAX_COMPARED, MAX_LISTED, RetryHistory
from ..domain.run import OtherBuild, Run, list_other_builds
from .verdict import read_verdict


def read_page(db: Database, run_id: int, limit: int | None = None, offset: int = 0) -> AttemptsPage:
    """Return a page of the attempts of a run, by default all of them. Raises :exc:`RunNotFound`."""
    run = find_run(db, run_id)
    records = list(enumerate(read_attempts(db, run.root_id), 1))
    end = None if limit is None else offset + limit
    return AttemptsPage(run_id, run.root_id, len(records), _summarize(db, run, records[offset:end]))


def read_newest_attempts(db: Database, run_id: int, limit: int) -> AttemptsPage | None:
    """Return the newest attempts of a run, newest first, and the run if older; None if never retried."""
    run = find_run(db, run_id)
    records = list(enumerate(read_attempts(db, run.root_id), 1))
    # The first run may have been deleted.
    if len(records) == 1 and records[0][1].source_run_id is None:
        return None
    older = [(number, record) for number, record in records[:-limit] if record.run_id == run_id]
    return AttemptsPage(run_id, run.root_id, len(records), _summarize(db, run, records[-limit:][::-1] + older))


def read_history(db: Database, run_id: int) -> RetryHistory | None:
    """Return the retry history of a run; None for a run that was never retried. Raises :exc:`RunNotFound`."""
    page = read_newest_attempts(db, run_id, MAX_LISTED)
    if page is None:
        return None
    own = next(attempt for attempt in page.attempts if attempt.run_id == run_id)
    verdict = read_verdict(db, run_id) if page.total <= MAX_COMPARED else None
    return RetryHistory(own, page.attempts, page.total - len(page.attempts), verdict)


def read_other_builds(db: Database, run_id: int) -> list[OtherBuild]:
    """Return the results of a run that are of other builds."""
    origins = count_carried_over(db, [run_id])[run_id]
    return list_other_builds(run_id, origins, read_builds(db, {run_id, *origins}))


def _summarize(db: Database, run: Run, numbered: Sequence[tuple[int, AttemptRecord]]) -> list[Attempt]:
    """Return numbered records of a run as attempts. The number of statements does not depend on that of records."""
    run_ids = [record.run_id for _, record in numbered]
    run_records = read_run_records(db, run_ids)
    counts = count_outcomes(db, run_ids)
    carried_over = count_carried_over(db, run_ids)
    origin_ids = {origin_id for origins in carried_over.values() for origin_id in origins}
    builds = read_builds(db, {*run_ids, *origin_ids})
    progress = {run_id: found.progress for run_id, found in run_records.items()}
    to_carry_over = _count_to_carry_over(db, run.root_id, [
        record.run_id for _, record in numbered if record.failed_only and progress[record.run_id].end is None])
    check_attempts(db, run, progress)
    attempts = []
    for number, record in numbered:
        run_id = record.run_id
        count, cause = counts[run_id], find_cause(run_records[run_id])
        attempts.append(Attempt(
            **vars(record), attempt=number, status=derive_status(progress[run_id].status, count), tests=count.total(),
            passed=count['pass'], failed=count['fail'] + count['missing_output'], not_run=count['not_run'],
            carried_over_from=carried_over[run_id], to_carry_over=to_carry_over.get(run_id, 0),
            built_commit_sha=builds[run_id], other_builds=list_other_builds(run_id, carried_over[run_id], builds),
            cause=cause and cause.name, cause_detail=cause and cause.detail))
    return attempts


def _count_to_carry_over(db: Database, root_id: int, run_ids: Collection[int]) -> dict[int, int]:
    """Return the number of results that each of some failed-only retries will get when it completes."""
    if not run_ids:
        return {}
    progress = read_progress(db, read_attempt_ids(db, root_id))
    of_others = read_executed_tests(db, [one.run_id for one in progress.values() if one.end is not None])
    own: dict[int, set[int]] = {run_id: set() for run_id in run_ids}
    for regression_test_id, run_id, _ in read_outcomes(db, list(run_ids)):
        own[run_id].add(regression_test_id)
    return {run_id: len(of_others - tests) for run_id, tests in own.items()}
