"""Previewing a retry (docs/api.rst, "Preview")."""

from collections.abc import Callable, Collection
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
from .attempts import read_attempts
from .conditions import Policy, policy_for_person, require_by_github
from .master import find_failing_on_master
from .verdict import judge_attempts


def preview_retry(state: ExtensionState, run_id: int, *, may_ask_github: Callable[[], bool] = lambda: True) -> Preview:
    """
    Return a retry of a run as it would be now. Raises :exc:`RunNotFound`.

    ``may_ask_github`` is called if GitHub would be asked: after what the tables refuse, and only with the conditions.
    """
    policy = policy_for_person(state.settings)
    run, preview = state.transactions.run(_read_preview, run_id, policy)
    if policy.asks_github and not preview.is_refused and may_ask_github():
        try:
            require_by_github(state, run)
        except RefusedByCheck as refusal:
            return preview.refuse(refusal)
    return preview


def _read_preview(connection: Connection, run_id: int, policy: Policy) -> tuple[Run, Preview]:
    run = find_run(connection, run_id)
    attempts = read_attempts(connection, run)
    tests, full_set = attempts.tests[run_id], attempts.tests[run.full_set_id].selected
    everything = policy.rules.option_for_all(sorted(full_set), attempts.catalogue.active)
    stage = attempts.progress[run_id].stage
    failed_only = policy.rules.option_for_failed(run_id, stage, tests, attempts.catalogue.active)
    if failed_only.regression_test_ids:
        failed_only = replace(failed_only, hint=_read_hint(connection, attempts, failed_only.regression_test_ids))
    preview = Preview(run_id, derive_status(stage, find_outcomes(tests).values()), everything, failed_only)
    try:
        for require in policy.after:
            require(connection, run, attempts.progress)
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
