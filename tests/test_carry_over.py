"""An attempt ends whole (contract section 4): what is carried over into a failed-only retry, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
import seed
from application import create_app
from database import db
from flask import Flask, g
from flask.testing import FlaskClient
from mod_auth.models import User
from mod_regression.models import RegressionTest
from mod_test.models import (Test, TestProgress, TestResult, TestResultFile,
                             TestStatus)
from outcome import passing
from sqlalchemy import Connection, Engine, delete, event, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from support.api import ApiCall, Command
from support.rows import Rows
from support.statements import record_statements
from support.visitor import Visitor

from mod_runs_api import carry_over, retry_run

#: The columns of a result and of a file that are not the run's id.
RESULT = ('regression_test_id', 'runtime', 'exit_code', 'expected_rc')
FILE = ('regression_test_id', 'regression_test_output_id', 'expected', 'got')


@pytest.fixture
def tests(alice: User) -> list[RegressionTest]:
    """Add four regression tests."""
    return [seed.regression_test() for _ in range(4)]


@pytest.fixture
def source(tests: list[RegressionTest]) -> Test:
    """Add a completed run in which the first two of four tests failed."""
    run = seed.run(tests, stages=seed.COMPLETED)
    report(run.id, tests, failed=tests[:2])
    return run


def report(run_id: int, tests: Iterable[RegressionTest], failed: Iterable[RegressionTest] = ()) -> None:
    """Add the results of some tests to a run, as its worker would report them."""
    run = db.session.get_one(Test, run_id)
    wrong = [test.id for test in failed]
    for test in tests:
        seed.result(run, test, passing(test).exits(139) if test.id in wrong else None)
    db.session.commit()


def end(run_id: Any, status: TestStatus = TestStatus.completed) -> None:
    """End a run as the platform does."""
    g.db = db.session
    db.session.add(TestProgress(run_id, status, ''))
    db.session.commit()


def retry(run_id: int, failed_only: bool = True) -> int:
    """Retry a run, and return the new one."""
    g.db = db.session
    db.session.commit()
    return retry_run(run_id, failed_only=failed_only).new_run_id


def parts(rows: Rows, table: str, columns: tuple[str, ...], run_id: int,
          tests: Iterable[RegressionTest]) -> list[tuple[Any, ...]]:
    """Return what a run has for some tests."""
    wanted = [test.id for test in tests]
    return sorted(tuple(row[column] for column in columns) for row in rows.of(table, test_id=run_id)
                  if row['regression_test_id'] in wanted)


def origins(rows: Rows, run_id: int) -> dict[int, int]:
    """Return the regression tests that were carried over into a run, each with the run that it comes from."""
    return {row['regression_test_id']: row['source_run_id'] for row in rows.of('run_carried_over', run_id=run_id)}


def test_the_results_that_were_not_run_again_are_carried_over(
        rows: Rows, source: Test, tests: list[RegressionTest]) -> None:
    new = retry(source.id)
    report(new, tests[:2])

    end(new)

    rest = tests[2:]
    assert parts(rows, 'test_result', RESULT, new, rest) == parts(rows, 'test_result', RESULT, source.id, rest)
    assert parts(rows, 'test_result_file', FILE, new, rest) == parts(rows, 'test_result_file', FILE, source.id, rest)
    assert rows.selection(new) == [test.id for test in tests]
    assert origins(rows, new) == {test.id: source.id for test in rest}


def test_an_end_changes_no_row_that_was_there_before(rows: Rows, source: Test, tests: list[RegressionTest]) -> None:
    new = retry(source.id)
    report(new, tests[:2])
    before = rows.snapshot()

    end(new)

    after = rows.snapshot()
    assert all(before[table] <= after[table] for table in before)


@pytest.mark.parametrize('run_id', [int, str])
def test_an_end_that_names_the_run_in_a_string_counts_too(
        rows: Rows, source: Test, tests: list[RegressionTest], run_id: type) -> None:
    new = retry(source.id)

    end(run_id(new), TestStatus.canceled)

    assert len(origins(rows, new)) == 2


def test_a_retry_that_is_canceled_before_it_starts_ends_whole_without_results_of_its_own(
        rows: Rows, source: Test, tests: list[RegressionTest]) -> None:
    new = retry(source.id)

    end(new, TestStatus.canceled)

    assert rows.ids('test_result', 'regression_test_id', test_id=new) == [test.id for test in tests[2:]]


def test_a_result_comes_from_the_newest_attempt_that_really_ran_the_test(
        rows: Rows, source: Test, tests: list[RegressionTest]) -> None:
    full = retry(source.id, failed_only=False)
    lending = retry(source.id)
    report(lending, tests[:2])
    end(lending)
    report(full, tests, failed=[tests[0], tests[2]])
    end(full)
    new = retry(full)
    report(new, [tests[0], tests[2]])

    end(new)

    # Tests 2 and 4: the retry `lending` has the higher id, but has really run test 2 only.
    assert origins(rows, new) == {tests[1].id: lending, tests[3].id: full}


def test_an_attempt_that_has_not_ended_lends_nothing(rows: Rows, source: Test, tests: list[RegressionTest]) -> None:
    full = retry(source.id, failed_only=False)
    report(full, tests[2:])
    new = retry(source.id)

    end(new)

    assert set(origins(rows, new).values()) == {source.id}


def test_a_chain_of_retries_is_whole_at_each_end(rows: Rows, source: Test, tests: list[RegressionTest]) -> None:
    second = retry(source.id)
    report(second, tests[:2], failed=tests[:1])
    end(second)
    third = retry(second)
    report(third, tests[:1])
    end(third)

    assert rows.ids('test_result', 'regression_test_id', test_id=third) == [test.id for test in tests]
    assert origins(rows, third) == {tests[1].id: second, tests[2].id: source.id, tests[3].id: source.id}


def test_ending_twice_carries_over_once(rows: Rows, source: Test, tests: list[RegressionTest]) -> None:
    new = retry(source.id)
    end(new)
    before = rows.of('test_result'), rows.of('run_carried_over'), rows.of('customized_test')

    end(new, TestStatus.canceled)

    assert (rows.of('test_result'), rows.of('run_carried_over'), rows.of('customized_test')) == before


def test_a_test_that_is_inactive_by_then_is_not_carried_over(
        rows: Rows, source: Test, tests: list[RegressionTest]) -> None:
    new = retry(source.id)
    tests[3].active = False
    db.session.commit()

    end(new)

    assert origins(rows, new) == {tests[2].id: source.id}


def test_a_test_that_is_deleted_by_then_is_not_carried_over(
        rows: Rows, source: Test, tests: list[RegressionTest]) -> None:
    new = retry(source.id)
    gone = tests[3].id
    for model in (TestResultFile, TestResult):
        db.session.execute(delete(model).where(model.regression_test_id == gone))
    db.session.commit()

    end(new)

    assert origins(rows, new) == {tests[2].id: source.id}


@pytest.mark.parametrize('failed_only', [False, None])
def test_a_run_that_is_no_failed_only_retry_is_not_touched(
        rows: Rows, source: Test, tests: list[RegressionTest], failed_only: bool | None) -> None:
    run_id = seed.run(tests[:1]).id if failed_only is None else retry(source.id, failed_only)

    end(run_id)

    assert rows.of('test_result', test_id=run_id) == rows.of('run_carried_over') == []


@pytest.mark.parametrize('app_settings', [{'RUNS_API_INACTIVE_TESTS': 'drop'}])
def test_a_full_retry_is_not_touched_although_a_test_was_left_out_of_it(
        rows: Rows, source: Test, tests: list[RegressionTest]) -> None:
    tests[3].active = False
    new = retry(source.id, failed_only=False)
    tests[3].active = True
    report(new, tests[:3])

    end(new)

    assert origins(rows, new) == {}
    assert rows.selection(new) == [test.id for test in tests[:3]]


def test_a_run_of_the_platforms_own_costs_one_statement_when_it_ends_and_none_before(
        app: Flask, tests: list[RegressionTest]) -> None:
    run = seed.run(tests)
    db.session.commit()

    sent = {}
    for status in (TestStatus.testing, TestStatus.completed):
        with record_statements(db.engine) as statements:
            end(run.id, status)
        sent[status] = [statement for statement in statements if 'run_retry' in statement]

    assert sent[TestStatus.testing] == []
    assert len(sent[TestStatus.completed]) == 1


def test_an_end_that_is_rolled_back_carries_nothing_over(rows: Rows, source: Test) -> None:
    new = retry(source.id)
    db.session.add(TestProgress(new, TestStatus.completed, ''))
    db.session.flush()

    db.session.rollback()
    db.session.commit()
    db.session.add(TestProgress(source.id, TestStatus.completed, ''))
    db.session.commit()

    assert origins(rows, new) == {}


def test_a_savepoint_that_is_rolled_back_takes_no_other_end_with_it(rows: Rows, source: Test) -> None:
    new = retry(source.id)
    db.session.add(TestProgress(new, TestStatus.completed, ''))
    db.session.flush()

    db.session.begin_nested().rollback()
    db.session.commit()

    assert len(origins(rows, new)) == 2


def test_a_result_without_files_is_carried_over(rows: Rows, tests: list[RegressionTest]) -> None:
    no_output = seed.regression_test(outputs=0)
    run = seed.run([tests[0], no_output], stages=seed.COMPLETED)
    report(run.id, [tests[0], no_output], failed=tests[:1])
    new = retry(run.id)

    end(new)

    assert rows.of('test_result_file', test_id=new) == []
    assert origins(rows, new) == {no_output.id: run.id}


def test_an_end_within_a_savepoint_counts_when_all_is_committed(rows: Rows, source: Test) -> None:
    new = retry(source.id)

    with db.session.begin_nested():
        db.session.add(TestProgress(new, TestStatus.completed, ''))
    assert origins(rows, new) == {}
    db.session.commit()

    assert len(origins(rows, new)) == 2


def restart(run_id: int) -> TestProgress:
    """Delete what a run has reported, as the platform's restart does, and return the row that had ended it."""
    ended = db.session.scalars(select(TestProgress).where(TestProgress.test_id == run_id)).one()
    db.session.expunge(ended)
    for model in (TestResultFile, TestResult, TestProgress):
        db.session.execute(delete(model).where(model.test_id == run_id))
    db.session.commit()
    return ended


