"""Previewing a retry (docs/api.rst, "Preview")."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from ..database import Database
from ..database.attempts import read_attempt_ids
from ..database.outcomes import read_not_passed
from ..database.progress import read_progress
from ..database.runs import find_newest_of_master, find_run
from ..database.verdict import read_evidence
from ..domain.preview import Choice, Preview
from ..domain.run import Run
from ..domain.words import hint_of_attempts, hint_of_master
from ..errors import RunsApiError, Unprocessable
from ..extension import extension_state
from ..settings import Check
from .attempts import read_status
from .checks import ask_checks
from .retry import read_tests_to_run
from .verdict import read_verdict


def preview_retry(run_id: int, checks: Sequence[Check]) -> Preview:
    """Return a retry of a run as it would be now. Raises :exc:`RunNotFound`."""
    state = extension_state()
    run, preview = state.transactions.run(_read_preview, run_id, state.settings.drop_inactive_tests)
    if not preview.is_refused:
        try:
            ask_checks(checks, run)
        except Unprocessable as refusal:
            return preview.refuse(refusal)
    return preview


def _read_preview(db: Database, run_id: int, drop_inactive: bool) -> tuple[Run, Preview]:
    run = find_run(db, run_id)
    everything, failed_only = (_choose(db, run, failed_only, drop_inactive) for failed_only in (False, True))
    if failed_only.regression_test_ids:
        failed_only = replace(failed_only, hint=_read_hint(db, run, failed_only.regression_test_ids) or None)
    return run, Preview(run_id, read_status(db, run_id), everything, failed_only)


def _choose(db: Database, run: Run, failed_only: bool, drop_inactive: bool) -> Choice:
    try:
        return Choice(read_tests_to_run(db, run, failed_only, drop_inactive))
    except RunsApiError as refusal:
        return Choice([], refusal)


def _read_hint(db: Database, run: Run, regression_test_ids: Collection[int]) -> str:
    """Return a hint about tests that may be run again, from the attempts and from master; empty if there is none."""
    of_attempts = hint_of_attempts(read_verdict(db, run.id), regression_test_ids)
    return ' '.join(filter(None, [of_attempts, _read_hint_of_master(db, run, regression_test_ids)]))


def _read_hint_of_master(db: Database, run: Run, regression_test_ids: Collection[int]) -> str:
    newest_id = None if run.is_of_master else find_newest_of_master(db, run)
    if newest_id is None:
        return ''
    attempts = read_progress(db, read_attempt_ids(db, newest_id)).values()
    _, master_id = max((attempt.completed.id, attempt.run_id) for attempt in attempts if attempt.completed)
    failed_there = {test.id for test in read_not_passed(db, master_id)}.intersection(regression_test_ids)
    evidence = read_evidence(db, [run.id, master_id], sorted(failed_there))
    same = 0
    for regression_test_id in failed_there:
        here, there = (evidence.get((regression_test_id, run_id)) for run_id in (run.id, master_id))
        same += here is not None and there is not None and here.way_to_fail == there.way_to_fail
    return hint_of_master(same, regression_test_ids, master_id)
