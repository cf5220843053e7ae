"""What happens to a request at a chosen moment: its connection dies, its worker does, or rows change under it."""

from __future__ import annotations

import os
import signal
from contextlib import closing, suppress
from typing import Any

from sqlalchemy import Connection, Engine, event


class Mishaps:
    """
    Counts what the current request sends to its database, and lets mishaps happen.

    A step is a statement, a COMMIT or a ROLLBACK. The worker handles one request at a time.
    """

    def __init__(self) -> None:
        #: What the current request has sent so far.
        self.steps: list[str] = []
        self._chosen: str | None = None
        self._changes = 0
        event.listen(Engine, 'before_cursor_execute', self._before_statement)
        event.listen(Engine, 'commit', self._before_commit)
        event.listen(Engine, 'rollback', self._before_rollback)

    def begin(self, chosen: str | None, changes: int) -> None:
        """
        Begin a request.

        `chosen` is the number of the step before which the connection dies, counted from 1. With a `+` after it, the
        step must be a COMMIT, and it is done: the connection dies before that is told. With a `!`, it is the worker
        that dies. `changes` is how often somebody else changes the runs, each time just before the request copies one.
        """
        self.steps = []
        self._chosen = chosen
        self._changes = changes

    def _before_statement(self, connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        words = [word.strip('`') for word in statement.split()]
        step = ' '.join(words[:3:2]) if words[0] == 'INSERT' else words[0]
        if step == 'INSERT test' and self._changes:
            self._changes -= 1
            self._change_runs(connection)
        self._step(connection, step)

    def _change_runs(self, connection: Connection) -> None:
        # Not through an engine, whose statements are looked at.
        arguments, keywords = connection.dialect.create_connect_args(connection.engine.url)
        with closing(connection.dialect.connect(*arguments, **keywords)) as other:
            with closing(other.cursor()) as cursor:
                cursor.execute('UPDATE test SET token = REVERSE(token)')
            other.commit()

    def _before_commit(self, connection: Connection) -> None:
        self._step(connection, 'COMMIT')

    def _before_rollback(self, connection: Connection) -> None:
        self._step(connection, 'ROLLBACK')

    def _step(self, connection: Connection, what: str) -> None:
        self.steps.append(what)
        number = str(len(self.steps))
        if self._chosen == f'{number}!':
            os.kill(os.getpid(), signal.SIGKILL)
        if self._chosen in (number, f'{number}+'):
            with closing(connection.connection.cursor()) as cursor:
                if self._chosen.endswith('+'):
                    assert what == 'COMMIT'
                    cursor.execute('COMMIT')
                with suppress(connection.dialect.loaded_dbapi.Error):
                    cursor.execute('KILL CONNECTION_ID()')
