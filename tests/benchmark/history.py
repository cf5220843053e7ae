"""The growth with the history in the database: tens of thousands of runs with all their results."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from contextlib import ExitStack
from time import perf_counter
from typing import Any

from .measuring import SEED, Environ, Subject, expecting, measure
from .stage import OTHER, VARIANT, Stage, staged
from .stores import MARIADB, Stores

TESTS = 300
FAILED = 30

#: How many of the newest runs are retried in turn. The older ones are read from the disk.
NEWEST = 20

FULL, FULL_FLOOR, FAILED_ONLY, FAILED_FLOOR = 'full', 'full, floor', 'failed-only', 'failed-only, floor'
ANY, ANY_FLOOR = 'full, of any run', 'full, of any run, floor'
RETRIES = (FULL, FULL_FLOOR, FAILED_ONLY, FAILED_FLOOR, ANY, ANY_FLOOR)

#: What `Stage.runs` makes, made by the server itself: {first} is the first regression test, {output} its output. Into
#: empty tables, in the order of their primary keys and without looking at other keys, InnoDB builds its indexes at
#: once. Every statement is a transaction.
LOADS = (
    "INSERT INTO test (id, platform, test_type, token, fork_id, branch, `commit`, pr_nr) "
    "SELECT seq, 'linux', 'commit', LPAD(seq, 64, '0'), {fork}, 'master', LPAD(HEX(seq), 40, '0'), 0 FROM {runs}",
    'INSERT INTO test_fork (user_id, test_id) SELECT {owner}, seq FROM {runs}',
    "INSERT INTO test_progress (test_id, status, timestamp, message) "
    "SELECT r.seq, ELT(s.seq, 'preparation', 'testing', 'completed'), '2026-01-01', 'message' "
    'FROM {runs} r STRAIGHT_JOIN seq_1_to_3 s',
    'INSERT INTO customized_test (test_id, regression_id) '
    'SELECT r.seq, {first} + t.seq FROM {runs} r STRAIGHT_JOIN {tests} t',
    'INSERT INTO test_result (test_id, regression_test_id, runtime, exit_code, expected_rc) '
    'SELECT r.seq, {first} + t.seq, 1200, t.seq < {failed} AND t.seq % 4 = 0, 0 '
    'FROM {runs} r STRAIGHT_JOIN {tests} t WHERE NOT (t.seq < {failed} AND t.seq % 4 = 3)',
    'INSERT INTO test_result_file (test_id, regression_test_id, regression_test_output_id, expected, got) '
    "SELECT r.seq, {first} + t.seq, {output} + t.seq, LPAD(HEX({output} + t.seq), 64, '0'), "
    "CASE WHEN t.seq < {failed} AND t.seq % 4 = 1 THEN '{other}' WHEN ({output} + t.seq) % 10 = 0 THEN '{variant}' END "
    'FROM {runs} r STRAIGHT_JOIN {tests} t WHERE NOT (t.seq < {failed} AND t.seq % 4 >= 2)',
)


def measure_history(stores: Stores, histories: tuple[int, ...], rounds: int) -> dict[str, dict[int, float]]:
    """
    Retry runs in databases with more and more runs, all there at the same time. Needs MariaDB.

    Parameters
    ----------
    stores : Stores
        Where the databases are made.
    histories : tuple of int
        How many runs they have.
    rounds : int
        How often each is measured.

    Returns
    -------
    dict
        Milliseconds by what and history.
    """
    with ExitStack() as stack:
        subjects: dict[tuple[str, int], Subject] = {}
        for runs in histories:
            started = perf_counter()
            store = stack.enter_context(stores.fresh(MARIADB))
            stage = stack.enter_context(staged(store, TESTS))
            load(stage, runs)
            store.settle()
            print(f'{runs:,} runs loaded in {perf_counter() - started:,.0f} s', file=sys.stderr)
            subjects |= {(what, runs): subject for what, subject in _subjects(stage, runs).items()}
        found = measure(subjects, rounds)
    return {what: {runs: found[what, runs] for runs in histories}
            for what in RETRIES}


def load(stage: Stage, runs: int) -> None:
    """Fill the tables of a stage that has no runs."""
    store = stage.store
    first, output = store.send(f'SELECT {stage.tests[0]}, MIN(id) FROM regression_test_output')[0]
    for statement in LOADS:
        store.send('SET unique_checks = 0, foreign_key_checks = 0', statement.format(
            runs=f'seq_1_to_{runs}', tests=f'seq_0_to_{TESTS - 1}', first=first, output=output, fork=stage.fork_id,
            owner=stage.owner_id, failed=FAILED, other=OTHER, variant=VARIANT))


def _subjects(stage: Stage, runs: int) -> dict[str, Subject]:
    # The same places in every round of a run of the benchmark, and others for each subject.
    choice = random.Random(SEED)

    def new() -> int:
        return runs - choice.randrange(min(NEWEST, runs))

    def any_one() -> int:
        return 1 + choice.randrange(runs)

    def request(choose: Callable[[], int], failed_only: bool) -> Subject:
        def begin() -> Environ:
            return stage.retry(choose(), {'failed_only': failed_only})
        return Subject(stage.call, begin, expecting(202))

    def floor(choose: Callable[[], int], work: Callable[[int, int], Any]) -> Subject:
        return Subject(lambda run_id: work(run_id, TESTS), choose)

    return {
        FULL: request(new, False),
        FULL_FLOOR: floor(new, stage.floor.full),
        FAILED_ONLY: request(new, True),
        FAILED_FLOOR: floor(new, stage.floor.failed),
        ANY: request(any_one, False),
        ANY_FLOOR: floor(any_one, stage.floor.full),
    }
