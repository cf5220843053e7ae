"""The output of the commands, and their exit codes (docs/python-and-command-line.rst)."""

import errno
import json
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import click

#: The exit codes by the code of the error, as those of the platform's client ``sp``.
EXIT_CODES = {'service_unavailable': 3, 'not_found': 4, 'unprocessable': 5, 'internal_error': 10}

#: Each column of a list by its heading: a function that returns the value for an item.
Columns = Mapping[str, Callable[[Any], object]]

#: They change the order in which a terminal shows the rest of the line.
BIDIRECTIONAL_CONTROLS = frozenset('\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069')


def print_list(items: Iterable[Mapping[str, Any]], columns: Columns, *, empty: str = 'The list is empty.',
               as_json: bool = False) -> None:
    """Print each item: in a table for people, in a line with tabs for programs, or as JSON."""
    printed: list[Mapping[str, Any]] = []
    try:
        # All of them before the first line, because a line that cannot be printed must not end a sweep.
        for item in items:
            printed.append(item)
    finally:  # A sweep that breaks off prints the steps that it has taken.
        rows = [[to_cell(read(item)) for read in columns.values()] for item in printed]
        if as_json:
            for item in printed:
                print_json(item)
        elif not is_terminal():
            for row in rows:
                print_line('\t'.join(row))
        elif rows:
            _print_table([list(columns), *rows])
    if not printed and not as_json and is_terminal():
        print_line(empty)


def _print_table(rows: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print_line('  '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def print_json(document: object) -> None:
    """Print an object as one line of JSON, in ASCII."""
    print_line(json.dumps(document))


def is_terminal() -> bool:
    """Return whether a person reads the output."""
    return sys.stdout is not None and sys.stdout.isatty()


def to_cell(value: object) -> str:
    """Return a value as one cell of one line."""
    return '-' if value is None else escape(str(value))


def escape(text: str) -> str:
    """Return a text with its control characters escaped: people and the code under test write them, too."""
    return ''.join(character.encode('unicode_escape').decode() if _is_control(character) else character
                   for character in text)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ('Cc', 'Zl', 'Zp') or character in BIDIRECTIONAL_CONTROLS


def print_line(text: str, *, is_error: bool = False) -> None:
    """Print a line on the output, or on that for errors. Characters that it cannot encode are escaped."""
    stream = sys.stderr if is_error else sys.stdout
    if stream is None:
        return  # It was closed before the command began.
    encoding = stream.encoding or 'utf-8'
    try:
        click.echo(text.encode(encoding, 'backslashreplace').decode(encoding), stream)
    except OSError as error:
        # Otherwise Python writes the rest of the buffer when it ends, and exits with 120.
        with suppress(OSError):
            stream.close()
        if is_error:
            return
        if error.errno != errno.EPIPE:
            print_line(f'Error: The output cannot be written: {error.strerror}.', is_error=True)
            raise SystemExit(EXIT_CODES['internal_error']) from None
        # Its reader has gone. Click exits with 1 as well.
        raise SystemExit(1) from None
