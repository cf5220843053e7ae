"""
The real platform's own requests beside the package's: run in the interpreter of a copy of the platform.

What to measure is read from standard input as a JSON object, and the medians are written to standard output. The
platform's modules are imported inside the functions, after the process has found itself in the copy.
"""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

if __name__ == '__main__':
    # This folder's modules are found by the package's name, and the platform's before all others.
    sys.path.append(str(Path(__file__).parents[1]))
    sys.path.remove(str(Path(__file__).parent))

from benchmark.measuring import (NOTHING, Subject, call, expecting, measure,
                                 request)

#: Said with every request, for the platform's configuration leaves Flask nothing to guess it from.
ADDRESS = 'http://localhost/'


def measure_platform(token: str, run_id: int, restarts: list[int], rounds: int) -> dict[str, float]:
    """
    Measure the platform's requests and the package's in turn.

    Parameters
    ----------
    token : str
        Of somebody who may do all of it.
    run_id : int
        The run to retry.
    restarts : list of int
        Runs to restart, one for each time: a restart deletes what makes the next one cost anything.
    rounds : int
        How often each is measured.

    Returns
    -------
    dict
        Milliseconds by what.
    """
    from mod_api.routes import runs
    from run import app

    # The platform's own limit, of twenty requests a minute, is off under test. Nothing else of it asks for that,
    # and what Flask changes is what becomes of an error.
    app.config['TESTING'] = True
    app.add_url_rule(NOTHING, 'nothing', lambda: '')
    left, commits = iter(restarts), count()

    def ask(method: str, path: str, status: int, **keywords: Any) -> Subject:
        return Subject(lambda environ: call(app, environ),
                       lambda: request(method, path, token, base_url=ADDRESS, **keywords), expecting(status))

    def create() -> Any:
        return request('POST', '/api/v1/runs', token, base_url=ADDRESS, body={
            'commit_sha': f'{next(commits):040x}', 'platform': 'linux', 'branch': 'master',
            'repository': f'{app.config["GITHUB_OWNER"]}/{app.config["GITHUB_REPOSITORY"]}'})

    def restart() -> Any:
        return request('POST', f'/api/v1/runs/{next(left)}/restart', token, base_url=ADDRESS)

    retry = f'/api/v1/runs/{run_id}/retry'
    replay = ask('POST', retry, 202, key='once')
    replay.once()
    with mock.patch.object(runs, '_ci_artifact_exists', return_value=True):
        return measure({
            'host': ask('GET', NOTHING, 200),
            'create': Subject(lambda environ: call(app, environ), create, expecting(202)),
            'restart': Subject(lambda environ: call(app, environ), restart, expecting(202)),
            'full': ask('POST', retry, 202),
            'failed': ask('POST', retry, 202, body={'failed_only': True}),
            'replay': replay,
            'list': ask('GET', f'/api/v1/runs/{restarts[0]}/retries', 200),
        }, rounds)


if __name__ == '__main__':
    with redirect_stdout(sys.stderr):
        measured = measure_platform(**json.load(sys.stdin))
    json.dump(measured, sys.stdout)
