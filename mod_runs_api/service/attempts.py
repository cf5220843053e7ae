"""Reading and listing the attempts of a run (docs/api.rst, "Attempts")."""

from collections import Counter
from collections.abc import Mapping, Sequence

from ..database import Database
from ..database.attempts import read_attempt_ids, read_attempts, read_builds
from ..database.outcomes import read_catalogue, read_tests
from ..database.progress import read_progress
from ..database.runs import find_run
from ..domain.attempts import (Attempt, AttemptFacts, AttemptRecord, AttemptsPage, derive_status, find_builds,
                               number_attempts)
from ..domain.causes import find_cause
from ..domain.outcomes import FAILED, find_outcomes
from ..domain.progress import Progress
from ..domain.run import Run


def read_all_attempts(db: Database, run: Run) -> AttemptFacts:
    """Return the facts about the attempts of a run."""
    builds = read_builds(db, run.root_id)
    return read_attempt_facts(db, run, read_progress(db, list(builds)), builds)


def read_attempt_facts(db: Database, run: Run, progress: Mapping[int, Progress],
                       builds: Mapping[int, str | None]) -> AttemptFacts:
    """Return the facts about the attempts of a run, whose progress and builds have been read."""
    catalogue = read_catalogue(db)
    tests = read_tests(db, list(progress), catalogue)
    return AttemptFacts(run, progress, find_builds(progress, builds), tests, catalogue)


def read_attempts_progress(db: Database, root_id: int) -> dict[int, Progress]:
    """Return the progress of each attempt of a root run, by run id."""
    return read_progress(db, read_attempt_ids(db, root_id))


def read_attempts_page(db: Database, run_id: int, limit: int, offset: int) -> AttemptsPage:
    """Return a page of the attempts of a run. Raises :exc:`RunNotFound`."""
    run = find_run(db, run_id)
    records = read_attempts(db, run.root_id)
    # Of all attempts: the decisive one may be on another page.
    progress = read_progress(db, [record.run_id for record in records])
    facts = read_attempt_facts(db, run, progress, read_builds(db, run.root_id))
    listed = records[offset:offset + limit]
    return AttemptsPage(run_id, run.root_id, facts.decisive_run_id, len(records), build_attempts(facts, listed))


def build_attempts(facts: AttemptFacts, records: Sequence[AttemptRecord]) -> list[Attempt]:
    """Return the attempts of these records."""
    numbers = number_attempts(facts.progress)
    attempts = []
    for record in records:
        run_id = record.run_id
        progress, outcomes = facts.progress[run_id], find_outcomes(facts.tests[run_id]).values()
        count = Counter(outcomes)
        cause = find_cause(facts.summarize(run_id))
        to_carry_over = len(facts.find_origins(run_id)) if record.failed_only and progress.end is None else 0
        attempts.append(Attempt(
            **vars(record), attempt=numbers[run_id], status=derive_status(progress.stage, outcomes),
            tests=count.total(), passed=count['pass'], failed=sum(count[outcome] for outcome in FAILED),
            not_run=count['not_run'], carried_over_from=facts.count_carried_over(run_id), to_carry_over=to_carry_over,
            built_commit_sha=facts.builds[run_id], other_builds=facts.list_other_builds(run_id),
            cause=cause and cause.name, cause_detail=cause and cause.detail, cause_sentence=cause and cause.sentence))
    return attempts
