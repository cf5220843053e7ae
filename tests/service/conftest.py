"""Services, databases and servers for a test, and what is looked at when all are done."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Callable, Iterator

import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from . import recorder
from .availability import missing, need_modules
from .databases import Database, execute, fresh_database
from .load import Client
from .runs import Scenario, create_scenario
from .servers import PrivateMariaDB, PrivateRedis, Server, serving

#: Lines for the end of the report.
figures: list[str] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the figures that tests have noted."""
    if figures:
        terminalreporter.section('figures')
        for line in figures:
            terminalreporter.line(line)


@pytest.fixture
def note() -> Callable[[str], None]:
    """Note a figure for the end of the report."""
    return figures.append


@pytest.fixture(scope='session')
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Path]]:
    """
    Make folders for servers.

    When all tests are done: none of these servers has sent an UPDATE, a DELETE or DDL, on any table. The tables were
    there before they were started, so that the host had no reason to make any.
    """
    made: list[Path] = []

    def make() -> Path:
        made.append(tmp_path_factory.mktemp('server'))
        return made[-1]

    yield make
    sent = {statement for folder in made for statement in recorder.statements(folder)}
    assert not sorted(filter(recorder.forbidden, sent))


@pytest.fixture(scope='session')
def mariadb() -> str:
    """Return the address of the MariaDB server."""
    need_modules('pymysql', 'gunicorn')
    url = os.environ.get('RUNS_API_MARIADB', 'mysql+pymysql://root:@127.0.0.1:3306')
    server = make_url(url)
    try:
        # PyMySQL leaves its socket open if nobody listens, which is a warning.
        if server.host is not None:
            socket.create_connection((server.host, server.port or 3306), timeout=10).close()
        execute(url, 'SELECT 1')
    except (OSError, OperationalError) as error:
        missing(f'no MariaDB at {server!r}: {getattr(error, "orig", error)}')
    return url


@pytest.fixture(scope='session')
def redis() -> str:
    """Return the address of the Redis server."""
    need_modules('redis')
    from redis import Redis
    from redis.exceptions import RedisError

    url = os.environ.get('RUNS_API_REDIS', 'redis://127.0.0.1:6379')
    try:
        with Redis.from_url(url, socket_timeout=10) as client:
            client.ping()
    except RedisError as error:
        missing(f'no Redis: {error}')
    return url


@pytest.fixture
def database(mariadb: str) -> Iterator[Database]:
    """Return a database of the test's own, with nothing in it."""
    with fresh_database(mariadb) as made:
        yield made


@pytest.fixture(scope='module')
def shared_database(mariadb: str) -> Iterator[Database]:
    """Return a database for all tests of a module."""
    with fresh_database(mariadb) as made:
        yield made


@pytest.fixture(scope='module')
def shared_scenario(shared_database: Database) -> Scenario:
    """Fill the database of a module."""
    return create_scenario(shared_database)


@pytest.fixture
def alice(server: Server, shared_scenario: Scenario) -> Client:
    """Return a client of alice's, on the server of a module."""
    return server.client(shared_scenario.tokens['alice'])


@pytest.fixture
def serve(folders: Callable[[], Path]) -> Iterator[Callable[..., Server]]:
    """Serve the miniature until the test is over: `serving` without a folder."""
    with ExitStack() as stack:
        yield lambda uri, **options: stack.enter_context(serving(folders(), uri, **options))


@pytest.fixture(scope='session')
def private_mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateMariaDB]:
    """Return a MariaDB that may be stopped, not started yet."""
    need_modules('pymysql', 'gunicorn')
    server = PrivateMariaDB(tmp_path_factory.mktemp('db'))
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope='session')
def private_redis_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRedis]:
    """Prepare a Redis of the tests' own."""
    need_modules('redis')
    server = PrivateRedis(tmp_path_factory.mktemp('redis'))
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def private_redis(private_redis_process: PrivateRedis) -> PrivateRedis:
    """Return a Redis that may be stopped, running and empty."""
    private_redis_process.stop()
    private_redis_process.start()
    return private_redis_process
