"""Results are carried over (docs/api.rst): which results are carried over into a failed-only retry, and when."""

from contextvars import Context
from datetime import datetime, timedelta, timezone

import pytest
import seed
from database import db
from mod_customized.models import CustomizedTest
from mod_regression.models import RegressionTest
from mod_test.models import TestProgress, TestResult, TestResultFile, TestStatus
from sqlalchemy import delete, update
from sqlalchemy.orm import Session
from support.changes import change_retries, restart_run
from support.executions import CRASH, FAIL, NO_FILE, OTHER_FAIL, PASS
from support.histories import add_attempts, end, end_only, finish, report
from support.histories import retry_in_process as retry
from support.statements import before_statements


def ids(tests):
    """Return the ids of regression tests."""
    return [test.id for test in tests]


def parts(rows, run_id, tests):
    """Return the results and files that a run has for some tests."""
    return sorted(tuple(value for name, value in row.items() if name not in ('id', 'test_id'))
                  for table in ('test_result', 'test_result_file') for row in rows.of(table, test_id=run_id)
                  if row['regression_test_id'] in ids(tests))


def test_the_results_that_were_not_run_again_are_carried_over(rows, first, tests):
    new = retry(first, failed_only=True)
    report(new, tests[1:])
    before = rows.snapshot()

    end(new)

    assert parts(rows, new, tests[:1]) == parts(rows, first, tests[:1]) != []
    assert rows.selection(new) == ids(tests)
    assert rows.carried_over(new) == {tests[0].id: first}
    after = rows.snapshot()
    assert all(before[table] <= after[table] for table in before)


def test_nothing_is_carried_over_into_a_run_that_is_canceled_until_it_completes_after_all(rows, first, tests):
    new = retry(first, failed_only=True)
    end(new, TestStatus.canceled)
    assert rows.carried_over(new) == {}
    full = finish(retry(first), tests, failed=tests[:1])

    finish(new, tests[1:])
    # An end that is written after the completion changes nothing.
    end(new, TestStatus.canceled)

    assert rows.carried_over(new) == {tests[0].id: full}


def test_a_run_that_is_restarted_by_its_worker_after_its_completion_gets_nothing(command, rows, first):
    new = retry(first, failed_only=True)
    end_only(new)
    end(new, TestStatus.testing)

    assert command('carry-over', new).output == f'{new}\t0\n'
    assert rows.carried_over(new) == {}


@pytest.mark.parametrize('gone', ['inactive', 'without a result', 'reported by the retry itself'])
def test_only_an_active_test_with_a_result_elsewhere_alone_is_carried_over(command, rows, first, tests, gone):
    new = retry(first, failed_only=True)
    if gone == 'inactive':
        tests[0].active = False
    elif gone == 'without a result':
        for model in (TestResultFile, TestResult):
            db.session.execute(delete(model).where(model.regression_test_id == tests[0].id))
    else:
        report(new, tests[:1])

    finish(new, tests[2:])

    assert rows.carried_over(new) == {tests[1].id: first}
    tests[0].active = True
    db.session.commit()
    assert command('carry-over', new).output == (f'{new}\t1\n' if gone == 'inactive' else f'{new}\t0\n')


@pytest.mark.parametrize(('reported', 'origin', 'status'), [
    (None, FAIL, 'error'), (None, NO_FILE, 'error'), (None, CRASH, 'fail'), (None, PASS, 'pass'),
    ('wrong', FAIL, 'fail'), ('wrong', OTHER_FAIL, 'error')])
def test_a_result_that_contradicts_an_output_of_the_retry_is_not_carried_over(attempts, reported, origin, status):
    first, = add_attempts([origin], [FAIL])
    both = list(db.session.query(RegressionTest).order_by(RegressionTest.id))
    new = retry(first, failed_only=True)
    output, = both[0].output_files
    seed.add(TestResultFile(test_id=new, regression_test_id=both[0].id, regression_test_output_id=output.id,
                            expected='right', got=reported))
    report(new, both[1:])
    end(new)

    assert attempts(new).json['data'][-1]['status'] == status


@pytest.mark.parametrize('settings', [{'RUNS_API_INACTIVE_TESTS': 'drop'}])
def test_a_run_that_is_no_failed_only_retry_is_not_touched(command, attempts, rows, first, tests):
    tests[2].active = False
    runs = [retry(first), seed.run(tests[:2]).id]
    tests[2].active = True
    assert attempts(first).json['data'][1]['to_carry_over'] == 0

    for run_id in runs:
        finish(run_id, tests[:2])
        assert command('carry-over', run_id).output == f'{run_id}\t0\n'
        assert rows.selection(run_id) == ids(tests[:2])
    assert rows.of('run_carried_over') == []


# Ends, and the platform's transactions


def end_before_a_savepoint(run_id):
    """End a run, undo a later savepoint, keep another, end another run, and commit."""
    db.session.add(TestProgress(run_id, TestStatus.completed, ''))
    db.session.flush()
    db.session.begin_nested().rollback()
    db.session.begin_nested().commit()
    end(1)


@pytest.mark.parametrize('end_it', [
    end, lambda run_id: end(finish(run_id, [])), lambda run_id: end(str(run_id)), end_before_a_savepoint])
