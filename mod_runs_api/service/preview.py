"""Previewing a retry (docs/api.rst, "Preview")."""

from collections import Counter
from collections.abc import Collection
from dataclasses import replace

from ..database import Database
from ..database.attempts import read_attempt_ids
from ..database.outcomes import read_evidence, read_tests
from ..database.progress import read_progress
from ..database.runs import find_newest_of_master, find_run
from ..domain.attempts import derive_status
from ..domain.outcomes import find_outcomes, list_not_passed
from ..domain.preview import Preview
from ..domain.retry import RetryRules
from ..domain.run import Run
from ..domain.sentences import to_hint
from ..errors import RefusedByCheck
from ..extension import ExtensionState
from .checks import call_checks
from .retry import read_retry_facts
from .verdict import read_verdict


def preview_retry(state: ExtensionState, run_id: int, *, calls_checks: bool = True) -> Preview:
    """Return a retry of a run as it would be now. Raises :exc:`RunNotFound`."""
    run, preview = state.transactions.run(_read_preview, run_id, state.settings.retry_rules)
    if calls_checks and not preview.is_refused:
        try:
            call_checks(state.settings.before_retry, run)
        except RefusedByCheck as refusal:
            return preview.refuse(refusal)
    return preview


def _read_preview(db: Database, run_id: int, rules: RetryRules) -> tuple[Run, Preview]:
    run = find_run(db, run_id)
    facts = read_retry_facts(db, [run])[run_id]
    everything = rules.find_option(facts, failed_only=False)
    failed_only = rules.find_option(facts, failed_only=True)
    if failed_only.regression_test_ids:
        failed_only = replace(failed_only, hint=_read_hint(db, run, failed_only.regression_test_ids))
    return run, Preview(run_id, derive_status(run.status, Counter(facts.outcomes.values())), everything, failed_only)


def _read_hint(db: Database, run: Run, regression_test_ids: Collection[int]) -> str | None:
    """Return a hint about tests that may be run again, from the attempts and from master; None if there is none."""
    master_id = None if run.is_of_master else _find_completed_of_master(db, run)
    same = set() if master_id is None else _find_failing_alike(db, run.id, master_id, regression_test_ids)
    return to_hint(read_verdict(db, run.id).tests, regression_test_ids, master_id, same)


def _find_completed_of_master(db: Database, run: Run) -> int | None:
    """Return the attempt that completed last of those of the newest run of master; None if there is none."""
    newest_id = find_newest_of_master(db, run)
    if newest_id is None:
        return None
    attempts = read_progress(db, read_attempt_ids(db, newest_id)).values()
    return max((attempt.completed for attempt in attempts if attempt.completed), key=lambda row: row.id).run_id


def _find_failing_alike(db: Database, run_id: int, other_id: int, regression_test_ids: Collection[int]) -> set[int]:
    """Return the ids of the tests that fail in both runs in the same way."""
    not_passed_there = list_not_passed(find_outcomes(read_tests(db, [other_id])[other_id]))
    failed = set(not_passed_there).intersection(regression_test_ids)
    evidence = read_evidence(db, [run_id, other_id], sorted(failed))
    ways = {key: of_test.way_to_fail for key, of_test in evidence.items()}
    return {test for test in failed if (test, run_id) in ways and ways[test, run_id] == ways.get((test, other_id))}
