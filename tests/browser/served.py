"""The miniature as it is served to a browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Condition
from typing import TYPE_CHECKING, Any

import demo
import seed
import worker
from application import create_app, dispose
from database import db
from flask import Flask, Response, g, request
from mod_test.models import Test, TestPlatform, TestStatus
from sqlalchemy import func, select
from werkzeug.wsgi import ClosingIterator

from mod_runs_api import retry_run

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@dataclass(frozen=True)
class Site:
    """The miniature with the demo's users and its run: three of its tests failed."""

    app: Flask
    address: str
    run_id: int
    #: The requests for retries that have come: the method, whether there was a cookie, and the answer's status.
    asked: SimpleQueue[tuple[str, bool, int]]
    #: Why the check of RUNS_API_BEFORE_RETRY refuses every retry, if it does.
    objections: list[str]

    def page_of(self, run_id: int) -> str:
        """Return the address of a run's page."""
        return f'{self.address}/test/{run_id}'

    @property
    def page(self) -> str:
        """The address of the run's page."""
        return self.page_of(self.run_id)

    @property
    def runs(self) -> int:
        """How many runs there are."""
        with self.app.app_context():
            return db.session.scalar(select(func.count(Test.id))) or 0

    def add_run(self, *stages: TestStatus) -> int:
        """Add a run of a regression test of its own."""
        with self.app.app_context():
            run_id = seed.run([seed.regression_test()], stages=stages).id
            db.session.commit()
            return run_id

    def retry(self, run_id: int, **request: Any) -> int:
        """Retry a run for alice, and return the new one, which is queued."""
        with self.app.app_context():
            g.db = db.session
            return retry_run(run_id, requested_by='alice', **request).new_run_id

    def work(self, *crashing: int) -> None:
        """Let the worker see the queued runs through: some regression tests crash, and the others pass."""
        with self.app.app_context():
            g.db = db.session
            worker.work_once(db.session, TestPlatform.linux, crashing)


def seeded(database: Path) -> int:
    """Write the demo's users and run to a new database, and return the run's id."""
    app = create_app(f'sqlite:///{database}')
    with app.app_context():
        run_id = seed.seed_demo().run_id
    dispose(app)
    return run_id


@contextmanager
def served(database: Path, run_id: int, **settings: Any) -> Iterator[Site]:
    """Serve the miniature on such a database while the block lasts."""
    objections: list[str] = []
    app = create_app(f'sqlite:///{database}', RUNS_API_BEFORE_RETRY=lambda source: ' '.join(objections), **settings)
    asked: SimpleQueue[tuple[str, bool, int]] = SimpleQueue()

    def note(response: Response) -> Response:
        if request.path.endswith('/retry'):
            asked.put((request.method, bool(request.cookies), response.status_code))
        return response

    app.after_request(note)
    door = Door(app.wsgi_app)
    app.wsgi_app = door  # type: ignore[method-assign]
    try:
        with demo.serving(app, 0) as address:
            yield Site(app, address, run_id, asked, objections)
    finally:
        door.shut()
        dispose(app)


class Door:
    """
    A door of an application that can be shut, and then waits for the requests that are inside.

    A browser goes away whenever it likes. The development server would leave a file open that it is sending then, and
    does not wait for requests when it stops: they would go on with a database that is no longer there.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app
        self._inside = 0
        self._is_shut = False
        self._changed = Condition()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        """Answer a request, with the whole answer at once."""
        with self._changed:
            if self._is_shut:
                start_response('503 Service Unavailable', [])
                return []
            self._inside += 1
        try:
            with closing(ClosingIterator(self._app(environ, start_response))) as body:
                return list(body)
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def shut(self) -> None:
        """Refuse further requests, and wait for those that are inside."""
        with self._changed:
            self._is_shut = True
            self._changed.wait_for(lambda: not self._inside)
