"""What a retry creates (docs/api.rst, "Retry a run")."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import seed
import worker
from database import db
from mod_auth.models import User
from mod_test.models import Test, TestPlatform
from sqlalchemy import Engine
from support.api import ApiCall
from support.rows import (RetryRow, Rows, delete_run,
                          stop_enforcing_foreign_keys)
from support.statements import Statement

from mod_runs_api import retry_run


def test_a_retry_is_accepted(retry: ApiCall, run_id: int) -> None:
    response = retry(run_id)

    assert response == 202
    assert response.json == {
        'run_id': run_id, 'new_run_id': run_id + 1, 'action': 'retry', 'status': 'accepted',
        'message': f'Run {run_id} is queued again as run {run_id + 1}, with 3 tests.'}
    assert response.content_type == 'application/json'
    assert response.headers['Location'] == f'/api/v1/runs/{run_id + 1}'


def test_the_new_run_has_the_configuration_of_its_source_and_a_secret_of_its_own(
        retry: ApiCall, run_id: int, rows: Rows) -> None:
    db.session.get(Test, run_id).fork_id = seed.fork('https://github.com/olga/ccextractor.git').id
    for _ in range(2):
        retry(run_id)

    runs = rows.of('test')
    tokens = {run.pop('token') for run in runs}
    assert len(tokens) == len({run.pop('id') for run in runs}) == 3
    assert runs[0] == runs[1] == runs[2]
    assert all(len(token) == 64 and token.isascii() and token.isalnum() for token in tokens)


def test_a_retry_runs_all_tests_of_its_source_or_those_that_did_not_pass(
        retry: ApiCall, run_id: int, rows: Rows) -> None:
    seed.regression_test()

    everything, failed_only = (retry(run_id, {'failed_only': value}).json['new_run_id'] for value in (False, True))

    assert rows.selection(everything) == rows.selection(run_id)
    assert rows.selection(failed_only) == rows.selection(run_id)[1:]


@pytest.mark.parametrize('is_deleted', [False, True])
def test_a_full_retry_of_a_failed_only_retry_runs_everything_unless_the_first_run_is_gone(
        retry: ApiCall, run_id: int, rows: Rows, is_deleted: bool) -> None:
    everything = rows.selection(run_id)
    failed_only = retry(run_id, {'failed_only': True}).json['new_run_id']
    if is_deleted:
        delete_run(run_id)

    new_run_id = retry(failed_only).json['new_run_id']

    assert rows.selection(new_run_id) == (everything[1:] if is_deleted else everything)


def test_the_owners_and_the_requester_own_the_new_run_once(retry: ApiCall, alice: User, rows: Rows) -> None:
    olga = seed.user('olga')
    source = seed.run([seed.regression_test()], owners=[olga, alice, olga])
    other = seed.run([seed.regression_test()], owners=[olga])

    for run in (source, other):
        assert rows.owners(retry(run).json['new_run_id']) == sorted([alice.id, olga.id])


def test_the_scheduled_job_starts_the_new_run_which_has_no_progress_and_no_results(
        retry: ApiCall, run_id: int, rows: Rows) -> None:
    new_run_id = retry(run_id).json['new_run_id']

    assert [rows.of(table, test_id=new_run_id) for table in ('test_progress', 'test_result', 'test_result_file')] == [
        [], [], []]
    assert worker.work_once(db.session, TestPlatform.windows) == [new_run_id]
    assert rows.ids('test_result', 'regression_test_id', test_id=new_run_id) == rows.selection(new_run_id)


def test_a_retry_changes_nothing_that_was_there(retry: ApiCall, run_id: int, rows: Rows) -> None:
    before = rows.snapshot()

    assert retry(run_id) == 202
    assert retry(run_id, {'failed_only': True}) == 202

    after = rows.snapshot()
    assert all(before[table] <= after[table] for table in before)


def test_a_retry_is_recorded_with_its_source_reason_requester_and_time(
        retry: ApiCall, run_id: int, alice: User, rows: Rows) -> None:
    second = retry(run_id, {'failed_only': True, 'reason': 'flaky VM'}).json['new_run_id']
    third = retry(second).json['new_run_id']

    assert rows.retries == [RetryRow(second, run_id, run_id, True, 'flaky VM', alice.id, 2),
                            RetryRow(third, second, run_id, False, None, alice.id, 3)]
    created_at = datetime.fromisoformat(rows.of('run_retry')[0]['created_at'])
    assert timedelta() <= datetime.now(timezone.utc).replace(tzinfo=None) - created_at < timedelta(minutes=1)


def test_a_full_retry_is_allowed_in_any_state(retry: ApiCall, alice: User) -> None:
    tests = [seed.regression_test()]
    for stages in ((), seed.COMPLETED[:1], seed.COMPLETED[:2], seed.COMPLETED, seed.CANCELED):
        assert retry(seed.run(tests, stages=stages)) == 202


def test_a_run_with_any_id_that_the_platform_can_store_is_found(retry: ApiCall) -> None:
    for run_id in (1, 2 ** 31 - 1):
        seed.run().id = run_id
        assert retry(run_id, {'failed_only': True}).json['details'] == {'run_status': 'queued'}


def test_a_body_with_defaults_is_a_full_retry(retry: ApiCall, run_id: int) -> None:
    requests: list[dict[str, Any]] = [
        {}, {'json': {}}, {'json': {'failed_only': False}}, {'data': b''},
        {'data': b'{}', 'content_type': 'application/json; charset=utf-8'},
        {'data': b'{}', 'content_type': 'Application/JSON'}]
    for request in requests:
        assert retry(run_id, **request).json['message'].endswith('with 3 tests.')


def test_any_reason_of_255_code_points_is_kept_exactly(retry: ApiCall, run_id: int, rows: Rows) -> None:
    reasons = ['', 'x' * 255, '\N{HOT BEVERAGE}' * 255, '\U0001f480' * 255, 'e\u0301 \u202eltr',
               'two\r\nlines\t\\"%s\'; DROP TABLE test; -- ', ' spaces  ', '\x7f\x1b[31m']
    for reason in reasons:
        retry(run_id, {'reason': reason})

    assert [row.reason for row in rows.retries] == reasons


@pytest.mark.parametrize(('failed_only', 'tests'), [(False, '3 tests'), (True, '2 tests that did not pass')])
def test_a_retry_is_logged_without_the_reason_and_without_a_secret(
        retry: ApiCall, alice: User, token: str, run_id: int, rows: Rows, caplog: pytest.LogCaptureFixture,
        failed_only: bool, tests: str) -> None:
    caplog.set_level('DEBUG')

    response = retry(run_id, {'failed_only': failed_only, 'reason': 'why\nnot'})

    assert f'run {run_id} is retried as run {run_id + 1} with {tests}, for user {alice.id}' in caplog.messages
    assert 'why' not in caplog.text
    shown = response.get_data(as_text=True) + str(response.headers) + caplog.text
    for secret in (token, *(row['token'] for row in rows.of('test'))):
        assert secret not in shown


@pytest.fixture
def source_of_a_deleted_retry(app: object) -> int:
    """Return a run that was retried with the key "k", on SQLite as the platform has it: the retry's rows outlive it."""
    stop_enforcing_foreign_keys()
    db.create_all()
    tests = seed.regression_tests(2)
    source = seed.run(tests, stages=seed.COMPLETED)
    seed.result(source, tests[0])
    db.session.commit()
    delete_run(retry_run(source.id, idempotency_key='k').new_run_id)
    return source.id


