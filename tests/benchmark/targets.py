"""What was aimed at, and whether it is met."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from . import history
from .results import Line, Results
from .stores import MARIADB
from .table import BAD_TOKEN, FAILED, FULL, NO_TOKEN, REPLAY, Figures

TESTS = 300
MOST_STATEMENTS = 8

#: A process whose memory is flat still moves by a few pages.
FLAT = 2.0


@dataclass(frozen=True)
class Target:
    """Something to reach: what it is, what was measured, and whether that is enough."""

    text: str
    measured: str
    met: bool

    @classmethod
    def at_most(cls, text: str, value: float, limit: float, unit: str = '') -> Target:
        """Give a target that is a limit."""
        return cls(f'{text}, at most {limit:g}{unit}', f'{round(value, 2):g}{unit}', value <= limit)


def targets(results: Results) -> Iterator[Target]:
    """Give all targets that were measured."""
    yield from _platform(results.platform.get(MARIADB, {}))
    for way, (_, added) in results.start.items():
        yield Target.at_most(f'added to the import of the platform, {way}', added, 50, ' ms')
    if MARIADB in results.table:
        yield from _miniature(results.table[MARIADB])
    yield from _history(results.history)
    if results.memory is not None:
        yield Target.at_most('growth of the process', results.memory, FLAT, ' MB')
    if results.clients:
        yield Target.at_most('errors, however many clients', sum(burst.errors for burst in results.clients.values()), 0)


def _platform(found: dict[str, float]) -> Iterator[Target]:
    if found:
        yield Target.at_most('platform: full retry / create', found['full'] / found['create'], 0.5)
        yield Target.at_most('platform: full retry / restart', found['full'] / found['restart'], 0.95)
        yield Target.at_most('platform: failed-only retry / restart', found['failed'] / found['restart'], 1)


def _miniature(figures: Figures) -> Iterator[Target]:
    for what in (FULL, FAILED):
        yield Target.at_most(f'{what} of {TESTS} tests / floor', figures.times_floor((what, TESTS)), 1.6)
    yield Target.at_most('replay / full retry', figures.request[REPLAY, TESTS] / figures.request[FULL, TESTS], 0.6)
    yield Target.at_most('statements of a 401', max(figures.statements[what, 0] for what in (NO_TOKEN, BAD_TOKEN)), 1)
    yield Target.at_most('writes of a 401', max(figures.writes[what, 0] for what in (NO_TOKEN, BAD_TOKEN)), 0)
    for what in (FULL, FAILED):
        numbers = {sent for (name, _), sent in figures.statements.items() if name == what}
        yield Target(f'statements of a {what}: one number, at most {MOST_STATEMENTS}',
                     ', '.join(map(str, sorted(numbers))), len(numbers) == 1 and max(numbers) <= MOST_STATEMENTS)
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
