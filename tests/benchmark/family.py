"""The growth with the depth of a family: retries of its last run, and the list of all."""

from __future__ import annotations

from functools import partial

from .clock import Subject, ignoring, measure
from .requests import Answer
from .stage import Stage, staged
from .stores import Stores

TESTS = 300

#: What the database needs to take a retry back, in this order.
TABLES = {'run_retry': 'test_id', 'customized_test': 'test_id', 'test_fork': 'test_id', 'test': 'id'}

LAST, LAST_FLOOR, LIST, LIST_FLOOR = 'retry of the last', 'its floor', 'list of all', 'its floor (list)'
COLUMNS = (LAST, LAST_FLOOR, LIST, LIST_FLOOR)


def measure_family(stores: Stores, kind: str, depths: tuple[int, ...], rounds: int) -> dict[str, dict[int, float]]:
    """
    Retry the last run of families, and list them.

    Every retry that is measured is taken back after it, so that the families stay as deep as they are.

    Parameters
    ----------
    stores : Stores
        Where the database is made.
    kind : str
        Which kind of database.
    depths : tuple of int
        How many attempts the families have.
    rounds : int
        How often each is measured.

    Returns
    -------
    dict
        Milliseconds by what and depth.
    """
    with stores.fresh(kind) as store, staged(store, TESTS) as stage:
        subjects: dict[tuple[str, int], Subject] = {}
        for depth in depths:
            last = grow(stage, depth)
            assert stage.floor.family(last) == depth
            subjects[LAST, depth] = Subject(
                stage.call, partial(stage.retry, last), lambda answer: take_back(stage, stage.made(answer)))
            subjects[LAST_FLOOR, depth] = Subject(
                ignoring(partial(stage.floor.full, last, TESTS)), end=partial(take_back, stage))
            subjects[LIST, depth] = Subject(
                stage.call, partial(stage.ask, 'GET', f'/api/v1/runs/{last}/retries'), partial(_check, depth))
            subjects[LIST_FLOOR, depth] = Subject(ignoring(partial(stage.floor.family, last)))
        store.settle()
        found = measure(subjects, rounds)
    return {what: {depth: found[what, depth] for depth in depths} for what in COLUMNS}


def grow(stage: Stage, depth: int) -> int:
    """Make a family of so many runs, each retried from the one before it; give the last one."""
    # Nobody looks at the tests of the runs between: one each is enough.
    runs = [*(stage.runs(depth - 1, 1, 1) if depth > 1 else []), *stage.runs(1, TESTS, 1)]
    stage.store.send(*(
        'INSERT INTO run_retry (test_id, source_test_id, root_test_id, attempt, failed_only, reason, user_id, '
        f'created_at, test_count) VALUES ({run}, {source}, {runs[0]}, {place}, 0, X\'{b"flaky VM".hex()}\', '
        f'{stage.user_id}, \'2026-01-01 00:00:00\', 1)' for place, (source, run) in enumerate(zip(runs, runs[1:]), 2)))
    return runs[-1]


def take_back(stage: Stage, run_id: int) -> None:
    """Remove a run that was just made."""
    stage.store.send(*(f'DELETE FROM {table} WHERE {column} = {run_id}' for table, column in TABLES.items()))


def _check(depth: int, answer: Answer) -> None:
    assert answer.status == 200 and answer.body.count(b'"attempt":') == depth, answer.body[:300]
