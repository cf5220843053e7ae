"""Reading the report of retries on a pull request (docs/github.rst, "The report on a pull request")."""

from .. import clock
from ..database import Database
from ..database.runs import find_run
from ..domain.author import have_all_ended
from ..domain.report import Report
from ..settings import Settings
from .attempts import read_all_attempts
from .author import find_author_hint
from .verdict import judge_attempts


def read_report(db: Database, settings: Settings, run_id: int) -> Report:
    """Return the report on a run. Raises :exc:`RunNotFound`."""
    run, rules = find_run(db, run_id), settings.retry_rules
    facts = read_all_attempts(db, run)
    verdict = judge_attempts(db, facts)
    may_tell = rules.allow_author(run) and have_all_ended(run_id, facts.progress, clock.now(), settings.max_silence)
    return Report(verdict, facts.list_other_builds(run_id),
                  find_author_hint(db, rules, facts, verdict) if may_tell else None)