@pytest.mark.on_file
def test_the_id_of_a_deleted_retry_can_be_used_again(source_of_a_deleted_retry: int, rows: Rows) -> None:
    made = retry_run(source_of_a_deleted_retry, idempotency_key='other', reason='again')

    assert made.new_run_id == source_of_a_deleted_retry + 1
    assert [row.reason for row in rows.retries] == ['again']


@pytest.mark.on_file
@pytest.mark.parametrize('later_retries', [0, 1])
def test_the_key_of_a_deleted_retry_is_free(source_of_a_deleted_retry: int, later_retries: int) -> None:
    source = source_of_a_deleted_retry
    for _ in range(later_retries):
        retry_run(source)

    second, third = (retry_run(source, idempotency_key='k') for _ in range(2))

    assert (second.replayed, third.replayed) == (False, True)
    assert third.new_run_id == second.new_run_id == source + 1 + later_retries


def test_on_another_database_than_sqlite_a_retry_sends_only_select_and_insert(
        engine: Engine, retry: ApiCall, run_id: int, statements: list[Statement],
        monkeypatch: pytest.MonkeyPatch) -> None:
    # SQLite gives the id of a deleted run to the next one, whose leftovers must go before.
    monkeypatch.setattr(engine.dialect, 'name', 'another')
    statements.clear()

    assert [retry(run_id, {'failed_only': True}, key='k').status_code for _ in range(2)] == [202, 202]
    assert {statement.split()[0] for statement in statements} == {'SELECT', 'INSERT'}
