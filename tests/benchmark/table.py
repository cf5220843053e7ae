"""The table: every kind of request on the miniature, beside the floor."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Engine
from support.statements import record_statements

from .measuring import NOTHING, Environ, Subject, expecting, ignoring, measure
from .stage import WRONG_TOKEN, Stage, staged
from .stores import Stores

#: What is measured at every size of a run, and what costs the same at each.
FULL, FAILED, REPLAY, NONE_FAILED = 'full retry', 'failed-only retry', 'replay of a key', '422, nothing failed'
LIST, NOT_FOUND, BAD_BODY = 'GET retries, 3 attempts', '404', '422, bad body'
LIMITED, NO_TOKEN, BAD_TOKEN = '429', '401, no token', '401, wrong token'

#: No run has it.
NO_RUN = 2 ** 31 - 2


@dataclass
class Figures:
    """
    What was measured on one database, in milliseconds; `tests` is 0 for what has no size.

    Attributes
    ----------
    host : float
        A request to a page of the host's own that does nothing, through all the hooks.
    request, inside, floor : dict
        By what and tests: the request, `retry_run` in this process, and the floor.
    statements, floor_statements : dict
        By what and tests: how many statements each sends.
    writes : dict
        By what and tests: how many of the request's statements are no SELECT.
    sizes : tuple of int
        The sizes in which everything was measured.
    """

    host: float = 0
    request: dict[tuple[str, int], float] = field(default_factory=dict)
    inside: dict[tuple[str, int], float] = field(default_factory=dict)
    floor: dict[tuple[str, int], float] = field(default_factory=dict)
    statements: dict[tuple[str, int], int] = field(default_factory=dict)
    floor_statements: dict[tuple[str, int], int] = field(default_factory=dict)
    writes: dict[tuple[str, int], int] = field(default_factory=dict)
    sizes: tuple[int, ...] = ()

    def times_floor(self, key: tuple[str, int]) -> float:
        """Return the request as a multiple of the floor."""
        return self.request[key] / self.floor[key]


def measure_table(stores: Stores, kind: str, sizes: tuple[int, ...], between: tuple[int, ...],
                  rounds: int) -> Figures:
    """
    Measure everything on one kind of database.

    Parameters
    ----------
    stores : Stores
        Where the database is made.
    kind : str
        Which kind.
    sizes : tuple of int
        Numbers of tests of a run.
    between : tuple of int
        Further ones, for retries only.
    rounds : int
        How often each is measured.

    Returns
    -------
    Figures
    """
    with stores.fresh(kind) as store, staged(store, max(*sizes, *between)) as stage:
        scene = Scene(stage, sizes, between)
        store.settle()
        check_equality(stage, {size: scene.failing[size] for size in (*sizes, *between)})
        return scene.measure(rounds)


class Scene:
    """
    The subjects of the table on one stage.

    Parameters
    ----------
    stage : Stage
        The miniature, without any runs.
    sizes, between : tuple of int
        As of `measure_table`.
    """

    def __init__(self, stage: Stage, sizes: tuple[int, ...], between: tuple[int, ...]) -> None:
        self.stage = stage
        self.figures = Figures(sizes=sizes)
        #: Runs by their size: one in ten of their tests failed, at least one; and none.
        self.failing = {size: stage.runs(1, size, max(1, size // 10))[0] for size in (*sizes, *between)}
        self.passing = {size: stage.runs(1, size, 0)[0] for size in sizes}
        self.requests: dict[tuple[str, int], tuple[Callable[[], Environ], int]] = {}
        self.inside: dict[tuple[str, int], Callable[[], int]] = {}
        self.floors: dict[tuple[str, int], Callable[[], Any]] = {}
        for size, run_id in self.failing.items():
            self._retries(size, run_id)
        for size in sizes:
            self._replay(size)
            self._none_failed(size, self.passing[size])
        self._unsized(self.failing[min(sizes)], stage.runs(1, min(sizes), 1)[0])

    def measure(self, rounds: int) -> Figures:
        """Measure all subjects in turn, and count their statements."""
        figures, subjects = self.figures, dict(self._subjects())
        for key in self.requests:
            with record_statements(Engine) as sent:
                subjects['request', *key].once()
            figures.statements[key] = len(sent)
            figures.writes[key] = sum(not statement.lstrip('( \n').startswith(('SELECT', 'WITH')) for statement in sent)
        for key, work in self.floors.items():
            before = self.stage.floor.sent
            work()
            figures.floor_statements[key] = self.stage.floor.sent - before
        for (column, *name), milliseconds in measure(subjects, rounds).items():
            if column == 'host':
                figures.host = milliseconds
            else:
                getattr(figures, column)[tuple(name)] = milliseconds
        return figures

    def _retries(self, size: int, run_id: int) -> None:
        stage = self.stage
        for what, failed_only, floor in ((FULL, False, stage.floor.full), (FAILED, True, stage.floor.failed)):
            self._add(what, size, 202, partial(stage.retry, run_id, {'failed_only': failed_only}),
                      partial(floor, run_id, size), partial(stage.retry_inside, run_id, failed_only=failed_only))

    def _replay(self, size: int) -> None:
        stage, run_id, key = self.stage, self.failing[size], f'key-{size}'
        made = stage.made(stage.call(stage.retry(run_id, key=key)))
        digest = hashlib.sha256(f'{stage.user_id} {key}'.encode()).hexdigest()
        assert stage.floor.replay(digest) == made
        self._add(REPLAY, size, 202, lambda: stage.retry(run_id, key=key), lambda: stage.floor.replay(digest),
                  lambda: stage.retry_inside(run_id, idempotency_key=key))

    def _none_failed(self, size: int, run_id: int) -> None:
        stage = self.stage
        assert stage.floor.none_failed(run_id, size)
        self._add(NONE_FAILED, size, 422, lambda: stage.retry(run_id, {'failed_only': True}),
                  lambda: stage.floor.none_failed(run_id, size))

    def _unsized(self, run_id: int, attempt: int) -> None:
        stage, floor = self.stage, self.stage.floor
        for _ in range(2):
            attempt = stage.made(stage.call(stage.retry(attempt)))
        assert floor.miss(NO_RUN) and floor.ask(WRONG_TOKEN) == 0
        self._add(LIST, 0, 200, lambda: stage.ask('GET', f'/api/v1/runs/{attempt}/retries'), None)
        self._add(NOT_FOUND, 0, 404, lambda: stage.retry(NO_RUN), lambda: floor.miss(NO_RUN))
        self._add(BAD_BODY, 0, 422, lambda: stage.retry(run_id, {'failed_only': 'perhaps'}), floor.ask)
        # The first one is what the limit allows.
        stage.call_limited(stage.retry(run_id))
        self._add(LIMITED, 0, 429, lambda: stage.retry(run_id), floor.ask)
        # What floor there is for no token is none at all: nothing is looked up.
        self._add(NO_TOKEN, 0, 401, lambda: stage.retry(run_id, token=None), None)
        self._add(BAD_TOKEN, 0, 401, lambda: stage.retry(run_id, token=WRONG_TOKEN), lambda: floor.ask(WRONG_TOKEN))

    def _add(self, what: str, size: int, status: int, write: Callable[[], Environ], floor: Callable[[], Any] | None,
             inside: Callable[[], int] | None = None) -> None:
        key = what, size
        self.requests[key] = write, status
        if floor is not None:
            self.floors[key] = floor
        if inside is not None:
            self.inside[key] = inside

    def _subjects(self) -> Iterator[tuple[tuple[Any, ...], Subject]]:
        stage = self.stage
        yield ('host',), Subject(stage.call, lambda: stage.ask('GET', NOTHING), expecting(200))
        for key, (write, status) in self.requests.items():
            work = stage.call_limited if key[0] == LIMITED else stage.call
            yield ('request', *key), Subject(work, write, expecting(status))
        for key, inside in self.inside.items():
            yield ('inside', *key), within(stage, inside)
        for key, floor in self.floors.items():
            yield ('floor', *key), Subject(ignoring(floor))


def within(stage: Stage, work: Callable[[], Any]) -> Subject:
    """Measure some work within a request, without the request's hooks."""
    stack = ExitStack()
    return Subject(ignoring(work), lambda: stack.enter_context(stage.inside()), lambda _: stack.close())


