"""Comparing a run with the newest one of master (docs/api.rst, "Preview")."""

from collections.abc import Collection

from sqlalchemy import Connection

from ..database.outcomes import read_evidence, read_tests
from ..database.run import find_newest_of_master
from ..domain.attempts import Attempts
from ..domain.outcomes import find_outcomes, list_not_passed
from .attempts import read_progress_of_attempts


def find_failing_on_master(connection: Connection, attempts: Attempts, attempt_id: int,
                           regression_test_ids: Collection[int]) -> tuple[int | None, set[int]]:
    """Return the run of master that an attempt of a run is compared with, and the tests that fail in both alike."""
    run = attempts.run
    newest_id = None if run.is_of_master or not regression_test_ids else find_newest_of_master(connection, run)
    if newest_id is None:
        return None, set()
    # The attempt that completed last.
    progress = read_progress_of_attempts(connection, newest_id).values()
    completed = [attempt.first_completed for attempt in progress if attempt.first_completed is not None]
    master_id = max(completed, key=lambda row: row.id).run_id
    tests = read_tests(connection, [master_id], attempts.catalogue)[master_id]
    failed = set(list_not_passed(find_outcomes(tests))).intersection(regression_test_ids)
    evidence = read_evidence(connection, [attempt_id, master_id], sorted(failed))
    ways = {key: of_test.way_to_fail for key, of_test in evidence.items()}
    return master_id, {test for test in failed
                       if (attempt_id, test) in ways and ways[attempt_id, test] == ways.get((master_id, test))}
