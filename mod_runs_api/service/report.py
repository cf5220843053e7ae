"""Reading what the report on a run says about its attempts (docs/github.rst, "The report on a pull request")."""

from ..database import Database
from ..database.runs import find_run
from ..domain.report import Report
from ..settings import Settings
from .attempts import read_attempts
from .author import count_retries_left, find_author_hint
from .verdict import judge_attempts


def read_report(db: Database, settings: Settings, run_id: int) -> Report:
    """Return what the report on a run says about its attempts. Raises :exc:`RunNotFound`."""
    run = find_run(db, run_id)
    attempts = read_attempts(db, run)
    verdict = judge_attempts(db, attempts)
    may_tell = settings.retry_rules.allow_author(run)
    retries_left = count_retries_left(db, settings, run, attempts.progress) if may_tell else 0
    return Report(attempts.describe(run_id), verdict,
                  find_author_hint(db, settings, attempts, verdict, retries_left))
