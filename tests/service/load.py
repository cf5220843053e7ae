"""Clients of a server: one request, or many at the same moment."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from threading import Barrier
from typing import Any, Callable, Sequence, TypeVar
from urllib.parse import urlsplit

from flask import Flask
from flask.sessions import SecureCookieSessionInterface

T = TypeVar('T')

#: Seconds. Far more than any answer takes, so that nothing here waits for ever.
TIMEOUT = 60


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: HTTPMessage
    text: str

    @property
    def body(self) -> Any:
        """What the text says as JSON."""
        return json.loads(self.text)

    @property
    def new_run_id(self) -> int:
        """The run that was made, or was made before."""
        run_id: int = self.body['new_run_id']
        return run_id

    @property
    def replayed(self) -> bool:
        """Whether this is the answer to an earlier request again."""
        return self.headers['Idempotent-Replayed'] == 'true'

    @property
    def worker(self) -> int:
        """The process that answered."""
        return int(self.headers['Worker'])

    @property
    def steps(self) -> list[str]:
        """What that process has sent to the database: statements, COMMIT, ROLLBACK."""
        steps: list[str] = json.loads(self.headers['Steps'])
        return steps


@dataclass(frozen=True)
class Client:
    """Somebody with a token."""

    address: str
    token: str

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """Send a request on a connection of its own. OSError or HTTPException: it was not answered."""
        connection = HTTPConnection(urlsplit(self.address).netloc, timeout=TIMEOUT)
        try:
            connection.request(method, path, body, {
                'Authorization': f'Bearer {self.token}',
                **{name.replace('_', '-'): value for name, value in headers.items()}})
            with connection.getresponse() as response:
                return Answer(response.status, response.headers, response.read().decode())
        finally:
            connection.close()

    def retry(self, run_id: int, *, key: str | None = None, meet: str | None = None, dies: str | None = None,
              changes: int = 0, cookie: str | None = None, **body: Any) -> Answer:
        """
        Ask for a retry with these fields in the body; without any, there is none.

        The cookie is of somebody who is logged in as well. What `meet`, `dies` and `changes` do: see `entry.Worker`.
        """
        headers = {'Idempotency_Key': key, 'Meet': meet, 'Dies': dies, 'Changes': str(changes), 'Cookie': cookie,
                   'Content_Type': 'application/json' if body else None}
        return self.ask('POST', f'/api/v1/runs/{run_id}/retry',
                        json.dumps(body, ensure_ascii=False).encode() if body else None,
                        **{name: value for name, value in headers.items() if value is not None})

    def call(self, run_id: int, meet: str, **arguments: Any) -> Answer:
        """Have the platform retry a run in process, see `entry.retry_in_process`."""
        return self.ask('POST', f'/call/{run_id}', json.dumps(arguments).encode(), Meet=meet,
                        Content_Type='application/json')

    def attempts(self, run_id: int) -> Answer:
        """Ask for the attempts of a run."""
        return self.ask('GET', f'/api/v1/runs/{run_id}/retries')

    def end(self, run_id: int) -> Answer:
        """Have the platform end a run, see `entry.end_run`."""
        return self.ask('POST', f'/end/{run_id}')

    def sweep(self, **headers: str) -> Answer:
        """Have the server sweep, see `entry.sweep`."""
        return self.ask('POST', '/sweep', **headers)


def session_cookie(secret_key: str, user_id: int) -> str:
    """Return the session cookie of a user who is logged in on a server with this key."""
    host = Flask('host')
    host.secret_key = secret_key
    signer = SecureCookieSessionInterface().get_signing_serializer(host)
    assert signer is not None
    return f'session={signer.dumps({"user_id": user_id})}'


def together(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make calls at the same moment, each in a thread of its own, and give what they return in their order."""
    start = Barrier(len(calls), timeout=TIMEOUT)

    def call(one: Callable[[], T]) -> T:
        start.wait()
        return one()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(call, calls))
