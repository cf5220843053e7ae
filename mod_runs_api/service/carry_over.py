"""
The end of a failed-only retry (docs/how-it-works.rst, "Results are carried over").

The platform takes the newest completed run for the state of the whole commit. Therefore, when a failed-only retry
completes, every active test that it did not run itself gets the last result of another attempt, by INSERT only.

``platform/sessions.py`` tells when a session of the platform has committed a ``completed`` row. The package carries
over before ``commit()`` returns, in its own transaction, because a deadlock in the platform's would undo its row.

* On failure the end of the run stands, and the log says so. The next sweep finds the run, up to two days after its
  end. It also finds runs whose process was killed in between, and runs whose end was written in plain SQL.
* Results that were carried over have a mark. A second end copies only the results that are still missing. Of two
  simultaneous ends, the second violates the primary key of the marks and is repeated.
"""

from collections.abc import Collection
from dataclasses import replace

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from ..database.carry_over import (copy_results, is_still_completed,
                                   read_files, read_reported_files)
from ..database.run import find_run
from ..database.transactions import Transactions
from ..domain.attempts import Attempts
from ..domain.carry_over import CarryOver, drop_contradicted
from ..domain.sentences import counted
from ..errors import StaleRead
from ..extension import find_extension_state
from ..log import describe, log
from .attempts import read_attempts


def complete_runs(session: Session, run_ids: Collection[int]) -> None:
    """Carry over into the failed-only retries among runs that a session of the platform has completed."""
    # Outside an application context nothing is carried over. The next sweep finds the runs.
    state = find_extension_state()
    if state is not None:
        # On the database of this session, which may be another one than that of the request.
        transactions = replace(state.transactions, get_session=lambda: session)
        for run_id in run_ids:
            _carry_over_or_log(transactions, run_id)


def _carry_over_or_log(transactions: Transactions, run_id: int) -> None:
    """Carry over into a run that has completed. Log errors, because they must not break the platform's commit."""
    try:
        count = transactions.run(carry_over, run_id)
        if count:
            log.info(f'run {run_id} has completed: {counted(count, "result")} carried over into it')
    except Exception as fault:
        log.error(f'run {run_id} has completed, but if it is a failed-only retry, the results of the other attempts '
                  'are not carried over: the report and the status that the platform sends now cover only its own '
                  f'tests. "flask runs-api carry-over {run_id}" carries them over. {describe(fault)}')


def carry_over(connection: Connection, run_id: int) -> int:
    """Carry the results of other attempts over into a completed failed-only retry, and return their number."""
    run = find_run(connection, run_id)
    plan = plan_carry_over(connection, read_attempts(connection, run), run_id) if run.failed_only else None
    if plan is None:
        return 0
    copy_results(connection, plan)
    # This is last, so that nothing waits for its lock.
    if not is_still_completed(connection, plan.completion):
        raise StaleRead
    return len(plan.origins)


def plan_carry_over(connection: Connection, attempts: Attempts, run_id: int) -> CarryOver | None:
    """Return the results to carry over into a failed-only retry; None if it has not completed, or gets none."""
    completion = attempts.progress[run_id].completion
    if completion is None:
        return None
    reported = read_reported_files(connection, run_id)
    files = read_files(connection, list(attempts.progress), reported.keys())
    origins = drop_contradicted(attempts.find_origins(run_id), reported, files)
    return CarryOver(completion, origins, reported) if origins else None
