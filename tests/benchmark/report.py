"""The report, as reStructuredText that can stand in docs/benchmarks.rst as it is."""

from __future__ import annotations

import os
import platform
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from importlib.metadata import version

from . import history
from .plan import Plan
from .results import Line, Results
from .stores import Stores
from .table import FAILED, FULL, Figures
from .targets import targets

#: A space at which no line ends.
UNBROKEN = '\N{NO-BREAK SPACE}'

#: How the parts of the platform's table are called.
PLATFORM_NAMES = {
    'host': 'a page that does nothing', 'create': "its own ``POST /runs``", 'restart': "its own ``POST …/restart``",
    'full': 'full retry', 'failed': 'failed-only retry', 'replay': 'replay of a key', 'list': 'GET retries',
}


def write(results: Results, plan: Plan, stores: Stores, command: str) -> str:
    """
    Write the report.

    Parameters
    ----------
    results : Results
        What was found.
    plan : Plan
        What was measured.
    stores : Stores
        On which databases.
    command : str
        The command that makes it again.

    Returns
    -------
    str
    """
    parts = [_heading(plan, stores, command)]
    if results.table:
        parts += [*_table(results.table), *_size(results.table)]
    if results.platform:
        parts += [*_platform(results), *_start(results.start)]
    if results.history:
        parts += [*_growth('the history, of runs of 300 tests', 'runs', results.history), _wrap(
            f'The first four retry one of the {history.NEWEST} newest runs, the last two any run: it, unlike those, '
            'must be read from the disk if the database is larger than the server\'s memory, whoever reads it.')]
    if results.attempts:
        parts += _growth('the attempts of a run of 300 tests', 'attempts', results.attempts)
        parts += _growth('the attempts of a run of 300 tests that are judged', 'attempts', results.verdict)
        parts += _growth('the tests of a run, one of whose retries ends with three of them', 'tests', results.ends)
    if results.clients:
        parts += _clients(results)
    reached = [(target.text, target.measured, 'met' if target.met else 'not met') for target in targets(results)]
    if reached:
        parts += ['The targets, on MariaDB:', simple_table(('target', 'measured', ''), reached)]
    return '\n\n'.join(parts) + '\n'


