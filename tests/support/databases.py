"""The server that `RUNS_API_DATABASE` names, MariaDB or MySQL, and databases that are made on it for a test."""

import os
import secrets
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.pool import NullPool


def missing(reason):
    """Skip the current test, or fail it if the environment variable `RUNS_API_SERVICES` is `required`."""
    if os.environ.get('RUNS_API_SERVICES') == 'required':
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@dataclass(frozen=True)
class Database:
    """A database, or the server, for one account."""

    url: URL

    @property
    def uri(self):
        """The address as the platform has it: with three-byte text."""
        return self.url.update_query_dict({'charset': 'utf8'}).render_as_string(hide_password=False)

    @property
    def version(self):
        """The version of the server, as it says it itself."""
        return str(self.query('SELECT VERSION()')[0][0])

    @property
    def kind(self):
        """What the server is: MariaDB or MySQL."""
        return 'MariaDB' if 'MariaDB' in self.version else 'MySQL'

    def query(self, *statements, **values):
        """Send statements on a connection of their own, each committed at once; return the rows of the last, if any."""
        engine = create_engine(self.url, poolclass=NullPool, isolation_level='AUTOCOMMIT')
        rows: list[Any] = []
        with engine.connect() as connection:
            # A table that a server still uses would keep a DROP waiting for a day.
            connection.execute(text('SET lock_wait_timeout = 30'))
            for statement in statements:
                result = connection.execute(text(statement), values)
                rows = list(result.all()) if result.returns_rows else []
        return rows

    @contextmanager
    def for_account(self, rights='ALL PRIVILEGES'):
        """Yield the database for an account of its own that has some rights in it."""
        name, password = f'runs_api_{secrets.token_hex(4)}', secrets.token_urlsafe(24)
        self.query(f"CREATE USER '{name}'@'%' IDENTIFIED BY '{password}'",
                   f"GRANT {rights} ON {self.url.database}.* TO '{name}'@'%'")
        try:
            yield Database(self.url.set(username=name, password=password))
        finally:
            self.query(f"DROP USER '{name}'@'%'")


def named_server():
    """Return the server that the tests are to use, which listens."""
    url = make_url(os.environ.get('RUNS_API_DATABASE', 'mysql+pymysql://root:@127.0.0.1:3306'))
    try:
        socket.create_connection((url.host, url.port or 3306), 10).close()
    except OSError as error:
        missing(f'nobody listens at {url!r}: {error}')
    return Database(url)


@contextmanager
def fresh_database(server, charset='utf8mb4'):
    """Yield a database with nothing in it, for the account of the server's address."""
    name = f'runs_api_{secrets.token_hex(6)}'
    server.query(f'CREATE DATABASE {name} CHARACTER SET {charset}')
    try:
        yield Database(server.url.set(database=name))
    finally:
        server.query(f'DROP DATABASE {name}')
