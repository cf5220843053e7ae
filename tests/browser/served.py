"""The miniature as it is served to a browser."""

from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue

import demo
import seed
import worker
from application import create_app, dispose
from database import db
from flask import Flask, Response, g, request
from mod_regression.models import RegressionTest
from mod_test.models import Test, TestPlatform
from sqlalchemy import func, select

from mod_runs_api import retry_run

#: The conditions are on. One of them is that every attempt has ended.
CHECKED = {'RUNS_API_CHECKS': True}


@dataclass(frozen=True)
class Site:
    """The miniature with the demo's users and its run: three of its tests failed."""

    app: Flask
    address: str
    run_id: int
    #: The requests for retries that have come: the method, whether there was a cookie, and the answer's status.
    asked: SimpleQueue[tuple[str, bool, int]]

    def page_of(self, run_id):
        """Return the address of a run's page."""
        return f'{self.address}/test/{run_id}'

    @property
    def page(self):
        """The address of the run's page."""
        return self.page_of(self.run_id)

    @property
    def runs(self):
        """How many runs there are."""
        with self.app.app_context():
            return db.session.scalar(select(func.count(Test.id))) or 0

    def add_run(self, *stages):
        """Add a run of a regression test of its own."""
        with self.app.app_context():
            run_id = seed.run([seed.regression_test()], stages=stages).id
            db.session.commit()
            return run_id

    def retire_two_tests(self):
        """Make two regression tests of the run inactive: one that passed, and one that failed."""
        with self.app.app_context():
            passed, failed = db.session.query(RegressionTest).limit(2)
            passed.active = failed.active = False
            db.session.commit()

    def retry(self, run_id, **request):
        """Retry a run for alice, and return the new one, which is queued."""
        with self.app.app_context():
            g.db = db.session
            return retry_run(run_id, requested_by='alice', **request).new_run_id

    def work(self, *crashing):
        """Let the worker see the queued runs through: some regression tests crash, and the others pass."""
        with self.app.app_context():
            g.db = db.session
            worker.work_once(db.session, TestPlatform.linux, crashing)


@contextmanager
def served(folder, settings):
    """Serve the miniature, with some settings, on a database of its own in a folder while the block lasts."""
    app = create_app(f'sqlite:///{folder}/miniature.db', **settings)
    with app.app_context():
        run_id = seed.seed_demo().run_id
    asked: SimpleQueue[tuple[str, bool, int]] = SimpleQueue()

    def note(response):
        if request.path.endswith('/retry'):
            asked.put((request.method, bool(request.cookies), response.status_code))
        return response

    app.after_request(note)
    app.wsgi_app = at_once(app.wsgi_app)  # type: ignore[assignment,method-assign]
    try:
        with demo.serving(app, 0) as address:
            yield Site(app, address, run_id, asked)
    finally:
        dispose(app)


def at_once(app):
    """Send each answer as a whole: of a browser that goes away, the server would leave a file open."""
    return lambda environ, start_response: Response.from_app(app, environ, buffered=True)(environ, start_response)
