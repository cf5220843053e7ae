"""Measuring: each round does each piece of work once, in another order, so that the machine's moods fall on all."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any, TypeVar

K = TypeVar('K', bound=Hashable)

#: Rounds at the beginning that are not counted: caches fill, pools connect, pages are read from disk.
WARM_UP = 3

#: The same orders in every run.
SEED = 5


def _nothing(_: Any) -> None:
    """End where there is nothing to look at."""


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
