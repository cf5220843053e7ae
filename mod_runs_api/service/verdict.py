"""Reading the verdicts of the attempts of a run (docs/api.rst, "Verdicts")."""

from collections import defaultdict
from collections.abc import Sequence

from ..database import Database
from ..database.attempts import raise_if_attempts_are_stale, read_attempt_ids
from ..database.carry_over import read_carried_over
from ..database.outcomes import read_evidence, read_tests
from ..database.progress import read_progress
from ..database.runs import find_run, read_active, read_builds, read_commands
from ..domain.attempts import number_attempts
from ..domain.outcomes import Evidence, find_outcomes
from ..domain.progress import sort_by_end
from ..domain.sentences import to_sentence
from ..domain.verdict import AttemptOutcome, Verdict, count_verdicts, judge, judge_commit, needs_evidence


def read_verdict(db: Database, run_id: int) -> Verdict:
    """Return the verdicts of all attempts of a run together. Raises :exc:`RunNotFound`."""
    run = find_run(db, run_id)
    run_ids = read_attempt_ids(db, run.root_id)
    numbers = number_attempts(run_ids)
    progress = read_progress(db, run_ids)
    ends = {end.run_id: place for place, end in enumerate(sort_by_end(progress.values()))}
    builds = read_builds(db, run_ids)
    attempts = read_tests(db, run_ids)
    # The marks come last, because a result without its mark would be evidence.
    carried_over = read_carried_over(db, run_ids)
    by_test: dict[int, list[AttemptOutcome]] = {}
    for attempt_id in run_ids:
        for regression_test_id, outcome in find_outcomes(attempts[attempt_id], carried_over[attempt_id]).items():
            outcomes = by_test.setdefault(regression_test_id, [])
            if attempt_id in ends:
                outcomes.append(AttemptOutcome(attempt_id, numbers[attempt_id], ends[attempt_id], builds[attempt_id],
                                               outcome))
    _add_evidence(db, run_ids, by_test)
    raise_if_attempts_are_stale(db, run, progress)
    active_ids, commands = read_active(db), read_commands(db, list(by_test))
    # A test that has just been deleted has no command any more, and no results.
    tests = [judge(regression_test_id, commands[regression_test_id], regression_test_id in active_ids, outcomes)
             for regression_test_id, outcomes in sorted(by_test.items()) if regression_test_id in commands]
    return Verdict(run_id, run.root_id, run_ids, judge_commit(tests, progress.values()),
                   count_verdicts(tests), to_sentence(tests), tests)


def _add_evidence(db: Database, run_ids: Sequence[int], by_test: dict[int, list[AttemptOutcome]]) -> None:
    """Add exit codes and files to the outcomes of the tests whose verdict depends on them."""
    needing = {regression_test_id: outcomes for regression_test_id, outcomes in by_test.items()
               if needs_evidence(outcomes)}
    if not needing:
        return
    evidence = defaultdict(Evidence, read_evidence(db, run_ids, list(needing)))
    for regression_test_id, outcomes in needing.items():
        by_test[regression_test_id] = [outcome._replace(evidence=evidence[regression_test_id, outcome.run_id])
                                       for outcome in outcomes]
