"""How MariaDB finds what the package asks for: by an index, however long the history is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, Row, create_engine
from support.entry_points import CALLS, SILENT, EntryPoints
from support.statements import Statement, record_statements

from mod_runs_api.database.sweep import ROWS_AT_ONCE

from .databases import Database

pytestmark = pytest.mark.service

#: The tables that grow with every run. The others grow with the test suite, as a retry itself does.
HISTORY = {'test', 'test_progress', 'test_result', 'test_result_file', 'customized_test', 'test_fork', 'run_retry',
           'run_carried_over', 'user', 'api_token'}

#: Those of them that are read as a whole: a user by their GitHub account and the runs of a pull request, for which the
#: host has no index, and all retries, among which the commands look for those that lack something.
READ_WHOLE = {'comment': {'user', 'test'}, 'flask runs-api carry-over': {'run_retry'},
              'flask runs-api sweep': {'run_retry'}}

NAMES = [name for name in CALLS if name not in SILENT]


@pytest.fixture(scope='module')
def entry_points(shared_database: Database) -> Iterator[EntryPoints]:
    """Return every way into the package, on a database with many more runs and users than a statement is about."""
    made = EntryPoints(shared_database.uri(), tests=40, runs=100, retries=5)
    for _ in range(10):
        made.end()
    yield made
    made.close()


@pytest.fixture(scope='module', params=['as they are', 'analyzed'])
def engine(request: pytest.FixtureRequest, shared_database: Database, entry_points: object) -> Iterator[Engine]:
    """
    Connect to the database, with the statistics that its tables have of themselves and with exact ones.

    The first are of any moment while the tables grew: no plan may depend on them.
    """
    engine = create_engine(shared_database.uri())
    if request.param == 'analyzed':
        with engine.connect() as connection:
            tables = connection.exec_driver_sql('SHOW TABLES').scalars().all()
            connection.exec_driver_sql(f'ANALYZE TABLE {", ".join(f"`{table}`" for table in tables)}')
    yield engine
    engine.dispose()


def plan(engine: Engine, statements: list[Statement]) -> list[Row[tuple[object, ...]]]:
    """Return what EXPLAIN says of the tables that statements read."""
    rows: list[Row[tuple[object, ...]]] = []
    with engine.connect() as connection:
        for statement in statements:
            parameters = statement.parameters
            # Of an INSERT of several rows, the first.
            first = parameters[0] if isinstance(parameters, list) else parameters
            rows += connection.exec_driver_sql(f'EXPLAIN {statement}', first)
    # The table that is inserted into is named too, though nothing is read from it.
    return [row for row in rows if row.select_type != 'INSERT']


@pytest.fixture
def sent(request: pytest.FixtureRequest, entry_points: EntryPoints) -> list[Statement]:
    """Return the statements that the package sends in a call."""
    with record_statements(entry_points.package_engine) as sent:
        CALLS[request.param](entry_points)
    assert sent
    return sent


@pytest.mark.parametrize(('sent', 'call'), [(name, name) for name in NAMES], indirect=['sent'])
def test_no_table_of_the_history_is_read_as_a_whole(sent: list[Statement], engine: Engine, call: str) -> None:
    # The sweep walks the progress rows backwards, so many at once.
    read_whole = {row.table for row in plan(engine, sent)
                  if row.type in ('ALL', 'index') and row.rows != str(ROWS_AT_ONCE)}

    assert read_whole & HISTORY == READ_WHOLE.get(call, set())


# A run that has not finished has no results here: it does not matter how none are read.
@pytest.mark.parametrize('sent', [name for name in NAMES if name != '422, not finished'], indirect=True)
def test_the_results_of_a_run_are_read_where_they_lie_together(sent: list[Statement], engine: Engine) -> None:
    # By any other index each is looked for on another page, and with a long history from the disk.
    keys = {(row.table, row.key) for row in plan(engine, sent) if row.table in ('test_result', 'test_result_file')}

    assert keys <= {('test_result', 'PRIMARY'), ('test_result_file', 'PRIMARY')}
