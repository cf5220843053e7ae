"""Reading and listing the attempts of a run (docs/api.rst, "Attempts")."""

from collections import Counter
from collections.abc import Mapping, Sequence

from ..database import Database
from ..database.attempts import read_attempt_ids, read_attempts
from ..database.carry_over import read_carried_over
from ..database.causes import read_run_summaries
from ..database.outcomes import read_tests
from ..database.progress import read_progress
from ..database.runs import find_run, read_builds
from ..domain.attempts import (Attempt, AttemptFacts, AttemptRecord, AttemptsPage, choose_decisive, derive_status,
                               number_attempts)
from ..domain.causes import find_cause
from ..domain.outcomes import FAILED, find_outcomes
from ..domain.progress import Progress
from ..domain.run import Run
from .carry_over import read_origins


def read_all_attempts(db: Database, run: Run) -> AttemptFacts:
    """Return the facts about the attempts of a run, with the tests of all of them."""
    run_ids = read_attempt_ids(db, run.root_id)
    return read_attempt_facts(db, run, read_progress(db, run_ids), run_ids)


def read_attempt_facts(db: Database, run: Run, progress: Mapping[int, Progress],
                       listed_ids: Sequence[int]) -> AttemptFacts:
    """Return the facts about the attempts of a run, with the tests of those that are listed."""
    return AttemptFacts(run, progress, read_builds(db, progress.keys()), read_tests(db, listed_ids),
                        read_carried_over(db, listed_ids))


def read_attempts_page(db: Database, run_id: int, limit: int | None = None, offset: int = 0) -> AttemptsPage:
    """Return a page of the attempts of a run, by default all of them. Raises :exc:`RunNotFound`."""
    run = find_run(db, run_id)
    records = read_attempts(db, run.root_id)
    listed = records[offset:None if limit is None else offset + limit]
    run_ids = [record.run_id for record in records]
    # Of all attempts: the decisive one may be on another page.
    facts = read_attempt_facts(db, run, read_progress(db, run_ids), run_ids)
    decisive_run_id = choose_decisive(facts.list_ended(), max(run_ids))
    return AttemptsPage(run_id, run.root_id, decisive_run_id, len(records), build_attempts(db, facts, listed))


def build_attempts(db: Database, facts: AttemptFacts, records: Sequence[AttemptRecord]) -> list[Attempt]:
    """Return the attempts of these records."""
    # The number of statements does not depend on the number of records.
    numbers = number_attempts(facts.progress)
    outcomes = {record.run_id: find_outcomes(facts.tests[record.run_id]) for record in records}
    summaries = read_run_summaries(db, {run_id: facts.progress[run_id] for run_id in outcomes})
    # A failed-only retry that has not ended will have a result of each of its tests.
    with_result = {record.run_id: outcomes[record.run_id].keys() for record in records
                   if record.failed_only and facts.progress[record.run_id].end is None}
    to_carry_over = read_origins(db, facts.progress, with_result, {}) if with_result else {}
    attempts = []
    for record in records:
        run_id = record.run_id
        count, cause = Counter(outcomes[run_id].values()), find_cause(summaries[run_id])
        attempts.append(Attempt(
            **vars(record), attempt=numbers[run_id], status=derive_status(facts.progress[run_id].status, count),
            tests=count.total(), passed=count['pass'], failed=sum(count[outcome] for outcome in FAILED),
            not_run=count['not_run'],
            carried_over_from=facts.count_carried_over(run_id), to_carry_over=len(to_carry_over.get(run_id, ())),
            built_commit_sha=facts.builds[run_id], other_builds=facts.list_other_builds(run_id),
            cause=cause and cause.name, cause_detail=cause and cause.detail, cause_sentence=cause and cause.sentence))
    return attempts
