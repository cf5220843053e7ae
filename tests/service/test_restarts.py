"""Rows that change while results are carried over or after that, under READ COMMITTED."""

from collections.abc import Iterator

import pytest
import seed
from application import create_app, dispose
from database import db
from flask import g
from mod_regression.models import RegressionTest
from sqlalchemy import Connection, create_engine, text
from support.databases import Database
from support.histories import end, finish, report, retry_in_process
from support.rows import Rows
from support.statements import before_statements

from mod_runs_api import attempts_verdict, list_attempts


@pytest.fixture
def tests(database: Database) -> Iterator[list[RegressionTest]]:
    """Yield three regression tests, in a context of the miniature under READ COMMITTED."""
    app = create_app(database.uri, SQLALCHEMY_ENGINE_OPTIONS={'isolation_level': 'READ COMMITTED'})
    with app.app_context():
        db.create_all()
        g.db = db.session
        yield seed.regression_tests(3)
        db.session.remove()
    dispose(app)


@pytest.mark.parametrize('step', ['INSERT INTO run_carried_over', 'INSERT INTO test_result_file',
                                  'INSERT INTO test_result ', 'INSERT INTO customized_test', ' SHARE'])
def test_a_restart_between_two_statements_leaves_no_result_without_its_outputs(
        database: Database, tests: list[RegressionTest], step: str) -> None:
    source = finish(seed.run(tests).id, tests, failed=tests[:1])
    retry = retry_in_process(source, failed_only=True)
    report(retry, tests[:1])
    engine, rows = create_engine(database.uri), Rows(db.engine)
    left = ['test_progress', 'test_result', 'test_result_file']

    def restart(_connection: Connection) -> None:
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


def test_no_record_changes_if_somebody_corrects_the_times_of_progress_rows(tests: list[RegressionTest]) -> None:
    source = finish(seed.run(tests).id, tests, failed=tests[:1])
    retry = finish(retry_in_process(source, failed_only=True), tests[:1])
    before = list_attempts(retry), attempts_verdict(retry)

    db.session.execute(text('UPDATE test_progress SET timestamp = timestamp - INTERVAL 5 HOUR'))
    db.session.commit()

    assert (list_attempts(retry), attempts_verdict(retry)) == before
    # A second end copies only a late result.
    late = seed.regression_test()
    report(source, [late])
    end(retry)
    assert Rows(db.engine).carried_over(retry) == dict.fromkeys([tests[1].id, tests[2].id, late.id], source)