# The proof that the floor does the work: what it makes of a run is what the package makes of it, row by row.

#: All that a retry writes, but for what is another each time: ids, secrets and times.
ROWS = {
    'test': 'SELECT platform, test_type, fork_id, branch, `commit`, pr_nr, LENGTH(token) FROM test WHERE id = {run}',
    'run_retry': 'SELECT source_test_id, root_test_id, failed_only, reason, user_id, test_count, '
                 'idempotency_digest FROM run_retry WHERE test_id = {run}',
    'customized_test': 'SELECT regression_id FROM customized_test WHERE test_id = {run} ORDER BY regression_id',
    'test_fork': 'SELECT user_id FROM test_fork WHERE test_id = {run} ORDER BY user_id',
    'test_progress': 'SELECT status FROM test_progress WHERE test_id = {run}',
}


def check_equality(stage: Stage, runs: Mapping[int, int]) -> None:
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
            ours = _rows(stage, stage.made(stage.call(stage.retry(run_id, {'failed_only': failed_only}))))
            least = _rows(stage, floor(run_id, tests))
            for table, made in ours.items():
                if made != least[table]:
                    raise AssertionError(f'The floor and the package differ in the table {table} for a run of '
                                         f'{tests} tests, failed_only {failed_only}, on {stage.store.kind}.')
            if failed_only and len(ours['customized_test']) != max(1, tests // 10):
                raise AssertionError(f'{len(ours["customized_test"])} of {tests} tests failed.')


def _rows(stage: Stage, run_id: int) -> dict[str, list[Any]]:
    """Return all rows that a run was created with."""
    return {table: stage.store.send(query.format(run=run_id)) for table, query in ROWS.items()}
