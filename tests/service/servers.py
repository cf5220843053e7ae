"""Servers that belong to the tests: the miniature under gunicorn, and a MariaDB and a Redis that may be stopped."""

from __future__ import annotations

import getpass
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, Iterator, Sequence

from sqlalchemy import URL

import mod_runs_api

from .availability import need_program
from .databases import Account, Database, execute
from .load import Answer, Client, together
from .waiting import wait_for

TESTS = Path(__file__).parents[1]
#: Where the entry modules find the tests, the miniature and the package.
PYTHONPATH = os.pathsep.join(map(str, (TESTS, TESTS / 'miniature', Path(mod_runs_api.__file__).parents[1])))


def end(process: subprocess.Popen[Any], seconds: float = 30) -> None:
    """Ask a process to end, and make it do so if it does not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(seconds)


@dataclass(frozen=True)
class Server:
    """The miniature, served by several worker processes."""

    address: str
    workers: int
    #: What it writes is here.
    folder: Path
    #: The process whose children the workers are.
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        """All that it has written to its log."""
        return (self.folder / 'log.txt').read_text(errors='replace')

    @property
    def worker_ids(self) -> list[int]:
        """The processes of its workers at this moment."""
        process_id = self.process.pid
        return [int(child) for child in Path(f'/proc/{process_id}/task/{process_id}/children').read_text().split()]

    def client(self, token: str) -> Client:
        """Return somebody with a token."""
        return Client(self.address, token)

    def meeting(self) -> str:
        """Name a meeting of all workers, see `entry.Worker`."""
        return f'{secrets.token_hex(4)} {self.workers}'

    def ask_every_worker(self, client: Client, run_id: int, **body: Any) -> list[Answer]:
        """Ask for a retry of every worker at the same moment: one request each."""
        meet = self.meeting()
        return together([lambda: client.retry(run_id, meet=meet, **body)] * self.workers)


@contextmanager
def serving(folder: Path, uri: str, *, workers: int = 4, threads: int = 1, preload: bool = True,
            **settings: Any) -> Iterator[Server]:
    """
    Serve the miniature under gunicorn while the block lasts, on a database with tables in it.

    The steps of a request are recorded with one thread only. With `preload` the application is loaded once, before
    there are workers, which are there at once. By default the rate limit is out of the way.
    """
    settings.setdefault('RUNS_API_RATE_LIMIT', '1000000 per minute')
    listener = socket.create_server(('127.0.0.1', 0), backlog=512)
    with listener, open(folder / 'log.txt', 'wb') as log:
        process = subprocess.Popen(
            [sys.executable, '-m', 'gunicorn', '--bind', f'fd://{listener.fileno()}', '--workers', str(workers),
             '--threads', str(threads), '--timeout', '120', '--graceful-timeout', '10',
             *(['--preload'] if preload else []), 'service.entry:app'],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, pass_fds=[listener.fileno()],
            start_new_session=True, env={
                **os.environ, 'PYTHONPATH': PYTHONPATH, 'PYTHONDONTWRITEBYTECODE': '1',
                # Where gunicorn puts its control socket.
                'XDG_RUNTIME_DIR': str(folder), 'SERVICE_FOLDER': str(folder), 'SERVICE_DATABASE_URI': uri,
                'SERVICE_SETTINGS': json.dumps(settings)})
        server = Server(f'http://127.0.0.1:{listener.getsockname()[1]}', workers, folder, process)
    try:
        # The socket is there from the beginning: this waits for the first worker.
        try:
            ready = Client(server.address, '').ask('GET', '/ready').status
        except (OSError, HTTPException):
            ready = 0
        assert ready == 204, f'The server has not started:\n{server.log}'
        yield server
    finally:
        end(process)
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # As it should be: no worker is left.


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port: int = probe.getsockname()[1]
    return port


class Private:
    """A server process of the tests' own in a folder, which may be stopped and started; the command starts it."""

    def __init__(self, folder: Path, command: Sequence[str]) -> None:
        self.folder = folder
        self.command = command
        self.process: subprocess.Popen[bytes] | None = None

    def answers(self) -> bool:
        """Return whether it can be used."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it if it does not run, and wait until it can be used."""
        if self.process is None:
            with open(self.folder / 'log.txt', 'ab') as log:
                self.process = subprocess.Popen(
                    self.command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        wait_for(f'an answer of {self.command[0]}', self._check)

    def _check(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / 'log.txt').read_text(errors='replace')
        return self.answers()

    def stop(self) -> None:
        """Stop it, as its administrator would, and wait until it has gone."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            end(self.process)
            self.process = None

    def kill(self) -> None:
        """End it without any notice, as a lack of memory would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)
            self.process = None

    def freeze(self) -> None:
        """Have it do nothing any more, not even refuse connections, until it is stopped."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)


class PrivateMariaDB(Private):
    """A MariaDB of the tests' own."""

    def __init__(self, folder: Path) -> None:
        data, self.socket, self.port = folder / 'data', folder / 'socket', free_port()
        temporary = folder / 'tmp'
        temporary.mkdir()
        # A server that starts removes all temporary tables in that folder. In the one that every server has by
        # default they would be those of other servers, which crash of it.
        own = [f'--user={getpass.getuser()}', f'--tmpdir={temporary}']
        subprocess.run(
            [need_program('mariadb-install-db', 'mysql_install_db'), '--no-defaults', f'--datadir={data}',
             '--auth-root-authentication-method=normal', '--skip-test-db', *own],
            check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=120)
        super().__init__(folder, [
            need_program('mariadbd', 'mysqld'), '--no-defaults', f'--datadir={data}', f'--socket={self.socket}',
            f'--port={self.port}', '--bind-address=127.0.0.1', f'--pid-file={folder / "pid"}', '--skip-name-resolve',
            '--innodb-buffer-pool-size=64M', *own])
        #: For its administrator, who is never locked out and not held back by `read_only`.
        self.admin_url = URL.create('mysql+pymysql', 'root', '', query={'unix_socket': str(self.socket)})

    def uri(self, database: Database, of: Account) -> str:
        """Return the address of a database here as the platform has it: for an account, and through the network."""
        return Database(database.url.set(host='127.0.0.1', port=self.port, query={})).uri(of)

    def recover(self) -> None:
        """Run, take writes, and have patience with connections that idle."""
        self.start()
        execute(self.admin_url, 'SET GLOBAL read_only = 0, GLOBAL wait_timeout = DEFAULT')

    @contextmanager
    def recovering(self) -> Iterator[None]:
        """Recover when the block is over, whatever happened there."""
        try:
            yield
        finally:
            self.recover()

    def connections(self, of: Account) -> list[int]:
        """Return the connections of an account."""
        return [row[0] for row in execute(
            self.admin_url, 'SELECT id FROM information_schema.processlist WHERE user = :name', name=of.name)]

    def answers(self) -> bool:
        """Return whether its administrator can connect."""
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.socket))
            except OSError:
                return False
        execute(self.admin_url, 'SELECT 1')
        return True


class PrivateRedis(Private):
    """A Redis of the tests' own, which keeps nothing."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f'redis://127.0.0.1:{self.port}'
        super().__init__(folder, [need_program('redis-server', 'valkey-server'), '--port', str(self.port),
                                  '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'])

    def answers(self) -> bool:
        """Return whether it can be connected to."""
        try:
            return self.count() >= 0
        except OSError:
            return False

    def count(self) -> int:
        """Return how many keys it has."""
        answer = self.send('DBSIZE')
        return int(answer.removeprefix(':')) if answer.startswith(':') else -1

    def send(self, command: str) -> str:
        """Send a command, and return the first line of the answer."""
        with socket.create_connection(('127.0.0.1', self.port), timeout=10) as connection:
            connection.sendall(f'{command}\r\n'.encode())
            with connection.makefile('r') as lines:
                return lines.readline().strip()

    def run_out_of_memory(self) -> None:
        """Take no more writes for a lack of memory."""
        assert self.send('CONFIG SET maxmemory 1') == '+OK'

    def restart(self) -> None:
        """Stop and start it. It keeps nothing."""
        self.stop()
        self.start()
