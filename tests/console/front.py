"""The built console in front of the platform, on an origin of its own, as nginx would serve the two."""

from __future__ import annotations

import http.client
import mimetypes
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread

#: Seconds after which an answer of the platform is given up on.
PATIENCE = 60


class Front(ThreadingHTTPServer):
    """Serves the files of a folder, and passes on what goes to the API; any other address is a page of the console."""

    daemon_threads = True

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(('127.0.0.1', 0), Handler)
        self.folder = folder.resolve()
        self.platform_port = port
        self.addresses = count(1)
        #: Whether connections to the API break.
        self.is_api_away = False
        #: The requests that have come for the API.
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        """The origin."""
        return f'http://localhost:{self.server_port}'


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    server: Front
    protocol_version = 'HTTP/1.1'

    def do_GET(self) -> None:
        """Answer with a file, with a page, or with what the API answers."""
        if self.path.startswith('/api/'):
            self.pass_on()
            return
        file = (self.server.folder / self.path.partition('?')[0].lstrip('/')).resolve()
        if not (file.is_file() and file.is_relative_to(self.server.folder)):
            file = self.server.folder / 'index.html'
        self.answer(200, {'Content-Type': mimetypes.guess_type(file)[0] or 'application/octet-stream'},
                    file.read_bytes())

    def pass_on(self) -> None:
        """Answer with what the API answers."""
        self.server.asked.append(f'{self.command} {self.path}')
        if self.server.is_api_away:
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        # The platform allows an address five log-ins in a quarter of an hour.
        headers = {**self.headers, 'X-Forwarded-For': f'192.0.2.{next(self.server.addresses) % 250 + 1}'}
        with closing(http.client.HTTPConnection('127.0.0.1', self.server.platform_port, timeout=PATIENCE)) as platform:
            platform.request(self.command, self.path, body, headers)
            answer = platform.getresponse()
            kept = {name: value for name, value in answer.headers.items()
                    if name.lower() not in ('connection', 'content-length', 'date', 'server')}
            self.answer(answer.status, kept, answer.read())

    do_POST = do_DELETE = do_PATCH = pass_on

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """Write an answer."""
        self.send_response(status)
        for name, value in {**headers, 'Content-Length': str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""

    def handle(self) -> None:
        """Answer until the browser goes away, which it does whenever it likes."""
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True


@contextmanager
def serving_console(folder: Path, port: int) -> Iterator[Front]:
    """Serve a built console before the platform on a port, while the block lasts."""
    with Front(folder, port) as front:
        Thread(target=front.serve_forever, daemon=True).start()
        yield front
        front.shutdown()