def test_however_a_run_is_ended_it_is_made_whole_once_all_is_committed(rows, first, end_it):
    new = retry(first, failed_only=True)
    for stage in (TestStatus.preparation, TestStatus.testing):
        end(new, stage)
        assert rows.carried_over(new) == {}

    end_it(new)

    assert len(rows.carried_over(new)) == len(rows.of('test_result', test_id=new)) == 3
    ends = [row['id'] for row in rows.of('test_progress', test_id=new) if row['status'] == 'completed']
    assert {row['progress_id'] for row in rows.of('run_carried_over')} == {ends[0]}


# Restarts


def test_after_a_restart_only_what_is_carried_over_then_counts(rows, attempts, first, tests):
    new = retry(first, failed_only=True)
    end(new)
    restart_run(new)
    finish(new, tests[1:], failed=tests[2:])

    assert attempts(new).json['data'][1]['carried_over'] == 1
    again = finish(retry(new, failed_only=True), tests[2:])
    # The restarted run has really run two.
    assert rows.carried_over(again) == {tests[0].id: first, tests[1].id: new}


def test_a_run_that_is_restarted_meanwhile_is_left_alone(app, rows, first):
    new = retry(first, failed_only=True)

    with before_statements(db.engine, 'INSERT INTO test_result ', lambda connection: connection.exec_driver_sql(
            f'DELETE FROM test_progress WHERE test_id = {new}')):
        end(new)

    assert rows.carried_over(new) == {}
    assert rows.of('test_result', test_id=new) == []


# Faults, and the command that does the work later


def test_if_it_fails_the_end_stands_and_a_command_carries_over_later(command, rows, first, caplog):
    new, other, of_job = (retry(first, failed_only=True) for _ in range(3))
    with Session(db.engine) as session:
        session.add(TestProgress(of_job, TestStatus.completed, ''))
        # Outside the application.
        Context().run(session.commit)
    for run_id in (new, other):
        end_only(run_id)
        assert [row['status'] for row in rows.of('test_progress', test_id=run_id)] == ['completed']
        assert rows.carried_over(run_id) == {}
        assert f'flask runs-api carry-over {run_id}' in caplog.text

    change_retries(created_at=datetime(2020, 1, 1))  # However long ago.

    one, rest, again = command('carry-over', new), command('sweep'), command('carry-over', new)

    assert (one.output, again.output) == (f'{new}\t3\n', f'{new}\t0\n')
    assert rest.output == f'{other}\tcarried over\t-\t3 results\n{of_job}\tcarried over\t-\t3 results\n'
    assert len(rows.carried_over(new)) == len(rows.carried_over(other)) == 3


@pytest.mark.parametrize(('ago', 'is_found'), [(timedelta(hours=47), True), (timedelta(hours=80), False)])
def test_a_sweep_finds_a_late_result_for_two_days_after_the_end_and_the_command_always(
        command, rows, first, tests, ago, is_found, monkeypatch):
    # However many rows are newer.
    monkeypatch.setattr('mod_runs_api.database.sweep.ROWS_AT_ONCE', 1)
    late = seed.regression_test()
    canceled, new = retry(first), retry(first, failed_only=True)
    end(canceled, TestStatus.canceled)
    finish(new, tests[1:])
    seed.run(stages=seed.COMPLETED)
    # Whenever it was created.
    change_retries(created_at=datetime(2020, 1, 1))
    ended = datetime.now(timezone.utc).replace(tzinfo=None) - ago
    db.session.execute(update(TestProgress).values(timestamp=ended))

    # The platform writes no progress row with it.
    report(canceled, [late])

    assert command('sweep').output == (f'{new}\tcarried over\t-\t1 result\n' if is_found else '')
    assert command('carry-over', new).output == f'{new}\t{int(not is_found)}\n'
    assert rows.carried_over(new)[late.id] == canceled


def test_a_completed_retry_does_not_change_because_of_what_started_later(command, rows, first, tests):
    new = finish(retry(first, failed_only=True), tests[1:])
    added = seed.regression_test()
    full = retry(first)
    end(full, TestStatus.testing)
    finish(full, [added], failed=[added])

    assert (command('sweep').output, command('carry-over', new).output) == ('', f'{new}\t0\n')
    assert rows.carried_over(new) == {tests[0].id: first}


@pytest.mark.parametrize('is_listed', [True, False])
def test_a_carried_over_result_that_somebody_deleted_is_neither_copied_again_nor_counted(
        command, rows, attempts, first, tests, is_listed):
    new = finish(retry(first, failed_only=True), tests[2:])
    for model in (TestResultFile, TestResult):
        db.session.execute(delete(model).where(model.test_id == new, model.regression_test_id == tests[0].id))
    if not is_listed:
        db.session.execute(delete(CustomizedTest).where(CustomizedTest.test_id == new,
                                                        CustomizedTest.regression_id == tests[0].id))
    db.session.commit()

    assert (command('sweep').output, command('carry-over', new).output) == ('', f'{new}\t0\n')
    attempt = attempts(new).json['data'][-1]
    assert (attempt['tests'], attempt['not_run'], attempt['carried_over']) == (2 + is_listed, is_listed, 1)
