"""
How an attempt ends whole (docs/operations.rst, "An attempt ends whole").

The platform reads the newest completed run as the state of the whole commit. So when a failed-only retry has completed,
every test without a result of its own in it gets the last result that another attempt has. INSERT only.
"""

from __future__ import annotations

from .database import Database
from .database.carry_over import copy_results, find_results, is_still_completed
from .database.retries import find_root_of_failed_only
from .database.runs import ProgressRow, read_attempts, read_progress
from .errors import Outdated


def carry_over(db: Database, run_id: int) -> int:
    """
    Carry the results of the other attempts over into a failed-only retry that has completed, and return how many.

    Nothing is done for any other run, nor a second time. Raises :exc:`Outdated` if the platform has restarted the run
    meanwhile.
    """
    completed, origins = find_what_to_carry_over(db, run_id)
    if completed is None or not origins:
        return 0
    copy_results(db, run_id, completed, origins)
    # Last, so that nothing waits for this lock.
    if not is_still_completed(db, completed):
        raise Outdated
    return len(origins)


def find_what_to_carry_over(db: Database, run_id: int) -> tuple[ProgressRow | None, dict[int, int]]:
    """Return the progress row that completed a run, and the attempt that each regression test is carried over from."""
    root_id = find_root_of_failed_only(db, run_id)
    if root_id is None:
        return None, {}
    progress = read_progress(db, [attempt.run_id for attempt in read_attempts(db, root_id)])
    own = progress.pop(run_id)
    if not own.has_ended or own.completed is None:
        return None, {}
    ended = sorted((other for other in progress.values() if other.has_ended), key=lambda other: other.end_id)
    return own.completed, find_results(db, run_id, [other.run_id for other in ended]) if ended else {}
