"""The real platform: its own create and restart beside retries, in copies of its checkout, in their own processes."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

from checkout import MOUNT, Platform, copy

from .measuring import WARM_UP
from .stage import UNLIMITED, staged
from .stores import Stores

TESTS = 300
INSIDE = Path(__file__).with_name('inside_platform.py')

START = '''
import time
begun = time.perf_counter()
import run
imported = time.perf_counter()
exec({mount!r}, vars(run))
print(imported - begun, time.perf_counter() - imported)
'''


def copy_edited(unmounted: Platform) -> Platform:
    """Copy the platform with the mount, and with the patch ``database``."""
    edited = copy(unmounted, 'edited', mounted=True)
    edited.apply('database')
    return edited


def measure_platform(stores: Stores, mounted: Platform, rounds: int) -> dict[str, dict[str, float]]:
    """Retry a run of all tests beside the platform's own requests. Returns milliseconds by database and what."""
    with open(mounted.path / 'config.py', 'a') as file:
        file.write(f'\nRUNS_API_RATE_LIMIT = {UNLIMITED!r}\n')
    found: dict[str, dict[str, float]] = {}
    for kind in stores.kinds:
        with stores.fresh(kind) as store:
            mounted.inside('create_tables', store.uri)
            # Both have modules of the same names: the miniature, with the same tables, fills the database from here.
            with staged(store, TESTS) as stage:
                wanted: dict[str, Any] = {
                    'token': stage.token,
                    'run_id': stage.runs(1, TESTS, TESTS // 10)[0],
                    'restarts': stage.runs(WARM_UP + rounds, TESTS, TESTS // 10),
                    'rounds': rounds,
                }
                store.settle()
            done = mounted.run(str(INSIDE), database=store.uri, sent=json.dumps(wanted), seconds=1800)
            if done.returncode:
                raise RuntimeError(done.stderr)
            found[kind] = json.loads(done.stdout)
    return found


def measure_start(unmounted: Platform, rounds: int) -> tuple[float, float]:
    """Return the milliseconds of the platform's import, and of the mount's two lines after it."""
    seconds = []
    # The first time writes Python's byte code, and does not count.
    for _ in range(1 + rounds):
        done = unmounted.run('-c', START.format(mount=MOUNT), database='sqlite://')
        if done.returncode:
            raise RuntimeError(done.stderr)
        seconds.append([float(part) for part in done.stdout.split()[-2:]])
    platform, mount = (1000 * median(column) for column in zip(*seconds[1:]))
    return platform, mount
