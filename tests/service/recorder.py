"""A record of what a process sends to its database, and of what the database refuses."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

STATEMENTS = 'statements.jsonl'
ERRORS = 'errors.txt'

#: All that a retry may send. The last two are how the host looks whether its tables are there.
ALLOWED = frozenset({'SELECT', 'INSERT', 'DESCRIBE', 'SHOW'})
#: The tables that a retry is written to, and what is carried over into it; its progress is the host's to write.
WRITTEN = frozenset({'test', 'run_retry', 'customized_test', 'test_fork',
                     'run_carried_over', 'test_result', 'test_result_file', 'test_progress'})


def record(folder: Path) -> None:
    """Write every different statement of this process, and the number of every error, to files in a folder."""
    seen: set[str] = set()

    def before_cursor_execute(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement not in seen:
            seen.add(statement)
            _append(folder / STATEMENTS, json.dumps(statement))

    def handle_error(context: ExceptionContext) -> None:
        arguments = context.original_exception.args
        _append(folder / ERRORS, str(arguments[0] if arguments else type(context.original_exception).__name__))

    event.listen(Engine, 'before_cursor_execute', before_cursor_execute)
    event.listen(Engine, 'handle_error', handle_error)


def _append(path: Path, line: str) -> None:
    # One write to a file that is open for appending: lines of several processes do not mix.
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, f'{line}\n'.encode())
    finally:
        os.close(file)


def statements(folder: Path) -> set[str]:
    """Return the different statements that were recorded in a folder."""
    path = folder / STATEMENTS
    return {json.loads(line) for line in path.read_text().splitlines()} if path.exists() else set()


def errors(folder: Path) -> Counter[str]:
    """Count the errors that were recorded in a folder, by their number."""
    path = folder / ERRORS
    return Counter(path.read_text().split() if path.exists() else ())


def forbidden(statement: str) -> bool:
    """Return whether a statement is more than an account with SELECT and INSERT may send, or writes elsewhere."""
    words = statement.split()
    if words[0].upper() not in ALLOWED:
        return True
    if words[0].upper() == 'INSERT':
        table = re.fullmatch(r'INTO\s+`?(\w+)`?\b.*', ' '.join(words[1:]), re.IGNORECASE)
        return table is None or table[1] not in WRITTEN or 'ON DUPLICATE KEY' in statement.upper()
    return 'FOR UPDATE' in statement.upper()
