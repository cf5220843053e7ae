"""What is sent to a database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event


class Sent(str):
    """A statement, and the parameters that it was sent with."""

    parameters: Any


def is_no_question_for_tables(statement: str) -> bool:
    """Leave out what the host asks about its tables at every request."""
    return not statement.startswith(('PRAGMA', 'DESCRIBE'))


@contextmanager
def recording(engine: Engine | type[Engine],
              wanted: Callable[[str], bool] = is_no_question_for_tables) -> Iterator[list[Sent]]:
    """
    Record what is sent while the block lasts.

    Parameters
    ----------
    engine : Engine or type
        Whose statements; `Engine` itself for those of every engine.
    wanted : callable
        Takes a statement, while it is sent, and tells whether to record it.
    """
    sent: list[Sent] = []

    def record(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if wanted(statement):
            sent.append(Sent(statement))
            sent[-1].parameters = parameters

    event.listen(engine, 'before_cursor_execute', record)
    try:
        yield sent
    finally:
        event.remove(engine, 'before_cursor_execute', record)
