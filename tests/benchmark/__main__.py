"""
Measure what retries cost, and print a report for docs/benchmarks.rst; `tox run -e bench` does it.

Run it from the root of the repository, with the package and its extras `test`, `service` and `bench` installed:
`python tests/benchmark`. It measures on SQLite, on the MariaDB that the service tests use if there is one, and on
the real platform where `SAMPLE_PLATFORM` names a checkout of it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

if __name__ == '__main__':
    # In the place of this folder, whose modules are found by the package's name.
    TESTS = Path(__file__).resolve().parents[1]
    sys.path[0:1] = [str(TESTS / name) for name in ('', 'miniature', 'platform')]

from benchmark import plots, report
from benchmark.attempts import measure_attempts, measure_ends, measure_verdict
from benchmark.clients import measure_clients
from benchmark.history import measure_history
from benchmark.plan import (ATTEMPTS, CLIENTS, HISTORY, PARTS, PLATFORM, QUICK,
                            TABLE, Plan)
from benchmark.results import Results
from benchmark.stores import Stores
from benchmark.table import measure_table


def main(arguments: Sequence[str]) -> None:
    """Measure what the arguments ask for, draw it and print it."""
    options = _options(arguments)
    plan = (QUICK if options.quick else Plan()).but(options.rounds, options.history, options.only)
    with tempfile.TemporaryDirectory() as folder:
        stores = Stores.find(Path(folder))
        results = measure(plan, stores, Path(folder))
        command = ' '.join(['tox run -e bench', *(['--', *arguments] if arguments else [])])
        print(report.write(results, plan, stores, command))
        for image in plots.draw(results, stores.kinds[0], options.plots):
            _say(f'drawn: {image}')


def measure(plan: Plan, stores: Stores, folder: Path) -> Results:
    """
    Measure one part after the other.

    Parameters
    ----------
    plan : Plan
        What to measure.
    stores : Stores
        On which databases.
    folder : Path
        Where files are made.

    Returns
    -------
    Results
    """
    results, main_kind = Results(), stores.kinds[0]
    if stores.missing:
        _say(f'no MariaDB: {stores.missing}')
    if TABLE in plan.parts:
        for kind in stores.kinds:
            _say(f'the table, on {kind}')
            results.table[kind] = measure_table(stores, kind, plan.sizes, plan.between, plan.rounds)
    if PLATFORM in plan.parts:
        checkout = os.environ.get('SAMPLE_PLATFORM')
        if checkout:
            # What is needed for it is installed with the platform only.
            from benchmark.real_platform import (copy_edited, measure_platform,
                                                 measure_start)
            from checkout import copy, prepare
            _say('the real platform')
            unmounted = prepare(Path(checkout), _new(folder, 'platform'))
            results.platform = measure_platform(stores, copy(unmounted, 'mounted', mounted=True), plan.rounds)
            results.edited = measure_platform(stores, copy_edited(unmounted), plan.rounds)
            results.start = measure_start(unmounted, plan.start_rounds)
        else:
            _say('SAMPLE_PLATFORM names no checkout of the real platform')
    if HISTORY in plan.parts and not stores.missing:
        _say('the history')
        results.history = measure_history(stores, plan.histories, plan.rounds)
    if ATTEMPTS in plan.parts:
        _say('the attempts')
        results.attempts = measure_attempts(stores, main_kind, plan.attempts, plan.rounds)
        results.verdict = measure_verdict(stores, main_kind, plan.judged, plan.rounds)
        results.ends = measure_ends(stores, main_kind, plan.ends, plan.rounds)
    if CLIENTS in plan.parts and not stores.missing:
        _say('the clients')
        results.clients = measure_clients(stores, plan.clients, plan.client_rounds, _new(folder, 'server'))
    return results


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='benchmark', description='Measure what retries cost.')
    parser.add_argument('--quick', action='store_true', help='only try it out: the figures are worth nothing')
    parser.add_argument('--rounds', type=int, help='how often everything is measured')
    parser.add_argument('--history', type=_numbers, metavar='RUNS,RUNS,…',
                        help='how many runs there are in the databases; 100,000 take ten minutes and 8 GB')
    parser.add_argument('--only', choices=PARTS, action='append', help='a part to measure; may be said several times')
    parser.add_argument('--plots', type=Path, default=Path(__file__).with_name('plots'), metavar='FOLDER',
                        help='where the images are written to')
    return parser.parse_args(arguments)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(',')]


def _new(folder: Path, name: str) -> Path:
    made = folder / name
    made.mkdir()
    return made


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == '__main__':
    main(sys.argv[1:])
