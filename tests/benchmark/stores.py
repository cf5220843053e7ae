"""The databases that are measured: SQLite in a file always, and MariaDB if a server answers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from service.databases import execute, fresh_database
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

SQLITE, MARIADB = 'SQLite', 'MariaDB'


@dataclass(frozen=True)
class Store:
    """
    A database of the benchmark's own.

    Attributes
    ----------
    kind : str
        SQLite or MariaDB.
    uri : str
        Its address, as the platform has it.
    """

    kind: str
    uri: str

    def connect(self) -> Any:
        """Open a connection of the bare driver, with what SQLAlchemy asks the driver for."""
        url = make_url(self.uri)
        dialect = url.get_dialect()()
        arguments, keywords = dialect.create_connect_args(url)
        connection = dialect.import_dbapi().connect(*arguments, **keywords)
        if self.kind == SQLITE:
            connection.execute('PRAGMA foreign_keys = ON')
        return connection

    def send(self, *statements: str) -> list[Any]:
        """Send statements on a connection of their own and commit; give the rows of the last."""
        rows: list[Any] = []
        with closing(self.connect()) as connection, closing(connection.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement)
                rows = list(cursor.fetchall()) if cursor.description else []
            connection.commit()
        return rows

    def settle(self) -> None:
        """Count anew what is in the tables: after a bulk load, InnoDB still plans for the empty ones."""
        if self.kind == MARIADB:
            tables = [f'`{row[0]}`' for row in self.send('SHOW TABLES')]
            self.send(f'ANALYZE TABLE {", ".join(tables)}')


@dataclass(frozen=True)
class Stores:
    """
    Where databases can be made.

    Attributes
    ----------
    folder : Path
        The files of SQLite are made here.
    server : str
        The address of the MariaDB server.
    missing : str
        Why there is no MariaDB; empty if there is one.
    """

    folder: Path
    server: str
    missing: str

    @classmethod
    def find(cls, folder: Path) -> Stores:
        """Look whether a MariaDB answers, where the service tests look."""
        server = os.environ.get('RUNS_API_MARIADB', 'mysql+pymysql://root:@127.0.0.1:3306')
        try:
            execute(server, 'SELECT 1')
        except (DBAPIError, ImportError) as error:
            return cls(folder, server, str(getattr(error, 'orig', error).args[-1]))
        return cls(folder, server, '')

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of databases that can be made, the more important one first."""
        return (SQLITE,) if self.missing else (MARIADB, SQLITE)

    def version(self, kind: str) -> str:
        """Return the version of a kind of database."""
        if kind == MARIADB:
            return str(execute(self.server, 'SELECT VERSION()')[0][0]).split('-')[0]
        import sqlite3
        return sqlite3.sqlite_version

    @contextmanager
    def fresh(self, kind: str) -> Iterator[Store]:
        """Make an empty database while the block lasts."""
        if kind == MARIADB:
            with fresh_database(self.server) as database:
                yield Store(kind, database.uri())
        else:
            path = self.folder / f'{token_hex(6)}.sqlite'
            try:
                yield Store(kind, f'sqlite:///{path}')
            finally:
                path.unlink(missing_ok=True)
