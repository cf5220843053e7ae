"""Previewing a retry (docs/api.rst, "Preview")."""

from collections.abc import Collection
from dataclasses import replace

from sqlalchemy import Connection

from ..database.outcomes import read_expected_today
from ..database.run import find_run
from ..domain.attempts import Attempts, derive_status
from ..domain.outcomes import find_outcomes
from ..domain.preview import Preview
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


def _read_preview(connection: Connection, run_id: int, settings: Settings) -> tuple[Run, Preview]:
    run, rules = find_run(connection, run_id), settings.retry_rules
    attempts = read_attempts(connection, run)
    tests, full_set = attempts.tests[run_id], attempts.tests[run.full_set_id].selected
    everything = rules.option_for_all(sorted(full_set), attempts.catalogue.active)
    failed_only = rules.option_for_failed(run_id, run.stage, tests, attempts.catalogue.active)
    if failed_only.regression_test_ids:
        failed_only = replace(failed_only, hint=_read_hint(connection, attempts, failed_only.regression_test_ids))
    preview = Preview(run_id, derive_status(run.stage, find_outcomes(tests).values()), everything, failed_only)
    if settings.checks:
        try:
            require_by_tables(connection, run, attempts.progress)
        except RefusedByCheck as refusal:
            preview = preview.refuse(refusal)
    return run, preview


def _read_hint(connection: Connection, attempts: Attempts, regression_test_ids: Collection[int]) -> str | None:
    """Return a hint about tests that may be run again, from the attempts and from master; None if there is none."""
    run = attempts.run
    expected_today = read_expected_today(connection, [run.id], attempts.catalogue)[run.id]
    approved = expected_today.find_approved(attempts.tests[run.id]).intersection(regression_test_ids)
    master_id, same = find_failing_on_master(connection, attempts, run.id, {*regression_test_ids} - approved)
    return to_hint(judge_attempts(connection, attempts).tests, regression_test_ids, approved, master_id, same)
