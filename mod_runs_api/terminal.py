"""Printing lists: for people at a terminal as tables, for programs as lines of cells that tabs separate."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import click

T = TypeVar('T')


def print_list(items: Iterable[T], columns: Mapping[str, Callable[[T], str]],
               to_line: Callable[[T], Sequence[str]] | None = None) -> None:
    """Print each of some items; ``columns`` are those of the table, and ``to_line`` returns the cells of a line."""
    if not sys.stdout.isatty():
        for item in items:
            click.echo('\t'.join(to_line(item) if to_line else [read(item) for read in columns.values()]))
        return
    rows: list[list[str]] = []
    try:
        for item in items:
            rows.append([read(item) for read in columns.values()])
    finally:  # A sweep that breaks off says what it has done.
        table = [list(columns), *rows] if rows else []
        widths = [max(map(len, column)) for column in zip(*table)]
        for row in table:
            click.echo('  '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def to_cell(text: str | None) -> str:
    """Return a text so that it stays one cell of one line. An empty or odd one is quoted."""
    if text is None:
        return '-'
    return text if text.isprintable() and text.strip() and text != '-' else json.dumps(text, ensure_ascii=False)
