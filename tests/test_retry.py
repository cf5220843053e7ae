"""What a retry creates (contract sections 1 and 4)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
import seed
import worker
from database import db
from flask.testing import FlaskClient
from mod_auth.models import User
from mod_test.models import TestPlatform, TestStatus
from sqlalchemy import Engine
from support.api import ApiCall
from support.rows import Rows
from support.statements import Statement


def test_a_retry_is_accepted(retry: ApiCall, run_id: int) -> None:
    response = retry(run_id)

    assert response.status_code == 202
    assert response.json == {
        'run_id': run_id, 'new_run_id': run_id + 1, 'action': 'retry', 'status': 'accepted',
        'message': f'Run {run_id} is queued again as run {run_id + 1}, with 3 tests.'}
    assert response.content_type == 'application/json'


def test_the_location_is_the_new_run_under_the_same_prefix(retry: ApiCall, run_id: int) -> None:
    response = retry(run_id)

    assert response.headers['Location'] == f'/api/v1/runs/{response.json["new_run_id"]}'


def test_the_new_run_has_the_configuration_of_its_source(retry: ApiCall, run_id: int, rows: Rows) -> None:
    new_run_id = retry(run_id).json['new_run_id']

    (source,), (new,) = rows.of('test', id=run_id), rows.of('test', id=new_run_id)
    for column in ('id', 'token'):
        assert source.pop(column) != new.pop(column)
    assert source == new


def test_the_new_run_has_a_secret_of_its_own(retry: ApiCall, run_id: int, rows: Rows) -> None:
    retry(run_id)
    retry(run_id)

    tokens = {row['token'] for row in rows.of('test')}
    assert len(tokens) == 3
    assert all(len(token) == 64 and token.isascii() and token.isalnum() for token in tokens)


def test_a_full_retry_runs_all_tests_of_its_source(retry: ApiCall, run_id: int, rows: Rows) -> None:
    seed.regression_test()

    new_run_id = retry(run_id).json['new_run_id']

    assert rows.selection(new_run_id) == rows.selection(run_id)


def test_a_failed_only_retry_runs_what_did_not_pass(retry: ApiCall, run_id: int, rows: Rows) -> None:
    response = retry(run_id, {'failed_only': True})

    assert response.json['message'].endswith('with 2 tests.')
    assert rows.selection(response.json['new_run_id']) == rows.selection(run_id)[1:]


def test_a_full_retry_of_a_failed_only_retry_runs_everything(retry: ApiCall, run_id: int, rows: Rows) -> None:
    failed_only = retry(run_id, {'failed_only': True}).json['new_run_id']

    new_run_id = retry(failed_only).json['new_run_id']

    assert rows.selection(new_run_id) == rows.selection(run_id)


def test_a_full_retry_runs_the_tests_of_its_source_where_the_first_run_is_gone(
        retry: ApiCall, run_id: int, rows: Rows) -> None:
    source_id = retry(run_id, {'failed_only': True}).json['new_run_id']
    for table, column in (('customized_test', 'test_id'), ('test_fork', 'test_id'), ('test_progress', 'test_id'),
                          ('test_result_file', 'test_id'), ('test_result', 'test_id'), ('test', 'id')):
        db.session.execute(db.text(f'DELETE FROM {table} WHERE {column} = {run_id}'))

    new_run_id = retry(source_id).json['new_run_id']

    assert rows.selection(new_run_id) == rows.selection(source_id)


def test_the_owners_and_the_requester_own_the_new_run(
        retry: ApiCall, run_id: int, alice: User, rows: Rows) -> None:
    new_run_id = retry(run_id).json['new_run_id']

    assert rows.ids('test_fork', 'user_id', test_id=new_run_id) == sorted(
        [alice.id, *rows.ids('test_fork', 'user_id', test_id=run_id)])


def test_a_requester_who_owns_the_source_owns_the_new_run_once(retry: ApiCall, alice: User, rows: Rows) -> None:
    source = seed.run([seed.regression_test()], owners=[alice, alice])

    new_run_id = retry(source).json['new_run_id']

    assert rows.ids('test_fork', 'user_id', test_id=new_run_id) == [alice.id]


def test_a_retry_writes_no_progress_and_no_results(retry: ApiCall, run_id: int, rows: Rows) -> None:
    new_run_id = retry(run_id).json['new_run_id']

    for table in ('test_progress', 'test_result', 'test_result_file'):
        assert rows.of(table, test_id=new_run_id) == []


def test_the_scheduled_job_starts_the_new_run(retry: ApiCall, run_id: int, rows: Rows) -> None:
    new_run_id = retry(run_id).json['new_run_id']

    assert worker.work_once(db.session, TestPlatform.windows) == [new_run_id]
    assert rows.ids('test_result', 'regression_test_id', test_id=new_run_id) == rows.selection(new_run_id)


def test_a_retry_changes_nothing_that_was_there(retry: ApiCall, run_id: int, rows: Rows) -> None:
    before = rows.snapshot()

    assert retry(run_id).status_code == 202
    assert retry(run_id, {'failed_only': True}).status_code == 202

    after = rows.snapshot()
    assert all(before[table] <= after[table] for table in before)


def test_a_retry_is_recorded_with_its_source_reason_requester_and_time(
        retry: ApiCall, run_id: int, alice: User, rows: Rows) -> None:
    new_run_id = retry(run_id, {'failed_only': True, 'reason': 'flaky VM'}).json['new_run_id']

    row, = rows.of('run_retry', run_id=new_run_id)
    created_at = datetime.fromisoformat(row.pop('created_at'))
    assert row == {'run_id': new_run_id, 'source_run_id': run_id, 'root_run_id': run_id, 'failed_only': 1,
                   'reason': b'flaky VM', 'user_id': alice.id, 'test_count': 2, 'idempotency_digest': None}
    assert timedelta() <= datetime.now(timezone.utc).replace(tzinfo=None) - created_at < timedelta(minutes=1)


def test_a_retry_of_a_retry_has_the_same_first_run(retry: ApiCall, run_id: int, rows: Rows) -> None:
    second = retry(run_id).json['new_run_id']
    third = retry(second).json['new_run_id']

    row, = rows.of('run_retry', run_id=third)
    assert (row['source_run_id'], row['root_run_id']) == (second, run_id)


@pytest.mark.parametrize('stages', [(), seed.COMPLETED[:1], seed.COMPLETED[:2], seed.COMPLETED, seed.CANCELED])
def test_a_full_retry_is_allowed_in_any_state(retry: ApiCall, stages: tuple[TestStatus, ...]) -> None:
    source = seed.run([seed.regression_test()], stages=stages)

    assert retry(source).status_code == 202


@pytest.mark.parametrize('body', [{}, {'failed_only': False}])
def test_a_body_with_defaults_is_a_full_retry(retry: ApiCall, run_id: int, body: dict[str, bool]) -> None:
    assert retry(run_id, body).json['message'].endswith('with 3 tests.')


def test_a_request_without_a_body_needs_no_content_type(retry: ApiCall, run_id: int) -> None:
    assert retry(run_id, data=b'').status_code == 202


@pytest.mark.parametrize('content_type', ['application/json; charset=utf-8', 'Application/JSON'])
def test_the_content_type_may_have_parameters_and_any_case(
        retry: ApiCall, run_id: int, content_type: str) -> None:
    assert retry(run_id, data='{"failed_only": true}', content_type=content_type).status_code == 202


@pytest.mark.parametrize('reason', ['', 'x' * 255, '\N{HOT BEVERAGE}' * 255, '\U0001f480' * 255, 'e\u0301 \u202eltr',
                                    'two\r\nlines\t\\"%s\'; DROP TABLE test; -- ', ' spaces  ', '\x7f\x1b[31m'])
def test_any_reason_of_255_code_points_is_kept_exactly(
        retry: ApiCall, run_id: int, rows: Rows, reason: str) -> None:
    new_run_id = retry(run_id, {'reason': reason}).json['new_run_id']

    assert rows.of('run_retry', run_id=new_run_id)[0]['reason'].decode() == reason


def test_on_another_database_than_sqlite_a_retry_sends_only_select_and_insert(
        engine: Engine, retry: ApiCall, run_id: int, statements: list[Statement],
        monkeypatch: pytest.MonkeyPatch) -> None:
    # SQLite gives the id of a deleted run to the next one, whose leftovers must go before.
    monkeypatch.setattr(engine.dialect, 'name', 'another')
    statements.clear()

    retry(run_id, {'failed_only': True}, key='k')
    retry(run_id, {'failed_only': True}, key='k')

    assert {statement.split()[0] for statement in statements} == {'SELECT', 'INSERT'}


@pytest.mark.parametrize(('failed_only', 'tests'), [(False, '3 tests'), (True, '2 tests that did not pass')])
def test_a_retry_is_logged(
        retry: ApiCall, alice: User, run_id: int, caplog: pytest.LogCaptureFixture, failed_only: bool,
        tests: str) -> None:
    caplog.set_level('INFO')

    retry(run_id, {'failed_only': failed_only})

    assert f'run {run_id} is retried as run {run_id + 1} with {tests}, for user {alice.id}' in caplog.messages


def test_no_secret_is_answered_or_logged(
        retry: ApiCall, run_id: int, token: str, rows: Rows, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level('DEBUG')

    response = retry(run_id)

    shown = response.get_data(as_text=True) + str(response.headers) + caplog.text
    assert f'run {run_id} is retried as run {run_id + 1} with 3 tests, for user ' in caplog.text
    for secret in (token, *(row['token'] for row in rows.of('test'))):
        assert secret not in shown


def test_the_reason_is_not_logged(
        retry: ApiCall, run_id: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level('DEBUG')

    retry(run_id, {'reason': 'why\nnot'})

    assert 'why' not in caplog.text


def test_a_session_cookie_is_no_token(client: FlaskClient, run_id: int, alice: User) -> None:
    with client.session_transaction() as session:
        session['user_id'] = alice.id

    assert client.post(f'/api/v1/runs/{run_id}/retry').status_code == 401
