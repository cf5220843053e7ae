"""Every way into the package on a server: what it may do there, and how the rows are found that it asks for."""

from typing import Any

import pytest
import seed
from application import in_application
from database import db
from mod_test.models import Test
from sqlalchemy import create_engine, text, update
from sqlalchemy.exc import OperationalError
from support.entry_points import CALLS, SILENT, EntryPoints
from support.statements import Statement, record_statements

#: The tables that grow with every run. The others grow with the test suite, as a retry itself does.
HISTORY = {'test', 'test_progress', 'test_result', 'test_result_file', 'customized_test', 'test_fork', 'run_retry',
           'run_carried_over', 'user', 'api_token'}

#: The tables of the history that a call reads as a whole: users by their GitHub account, for which the platform has no
#: index.
READ_WHOLE = {'comment': {'user'}, 'comment of the author': {'user'}}

ASKING = [name for name in CALLS if name not in SILENT]


@pytest.fixture(scope='module')
def entry_points(database):
    """
    Yield every way into the package, on a database with many more runs and users than a statement is about.

    Once they are there, platform and package may read and add rows, and no more.
    """
    with database.for_account() as account:
        made = EntryPoints(account.uri, tests=40, runs=100, retries=5)
        for _ in range(10):
            made.end()
        where, whom = f'ON {database.url.database}.*', f"'{account.url.username}'@'%'"
        database.query(f'REVOKE ALL PRIVILEGES {where} FROM {whom}', f'GRANT SELECT, INSERT {where} TO {whom}')
        made.engine.dispose()
        with pytest.raises(OperationalError, match='command denied'):
            account.query('UPDATE test SET pr_nr = 1')
        yield made
        made.close()


@pytest.mark.parametrize('name', CALLS)
def test_an_account_with_select_and_insert_is_enough(entry_points, name):
    CALLS[name](entry_points)


@pytest.fixture(scope='module')
def engine(database, entry_points):
    """Connect to the database, after the server has brought the statistics up to date that its plans depend on."""
    engine = create_engine(database.uri)
    with engine.connect() as connection:
        tables = connection.exec_driver_sql('SHOW TABLES').scalars().all()
        connection.exec_driver_sql(f'ANALYZE TABLE {", ".join(f"`{table}`" for table in tables)}')
    yield engine
    engine.dispose()


@pytest.fixture
def sent(request, entry_points):
    """Return the statements that the package sends in a call."""
    with record_statements(entry_points.package_engine) as sent:
        CALLS[request.param](entry_points)
    assert sent
    return sent


def plan(engine, statements):
    """Return what EXPLAIN says of the tables that statements read, each with its statement."""
    rows: list[tuple[Statement, Any]] = []
    with engine.connect() as connection:
        for statement in statements:
            parameters = statement.parameters
            # Of an INSERT of several rows, the first.
            first = parameters[0] if isinstance(parameters, list) else parameters
            # By default the newest MySQL explains in a tree.
            rows += [(statement, row) for row in connection.exec_driver_sql(
                f'EXPLAIN FORMAT=TRADITIONAL {statement}', first)]
    # The table that is inserted into is named too, though nothing is read from it.
    return [(statement, row) for statement, row in rows if row.select_type != 'INSERT']


@pytest.mark.parametrize(('sent', 'name'), [(name, name) for name in ASKING], indirect=['sent'])
def test_no_table_of_the_history_is_read_as_a_whole_and_results_where_they_lie_together(sent, engine, name):
    found = plan(engine, sent)
    # The sweep walks the progress rows backwards, no further than to the LIMIT at the end of its statement.
    read_whole = {row.table for statement, row in found
                  if row.type == 'ALL' or row.type == 'index' and statement.split()[-2] != 'LIMIT'}
    # By any other index each is looked for on another page, and with a long history from the disk.
    keys = {row.key for _, row in found if row.table in ('test_result', 'test_result_file')}

    assert read_whole & HISTORY == READ_WHOLE.get(name, set())
    # A run that has not finished has no results here: it does not matter how none are read.
    assert keys <= {'PRIMARY'} or name == '422, not finished'


@pytest.fixture(scope='module', params=['master', 'another branch'])
def history(request, database, entry_points):
    """Connect to the database after ten thousand more runs, of master or not."""
    with in_application(database.uri):
        for _ in range(5):
            seed.bulk_runs(2000, 1, 0)
        db.session.execute(update(Test).where(Test.pr_nr == 0).values(branch=request.param))
        db.session.commit()
        for table in db.metadata.tables:
            db.session.execute(text(f'ANALYZE TABLE `{table}`'))
        yield db.engine


@pytest.mark.parametrize('name', ['preview of a pull request', 'retries', 'verdict', 'failed only', 'full'])
def test_a_long_history_is_not_read(history, entry_points, name):
    with record_statements(entry_points.package_engine) as sent:
        CALLS[name](entry_points)

    with history.connect() as connection:
        connection.exec_driver_sql('FLUSH STATUS')
        for statement in sent:
            if statement.startswith('SELECT'):
                connection.exec_driver_sql(statement, statement.parameters).all()
        read = connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Handler_read%%'").all()
    assert 0 < sum(int(count) for _, count in read) <= 6000
