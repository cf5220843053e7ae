"""
The end of a failed-only retry (docs/operations.rst, "Results are carried over").

The platform takes the newest completed run for the state of the whole commit. Therefore, when a failed-only retry
completes, every active test that it did not run itself gets the last result of another attempt, by INSERT only.

``host/ends.py`` tells when a session of the platform has committed a ``completed`` row. The package carries over before
``commit()`` returns, in its own transaction, because a deadlock in the platform's transaction would undo its row.

* On failure the end of the run stands, and the log says so. The next sweep finds the run, up to two days after its
  end. It also finds runs whose process was killed in between, and runs whose end was written in plain SQL.
* Results that were carried over have a mark. A second end copies only the results that are still missing. Of two
  simultaneous ends, the second violates the primary key of the marks and is repeated.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from ..database import Database
from ..database.attempts import read_attempt_ids
from ..database.carry_over import (copy_results, find_incomplete_retries, is_still_completed, read_files,
                                   read_own_results, read_reported_files, read_tests_with_result)
from ..database.faults import log_fault
from ..database.progress import read_progress
from ..database.runs import find_run, read_active
from ..database.transactions import Transactions
from ..domain.carry_over import CarryOver, drop_contradicted, find_origins
from ..domain.progress import Progress, ProgressRow
from ..domain.sentences import counted
from ..errors import RunNotFound, RunsApiError, ServiceUnavailable, StaleRead
from ..extension import find_extension_state
from ..host.log import describe, log


def complete_runs(session: Session, run_ids: Collection[int]) -> None:
    """Carry over into the failed-only retries among runs that a session of the host has completed."""
    # Outside an application context nothing is carried over. The next sweep finds the runs.
    state = find_extension_state()
    if state is not None:
        # On the database of this session, which may be another one than that of the request.
        transactions = replace(state.transactions, get_session=lambda: session)
        for run_id in run_ids:
            _carry_over_or_log(transactions, run_id)


def _carry_over_or_log(transactions: Transactions, run_id: int) -> None:
    """Carry over into a run that has completed. Log errors, because they must not break the host's commit."""
    try:
        count = transactions.run(carry_over, run_id)
        if count:
            log.info(f'run {run_id} has completed: {counted(count, "result")} carried over into it')
    except Exception as fault:
        log.error(f'run {run_id} has completed, but if it is a failed-only retry, the results of the other attempts '
                  'are not carried over: the report and the status that the platform sends now cover only its own '
                  f'tests. "flask runs-api carry-over {run_id}" carries them over. {describe(fault)}')


def carry_over(db: Database, run_id: int) -> int:
    """Carry the results of other attempts over into a completed failed-only retry, and return their number."""
    run = find_run(db, run_id)
    plans = plan_carry_over(db, run.root_id, [run_id]) if run.failed_only else []
    for plan in plans:
        copy_results(db, plan)
        # This is last, so that nothing waits for its lock.
        if not is_still_completed(db, plan.completed):
            raise StaleRead
    return sum(len(plan.origins) for plan in plans)


def carry_over_all(transactions: Transactions, errors: dict[int, RunsApiError]) -> Iterator[tuple[int, int]]:
    """Carry over into each incomplete retry, and yield it with the number of results. The errors are added by run."""
    incomplete = transactions.run(find_incomplete_retries)
    for run_id in sorted(run_id for run_ids in incomplete.values() for run_id in run_ids):
        try:
            count = transactions.run(carry_over, run_id)
        except RunNotFound:
            continue  # The run has just been deleted.
        except Exception as fault:
            error = fault if isinstance(fault, RunsApiError) else log_fault(fault)
            if isinstance(error, ServiceUnavailable):
                transactions.ping()  # Raises the same if the failure is not only about this run.
            errors[run_id] = error
        else:
            # It is 0 while the attempt that has the results has not ended.
            if count:
                yield run_id, count


def plan_carry_over(db: Database, root_id: int, run_ids: Sequence[int]) -> list[CarryOver]:
    """Return the results that are to be carried over into failed-only retries of one root run."""
    attempts = read_progress(db, read_attempt_ids(db, root_id))
    completed = {run_id: attempt.completed for run_id, attempt in attempts.items()
                 if run_id in run_ids and attempt.end and attempt.completed}
    origins = read_origins(db, attempts, read_tests_with_result(db, list(completed)), completed)
    reported = read_reported_files(db, list(completed))
    files = read_files(db, list(attempts), {test for _, test in reported}) if reported else {}
    plans = [CarryOver(row, drop_contradicted(run_id, origins[run_id], reported, files), reported)
             for run_id, row in completed.items()]
    return [plan for plan in plans if plan.origins]


def read_origins(db: Database, attempts: Mapping[int, Progress], with_result: Mapping[int, Collection[int]],
                 completed: Mapping[int, ProgressRow]) -> dict[int, dict[int, int]]:
    """
    Return the origin run of each result that failed-only retries get.

    ``with_result`` has the tests of which each retry has a result, or will have one if it has not ended.
    """
    active = read_active(db)
    without_result = {run_id: active.difference(tests) for run_id, tests in with_result.items()}
    own_results = read_own_results(db, list(attempts), set().union(*without_result.values()))
    return {run_id: find_origins(completed.get(run_id), tests, attempts, own_results)
            for run_id, tests in without_result.items()}
