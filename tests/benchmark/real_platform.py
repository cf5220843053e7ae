"""The real platform: its own create and restart beside retries, in a copy of its checkout, in its own process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from checkout import Platform

from .clock import WARM_UP
from .stage import staged
from .stores import Stores

TESTS = 300
INSIDE = Path(__file__).with_name('inside_platform.py')


def measure_platform(stores: Stores, mounted: Platform, rounds: int) -> dict[str, dict[str, float]]:
    """
    Measure retries of a run of all tests beside the platform's own requests.

    Parameters
    ----------
    stores : Stores
        Where the databases are made.
    mounted : Platform
        A copy of the platform with the mount.
    rounds : int
        How often each is measured.

    Returns
    -------
    dict
        Milliseconds by the kind of the database and what.
    """
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
