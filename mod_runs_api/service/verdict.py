"""Reading the verdicts of the attempts of a run (docs/verdicts.rst, "The verdict on each test")."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from ..database.catalogue import read_command_lines
from ..database.outcomes import read_evidence
from ..database.run import find_run
from ..domain.attempts import Attempts
from ..domain.outcomes import NO_EVIDENCE, Evidence, find_outcomes_for_verdict
from ..domain.progress import sort_by_results
from ..domain.sentences import to_sentence
from ..domain.verdict import (AttemptOutcome, Verdict, count_verdicts, judge,
                              judge_commit, needs_evidence)
from .attempts import read_attempts


def read_verdict(connection: Connection, run_id: int) -> Verdict:
    """Return the verdicts of all attempts of a run together. Raises :exc:`RunNotFound`."""
    return judge_attempts(connection, read_attempts(connection, find_run(connection, run_id)))


def judge_attempts(connection: Connection, attempts: Attempts) -> Verdict:
    """Return the verdicts of all attempts together."""
    run_ids = list(attempts.progress)
    numbers, builds = attempts.numbers, attempts.builds
    places = {run_id: place for place, run_id in enumerate(sort_by_results(attempts.progress.values()))}
    by_test: dict[int, list[AttemptOutcome]] = {}
    for run_id in run_ids:
        for regression_test_id, outcome in find_outcomes_for_verdict(attempts.tests[run_id]).items():
            outcomes = by_test.setdefault(regression_test_id, [])
            if run_id in places:
                outcomes.append(AttemptOutcome(run_id, numbers[run_id], places[run_id], builds[run_id], outcome))
    evidence = _read_evidence_by_test(connection, by_test)
    commands = read_command_lines(connection, list(by_test))
    tests = [judge(regression_test_id, commands[regression_test_id], regression_test_id in attempts.catalogue.active,
                   outcomes, evidence[regression_test_id])
             for regression_test_id, outcomes in sorted(by_test.items())]
    return Verdict(
        run_id=attempts.run.id, root_run_id=attempts.run.root_id, attempts=run_ids,
        overall=judge_commit(tests, attempts.progress.values()), counts=count_verdicts(tests),
        sentence=to_sentence(tests), tests=tests)


def _read_evidence_by_test(connection: Connection,
                           by_test: Mapping[int, Sequence[AttemptOutcome]]) -> dict[int, dict[int, Evidence]]:
    """Return the evidence of each run, by test. It is read for the tests whose verdict depends on it."""
    needing = [regression_test_id for regression_test_id, outcomes in by_test.items() if needs_evidence(outcomes)]
    run_ids = {outcome.run_id for regression_test_id in needing for outcome in by_test[regression_test_id]}
    evidence = read_evidence(connection, run_ids, needing)
    # Under READ COMMITTED, a restart may have deleted the result since its outcome was read.
    return {regression_test_id: {outcome.run_id: evidence.get((outcome.run_id, regression_test_id), NO_EVIDENCE)
                                 for outcome in outcomes}
            for regression_test_id, outcomes in by_test.items()}
