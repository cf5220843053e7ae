"""The statements that are sent to a database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError


class Statement(str):
    """A statement, with the parameters that were sent with it."""

    parameters: Any


def looks_for_tables(statement: str) -> bool:
    """Return whether a statement is one of those with which the host looks for its tables at each request."""
    return statement.startswith(('PRAGMA', 'DESCRIBE'))


@contextmanager
def record_statements(engine: Engine) -> Iterator[list[Statement]]:
    """Record the statements that are sent while the block lasts, but for the host's look for its tables."""
    sent: list[Statement] = []

    def record(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not looks_for_tables(statement):
            sent.append(Statement(statement))
            sent[-1].parameters = parameters

    event.listen(engine, 'before_cursor_execute', record)
    try:
        yield sent
    finally:
        event.remove(engine, 'before_cursor_execute', record)


@contextmanager
def before_statements(engine: Engine, words: str, act: Callable[[Connection], object]) -> Iterator[None]:
    """Do something just before each statement with these words in it, while the block lasts."""
    def look(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if words in statement and not looks_for_tables(statement):
            act(connection)

    event.listen(engine, 'before_cursor_execute', look)
    try:
        yield
    finally:
        event.remove(engine, 'before_cursor_execute', look)


def fail(_connection: Connection) -> None:
    """Fail as SQLAlchemy does when the database is away."""
    raise OperationalError('SELECT secret', {}, sqlite3.OperationalError('disk I/O error'))