def simple_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a simple table, with numbers at the right of their columns."""
    body = [[cell or '..' if place == 0 else cell for place, cell in enumerate(row)] for row in rows]
    columns = list(zip(head, *body))
    widths = [max(map(len, column)) for column in columns]
    numeric = [all(cell[:1].isdigit() or cell in ('', '–') for cell in column[1:]) for column in columns]
    rule = '  '.join('=' * width for width in widths)
    lines = ['  '.join(cell.rjust(width) if right else cell.ljust(width)
                       for cell, width, right in zip(row, widths, numeric)).rstrip() for row in (head, *body)]
    return '\n'.join([rule, lines[0], rule, *lines[1:], rule])


def _heading(plan: Plan, stores: Stores, command: str) -> str:
    packages = ', '.join(f'{name} {version(name)}' for name in ('SQLAlchemy', 'Flask'))
    databases = ', '.join(f'{kind} {stores.version(kind)}' for kind in stores.kinds)
    unbroken = command.replace(' ', UNBROKEN)
    text = (f'Measured on {datetime.now(timezone.utc):%Y-%m-%d} with Python {platform.python_version()}, {packages}, '
            f'{databases}, on {os.cpu_count()} CPUs, by ``{unbroken}``: medians of {plan.rounds} rounds, in '
            'milliseconds. Each round does everything once, in another order. One in ten tests of a run failed, at '
            'least one.')
    if stores.missing:
        text += f' There was no MariaDB ({stores.missing}), and what needs it is left out.'
    else:
        text += ' InnoDB counted its tables anew (``ANALYZE TABLE``) after they were filled.'
    return _wrap(text).replace(UNBROKEN, ' ')


def _table(table: dict[str, Figures]) -> Iterator[str]:
    hosts = ' and '.join(f'{figures.host:.1f} on {kind}' for kind, figures in table.items())
    yield _wrap(
        'On the miniature. *Request* is the whole request, within the process. *Inside* is ``retry_run``, without '
        'HTTP, token and limit. The *floor* is the least SQL that does the same in one transaction through the bare '
        'driver, with the look-up of the token and without HTTP. *Statements* are those of the request, and of the '
        f'floor. A page of the host\'s own that does nothing takes {hosts}. Here the host does not check '
        'for its tables at every request, as the platform does without the edit of its ``database.py``.')
    yield simple_table(
        ('database', 'what', 'tests', 'request', 'inside', 'floor', 'request / floor', 'statements'),
        [row for kind, figures in table.items() for row in _rows(kind, figures)])


def _rows(kind: str, figures: Figures) -> Iterator[tuple[str, ...]]:
    order = list(dict.fromkeys(what for what, _ in figures.statements))
    for key in sorted(figures.statements, key=lambda key: (order.index(key[0]), key[1])):
        what, tests = key
        if tests and tests not in figures.sizes:
            continue
        floored = key in figures.floor
        yield (kind, what, f'{tests:,}' if tests else '–', _ms(figures.request[key]),
               _ms(figures.inside[key]) if key in figures.inside else '–',
               _ms(figures.floor[key]) if floored else '–',
               f'{figures.times_floor(key):.2f}' if floored else '–',
               f'{figures.statements[key]}, {figures.floor_statements.get(key, 0)}')


def _size(table: dict[str, Figures]) -> Iterator[str]:
    yield 'Growth with the size of the run, in microseconds for each further test, by least squares from 300 tests on:'
    rows = []
    for kind, figures in table.items():
        for what in (FULL, FAILED):
            ours, floor = Line.through(figures.request, what), Line.through(figures.floor, what)
            rows.append((kind, what, f'{ours.slope:.2f}', f'{floor.slope:.2f}', f'{ours.slope / floor.slope:.2f}'))
    yield simple_table(('database', 'what', 'package', 'floor', 'package / floor'), rows)


def _platform(results: Results) -> Iterator[str]:
    yield _wrap('On the real platform, a run of 300 tests, beside its own requests, whole requests within its process. '
                'The platform\'s question to GitHub whether there is a build is answered at no cost, and its own limit '
                'is off. Edited is the same with the edit of ``database.py`` that the page for operators has.')
    yield simple_table(
        ('database', 'what', 'request', '/ create', '/ restart', 'edited', '/ create', '/ restart'),
        [(kind, PLATFORM_NAMES[what], *_beside(results.platform[kind], what), *_beside(results.edited[kind], what))
         for kind, measured in results.platform.items() for what in measured])


def _beside(measured: dict[str, float], what: str) -> tuple[str, str, str]:
    taken = measured[what]
    return _ms(taken), f'{taken / measured["create"]:.2f}', f'{taken / measured["restart"]:.2f}'


def _start(start: tuple[float, float] | None) -> Iterator[str]:
    if start is not None:
        platform, added = start
        yield _wrap(f'The import of the platform\'s ``run.py`` takes {platform:,.0f} ms. The two lines of the mount '
                    f'add {added:,.0f} ms, which is {100 * added / platform:.1f} % of it.')


def _growth(by: str, unit: str, growth: dict[str, dict[int, float]]) -> Iterator[str]:
    yield f'Growth with {by}, in milliseconds:'
    columns = list(growth)
    amounts = list(growth[columns[0]])
    yield simple_table((unit, *columns), [
        (f'{amount:,}', *(f'{_ms(growth[what][amount])} ({growth[what][amount] / growth[what][amounts[0]]:.2f})'
                          for what in columns)) for amount in amounts])


def _clients(results: Results) -> Iterator[str]:
    yield 'Clients at the same time, on 4 worker processes of gunicorn, MariaDB, full retries of runs of 300 tests:'
    yield simple_table(('clients', 'retries a second', 'median of the milliseconds', 'errors'), [
        (str(number), f'{burst.rate:.1f}', _ms(burst.latency), str(burst.errors))
        for number, burst in results.clients.items()])


def _ms(milliseconds: float) -> str:
    return f'{milliseconds:,.2f}' if milliseconds < 100 else f'{milliseconds:,.0f}'


def _wrap(text: str) -> str:
    return textwrap.fill(text, 118, break_on_hyphens=False)
