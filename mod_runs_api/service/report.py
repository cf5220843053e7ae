"""Reading what the platform's report on a pull request says about retries (docs/github.rst)."""

from dataclasses import dataclass

from ..database import Database
from ..database.attempts import read_attempt_ids
from ..database.runs import find_run
from ..domain.run import OtherBuild
from ..domain.verdict import Verdict
from .verdict import judge_attempts, read_attempt_facts


@dataclass(frozen=True)
class Report:
    """What the attempts of a run prove, and the results of other builds in the run."""

    verdict: Verdict
    other_builds: list[OtherBuild]


def read_report(db: Database, run_id: int) -> Report:
    """Return the report on a run. Raises :exc:`RunNotFound`."""
    run = find_run(db, run_id)
    run_ids = read_attempt_ids(db, run.root_id)
    facts = read_attempt_facts(db, run, run_ids, run_ids)
    return Report(judge_attempts(db, facts), facts.list_other_builds(run_id))
