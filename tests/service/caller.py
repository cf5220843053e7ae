"""
A process that calls `retry_run`, as a webhook handler or a job would.

It prints a line when it is ready and waits for one; then it makes all its calls at the same moment, one in a thread,
and prints what became of each.
"""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

from application import create_app

from mod_runs_api import RunsApiError, retry_run

from . import recorder


def main() -> None:
    """Make the calls that the environment variable `SERVICE_CALL` describes."""
    order = json.loads(os.environ['SERVICE_CALL'])
    count: int = order['threads']
    recorder.record(Path(os.environ['SERVICE_FOLDER']))
    app = create_app(os.environ['SERVICE_DATABASE_URI'])
    start = Barrier(count, timeout=60)

    def call(_: int) -> dict[str, Any]:
        with app.app_context():
            start.wait()
            try:
                made = retry_run(order['run_id'], **order['arguments'])
            except RunsApiError as error:
                return {'error': error.code}
            return {'new_run_id': made.new_run_id, 'replayed': made.replayed}

    print('ready', flush=True)
    sys.stdin.readline()
    with ThreadPoolExecutor(count) as threads:
        print(json.dumps(list(threads.map(call, range(count)))), flush=True)


if __name__ == '__main__':
    main()
