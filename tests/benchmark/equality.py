"""The proof that the floor does the work: what it makes of a run is what the package makes of it, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .stage import Stage

#: All that a retry writes, but for what is another each time: ids, secrets and times.
ROWS = {
    'test': 'SELECT platform, test_type, fork_id, branch, `commit`, pr_nr, LENGTH(token) FROM test WHERE id = {run}',
    'run_retry': 'SELECT source_test_id, root_test_id, attempt, failed_only, reason, user_id, test_count, '
                 'idempotency_digest FROM run_retry WHERE test_id = {run}',
    'customized_test': 'SELECT regression_id FROM customized_test WHERE test_id = {run} ORDER BY regression_id',
    'test_fork': 'SELECT user_id FROM test_fork WHERE test_id = {run} ORDER BY user_id',
    'test_progress': 'SELECT status FROM test_progress WHERE test_id = {run}',
}


def check(stage: Stage, runs: Mapping[int, int]) -> None:
    """
    Retry runs with the package and with the floor, and compare what they make.

    Parameters
    ----------
    stage : Stage
        Where the runs are.
    runs : mapping
        Runs by the number of their tests.

    Raises
    ------
    AssertionError
        It is not the same.
    """
    for tests, run_id in runs.items():
        for failed_only, floor in ((False, stage.floor.full), (True, stage.floor.failed)):
            ours = rows(stage, stage.made(stage.call(stage.retry(run_id, {'failed_only': failed_only}))))
            least = rows(stage, floor(run_id, tests))
            for table, made in ours.items():
                if made != least[table]:
                    raise AssertionError(f'The floor and the package differ in the table {table} for a run of '
                                         f'{tests} tests, failed_only {failed_only}, on {stage.store.kind}.')
            if failed_only and len(ours['customized_test']) != max(1, tests // 10):
                raise AssertionError(f'{len(ours["customized_test"])} of {tests} tests failed.')


def rows(stage: Stage, run_id: int) -> dict[str, list[Any]]:
    """Give all rows that a run was made with."""
    return {table: stage.store.send(query.format(run=run_id)) for table, query in ROWS.items()}
