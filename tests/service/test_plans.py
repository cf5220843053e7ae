"""How MariaDB finds what the package asks for: by an index, and in the order of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, make_url
from support.entry_points import EntryPoints
from support.statements import Statement, record_statements

from .databases import Database, fresh_database

pytestmark = pytest.mark.service

#: Tables that are read as a whole, by the way, because the host has no index for the question.
READ_WHOLE = {
    # All active tests are what is asked for.
    'full, a source without rows': {'regression_test'},
    'failed only, a source without rows': {'regression_test'},
    # A person by their name on GitHub; and the runs, from the newest backwards to the first of the pull request.
    'comment': {'user', 'test'},
}


@pytest.fixture(scope='module')
def database(mariadb: str) -> Iterator[Database]:
    """Return a database for all tests here."""
    with fresh_database(mariadb) as made:
        yield made


@pytest.fixture(scope='module')
def entrances(database: Database) -> Iterator[EntryPoints]:
    """Return every way into the package, with many more runs and people than a statement is about."""
    made = EntryPoints(database.uri(), tests=40, runs=100, retries=5)
    yield made
    made.close()


@pytest.fixture(scope='module', params=['as they are', 'analyzed'])
def engine(request: pytest.FixtureRequest, database: Database, entrances: EntryPoints) -> Iterator[Engine]:
    """
    Connect to the database, with the statistics that its tables have of themselves and with exact ones.

    The first are of any moment while the tables grew: no plan may depend on them.
    """
    engine = create_engine(make_url(database.uri()))
    if request.param == 'analyzed':
        with engine.connect() as connection:
            for table in ('test', 'test_progress', 'test_result', 'test_result_file', 'customized_test', 'test_fork',
                          'regression_test', 'regression_test_output', 'regression_test_output_files', 'user',
                          'api_token', 'run_retry', 'blocked_users'):
                connection.exec_driver_sql(f'ANALYZE TABLE `{table}`')
    yield engine
    engine.dispose()


def plan(engine: Engine, sent: Statement) -> list[Any]:
    """Return the rows of EXPLAIN."""
    with engine.connect() as connection:
        return list(connection.exec_driver_sql(f'EXPLAIN {sent}', sent.parameters))


WAYS = ['full', 'failed only', 'full, a source without rows', 'failed only, a source without rows', 'full, a retry',
        'replay', '401, an unknown token', '403', '404', '422, a wrong body', '422, a used key', '422, nothing failed',
        '422, not finished', '429', 'retries', 'page of a run', 'retry_run', 'comment', 'commit status',
        'flask runs-api retry', 'flask runs-api attempts']


@pytest.mark.parametrize('way', WAYS)
def test_nothing_is_read_as_a_whole_and_nothing_sorted(entrances: EntryPoints, engine: Engine, way: str) -> None:
    with record_statements(entrances.package_engine) as sent:
        entrances.calls[way]()

    assert sent
    whole, sorting = set(), []
    for one in sent:
        for row in plan(engine, one):
            # The table that is inserted into is named too, though nothing is read from it.
            if row.type in ('ALL', 'index') and row.select_type != 'INSERT':
                whole.add(row.table)
            if 'filesort' in (row.Extra or ''):
                sorting.append(one)
    assert sorting == []
    assert whole == READ_WHOLE.get(way, set())


# A run that has not finished has no results here: it does not matter how none are read.
@pytest.mark.parametrize('way', [way for way in WAYS if way != '422, not finished'])
def test_the_results_of_a_run_are_read_where_they_lie_together(
        entrances: EntryPoints, engine: Engine, way: str) -> None:
    with record_statements(entrances.package_engine) as sent:
        entrances.calls[way]()

    # By any other index each is looked for on another page, and with a long history from the disk.
    keys = {(row.table, row.key) for one in sent for row in plan(engine, one)
            if row.table in ('test_result', 'test_result_file')}
    assert keys <= {('test_result', 'PRIMARY'), ('test_result_file', 'PRIMARY')}


def test_every_way_that_sends_anything_is_looked_at(entrances: EntryPoints) -> None:
    assert set(entrances.calls) - set(WAYS) == {'401, no token', 'list of runs'}
