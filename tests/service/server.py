"""The miniature under gunicorn, and clients of it: one request, or many at the same moment."""

import json
import os
import secrets
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from threading import Barrier
from urllib.parse import urlsplit

from application import create_app, dispose

import mod_runs_api

from .services import Private, free_port

#: Seconds. Far more than any answer takes, so that nothing here waits for ever.
TIMEOUT = 60

TESTS = Path(__file__).parents[1]
#: Where `entry` finds the tests, the miniature and the package.
PYTHONPATH = os.pathsep.join(map(str, (TESTS, TESTS / 'miniature', Path(mod_runs_api.__file__).parents[1])))


@dataclass(frozen=True)
class Answer:
    """The answer of a server."""

    status: int
    headers: HTTPMessage
    text: str
    #: The process that answered, and the steps of the request: see `entry`.
    worker: int
    steps: list[str]

    @property
    def body(self):
        """The JSON in it."""
        return json.loads(self.text)

    @property
    def new_run_id(self):
        """The run that was made, or was made before."""
        return int(self.body['new_run_id'])

    @property
    def replayed(self):
        """Whether this is the answer to an earlier request again."""
        return self.headers['Idempotent-Replayed'] == 'true'


@dataclass(frozen=True)
class Client:
    """Somebody with a token."""

    address: str
    token: str

    def ask(self, method, path, body=None, **headers):
        """Send a request on a connection of its own. OSError or HTTPException: it was not answered."""
        sent = {'Authorization': f'Bearer {self.token}', 'Content-Type': 'application/json', **headers}
        data = json.dumps(body, ensure_ascii=False).encode() if body else b''
        connection = HTTPConnection(urlsplit(self.address).netloc, timeout=TIMEOUT)
        try:
            connection.request(method, path, data, {
                name.replace('_', '-'): value for name, value in sent.items() if value is not None})
            with connection.getresponse() as response:
                got = response.headers
                return Answer(response.status, got, response.read().decode(), int(got.get('Worker', 0)),
                              got.get('Steps', '').split(','))
        finally:
            connection.close()

    def retry(self, run_id, *, key=None, cookie=None, headers=None, **body):
        """
        Ask for a retry with these fields in the body; without any, it is empty.

        The cookie is of somebody who is logged in as well. The headers may let mishaps happen: see `entry`.
        """
        return self.ask('POST', f'/api/v1/runs/{run_id}/retry', body, Idempotency_Key=key, Cookie=cookie,
                        **(headers or {}))

    def end(self, run_id):
        """Have the platform end a run, see `entry.end_run`."""
        return self.ask('POST', f'/end/{run_id}')

    def log_in(self, name):
        """Return the session cookie of a user who has logged in."""
        return str(self.ask('GET', f'/account/login?name={name}').headers['Set-Cookie']).partition(';')[0]


def run_command(database, *arguments):
    """Run a command on a database in this process, and return its result."""
    app = create_app(database.uri)
    result = app.test_cli_runner().invoke(args=['runs-api', *map(str, arguments)])
    dispose(app)
    return result


def together(calls):
    """Make calls at the same moment, each in a thread of its own, and return their values in their order."""
    start = Barrier(len(calls), timeout=TIMEOUT)

    def call(one):
        start.wait()
        return one()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(call, calls))


class Server(Private):
    """
    The miniature under gunicorn, on a database with tables in it.

    The steps of a request are recorded with one thread only. With `preload` the application is loaded once, before
    there are workers, which are there at once. By default the rate limit is out of the way.
    """

    def __init__(self, folder, uri, *, workers=4, threads=1, preload=True, **settings):
        port = free_port()
        settings = {'RUNS_API_RATE_LIMIT': '1000000 per minute', **settings}
        super().__init__(folder, [
            sys.executable, '-m', 'gunicorn', '--bind', f'127.0.0.1:{port}', '--workers', str(workers),
            # A worker takes no more requests than it has threads, and leaves the others to the other workers.
            '--threads', str(threads), '--worker-connections', str(threads), '--timeout=120', '--graceful-timeout=10',
            *(['--preload'] if preload else []), 'service.entry:app'], port,
            PYTHONPATH=PYTHONPATH, PYTHONDONTWRITEBYTECODE='1', SERVICE_FOLDER=str(folder), SERVICE_DATABASE_URI=uri,
            # Gunicorn puts its control socket into XDG_RUNTIME_DIR.
            SERVICE_SETTINGS=json.dumps(settings), XDG_RUNTIME_DIR=str(folder))
        self.workers = workers
        self.address = f'http://127.0.0.1:{port}'

    def meeting(self):
        """Name a meeting of all workers, see `entry`."""
        return f'{secrets.token_hex(4)} {self.workers}'

    def retry_often(self, token, run_id, requests, **body):
        """Ask for retries at the same moment; every worker gets at least one of the requests."""
        client, meet = Client(self.address, token), self.meeting()
        return together([lambda: client.retry(run_id, headers={'Meet': meet}, **body)] * requests)
