"""Whether this process grows with the retries that it makes."""

from __future__ import annotations

import os
from pathlib import Path

from .stage import Stage, staged
from .stores import Stores

#: Before this, the process still grows into its work.
WARM_UP = 20


def measure_growth(stores: Stores, kind: str, tests: int, retries: int) -> float:
    """
    Retry a run many times over.

    Parameters
    ----------
    stores : Stores
        Where the database is made.
    kind : str
        Which kind of database.
    tests : int
        How many tests the run has.
    retries : int
        How often it is retried.

    Returns
    -------
    float
        By how many MB the memory of this process has grown, after the first few.
    """
    with stores.fresh(kind) as store, staged(store, tests) as stage:
        run_id, = stage.runs(1, tests, 0)
        store.settle()
        _retry(stage, run_id, WARM_UP)
        before = resident()
        _retry(stage, run_id, retries)
        return (resident() - before) / 2 ** 20


def resident() -> int:
    """Give the memory of this process, in bytes."""
    return int(Path('/proc/self/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def _retry(stage: Stage, run_id: int, times: int) -> None:
    for _ in range(times):
        stage.made(stage.call(stage.retry(run_id)))