@pytest.mark.parametrize('same', ['id', 'time', 'id and time, of another run'])
def test_what_was_carried_over_does_not_count_after_a_restart(
        rows: Rows, attempts: ApiCall, source: Test, tests: list[RegressionTest], same: str) -> None:
    new = retry(source.id)
    end(new)
    ended = restart(new)
    report(new, tests, failed=tests[2:3])
    later = ended.timestamp + timedelta(seconds=1)
    if same == 'id and time, of another run':
        add_progress(ended.id, seed.run(tests).id, ended.timestamp)
    add_progress(ended.id if same == 'id' else ended.id + 1, new, ended.timestamp if same == 'time' else later)

    assert attempts(new).json['data'][1]['carried_over'] == 0
    again = retry(new)
    end(again)

    # The restarted run has really run all four.
    assert origins(rows, again) == {test.id: new for test in (tests[0], tests[1], tests[3])}


def add_progress(progress_id: int, run_id: int, timestamp: datetime) -> None:
    """End a run by a row with an id."""
    progress = TestProgress(run_id, TestStatus.completed, '', timestamp)
    progress.id = progress_id
    db.session.add(progress)
    db.session.commit()


def test_after_a_restart_only_what_is_carried_over_then_counts(
        app: Flask, attempts: ApiCall, source: Test, tests: list[RegressionTest]) -> None:
    tests[3].active = False
    new = retry(source.id)
    end(new)
    restart(new)
    tests[3].active = True
    report(new, tests[:3])
    other = retry(source.id, failed_only=False)
    report(other, tests)
    end(other)
    end(new)

    assert attempts(new).json['data'][1]['carried_over'] == 1
    page = Visitor(app, None).page(f'/test/{new}')
    assert f'1 of the 4 results is carried over from <a href="/test/{other}">' in page


