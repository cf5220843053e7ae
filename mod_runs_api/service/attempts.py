"""Listing the attempts of a run (docs/api.rst, "Attempts")."""

from collections import Counter
from collections.abc import Mapping, Sequence

from ..database import Database
from ..database.attempts import raise_if_attempts_are_stale, read_attempt_ids, read_attempts
from ..database.carry_over import count_carried_over, find_runs_with_own_results
from ..database.causes import read_run_summaries
from ..database.outcomes import read_tests
from ..database.progress import read_progress
from ..database.runs import find_run, read_builds
from ..domain.attempts import (Attempt, AttemptRecord, AttemptsPage, EndedAttempt, choose_decisive,
                               choose_source_of_failed, derive_status, number_attempts)
from ..domain.causes import find_cause
from ..domain.history import MAX_COMPARED, MAX_LISTED, RetryHistory
from ..domain.outcomes import FAILED, find_outcomes, list_not_passed
from ..domain.progress import Progress, sort_by_end
from ..domain.run import OtherBuild, Run, list_other_builds
from .carry_over import read_origins
from .verdict import read_verdict


def read_attempts_page(db: Database, run_id: int, limit: int | None = None, offset: int = 0) -> AttemptsPage:
    """Return a page of the attempts of a run, by default all of them. Raises :exc:`RunNotFound`."""
    run = find_run(db, run_id)
    records = read_attempts(db, run.root_id)
    numbers = number_attempts(record.run_id for record in records)
    # Of all attempts: the decisive one may be on another page.
    progress = read_progress(db, list(numbers))
    ended = _read_ended(db, progress)
    end = None if limit is None else offset + limit
    attempts = _build_attempts(db, run, records[offset:end], numbers, progress)
    return AttemptsPage(run_id, run.root_id, choose_decisive(ended, max(progress)), len(records), attempts)


def read_history(db: Database, run_id: int) -> RetryHistory | None:
    """Return the retry history of a run; None for a run that was never retried. Raises :exc:`RunNotFound`."""
    run = find_run(db, run_id)
    records = read_attempts(db, run.root_id)
    # The root run may have been deleted.
    if len(records) == 1 and records[0].source_run_id is None:
        return None
    numbers = number_attempts(record.run_id for record in records)
    listed = records[-MAX_LISTED:][::-1] + [record for record in records[:-MAX_LISTED] if record.run_id == run_id]
    attempts = _build_attempts(db, run, listed, numbers, read_progress(db, [record.run_id for record in listed]))
    own = next(attempt for attempt in attempts if attempt.run_id == run_id)
    verdict = read_verdict(db, run_id) if len(records) <= MAX_COMPARED else None
    return RetryHistory(own, attempts, len(records) - len(attempts), verdict)


def find_source_of_failed(db: Database, root_id: int) -> int:
    """Return the attempt that ``/retry failed`` takes; the root run if there is none."""
    return choose_source_of_failed(_read_ended(db, read_progress(db, read_attempt_ids(db, root_id)))) or root_id


def _read_ended(db: Database, progress: Mapping[int, Progress]) -> list[EndedAttempt]:
    """Return the attempts that have ended, in the order of their ends."""
    ends = sort_by_end(progress.values())
    completed = {end.run_id for end in ends if progress[end.run_id].completed}
    have_own_result = find_runs_with_own_results(db, [end.run_id for end in ends])
    stopped = read_tests(db, sorted(have_own_result - completed))
    have_failure = {run_id for run_id, tests in stopped.items() if list_not_passed(find_outcomes(tests))}
    return [EndedAttempt(end.run_id, end.run_id in completed, end.run_id in have_own_result, end.run_id in have_failure)
            for end in ends]


def read_other_builds(db: Database, run_id: int) -> list[OtherBuild]:
    """Return the carried-over results of a run that are of other builds."""
    origins = count_carried_over(db, [run_id])[run_id]
    return list_other_builds(run_id, origins, read_builds(db, {run_id, *origins}))


def _build_attempts(db: Database, run: Run, records: Sequence[AttemptRecord], numbers: Mapping[int, int],
                    progress: Mapping[int, Progress]) -> list[Attempt]:
    """Return the attempts of these records. Raises :exc:`StaleRead` if ``progress`` is stale."""
    # The number of statements does not depend on the number of records.
    run_ids = [record.run_id for record in records]
    summaries = read_run_summaries(db, run_ids)
    tests = read_tests(db, run_ids)
    carried_over = count_carried_over(db, run_ids)
    origin_ids = {origin_id for origins in carried_over.values() for origin_id in origins}
    builds = read_builds(db, {*run_ids, *origin_ids})
    to_carry_over = _count_to_carry_over(db, run.root_id, [
        record.run_id for record in records if record.failed_only and progress[record.run_id].end is None])
    raise_if_attempts_are_stale(db, run, progress)
    attempts = []
    for record in records:
        run_id = record.run_id
        count, cause = Counter(find_outcomes(tests[run_id]).values()), find_cause(summaries[run_id])
        attempts.append(Attempt(
            **vars(record), attempt=numbers[run_id], status=derive_status(progress[run_id].status, count),
            tests=count.total(), passed=count['pass'], failed=sum(count[outcome] for outcome in FAILED),
            not_run=count['not_run'],
            carried_over_from=carried_over[run_id], to_carry_over=to_carry_over.get(run_id, 0),
            built_commit_sha=builds[run_id], other_builds=list_other_builds(run_id, carried_over[run_id], builds),
            cause=cause and cause.name, cause_detail=cause and cause.detail, cause_sentence=cause and cause.sentence))
    return attempts


def _count_to_carry_over(db: Database, root_id: int, run_ids: Sequence[int]) -> dict[int, int]:
    """Return for each failed-only retry the number of results that it gets when it completes."""
    if not run_ids:
        return {}
    attempts = read_progress(db, read_attempt_ids(db, root_id))
    with_result = {run_id: find_outcomes(tests).keys() for run_id, tests in read_tests(db, run_ids).items()}
    return {run_id: len(origins) for run_id, origins in read_origins(db, attempts, with_result, {}).items()}
