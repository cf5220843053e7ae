"""The platform behind gunicorn, as in production, and a client to ask it."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from checkout import Platform

WORKERS = 4

#: Everybody's.
PASSWORD = 'correct horse battery staple'

#: Seconds after which an answer is given up on. The first one waits for the workers to have started.
PATIENCE = 120

#: Newer versions of gunicorn put a socket into the home directory.
GUNICORN_CONFIG = 'control_socket_disable = True\n'


@dataclass(frozen=True)
class Answer:
    """What the server answered."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """What the body says."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    """Asks one server."""

    port: int
    #: The platform allows an address five new tokens in a quarter of an hour, so every one is asked for from another.
    addresses: Iterator[int] = field(default_factory=lambda: count(1), compare=False)

    def ask(self, method: str, path: str, *, token: str | None = None, json_body: Any = None,
            body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Make a request, and read the answer whatever its status."""
        # The pages quote the name that they are asked by.
        sent = {'Host': 'localhost', **(headers or {})}
        if token is not None:
            sent['Authorization'] = f'Bearer {token}'
        if json_body is not None:
            body = json.dumps(json_body).encode()
            sent['Content-Type'] = 'application/json'
        with closing(http.client.HTTPConnection('127.0.0.1', self.port, timeout=PATIENCE)) as connection:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def retry(self, run_id: int | str, token: str | None, json_body: Any = None, **request: Any) -> Answer:
        """Ask for a retry."""
        return self.ask('POST', f'/api/v1/runs/{run_id}/retry', token=token, json_body=json_body, **request)

    def new_token(self, person: str, name: str, scopes: Sequence[str]) -> str:
        """Have the platform make a token for somebody."""
        answer = self.ask('POST', '/api/v1/auth/tokens',
                          headers={'X-Forwarded-For': f'192.0.2.{next(self.addresses)}'},
                          json_body={'email': f'{person}@example.com', 'password': PASSWORD, 'token_name': name,
                                     'scopes': list(scopes)})
        assert answer.status == 201, answer.body
        return str(answer.json['token'])


@contextmanager
def serving(platform: Platform, database: str, folder: Path) -> Iterator[Client]:
    """Serve a platform on a free port of the loopback address while the block lasts. The log is in the folder."""
    config = folder / 'gunicorn.conf.py'
    config.write_text(GUNICORN_CONFIG)
    log = folder / 'gunicorn.log'
    # The socket is ours until the server has it: its port is free, and the first request waits for the workers.
    with socket.create_server(('127.0.0.1', 0)) as listener, open(log, 'wb') as output:
        port = listener.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, '-m', 'gunicorn', '--config', str(config), '--workers', str(WORKERS),
             '--timeout', str(PATIENCE), '--bind', f'fd://{listener.fileno()}', 'run:app'],
            cwd=platform.path, env=platform.environment(database), pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        client = Client(port)
        try:
            status = client.ask('GET', '/about').status
        except OSError:
            status = None
        assert status == 200, f'The platform does not start: {log.read_text()}'
        yield client
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
