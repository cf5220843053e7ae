"""Databases that are made for a test and dropped after it."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Iterator

from sqlalchemy import URL, Row, create_engine, make_url, text
from sqlalchemy.pool import NullPool


@dataclass(frozen=True)
class Account:
    """An account of the database server."""

    name: str
    password: str


@dataclass(frozen=True)
class Database:
    """A database with nothing in it to begin with."""

    #: With the account that may do everything.
    url: URL

    def uri(self, account: Account | None = None) -> str:
        """Return the address as the platform has it, with three-byte text, for an account or for the one of `url`."""
        url = self.url.update_query_dict({'charset': 'utf8'})
        if account is not None:
            url = url.set(username=account.name, password=account.password)
        return url.render_as_string(hide_password=False)

    def query(self, sql: str, **values: Any) -> list[Row[Any]]:
        """Send a query on a connection of its own, and give all rows."""
        return execute(self.url, sql, **values)


def execute(url: URL | str, *statements: str, **values: Any) -> list[Row[Any]]:
    """Send statements on a connection of their own, each committed at once; give the rows of the last, if any."""
    engine = create_engine(url, poolclass=NullPool, isolation_level='AUTOCOMMIT')
    rows: list[Row[Any]] = []
    with engine.connect() as connection:
        # A table that a server still uses would keep a DROP waiting for a day.
        connection.execute(text('SET lock_wait_timeout = 30'))
        for statement in statements:
            result = connection.execute(text(statement), values)
            rows = list(result.all()) if result.returns_rows else []
    return rows


@contextmanager
def fresh_database(server: URL | str, charset: str = 'utf8mb4') -> Iterator[Database]:
    """Make a database while the block lasts, with the account of the server's address."""
    name = f'runs_api_{secrets.token_hex(6)}'
    execute(server, f'CREATE DATABASE {name} CHARACTER SET {charset}')
    try:
        yield Database(make_url(server).set(database=name))
    finally:
        execute(server, f'DROP DATABASE {name}')


@contextmanager
def account(database: Database, privileges: str) -> Iterator[Account]:
    """Make an account while the block lasts, with these privileges in a database, as GRANT has them."""
    made = Account(f'runs_api_{secrets.token_hex(4)}', secrets.token_urlsafe(24))
    server = database.url.set(database=None)
    execute(server, f"CREATE USER '{made.name}'@'%' IDENTIFIED BY '{made.password}'",
            f"GRANT {privileges} ON {database.url.database}.* TO '{made.name}'@'%'")
    try:
        yield made
    finally:
        execute(server, f"DROP USER '{made.name}'@'%'")
