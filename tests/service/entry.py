"""
The miniature as gunicorn serves it in these tests, set up from environment variables.

`SERVICE_DATABASE_URI` is its database, `SERVICE_SETTINGS` its other settings in JSON, and `SERVICE_FOLDER` a folder in
which workers meet.
"""

import json
import logging
import os
import signal
from contextlib import closing, suppress
from pathlib import Path

from application import create_app
from flask import g, request
from mod_test.models import Test, TestProgress, TestStatus
from sqlalchemy import Engine, event, select
from support.github import GitHub

from mod_runs_api import retry_run
from mod_runs_api.extension import extension_state
from mod_runs_api.service.sweep import Sweep

from .services import wait_for

folder = Path(os.environ['SERVICE_FOLDER'])


class Meetings:
    """
    Middleware that lets requests meet, and names the worker in the answer.

    With the header ``Meet: NAME NUMBER``, a request waits until so many different workers have one with that name. All
    workers then begin at the same moment.
    """

    def __init__(self, application):
        self.application = application

    def __call__(self, environ, start_response):
        """Handle a request."""
        if 'HTTP_MEET' in environ:
            name, number = environ['HTTP_MEET'].split()
            (folder / f'meet-{name}-{os.getpid()}').touch()
            wait_for(f'{number} workers at {name}', lambda: len(list(folder.glob(f'meet-{name}-*'))) >= int(number),
                     pause=0.002)
        return self.application(environ, lambda status, headers, *rest: start_response(
            status, [*headers, ('Worker', str(os.getpid()))], *rest))


class Mishaps:
    """
    Middleware that names the steps of a request in its answer, and lets mishaps happen, one request at a time.

    A step is a statement, a COMMIT or a ROLLBACK that is sent to the database. The steps are counted from 1. The
    mishaps are headers, each with a number:

    Kill-Connection-Before
        The connection to the database dies before that step.
    Kill-Connection-After
        The connection dies after that step, a COMMIT, and before its answer.
    Kill-Worker-Before
        The worker dies before that step.
    Change-Runs
        So often somebody else changes the runs, each time just before the request copies one.
    """

    def __init__(self, application):
        self.application = application
        self.steps: list[str] = []
        self.numbers: dict[str, int] = {}
        event.listen(Engine, 'before_cursor_execute', self._before_statement)
        event.listen(Engine, 'commit', lambda connection: self._step(connection, 'COMMIT'))
        event.listen(Engine, 'rollback', lambda connection: self._step(connection, 'ROLLBACK'))

    def __call__(self, environ, start_response):
        """Handle a request."""
        self.steps = []
        self.numbers = {name: int(environ.get(f'HTTP_{name}', 0)) for name in (
            'KILL_CONNECTION_BEFORE', 'KILL_CONNECTION_AFTER', 'KILL_WORKER_BEFORE', 'CHANGE_RUNS')}
        return self.application(environ, lambda status, headers, *rest: start_response(
            status, [*headers, ('Steps', ','.join(self.steps))], *rest))

    def _before_statement(self, connection, _cursor, statement, *_):
        words = [word.strip('`') for word in statement.split()]
        step = f'INSERT {words[2]}' if words[0] == 'INSERT' else words[0]
        if step == 'INSERT test' and self.numbers['CHANGE_RUNS']:
            self.numbers['CHANGE_RUNS'] -= 1
            change_runs(connection)
        self._step(connection, step)

    def _step(self, connection, step):
        self.steps.append(step)
        number = len(self.steps)
        if number == self.numbers.get('KILL_WORKER_BEFORE'):
            os.kill(os.getpid(), signal.SIGKILL)
        if number == self.numbers.get('KILL_CONNECTION_BEFORE'):
            kill_connection(connection)
        if number == self.numbers.get('KILL_CONNECTION_AFTER'):
            assert step == 'COMMIT'
            connection.connection.commit()
            kill_connection(connection)


def kill_connection(connection):
    """Kill a connection to the database, which does not know yet."""
    with closing(connection.connection.cursor()) as cursor, suppress(connection.dialect.loaded_dbapi.Error):
        cursor.execute('KILL CONNECTION_ID()')


def change_runs(connection):
    """Change all runs on a connection of its own, past the engine, whose statements are looked at."""
    arguments, keywords = connection.dialect.create_connect_args(connection.engine.url)
    with closing(connection.dialect.connect(*arguments, **keywords)) as other:
        other.cursor().execute('UPDATE test SET token = REVERSE(token)')
        other.commit()


def end_run(run_id):
    """End a run as the platform does, through its models: results are carried over into it if there are any."""
    g.db.add(TestProgress(run_id, TestStatus.completed, 'All tests have run'))
    g.db.commit()
    return '', 204


def retry_in_process(run_id):
    """Retry a run as a webhook handler does, with the arguments in the body, and answer as the API does."""
    made = retry_run(run_id, **request.get_json())
    return {'new_run_id': made.new_run_id}, 202, {'Idempotent-Replayed': 'true'} if made.replayed else {}


def sweep():
    """Sweep as the crontab does, before a GitHub that lists a build of every run, the newest first."""
    with GitHub().standing_in() as github:
        for commit in g.db.scalars(select(Test.commit).order_by(Test.id.desc())):
            github.build(commit)
        swept = Sweep(extension_state())
        return [[step.run_id, step.kind, step.new_run_id] for step in swept.take(swept.plan())]


logging.basicConfig(level=logging.INFO, format='%(process)d %(name)s %(levelname)s %(message)s')
app = create_app(os.environ['SERVICE_DATABASE_URI'], **json.loads(os.environ['SERVICE_SETTINGS']))
app.add_url_rule('/end/<int:run_id>', view_func=end_run, methods=['POST'])
app.add_url_rule('/call/<int:run_id>', view_func=retry_in_process, methods=['POST'])
app.add_url_rule('/sweep', view_func=sweep, methods=['POST'])
app.wsgi_app = Meetings(Mishaps(app.wsgi_app))  # type: ignore[assignment,method-assign]
