"""The growth with clients that ask at the same time: retries in a second, and how long each waits."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

from service.load import Client, together
from service.servers import serving

from .measuring import SEED
from .stage import UNLIMITED, staged
from .stores import MARIADB, Stores

TESTS = 300
WORKERS = 4

#: How many retries a round asks for, of all clients together.
RETRIES = 64


class Burst(NamedTuple):
    """What came of some retries: how many in a second, the median of the milliseconds each took, and the failures."""

    rate: float
    latency: float
    errors: int


def measure_clients(stores: Stores, numbers: tuple[int, ...], rounds: int, folder: Path) -> dict[int, Burst]:
    """
    Let clients retry runs of 300 tests under gunicorn, each a run of its own. Needs MariaDB.

    Parameters
    ----------
    stores : Stores
        Where the database is made.
    numbers : tuple of int
        How many clients there are at a time.
    rounds : int
        How often each number is measured, in turn.
    folder : Path
        Where the server writes to.

    Returns
    -------
    dict
        By the number of clients: medians, and all errors.
    """
    with stores.fresh(MARIADB) as store, staged(store, TESTS) as stage:
        runs = stage.runs(max(numbers), TESTS, TESTS // 10)
        store.settle()
        bursts: dict[int, list[Burst]] = defaultdict(list)
        with serving(folder, store.uri, workers=WORKERS, RUNS_API_RATE_LIMIT=UNLIMITED) as server:
            client, order = server.client(stage.token), list(numbers)
            # Every worker has a connection before anything is measured.
            server.ask_every_worker(client, runs[0])
            shuffle = random.Random(SEED).shuffle
            for _ in range(rounds):
                shuffle(order)
                for number in order:
                    bursts[number].append(_burst(client, runs[:number]))
    return {number: Burst(median(burst.rate for burst in bursts[number]),
                          median(burst.latency for burst in bursts[number]),
                          sum(burst.errors for burst in bursts[number])) for number in numbers}


def _burst(client: Client, runs: list[int]) -> Burst:
    latencies: list[float] = []
    errors: list[int] = []

    def ask(run_id: int) -> None:
        for _ in range(RETRIES // len(runs)):
            started = perf_counter()
            status = client.retry(run_id).status
            latencies.append(1000 * (perf_counter() - started))
            if status != 202:
                errors.append(status)

    started = perf_counter()
    together([lambda run_id=run_id: ask(run_id) for run_id in runs])  # type: ignore[misc]
    return Burst(len(latencies) / (perf_counter() - started), median(latencies), len(errors))
