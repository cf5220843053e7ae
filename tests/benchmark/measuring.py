"""Measuring: each round does each piece of work once, in another order, so that the machine's moods fall on all."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any, TypeVar

from werkzeug.test import EnvironBuilder

K = TypeVar('K', bound=Hashable)

#: Rounds at the beginning that are not counted: caches fill, pools connect, pages are read from disk.
WARM_UP = 3

#: The same orders in every run.
SEED = 5


def _nothing(_: Any) -> None:
    """Look at nothing."""


@dataclass(frozen=True)
class Subject:
    """
    A piece of work that is measured.

    Attributes
    ----------
    work : callable
        What is measured. It takes what `begin` has returned.
    begin : callable
        What is done before it, off the clock.
    end : callable
        What is done after it, off the clock. It takes what `work` has returned, and fails where that is wrong.
    """

    work: Callable[[Any], Any]
    begin: Callable[[], Any] = lambda: None
    end: Callable[[Any], None] = _nothing

    def once(self) -> float:
        """Do it once, and give the seconds."""
        begun = self.begin()
        started = perf_counter()
        done = self.work(begun)
        seconds = perf_counter() - started
        self.end(done)
        return seconds


def ignoring(work: Callable[[], Any]) -> Callable[[Any], Any]:
    """Do some work whatever has begun."""
    return lambda _: work()


def measure(subjects: Mapping[K, Subject], rounds: int) -> dict[K, float]:
    """
    Measure subjects in turn.

    Parameters
    ----------
    subjects : mapping
        What to measure, by a name of any kind.
    rounds : int
        How often each is measured, beside the rounds that are not counted.

    Returns
    -------
    dict
        The median of each, in milliseconds.
    """
    order, shuffle = list(subjects), random.Random(SEED).shuffle
    seconds: dict[K, list[float]] = {key: [] for key in order}
    for number in range(WARM_UP + rounds):
        shuffle(order)
        for key in order:
            taken = subjects[key].once()
            if number >= WARM_UP:
                seconds[key].append(taken)
    return {key: 1000 * median(taken) for key, taken in seconds.items()}


# Requests to an application in this process, without a server.

Environ = dict[str, Any]

#: The path of the request that does nothing.
NOTHING = '/benchmark/nothing'


@dataclass(frozen=True)
class Answer:
    """What the application answered."""

    status: int
    body: bytes


def call(app: Any, environ: Environ) -> Answer:
    """Have an application handle a request, up to the moment when a server has all of the answer."""
    said: list[str] = []

    def start(status: str, _headers: Any, _error: Any = None) -> Any:
        said.append(status)

    parts = app(environ, start)
    try:
        body = b''.join(parts)
    finally:
        if hasattr(parts, 'close'):
            parts.close()
    return Answer(int(said[0][:3]), body)


def request(method: str, path: str, token: str | None = None, key: str | None = None, body: Any = None,
            base_url: str | None = None) -> Environ:
    """Return a request as WSGI has it."""
    headers = [] if token is None else [('Authorization', f'Bearer {token}')]
    if key is not None:
        headers.append(('Idempotency-Key', key))
    return EnvironBuilder(path, base_url, method=method, headers=headers, json=body).get_environ()


def expecting(status: int) -> Callable[[Answer], None]:
    """Fail for an answer of any other status."""
    def check(answer: Answer) -> None:
        if answer.status != status:
            raise AssertionError(f'{answer.status} instead of {status}: {answer.body!r}')

    return check
