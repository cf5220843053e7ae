"""The number of statements that each way into the package takes does not depend on any size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.entry_points import EntryPoints
from support.rows import OWN_TABLES
from support.statements import Statement, record_statements

ENTRY_POINTS = [
    'full', 'failed only', 'full, a source without rows', 'failed only, a source without rows', 'full, a retry',
    'replay', '401, no token', '401, an unknown token', '403', '404', '422, a wrong body', '422, a used key',
    '422, nothing failed', '422, not finished', '429', 'retries', 'page of a run', 'list of runs', 'retry_run',
    'comment', 'commit status', 'flask runs-api retry', 'flask runs-api attempts']


@pytest.fixture(scope='module')
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EntryPoints]:
    """Yield a database with small runs, one other run, and a run with more attempts than a page lists."""
    yield from _entry_points(tmp_path_factory.mktemp('small'), tests=2, runs=1, retries=11)


@pytest.fixture(scope='module')
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EntryPoints]:
    """
    Yield a database with large runs, many other runs and a run that was retried many times.

    With more than 24 retries a page would send fewer statements, for it does not compare so many attempts.
    """
    yield from _entry_points(tmp_path_factory.mktemp('large'), tests=300, runs=40, retries=20)


def _entry_points(folder: Path, **sizes: int) -> Iterator[EntryPoints]:
    entry_points = EntryPoints(f'sqlite:///{folder}/platform.db', **sizes)
    yield entry_points
    entry_points.close()


def sent_by(entry_points: EntryPoints, name: str) -> list[Statement]:
    """Return the statements that the package sends."""
    with record_statements(entry_points.package_engine) as sent:
        entry_points.calls[name]()
    return sent


def test_every_entry_point_is_counted(small: EntryPoints) -> None:
    assert list(small.calls) == ENTRY_POINTS


@pytest.mark.parametrize('name', ENTRY_POINTS)
def test_the_number_of_statements_does_not_depend_on_any_size(
        small: EntryPoints, large: EntryPoints, name: str) -> None:
    assert len(sent_by(small, name)) == len(sent_by(large, name))


def is_allowed(statement: str) -> bool:
    """Return whether a statement reads, adds rows, or deletes rows of the package's own, as on SQLite."""
    return statement.startswith(('SELECT', 'INSERT', *(f'DELETE FROM {table}' for table in OWN_TABLES)))


@pytest.mark.parametrize('name', ENTRY_POINTS)
def test_no_row_of_the_platform_is_changed_or_deleted(small: EntryPoints, name: str) -> None:
    assert [statement for statement in sent_by(small, name) if not is_allowed(statement)] == []


@pytest.mark.parametrize('name', ['401, no token', 'list of runs'])
def test_nothing_is_sent_where_nothing_is_needed(large: EntryPoints, name: str) -> None:
    assert sent_by(large, name) == []
