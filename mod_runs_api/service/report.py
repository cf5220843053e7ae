"""Reading the report of retries on a pull request (docs/github.rst, "The report on a pull request")."""

from ..database import Database
from ..database.runs import find_run
from ..domain.report import Report
from ..settings import Settings
from .attempts import read_all_attempts
from .author import count_retries_left, find_author_hint
from .verdict import judge_attempts


def read_report(db: Database, settings: Settings, run_id: int) -> Report:
    """Return the report on a run. Raises :exc:`RunNotFound`."""
    run = find_run(db, run_id)
    facts = read_all_attempts(db, run)
    verdict = judge_attempts(db, facts)
    retries_left = count_retries_left(db, settings, run, facts.progress)
    return Report(verdict, facts.list_other_builds(run_id),
                  find_author_hint(db, settings.retry_rules, facts, verdict, retries_left))
