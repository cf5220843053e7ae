"""
What the package takes of the platform's database (docs/how-it-works.rst, "The database").

The number of statements does not depend on any size. The platform holds a connection in its requests: if the package
took a second one, a full pool could lock all requests up. What the platform's session has pending stays there.
"""

import pytest
import seed
from database import db
from mod_auth.models import User
from mod_test.models import Test, TestStatus
from sqlalchemy import insert, select, update
from support.changes import add_retries
from support.entry_points import CALLS, SILENT, EntryPoints
from support.github import AUTHOR, SETTINGS
from support.histories import end
from support.statements import record_statements

from mod_runs_api import InternalError, retry_run
from mod_runs_api.extension import extension_state
from mod_runs_api.service.sweep import Sweep

# How many statements


@pytest.fixture(scope='module')
def databases(tmp_path_factory):
    """Yield two databases: a small one with more attempts of a run than a page lists, and a large one."""
    folder = tmp_path_factory.mktemp('databases')
    databases = [EntryPoints(f'sqlite:///{folder}/small.db', tests=2, runs=1, retries=11),
                 EntryPoints(f'sqlite:///{folder}/large.db', tests=300, runs=40, retries=30)]
    yield databases
    for database in databases:
        database.close()


@pytest.mark.parametrize('name', CALLS)
def test_the_number_of_statements_depends_on_no_size(databases, name):
    counts = []
    for entry_points in databases:
        with record_statements(entry_points.package_engine) as sent:
            CALLS[name](entry_points)
        counts.append(len(sent))
        assert {statement.split()[0] for statement in sent} <= {'SELECT', 'INSERT'}

    assert counts[0] == counts[1]
    assert (counts[0] == 0) == (name in SILENT)


def test_an_end_of_a_run_of_the_platforms_own_costs_one_statement_and_another_stage_none(engine):
    run_id = seed.run(seed.regression_tests(2)).id
    counts = []
    for status in (TestStatus.preparation, TestStatus.testing, TestStatus.completed):
        with record_statements(engine) as sent:
            end(run_id, status)
        counts.append(len(sent))

    assert counts == [counts[0], counts[0], counts[0] + 1]


def test_a_transaction_asks_to_see_one_state_if_the_default_of_the_server_is_weaker(engine, monkeypatch):
    monkeypatch.setattr(engine.dialect, 'default_isolation_level', 'READ COMMITTED')

    # SQLite does not know the statement.
    with record_statements(engine) as sent, pytest.raises(InternalError):
        extension_state().transactions.ping()

    assert sent == ['SET TRANSACTION ISOLATION LEVEL REPEATABLE READ']


def count_steps_of_sqlite(engine):
    """Return how many hundred steps SQLite takes for a plan of the sweep that has no step."""
    steps: list[None] = []
    with engine.connect() as connection:
        database = connection.connection.driver_connection
    # An answer other than None would end the statement.
    database.set_progress_handler(lambda: steps.append(None), 100)
    assert Sweep(extension_state()).plan().steps == []
    database.set_progress_handler(None, 0)
    return len(steps)


def test_the_work_of_a_plan_of_the_sweep_grows_with_the_attempts_and_not_with_pairs(app, engine):
    steps = []
    for attempts in (10, 90):
        first, *retries = seed.bulk_runs(attempts, 10)
        add_retries(first, retries, failed_only=True)
        steps.append(count_steps_of_sqlite(engine))

    # There are ten times as many attempts, and a hundred times as many pairs.
    assert 0 < steps[1] < 20 * steps[0]


# How many connections


def flush_a_row():
    """Add a row, and flush it."""
    db.session.add(User(name='new', password=''))
    db.session.flush()


ONE_CONNECTION = pytest.mark.parametrize('settings', [{
    'SQLALCHEMY_ENGINE_OPTIONS': {'pool_size': 1, 'max_overflow': 0, 'pool_timeout': 0.1},
    **SETTINGS, 'RUNS_API_CHECKS': True}], ids=['one connection'])


@ONE_CONNECTION
def test_each_request_each_page_and_an_end_need_one_connection(
        retry, attempts, verdict, visitor, token, run_id, github):
    github.open_pull(7, 'c0ffee', AUTHOR)
    db.session.remove()

    assert visitor.press(run_id) == 202
    end(run_id + 1)
    for _ in range(2):
        new_run_id = retry(run_id, {'failed_only': True}, key='k').json['new_run_id']
    assert [attempts(run_id).status_code, verdict(run_id).status_code] == [200, 200]
    assert 'runs-api-history' in visitor.page(f'/test/{new_run_id}')
    # With the session of a page, and with a token beside it.
    for headers in ({'X-CSRFToken': visitor.csrf_token(run_id)}, {'Authorization': f'Bearer {token}'}):
        assert visitor.client.open(f'/api/v1/runs/{run_id}/retry', headers=headers) == 200
    assert 'artifacts' in github.asked

    end(new_run_id)
    assert attempts(run_id).json['data'][2]['carried_over'] == 3


@ONE_CONNECTION
def test_a_request_needs_one_connection_after_a_hook_that_has_committed(app, retry, run_id):
    @app.before_request
    def write_and_read():
        flush_a_row()
        db.session.commit()
        db.session.scalars(select(User)).all()

    assert retry(run_id) == 202


def test_what_a_hook_has_pending_stays_pending_in_a_request_for_a_retry(app, retry, run_id):
    still_pending: list[list[int]] = []

    @app.before_request
    def leave_changes_pending():
        db.session.scalars(select(User).where(User.name == 'olga')).one().name = 'pending'
        db.session.add(User(name='new', password=''))

    @app.after_request
    def look(response):
        still_pending.append([len(db.session.new), len(db.session.dirty)])
        return response

    assert retry(run_id) == 202
    assert still_pending == [[1, 1]]


@pytest.mark.parametrize('write', [
    flush_a_row,
    lambda: db.session.execute(insert(User).values(name='new', password='')),
    lambda: db.session.execute(update(User).where(User.name == 'olga').values(name='new')),
    lambda: db.session.query(User).where(User.name == 'olga').update({'name': 'new'})],
    ids=['flush', 'insert', 'update', 'query'])
def test_what_a_hook_has_written_is_kept_in_a_request_of_the_package(app, rows, preview, run_id, write):
    @app.before_request
    def write_a_row():
        write()

    @app.after_request
    def commit(response):
        db.session.commit()
        return response

    assert preview(run_id) == 200
    assert 'new' in rows.values('user', 'name')


def test_a_call_in_process_leaves_the_transaction_of_its_caller_open(run_id):
    session = db.session()
    session.get_one(Test, run_id)
    transaction = session.get_transaction()

    retry_run(run_id)

    assert session.get_transaction() is transaction is not None


def test_what_a_caller_in_process_has_pending_is_neither_committed_nor_lost(run_id):
    db.session.add(User(name='pending', password=''))

    retry_run(run_id)

    assert [row.name for row in db.session.new] == ['pending']
    db.session.rollback()
    assert db.session.scalars(select(User).where(User.name == 'pending')).all() == []


def test_a_retry_outlives_a_rollback_of_its_caller(run_id):
    new_run_id = retry_run(run_id).new_run_id
    db.session.rollback()

    assert db.session.get_one(Test, new_run_id)
