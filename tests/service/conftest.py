"""Services, databases and servers for a test."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import make_url

from .runs import Scenario, create_scenario
from .server import Client, Server
from .services import (Database, PrivateMariaDB, PrivateRedis, fresh_database,
                       missing)


def address(variable: str, default: str) -> str:
    """Return the address of a service that listens."""
    found = os.environ.get(variable, default)
    url = make_url(found)
    try:
        socket.create_connection((url.host, url.port or {'redis': 6379}.get(url.drivername, 3306)), 10).close()
    except OSError as error:
        missing(f'nobody listens at {url!r}: {error}')
    return found


@pytest.fixture(scope='session')
def mariadb() -> str:
    """Return the address of the MariaDB server."""
    return address('RUNS_API_MARIADB', 'mysql+pymysql://root:@127.0.0.1:3306')


@pytest.fixture(scope='session')
def redis() -> str:
    """Return the address of the Redis server."""
    return address('RUNS_API_REDIS', 'redis://127.0.0.1:6379')


@pytest.fixture(scope='session')
def private_mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateMariaDB]:
    """Yield a MariaDB that may be stopped."""
    with PrivateMariaDB(tmp_path_factory.mktemp('mariadb')) as server:
        yield server


@pytest.fixture
def private_redis(tmp_path: Path) -> Iterator[PrivateRedis]:
    """Yield a Redis that may be stopped, with nothing in it."""
    with PrivateRedis(tmp_path) as server:
        yield server


@pytest.fixture(scope='module')
def database(mariadb: str) -> Iterator[Database]:
    """Yield a database for all tests of a module."""
    with fresh_database(mariadb) as made:
        yield made


@pytest.fixture(scope='module')
def scenario(database: Database) -> Scenario:
    """Fill the database of a module."""
    return create_scenario(database)


@pytest.fixture(scope='module')
def server(request: pytest.FixtureRequest, database: Database, scenario: Scenario,
           tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve the database of a module, with the options that it has as `SERVER`."""
    with Server(tmp_path_factory.mktemp('server'), database.uri, **getattr(request.module, 'SERVER', {})) as started:
        yield started


@pytest.fixture
def alice(server: Server, scenario: Scenario) -> Client:
    """Return a client of alice's."""
    return Client(server.address, scenario.token)


@pytest.fixture
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Serve a database with such options until the test is over."""
    with ExitStack() as stack:
        yield lambda uri, **options: stack.enter_context(Server(tmp_path_factory.mktemp('server'), uri, **options))
