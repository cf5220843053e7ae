"""The patch ``database``, an edit of the platform's ``database.py``."""

from __future__ import annotations

from pathlib import Path

import pytest
from checkout import Platform, copy
from rows import Rows, fresh_database
from sqlalchemy import create_engine, inspect

pytestmark = pytest.mark.platform


@pytest.fixture(scope='session')
def edited(unmounted: Platform) -> Platform:
    """Return a copy of the platform with the mount and the patch."""
    platform = copy(unmounted, 'edited', mounted=True)
    platform.apply('database')
    return platform


def looks_for_tables(platform: Platform, database: str) -> list[str]:
    """Return the statements of a page that look whether a table is there."""
    statements = platform.inside('statements_of', database, paths=['/about'])['/about']
    return [statement for statement in statements if statement.startswith(('DESCRIBE', 'PRAGMA'))]


def test_the_first_request_makes_the_tables(edited: Platform, kind: str, tmp_path: Path) -> None:
    with fresh_database(kind, tmp_path) as database:
        edited.inside('create_tables', database)

        engine = create_engine(database)
        try:
            assert {'test', 'run_retry'} <= set(inspect(engine).get_table_names())
        finally:
            engine.dispose()


def test_a_later_request_looks_for_no_table(edited: Platform, mounted: Platform, rows: Rows) -> None:
    assert looks_for_tables(mounted, rows.address)

    assert looks_for_tables(edited, rows.address) == []


def test_a_connection_that_was_lost_costs_no_request_an_error(
        edited: Platform, mounted: Platform, tmp_path: Path) -> None:
    with fresh_database('mariadb', tmp_path) as database:
        assert mounted.inside('statuses_around_lost_connections', database, path='/about') == [200, 500, 200]

        assert edited.inside('statuses_around_lost_connections', database, path='/about') == [200, 200, 200]
