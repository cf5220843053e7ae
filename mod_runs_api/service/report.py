"""Reading what the report on a run says about its attempts (docs/github.rst, "The report on a pull request")."""

from sqlalchemy import Connection

from ..database.run import find_run
from ..domain.report import Report
from ..extension import ExtensionState
from .attempts import read_attempts
from .author import count_retries_left, find_author_hint
from .verdict import judge_attempts


def read_report(connection: Connection, state: ExtensionState, run_id: int) -> Report:
    """Return what the report on a run says about its attempts. Raises :exc:`RunNotFound`."""
    run = find_run(connection, run_id)
    attempts = read_attempts(connection, run)
    verdict = judge_attempts(connection, attempts)
    may_tell = state.settings.retry_rules.allow_author(run)
    retries_left = count_retries_left(connection, state, run, attempts.progress) if may_tell else 0
    hint = find_author_hint(connection, state, attempts, verdict, retries_left)
    return Report(attempts.describe(run_id), verdict, hint)
