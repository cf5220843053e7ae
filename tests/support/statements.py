"""The statements that are sent to a database."""

import sqlite3
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import OperationalError


class Statement(str):
    """A statement, with the parameters that were sent with it."""

    parameters: Any


@contextmanager
def watch_statements(engine, look):
    """Look at each statement just before it is sent, but for the platform's look for its tables, in the block."""
    def look_at(connection, _cursor, sent, parameters, *_):
        if not sent.startswith(('PRAGMA', 'DESCRIBE')):
            statement = Statement(sent)
            statement.parameters = parameters
            look(connection, statement)

    event.listen(engine, 'before_cursor_execute', look_at)
    try:
        yield
    finally:
        event.remove(engine, 'before_cursor_execute', look_at)


@contextmanager
def record_statements(engine):
    """Record the statements that are sent while the block lasts."""
    sent: list[Statement] = []
    with watch_statements(engine, lambda _connection, statement: sent.append(statement)):
        yield sent


@contextmanager
def before_statements(engine, words, act):
    """Do something just before each statement with these words in it, while the block lasts."""
    with watch_statements(engine, lambda connection, statement: words in statement and act(connection)):
        yield


def fail(_connection):
    """Fail as SQLAlchemy does when the database is away."""
    raise OperationalError('SELECT secret', {}, sqlite3.OperationalError('disk I/O error'))
