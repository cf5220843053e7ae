"""What was aimed at, and whether it is met."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from . import attempts, history
from .results import Line, Results
from .stores import MARIADB
from .table import FAILED, FULL, Figures

TESTS = 300


@dataclass(frozen=True)
class Target:
    """Something to reach: what it is, what was measured, and whether that is enough."""

    text: str
    measured: str
    met: bool

    @classmethod
    def at_most(cls, text: str, value: float, limit: float, unit: str = '') -> Target:
        """Return a target that is a limit."""
        return cls(f'{text}, at most {limit:g}{unit}', f'{round(value, 2):g}{unit}', value <= limit)


def targets(results: Results) -> Iterator[Target]:
    """Return all targets that were measured."""
    yield from _platform('as it is', results.platform.get(MARIADB, {}), 0.60, 1.10)
    yield from _platform('edited', results.edited.get(MARIADB, {}), 0.35, 1.15)
    if results.start:
        platform, added = results.start
        yield Target.at_most('added by the mount / import of the platform', added / platform, 0.1)
    if MARIADB in results.table:
        yield from _miniature(results.table[MARIADB])
    yield from _history(results.history)
    yield from _attempts(results)
    if results.clients:
        yield Target.at_most('errors, however many clients', sum(burst.errors for burst in results.clients.values()), 0)


def _platform(how: str, found: dict[str, float], of_create: float, of_restart: float) -> Iterator[Target]:
    for what, name in (('full', 'full retry'), ('failed', 'failed-only retry')):
        if found:
            yield Target.at_most(f'platform {how}: {name} / create', found[what] / found['create'], of_create)
            yield Target.at_most(f'platform {how}: {name} / restart', found[what] / found['restart'], of_restart)


def _attempts(results: Results) -> Iterator[Target]:
    if results.attempts:
        pages = results.attempts[attempts.LIST]
        few, many = sorted(pages)[1], max(pages)
        yield Target.at_most(f'a page of 10 of {many:,} attempts / of {few}', pages[many] / pages[few], 1.5)
    if results.verdict:
        taken, retries = results.verdict[attempts.VERDICT], results.verdict[attempts.FAILED_ONLY]
        most = max(taken)
        yield Target.at_most(f'verdict of {most} attempts / failed-only retry', taken[most] / retries[most], 3)
    if results.ends:
        taken = results.ends[attempts.END]
        few, many = min(taken), max(taken)
        yield Target.at_most(f'carrying over {few} tests', taken[few], 40, ' ms')
        yield Target.at_most(f'carrying over: {many:,} tests / {few}, for each test',
                             taken[many] / taken[few] / (many / few), 1)


def _miniature(figures: Figures) -> Iterator[Target]:
    for what in (FULL, FAILED):
        yield Target.at_most(f'{what} of {TESTS} tests / floor', figures.times_floor((what, TESTS)), 2)
    for what in (FULL, FAILED):
        numbers = {sent for (name, _), sent in figures.statements.items() if name == what}
        yield Target(f'statements of a {what}: one number', ', '.join(map(str, sorted(numbers))), len(numbers) == 1)
    for what in (FULL, FAILED):
        ours, floor = Line.through(figures.request, what), Line.through(figures.floor, what)
        yield Target.at_most(f'{what}: slope / slope of the floor', ours.slope / floor.slope, 1.3)
        yield Target(f'{what}: linear, R² at least 0.99', f'{ours.straightness:.4f}', ours.straightness >= 0.99)


def _history(growth: dict[str, dict[int, float]]) -> Iterator[Target]:
    for what in (history.FULL, history.FAILED_ONLY, history.ANY):
        if len(growth.get(what, ())) > 1:
            few, *_, many = sorted(growth[what])
            yield Target.at_most(f'{what}: {many:,} runs of history / {few:,}',
                                 growth[what][many] / growth[what][few], 1.1)
