"""A restart or a deletion between two statements, on a server whose default is READ COMMITTED."""

from itertools import count

import pytest
import seed
from application import in_application
from database import db
from sqlalchemy import create_engine
from support.changes import DELETION, RESTART, delete_rows
from support.histories import end, finish, report, retry_in_process
from support.rows import Rows
from support.statements import before_statements, watch_statements

from mod_runs_api import RunNotFound
from mod_runs_api.extension import extension_state
from mod_runs_api.service.attempts import read_attempts_page
from mod_runs_api.service.preview import preview_retry
from mod_runs_api.service.verdict import read_verdict


@pytest.fixture
def tests(database):
    """Yield three regression tests, in a context of the miniature, whose connections begin with READ COMMITTED."""
    with in_application(database.uri, SQLALCHEMY_ENGINE_OPTIONS={
            'connect_args': {'init_command': 'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED'}}):
        yield seed.regression_tests(3)


@pytest.mark.parametrize('step', [
    'INSERT INTO run_carried_over', '.regression_test_output_id, test_result_file.expected',
    '.regression_test_id, test_result.runtime', 'INSERT INTO customized_test', ' SHARE'],
    ids=['marks', 'files', 'results', 'selection', 'lock'])
def test_a_restart_between_two_statements_leaves_no_result_without_its_outputs(database, tests, step):
    source = finish(seed.run(tests).id, tests, failed=tests[:1])
    retry = retry_in_process(source, failed_only=True)
    report(retry, tests[:1])
    engine, rows = create_engine(database.uri), Rows(db.engine)
    left = ['test_progress', 'test_result', 'test_result_file']

    def restart(_connection):
        with engine.begin() as own:
            while left:
                own.exec_driver_sql(f'DELETE FROM {left.pop()} WHERE test_id = {source}')

    with before_statements(db.engine, step, restart):
        end(retry)

    results, files = ([row['regression_test_id'] for row in rows.of(table, test_id=retry)]
                      for table in ('test_result', 'test_result_file'))
    # All were copied before the restart, or none after it.
    assert not left and results == files and len(results) in (1, 3)
    engine.dispose()


ANSWERS = {
    'preview': preview_retry,
    'attempts': lambda state, run_id: state.transactions.run(read_attempts_page, run_id, 10, 0),
    'verdict': lambda state, run_id: state.transactions.run(read_verdict, run_id)}


def answer(name, run_id):
    """Return an answer about a run, or the error if there is no such run, in a form that can be compared."""
    try:
        return repr(ANSWERS[name](extension_state(), run_id))
    except RunNotFound as error:
        return repr(error)


@pytest.mark.parametrize('tables', [RESTART, DELETION], ids=['restart', 'deletion'])
@pytest.mark.parametrize('name', ANSWERS)
def test_an_answer_shows_one_state_if_runs_change_between_two_statements(database, tests, name, tables):
    engine = create_engine(database.uri)
    for number in count(1):
        first = finish(seed.run(tests).id, tests, failed=tests)
        second = finish(retry_in_process(first), tests, failed=tests[1:])
        before, changes = answer(name, second), delete_rows(f'IN ({first}, {second})', tables)
        sent = []

        def change(_connection, statement):
            sent.append(statement)
            if len(sent) == number:
                with engine.begin() as own:
                    for change in changes:
                        own.exec_driver_sql(change)

        with watch_statements(db.engine, change):
            found = answer(name, second)
        if len(sent) < number:
            break
        # The state is that of the first statement that reads. The one before it sets the isolation level.
        assert found == (before if number > 2 else answer(name, second)), sent[-1]
        assert found != before or number > 2
    assert number > 8
    engine.dispose()


@pytest.mark.parametrize('failed_again', [True, False])
def test_a_restart_between_two_statements_of_a_verdict_on_a_page_is_no_error(database, tests, failed_again):
    first = finish(seed.run(tests).id, tests, failed=tests)
    second = finish(retry_in_process(first), tests, failed=tests if failed_again else ())
    engine = create_engine(database.uri)

    def restart(_connection):
        with engine.begin() as own:
            for statement in delete_rows(f'= {first}', RESTART):
                own.exec_driver_sql(statement)

    with before_statements(db.engine, 'test_result_file.expected, test_result_file.got', restart):
        verdict = extension_state().transactions.read(read_verdict, second)

    assert [test.latest for test in verdict.tests] == ['fail' if failed_again else 'pass'] * 3
    engine.dispose()


def test_a_pooled_connection_that_the_server_has_closed_is_no_error(database, tests):
    db.session.commit()
    others = database.query('SELECT id FROM information_schema.processlist WHERE db = DATABASE() '
                            'AND id != CONNECTION_ID()')
    database.query(*(f'KILL {row.id}' for row in others))

    extension_state().transactions.ping()

    assert others
