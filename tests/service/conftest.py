"""Services, databases and servers for a test."""

from contextlib import ExitStack

import pytest
from support.databases import fresh_database, named_server

from .runs import create_scenario
from .server import Client, Server
from .services import PrivateDatabaseServer, PrivateRedis


@pytest.fixture(scope='session')
def database_server():
    """Return the database server."""
    return named_server()


@pytest.fixture(scope='session')
def private_server(database_server, tmp_path_factory):
    """Yield a database server of the same kind that may be stopped."""
    with PrivateDatabaseServer(database_server.kind, tmp_path_factory.mktemp('server')) as server:
        yield server


@pytest.fixture
def redis(tmp_path):
    """Yield a Redis that may be stopped, with nothing in it."""
    with PrivateRedis(tmp_path) as server:
        yield server


@pytest.fixture(scope='module')
def database(database_server):
    """Yield a database for all tests of a module."""
    with fresh_database(database_server) as made:
        yield made


@pytest.fixture(scope='module')
def scenario(database):
    """Fill the database of a module."""
    return create_scenario(database)


@pytest.fixture(scope='module')
def server(request, database, scenario, tmp_path_factory):
    """Serve the database of a module, with the options that it has as `SERVER`."""
    with Server(tmp_path_factory.mktemp('server'), database.uri, **getattr(request.module, 'SERVER', {})) as started:
        yield started


@pytest.fixture
def alice(server, scenario):
    """Return a client of alice's."""
    return Client(server.address, scenario.token)


@pytest.fixture
def serve(tmp_path_factory):
    """Serve a database with such options until the test is over."""
    with ExitStack() as stack:
        yield lambda uri, **options: stack.enter_context(Server(tmp_path_factory.mktemp('server'), uri, **options))