def test_a_result_that_a_run_was_not_told_to_have_is_its_own(
        rows: Rows, source: Test, tests: list[RegressionTest]) -> None:
    new = retry(source.id)
    report(new, tests[:3])

    end(new)

    assert origins(rows, new) == {tests[3].id: source.id}


def test_it_is_the_row_of_the_end_that_is_on_record(rows: Rows, source: Test) -> None:
    new = retry(source.id)
    seed.progress(db.session.get_one(Test, new), TestStatus.preparation, TestStatus.testing)
    db.session.commit()

    end(new)

    last = rows.of('test_progress', test_id=new)[-1]
    assert {(row['progress_id'], row['progress_timestamp']) for row in rows.of('run_carried_over')} == {
        (last['id'], last['timestamp'])}


@pytest.fixture
def failing(app: Flask) -> Iterable[Callable[[int, int], None]]:
    """Have the next inserts into ``test_result`` fail with an error of the database: ``failing(times, code)``."""
    left: list[int] = []

    def fail(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if left and statement.startswith('INSERT INTO test_result '):
            raise OperationalError(statement, {}, Exception(left.pop(), 'failed'))

    event.listen(db.engine, 'before_cursor_execute', fail)
    yield lambda times, code: left.extend([code] * times)
    event.remove(db.engine, 'before_cursor_execute', fail)


def test_a_transient_error_is_tried_again(
        rows: Rows, source: Test, failing: Callable[[int, int], None]) -> None:
    new = retry(source.id)
    failing(2, 1213)

    end(new)

    assert len(origins(rows, new)) == 2


def test_where_it_fails_the_end_stands_and_the_log_names_the_command(
        app: Flask, rows: Rows, source: Test, failing: Callable[[int, int], None],
        caplog: pytest.LogCaptureFixture) -> None:
    new = retry(source.id)
    failing(1, 2013)

    end(new)

    assert [row['status'] for row in rows.of('test_progress', test_id=new)] == ['completed']
    assert origins(rows, new) == {}
    assert f'flask runs-api carry-over {new}' in caplog.text


@pytest.mark.on_file
def test_the_command_does_what_was_missed(
        command: Command, rows: Rows, source: Test, failing: Callable[[int, int], None]) -> None:
    new, other = retry(source.id), retry(source.id)
    failing(2, 2013)
    end(new)
    end(other)

    one, rest, again = command('carry-over', new), command('carry-over'), command('carry-over', new)

    assert (one.output, rest.output, again.output) == (f'{new}\t2\n', f'{other}\t2\n', f'{new}\t0\n')
    assert len(origins(rows, new)) == len(origins(rows, other)) == 2


@pytest.mark.on_file
def test_the_command_does_not_list_retries_without_anything_to_carry_over(
        command: Command, tests: list[RegressionTest]) -> None:
    run = seed.run(tests[:1], stages=seed.COMPLETED)
    report(run.id, tests[:1], failed=tests[:1])
    end(retry(run.id))

    assert command('carry-over').output == ''


@pytest.mark.on_file
def test_the_command_looks_at_no_run_that_cannot_lack_anything(
        app: Flask, command: Command, source: Test, tests: list[RegressionTest]) -> None:
    whole, full = retry(source.id), retry(source.id, failed_only=False)
    report(full, tests)
    end(whole)
    end(full)
    retry(source.id)  # It has not ended.

    with record_statements(Engine) as statements:
        assert command('carry-over').output == ''

    assert len(statements) == 1


@pytest.mark.on_file
def test_the_command_carries_nothing_over_into_a_retry_that_has_not_ended(
        command: Command, rows: Rows, source: Test) -> None:
    new = retry(source.id)
    seed.progress(db.session.get_one(Test, new), TestStatus.testing)
    db.session.commit()

    assert command('carry-over', new).output == f'{new}\t0\n'
    assert origins(rows, new) == {}


def test_two_mounts_carry_over_once(client: FlaskClient, rows: Rows, source: Test) -> None:
    create_app('sqlite://')
    new = retry(source.id)

    with record_statements(db.engine) as statements:
        end(new)

    assert len([statement for statement in statements if statement.startswith('INSERT INTO run_carried_over')]) == 1


def test_a_run_that_is_restarted_meanwhile_is_left_alone(
        client: FlaskClient, rows: Rows, source: Test, monkeypatch: pytest.MonkeyPatch) -> None:
    new = retry(source.id)
    write = carry_over._write

    def restart_and_write(connection: Connection, *arguments: Any) -> None:
        connection.execute(delete(TestProgress).where(TestProgress.test_id == new))
        write(connection, *arguments)

    monkeypatch.setattr(carry_over, '_write', restart_and_write)
    end(new)

    assert origins(rows, new) == {}
    assert rows.of('test_result', test_id=new) == []


def test_an_end_of_no_run_breaks_nothing(client: FlaskClient, rows: Rows, source: Test) -> None:
    new = retry(source.id)

    db.session.add_all([TestProgress(None, TestStatus.completed, ''), TestProgress(new, TestStatus.completed, '')])
    db.session.commit()

    assert len(origins(rows, new)) == 2


def test_a_session_that_is_bound_to_one_table_breaks_nothing(
        client: FlaskClient, rows: Rows, source: Test) -> None:
    new = retry(source.id)

    with Session(binds={TestProgress: db.engine}) as session:
        session.add(TestProgress(new, TestStatus.completed, ''))
        session.commit()

    assert len(origins(rows, new)) == 2


def test_the_command_names_a_run_that_is_not_there(command: Command) -> None:
    result = command('carry-over', 99)

    assert (result.exit_code, result.stderr) == (1, 'Error: Run 99 not found. {"resource": "run", "id": 99}\n')


def test_an_application_without_the_mount_notices_nothing(client: FlaskClient, source: Test) -> None:
    new = retry(source.id)
    other = create_app('sqlite://', mount=False)
    with other.app_context():
        db.create_all()
        run = seed.run()
        with record_statements(db.engine) as statements:
            db.session.add(TestProgress(run.id, TestStatus.completed, ''))
            db.session.commit()
        db.session.remove()
        db.engine.dispose()

    assert new and not [statement for statement in statements if 'run_retry' in statement]
