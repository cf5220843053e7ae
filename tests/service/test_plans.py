"""How MariaDB finds what the package asks for: by an index, however long the history is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from mod_test.models import TestProgress, TestStatus
from sqlalchemy import Engine, Row, create_engine, insert
from support.entry_points import EntryPoints
from support.statements import Statement, record_statements

from mod_runs_api import attempts_verdict, retry_run
from mod_runs_api.carry_over import carry_over
from mod_runs_api.extension import extension_state

from .databases import Database

pytestmark = pytest.mark.service

#: The tables that grow with every run. The others grow with the test suite, as a retry itself does.
HISTORY = {'test', 'test_progress', 'test_result', 'test_result_file', 'customized_test', 'test_fork', 'run_retry',
           'run_carried_over', 'user', 'api_token'}

#: Those of them that are read as a whole, because the host has no index for the question: a user by their GitHub
#: account, and the runs of a pull request.
READ_WHOLE = {'comment': {'user', 'test'}}

#: The calls that send statements, but for 'list of runs', which sends none.
CALLS = ['full', 'failed only', 'full, a source without rows', 'failed only, a source without rows', 'full, a retry',
         'replay', '401, an unknown token', '403', '404', '422, a wrong body', '422, a used key',
         '422, nothing failed', '422, not finished', '429', 'retries', 'page of a run', 'retry_run', 'comment',
         'commit status', 'flask runs-api retry', 'flask runs-api attempts']
END, VERDICT = 'end of a failed-only retry', 'attempts_verdict'


@pytest.fixture(scope='module')
def entry_points(shared_database: Database) -> Iterator[EntryPoints]:
    """Return every way into the package, on a database with many more runs and users than a statement is about."""
    made = EntryPoints(shared_database.uri(), tests=40, runs=100, retries=5)
    yield made
    made.close()


@pytest.fixture(scope='module')
def calls(entry_points: EntryPoints) -> dict[str, Callable[[], object]]:
    """Return all calls, and with them the end of a failed-only retry and the verdict after ten of them."""
    with entry_points.app.app_context():
        tables = extension_state().tables
        *earlier_ids, ended_id = [retry_run(entry_points.failed, failed_only=True).new_run_id for _ in range(10)]
    for run_id in (*earlier_ids, ended_id):
        with entry_points.engine.begin() as connection:
            connection.execute(insert(TestProgress).values(
                test_id=run_id, status=TestStatus.completed, timestamp=datetime(2026, 1, 1), message=''))
            if run_id != ended_id:
                carry_over(connection, tables, run_id)

    def end() -> None:
        with entry_points.package_engine.connect() as connection:
            # Rolled back, so that the next test finds the same.
            assert carry_over(connection, tables, ended_id) == 20

    def judge() -> None:
        with entry_points.app.app_context():
            attempts_verdict(ended_id)

    return {**entry_points.calls, END: end, VERDICT: judge}


@pytest.fixture(scope='module', params=['as they are', 'analyzed'])
def engine(request: pytest.FixtureRequest, shared_database: Database, calls: object) -> Iterator[Engine]:
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
def sent(request: pytest.FixtureRequest, entry_points: EntryPoints,
         calls: dict[str, Callable[[], object]]) -> list[Statement]:
    """Return the statements that the package sends in a call."""
    with record_statements(entry_points.package_engine) as sent:
        calls[request.param]()
    assert sent
    return sent


@pytest.mark.parametrize(('sent', 'call'), [(call, call) for call in [*CALLS, END, VERDICT]], indirect=['sent'])
def test_no_table_of_the_history_is_read_as_a_whole(sent: list[Statement], engine: Engine, call: str) -> None:
    read_whole = {row.table for row in plan(engine, sent) if row.type in ('ALL', 'index')}

    assert read_whole & HISTORY == READ_WHOLE.get(call, set())


# A run that has not finished has no results here: it does not matter how none are read.
@pytest.mark.parametrize(
    'sent', [call for call in [*CALLS, END, VERDICT] if call != '422, not finished'], indirect=True)
def test_the_results_of_a_run_are_read_where_they_lie_together(sent: list[Statement], engine: Engine) -> None:
    # By any other index each is looked for on another page, and with a long history from the disk.
    keys = {(row.table, row.key) for row in plan(engine, sent) if row.table in ('test_result', 'test_result_file')}

    assert keys <= {('test_result', 'PRIMARY'), ('test_result_file', 'PRIMARY')}


def test_every_call_that_sends_anything_is_looked_at(entry_points: EntryPoints) -> None:
    assert set(entry_points.calls) - set(CALLS) == {'401, no token', 'list of runs'}
