"""A restart while results are carried over or judged, under READ COMMITTED."""

import pytest
import seed
from application import in_application
from database import db
from sqlalchemy import create_engine
from support.histories import end, finish, report, retry_in_process
from support.rows import Rows
from support.statements import before_statements

from mod_runs_api.extension import extension_state
from mod_runs_api.service.verdict import read_verdict


@pytest.fixture
def tests(database):
    """Yield three regression tests, in a context of the miniature under READ COMMITTED."""
    with in_application(database.uri, SQLALCHEMY_ENGINE_OPTIONS={'isolation_level': 'READ COMMITTED'}):
        yield seed.regression_tests(3)


@pytest.mark.parametrize('step', ['INSERT INTO run_carried_over', 'test_result_file.expected', 'test_result.runtime',
                                  'INSERT INTO customized_test', ' SHARE'])
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


@pytest.mark.parametrize('failed_again', [True, False])
def test_a_restart_between_two_statements_of_a_verdict_is_no_error(database, tests, failed_again):
    first = finish(seed.run(tests).id, tests, failed=tests)
    second = finish(retry_in_process(first), tests, failed=tests if failed_again else ())
    engine = create_engine(database.uri)

    def restart(_connection):
        with engine.begin() as own:
            for table in ('test_result_file', 'test_result', 'test_progress'):
                own.exec_driver_sql(f'DELETE FROM {table} WHERE test_id = {first}')

    with before_statements(db.engine, 'test_result_file.expected, test_result_file.got', restart):
        verdict = extension_state().transactions.run(read_verdict, second)

    assert [test.latest for test in verdict.tests] == ['fail' if failed_again else 'pass'] * 3
    engine.dispose()
