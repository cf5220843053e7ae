"""
The miniature as gunicorn serves it in these tests, set up from environment variables.

`SERVICE_DATABASE_URI` is its database, `SERVICE_SETTINGS` its other settings in JSON, and `SERVICE_FOLDER` a folder for
what is recorded. Every answer names the worker process that gave it, and what it has sent to the database.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any, Callable, Iterable

from application import create_app
from flask import g, request
from mod_test.models import TestProgress, TestStatus

from mod_runs_api import retry_run
from mod_runs_api.service.sweep import Sweep

from . import recorder
from .mishaps import Mishaps
from .waiting import wait_for

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

folder = Path(os.environ['SERVICE_FOLDER'])


class Worker:
    """
    Middleware that names the worker, and lets requests meet.

    A request with the header `Meet: NAME NUMBER` waits until so many different workers have one of that name. A worker
    handles one request at a time, so that many such requests go to as many workers, and begin at the same moment.

    With the header `Dies: STEP` the connection to the database, or the worker, dies at that step, and with
    `Changes: NUMBER` rows change under the request: see `Mishaps.begin`.
    """

    def __init__(self, application: Application) -> None:
        self.application = application
        self.mishaps = Mishaps()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Handle a request."""
        if environ['PATH_INFO'] == '/ready':
            start_response('204 No Content', [])
            return []
        meeting = environ.get('HTTP_MEET')
        if meeting:
            name, number = meeting.split()
            (folder / f'meet-{name}-{os.getpid()}').touch()
            wait_for(f'{number} workers at {name}', lambda: len(list(folder.glob(f'meet-{name}-*'))) >= int(number),
                     pause=0.002)

        self.mishaps.begin(environ.get('HTTP_DIES'), int(environ.get('HTTP_CHANGES', 0)))

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, ('Worker', str(os.getpid())),
                                           ('Steps', json.dumps(self.mishaps.steps))], *rest)

        return self.application(environ, start)


def end_run(run_id: int) -> tuple[str, int]:
    """End a run as the platform does, through its models: results are carried over into it if there are any."""
    g.db.add(TestProgress(run_id, TestStatus.completed, 'All tests have run'))
    g.db.commit()
    return '', 204


def sweep() -> tuple[str, int]:
    """Sweep as the crontab does, but for the checks."""
    list(Sweep((), dry_run=False).run())
    return '', 204


def retry_in_process(run_id: int) -> dict[str, Any]:
    """Retry a run as a webhook handler does, with the arguments in the body."""
    made = retry_run(run_id, **request.get_json())
    return {'new_run_id': made.new_run_id, 'replayed': made.replayed}


logging.basicConfig(level=logging.INFO, format='%(process)d %(name)s %(levelname)s %(message)s')
recorder.record(folder)
app = create_app(os.environ['SERVICE_DATABASE_URI'], **json.loads(os.environ['SERVICE_SETTINGS']))
app.add_url_rule('/end/<int:run_id>', view_func=end_run, methods=['POST'])
app.add_url_rule('/sweep', view_func=sweep, methods=['POST'])
app.add_url_rule('/call/<int:run_id>', view_func=retry_in_process, methods=['POST'])
app.wsgi_app = Worker(app.wsgi_app)  # type: ignore[method-assign]
