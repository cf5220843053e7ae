"""What is done with several attempts: retries of the last, their list, the verdict, and how one ends whole."""

from __future__ import annotations

from functools import partial
from itertools import count

from mod_runs_api.carry_over import carry_over
from mod_runs_api.extension import extension_state
from mod_runs_api.service import in_transaction

from .measuring import Answer, Subject, expecting, ignoring, measure
from .stage import Stage, staged
from .stores import Stores

TESTS = 300
#: How many tests a failed-only retry runs that ends here.
FAILED = 3

Growth = dict[str, dict[int, float]]

LAST, LAST_FLOOR, LIST = 'retry of the last', 'floor of the retry', 'page of 10 attempts'
VERDICT, VERDICT_FLOOR, FAILED_ONLY = 'verdict', 'floor of the verdict', 'failed-only retry'
END, END_FLOOR = 'carrying over', 'floor'

#: The rows of a run, in the order in which they can be deleted.
TABLES = {'run_carried_over': 'test_id', 'run_retry': 'test_id', 'test_result_file': 'test_id',
          'test_result': 'test_id', 'customized_test': 'test_id', 'test_fork': 'test_id', 'test_progress': 'test_id',
          'test': 'id'}


def measure_attempts(stores: Stores, kind: str, numbers: tuple[int, ...], rounds: int) -> Growth:
    """Retry the last of so many attempts, and list the newest ten. Returns milliseconds by what and number."""
    with stores.fresh(kind) as store, staged(store, TESTS) as stage:
        subjects: dict[tuple[str, int], Subject] = {}
        for number in numbers:
            # Nobody looks at the tests of the attempts between: one each is enough.
            last = attempts(stage, [*(stage.runs(number - 1, 1, 1) if number > 1 else []), *stage.runs(1, TESTS, 1)])
            path = f'/api/v1/runs/{last}/retries?limit=10&offset={max(0, number - 10)}'
            subjects[LAST, number] = Subject(
                stage.call, partial(stage.retry, last), lambda answer: take_back(stage, stage.made(answer)))
            subjects[LAST_FLOOR, number] = Subject(
                ignoring(partial(stage.floor.full, last, TESTS)), end=partial(take_back, stage))
            subjects[LIST, number] = Subject(
                stage.call, partial(stage.ask, 'GET', path), partial(_check_list, min(10, number)))
        store.settle()
        return _growth(measure(subjects, rounds), (LAST, LAST_FLOOR, LIST))


def measure_verdict(stores: Stores, kind: str, numbers: tuple[int, ...], rounds: int) -> Growth:
    """Judge so many attempts of 300 tests, each with results. Returns milliseconds by what and number."""
    with stores.fresh(kind) as store, staged(store, TESTS) as stage:
        subjects: dict[tuple[str, int], Subject] = {}
        for number in numbers:
            run_ids = stage.runs(number, TESTS, TESTS // 10)
            last = attempts(stage, run_ids)
            subjects[VERDICT, number] = Subject(
                stage.call, partial(stage.ask, 'GET', f'/api/v1/runs/{last}/verdict?limit=50'), expecting(200))
            subjects[VERDICT_FLOOR, number] = Subject(ignoring(partial(stage.floor.verdict, run_ids)))
            subjects[FAILED_ONLY, number] = Subject(
                stage.call, partial(stage.retry, last, {'failed_only': True}),
                lambda answer: take_back(stage, stage.made(answer)))
        store.settle()
        return _growth(measure(subjects, rounds), (VERDICT, VERDICT_FLOOR, FAILED_ONLY))


def measure_ends(stores: Stores, kind: str, sizes: tuple[int, ...], rounds: int) -> Growth:
    """Carry all results but three over into a retry of so many tests. Returns milliseconds by what and size."""
    with stores.fresh(kind) as store, staged(store, max(sizes)) as stage:
        with stage.app.app_context():
            state = extension_state()
        subjects: dict[tuple[str, int], Subject] = {}
        progress_ids = count(10 ** 6)

        def begin(source: int) -> tuple[int, int, int]:
            run_id = stage.made(stage.call(stage.retry(source, {'failed_only': True})))
            progress_id = next(progress_ids)
            store.send('INSERT INTO test_progress (id, test_id, status, timestamp, message) '
                       f"VALUES ({progress_id}, {run_id}, 'completed', '2026-01-01 00:00:00', '')")
            return run_id, source, progress_id

        def carry(retry: tuple[int, int, int]) -> int:
            with stage.app.app_context():
                assert in_transaction(state, lambda connection: carry_over(connection, state.tables, retry[0]))
            return retry[0]

        for size in sizes:
            source, = stage.runs(1, size, FAILED)
            subjects[END, size] = Subject(carry, partial(begin, source), partial(take_back, stage))
            subjects[END_FLOOR, size] = Subject(
                stage.floor.carry_over, partial(begin, source), partial(take_back, stage))
        store.settle()
        return _growth(measure(subjects, rounds), (END, END_FLOOR))


def attempts(stage: Stage, run_ids: list[int]) -> int:
    """Have each of these runs be a retry of the one before it, and return the last."""
    if len(run_ids) > 1:
        stage.store.send(*(
            'INSERT INTO run_retry (test_id, source_test_id, root_test_id, failed_only, reason, user_id, created_at, '
            f"test_count) VALUES ({run}, {source}, {run_ids[0]}, 0, X'{b'flaky VM'.hex()}', {stage.user_id}, "
            "'2026-01-01 00:00:00', 1)" for source, run in zip(run_ids, run_ids[1:])))
    return run_ids[-1]


def take_back(stage: Stage, run_id: int) -> None:
    """Delete a run, so that there are as many attempts as before."""
    stage.store.send(*(f'DELETE FROM {table} WHERE {column} = {run_id}' for table, column in TABLES.items()))


def _growth(found: dict[tuple[str, int], float], columns: tuple[str, ...]) -> Growth:
    return {what: {number: taken for (name, number), taken in found.items() if name == what} for what in columns}


def _check_list(length: int, answer: Answer) -> None:
    assert answer.status == 200 and answer.body.count(b'"attempt":') == length, answer.body[:300]
