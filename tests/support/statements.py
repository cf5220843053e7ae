"""The statements that are sent to a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event


class Statement(str):
    """A statement, with the parameters that were sent with it."""

    parameters: Any


def looks_for_tables(statement: str) -> bool:
    """Return whether a statement is one of those with which the host looks for its tables at each request."""
    return statement.startswith(('PRAGMA', 'DESCRIBE'))


@contextmanager
def record_statements(engine: Engine | type[Engine]) -> Iterator[list[Statement]]:
    """
    Record the statements that are sent while the block lasts, but for the host's look for its tables.

    Parameters
    ----------
    engine : Engine or type
        The engine that sends them. With `Engine` itself the statements of all engines are recorded.
    """
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
