"""Reading the verdicts of the attempts of a run (docs/api.rst, "Verdicts")."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection

from ..database.catalogue import read_command_lines
from ..database.outcomes import read_evidence
from ..database.runs import find_run
from ..domain.attempts import Attempts
from ..domain.outcomes import Evidence, find_outcomes
from ..domain.progress import sort_by_results
from ..domain.sentences import to_sentence
from ..domain.verdict import AttemptOutcome, Verdict, count_verdicts, judge, judge_commit, needs_evidence
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
        for regression_test_id, outcome in find_outcomes(attempts.tests[run_id], attempts.tests[run_id].marks).items():
            outcomes = by_test.setdefault(regression_test_id, [])
            if run_id in places:
                outcomes.append(AttemptOutcome(run_id, numbers[run_id], places[run_id], builds[run_id], outcome))
    _add_evidence(connection, run_ids, by_test)
    commands = read_command_lines(connection, list(by_test))
    tests = [judge(regression_test_id, commands[regression_test_id], regression_test_id in attempts.catalogue.active,
                   outcomes)
             for regression_test_id, outcomes in sorted(by_test.items())]
    return Verdict(attempts.run.id, attempts.run.root_id, run_ids, judge_commit(tests, attempts.progress.values()),
                   count_verdicts(tests), to_sentence(tests), tests)


def _add_evidence(connection: Connection, run_ids: Sequence[int], by_test: dict[int, list[AttemptOutcome]]) -> None:
    """Add exit codes and files to the outcomes of the tests whose verdict depends on them."""
    needing = {regression_test_id: outcomes for regression_test_id, outcomes in by_test.items()
               if needs_evidence(outcomes)}
    if not needing:
        return
    evidence = defaultdict(Evidence, read_evidence(connection, run_ids, list(needing)))
    for regression_test_id, outcomes in needing.items():
        by_test[regression_test_id] = [outcome._replace(evidence=evidence[outcome.run_id, regression_test_id])
                                       for outcome in outcomes]
