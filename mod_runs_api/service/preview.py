"""Previewing a retry (docs/api.rst, "Preview")."""

from collections.abc import Collection
from dataclasses import replace

from ..database import Database
from ..database.outcomes import read_today
from ..database.runs import find_run
from ..domain.attempts import Attempts, derive_status
from ..domain.preview import Preview
from ..domain.retry import RetryFacts
from ..domain.run import Run
from ..domain.sentences import to_hint
from ..errors import RefusedByCheck
from ..extension import ExtensionState
from ..settings import Settings
from .attempts import read_attempts
from .conditions import require_by_github, require_by_tables
from .master import find_failing_on_master
from .verdict import judge_attempts


def preview_retry(state: ExtensionState, run_id: int, *, asks_github: bool = True) -> Preview:
    """Return a retry of a run as it would be now. Raises :exc:`RunNotFound`."""
    run, preview = state.transactions.run(_read_preview, run_id, state.settings)
    if state.settings.checks and asks_github and not preview.is_refused:
        try:
            require_by_github(state, run)
        except RefusedByCheck as refusal:
            return preview.refuse(refusal)
    return preview


def _read_preview(db: Database, run_id: int, settings: Settings) -> tuple[Run, Preview]:
    run, rules = find_run(db, run_id), settings.retry_rules
    attempts = read_attempts(db, run)
    facts = RetryFacts.of_attempt(attempts, run_id)
    everything = rules.find_option(facts, failed_only=False)
    failed_only = rules.find_option(facts, failed_only=True)
    if failed_only.regression_test_ids:
        failed_only = replace(failed_only, hint=_read_hint(db, attempts, failed_only.regression_test_ids))
    preview = Preview(run_id, derive_status(run.stage, facts.outcomes.values()), everything, failed_only)
    if settings.checks:
        try:
            require_by_tables(db, run, attempts.progress, settings.max_silence)
        except RefusedByCheck as refusal:
            preview = preview.refuse(refusal)
    return run, preview


def _read_hint(db: Database, attempts: Attempts, regression_test_ids: Collection[int]) -> str | None:
    """Return a hint about tests that may be run again, from the attempts and from master; None if there is none."""
    run = attempts.run
    today = read_today(db, {run.id: attempts.tests[run.id]}, attempts.catalogue)[run.id]
    approved = today.approved.intersection(regression_test_ids)
    master_id, same = find_failing_on_master(db, attempts, run.id, {*regression_test_ids} - approved)
    return to_hint(judge_attempts(db, attempts).tests, regression_test_ids, approved, master_id, same)
