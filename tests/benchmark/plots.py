"""The plots, as images at the width of a page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (FixedLocator, FuncFormatter, LogLocator,
                               NullLocator)

from . import attempts, history
from .results import Results
from .stores import MARIADB
from .table import FAILED, FULL

#: Seen well by everybody, on white and in print.
BLUE, ORANGE, GREEN = '#0072b2', '#d55e00', '#009e73'

#: Pixels for an inch: an image of twice the width that it is shown in, for fine screens.
RESOLUTION = 200


def draw(results: Results, kind: str, folder: Path) -> list[Path]:
    """
    Draw what was measured.

    Parameters
    ----------
    results : Results
        What was found.
    kind : str
        The database to show.
    folder : Path
        Where the images are written to.

    Returns
    -------
    list of Path
        The images.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figures = {}
    if results.table:
        figures['size'] = _size(results, kind)
    if results.history:
        figures['history'] = _history(results.history)
    if results.attempts:
        figures['attempts'] = _attempts(results.attempts, kind)
    if results.clients:
        figures['clients'] = _clients(results)
    for name, figure in figures.items():
        figure.savefig(folder / f'{name}.png', dpi=RESOLUTION, facecolor='white')
    return [folder / f'{name}.png' for name in figures]


def _size(results: Results, kind: str) -> Figure:
    found = results.table[kind]
    figure, axes = _axes('A retry, by the size of the run', 'regression tests in the run', kind)
    for what, color in ((FULL, BLUE), (FAILED, ORANGE)):
        sizes = sorted(size for name, size in found.request if name == what)
        _line(axes, {size: found.request[what, size] for size in sizes}, what, color)
        _line(axes, {size: found.floor[what, size] for size in sizes}, f'{what}, floor', color, floor=True)
    _logarithmic(axes, 'xy', sizes)
    return _done(figure)


def _history(growth: Mapping[str, Mapping[int, float]]) -> Figure:
    figure, axes = _axes('A retry, by the history in the database', 'runs of 300 tests in the database', MARIADB)
    for what, floor, color, label in (
            (history.FULL, history.FULL_FLOOR, BLUE, 'full, a new run'),
            (history.FAILED_ONLY, history.FAILED_FLOOR, ORANGE, 'failed-only, a new run'),
            (history.ANY, history.ANY_FLOOR, GREEN, 'full, any run')):
        _line(axes, growth[what], label, color)
        _line(axes, growth[floor], f'{label}, floor', color, floor=True)
    _logarithmic(axes, 'x', list(growth[history.FULL]))
    return _done(figure)


def _attempts(growth: Mapping[str, Mapping[int, float]], kind: str) -> Figure:
    figure, axes = _axes('A retry of 300 tests and a page of ten attempts, by the attempts of the run',
                         'attempts of the run', kind)
    _line(axes, growth[attempts.LAST], 'full retry of the last', BLUE)
    _line(axes, growth[attempts.LAST_FLOOR], 'its floor', BLUE, floor=True)
    _line(axes, growth[attempts.LIST], 'GET …/retries?limit=10', GREEN)
    _logarithmic(axes, 'x', list(growth[attempts.LAST]))
    return _done(figure)


def _clients(results: Results) -> Figure:
    numbers = list(results.clients)
    figure = Figure(figsize=(7, 3.4), layout='constrained')
    figure.suptitle('Full retries of 300 tests, by the clients that ask at the same time',
                    fontsize=11, x=0.01, ha='left', weight='bold')
    rates, latencies = figure.subplots(1, 2)
    for axes, label, values, color in (
            (rates, 'retries a second', [burst.rate for burst in results.clients.values()], BLUE),
            (latencies, 'milliseconds each, median', [burst.latency for burst in results.clients.values()], ORANGE)):
        _line(axes, dict(zip(numbers, values)), label, color)
        axes.set_xlabel('clients')
        axes.set_ylabel(label)
        axes.set_xticks(numbers)
        axes.set_ylim(bottom=0, top=1.1 * max(values))
        _plain(axes)
    return figure


def _axes(title: str, x: str, kind: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7, 4.2), layout='constrained')
    axes = figure.subplots()
    axes.set_title(title, fontsize=11, loc='left', weight='bold')
    axes.set_xlabel(x)
    axes.set_ylabel(f'milliseconds on {kind}')
    _plain(axes)
    return figure, axes


def _plain(axes: Axes) -> None:
    axes.spines[['top', 'right']].set_visible(False)
    axes.grid(color='#e4e4e4', linewidth=0.8)
    axes.set_axisbelow(True)


def _line(axes: Axes, points: Mapping[int, float], label: str, color: str, floor: bool = False) -> None:
    axes.plot(list(points), list(points.values()), label=label, color=color, marker='o', markersize=3 if floor else 5,
              linestyle='--' if floor else '-', linewidth=1.3 if floor else 2, alpha=0.8 if floor else 1, clip_on=False)


def _logarithmic(axes: Axes, which: str, ticks: list[int]) -> None:
    numbers = FuncFormatter(lambda value, _: f'{value:,g}')
    axes.set_xscale('log')
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(numbers)
    if 'y' in which:
        axes.set_yscale('log')
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(numbers)
    else:
        axes.set_ylim(bottom=0)


def _done(figure: Figure) -> Figure:
    lines = len(figure.axes[0].lines)
    # Each with its floor below it.
    figure.legend(loc='outside lower center', ncols=lines // 2, frameon=False, fontsize=9)
    return figure
