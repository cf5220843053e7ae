"""A database that fails: a retry is whole or not there, and no answer shows internals (contract sections 1 and 4)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from database import db
from flask import Flask, Response, abort, redirect
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, exc
from sqlalchemy.pool import Pool
from support.api import ApiCall
from support.rows import Rows
from werkzeug import exceptions
from werkzeug.test import TestResponse

from mod_runs_api import (InternalError, Retry, ServiceUnavailable, retry_run,
                          transaction)

Fail = Callable[..., list[str]]


class DriverError(sqlite3.OperationalError):
    """A driver's error with a code in front, as PyMySQL's have."""


@pytest.fixture
def fail(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fail]:
    """
    Make statements fail: ``fail('INSERT INTO test_fork', error, times=2)`` returns the list of those that did.

    'COMMIT' stands for the commit of a retry, and 'COMMITTED' for the moment after it.
    """
    listeners: list[tuple[str, Any]] = []
    monkeypatch.setattr(transaction.time, 'sleep', lambda _: None)  # type: ignore[attr-defined]

    def make(start: str, error: Exception, times: int = 1_000) -> list[str]:
        failed: list[str] = []
        last = ['']

        def execute(_cursor: Any, statement: str, _parameters: Any, _context: Any) -> None:
            last[0] = statement
            if statement.startswith(start) and len(failed) < times:
                failed.append(statement)
                raise error

        def commit(connection: Any) -> None:
            # A retry writes the owners last.
            if not last[0].startswith('INSERT INTO test_fork') or len(failed) == times:
                connection.commit()
                return
            failed.append(start)
            if start == 'COMMITTED':
                connection.commit()
            raise error

        if start.startswith('COMMIT'):
            monkeypatch.setattr(engine.dialect, 'do_commit', commit)
        for name in ('do_execute', 'do_executemany'):
            event.listen(engine, name, execute)
            listeners.append((name, execute))
        return failed

    yield make
    for name, listener in listeners:
        event.remove(engine, name, listener)


def raiser(error: Exception) -> Callable[..., Any]:
    """Return a function that raises an error, whatever it is called with."""
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def database_error(message: str, connection_invalidated: bool = False) -> Exception:
    """Return an error as SQLAlchemy raises it."""
    return exc.OperationalError('SELECT 1', {}, sqlite3.OperationalError(message),
                                connection_invalidated=connection_invalidated)


def assert_unavailable(response: TestResponse) -> None:
    """Check for a 503 that shows no internals."""
    assert response.status_code == 503
    assert response.json == {'code': 'service_unavailable', 'details': {},
                             'message': 'The database cannot be used at the moment. Try again later.'}
    assert response.headers['Retry-After'] == '5'


STEPS = ['SELECT test.platform', 'INSERT INTO test ', 'INSERT INTO run_retry', 'INSERT INTO customized_test',
         'INSERT INTO test_fork', 'COMMIT']


# Whole or not there


@pytest.mark.parametrize('step', STEPS)
def test_a_retry_is_whole_or_it_is_not_there(
        retry: ApiCall, run_id: int, rows: Rows, fail: Fail, step: str) -> None:
    before = rows.snapshot()
    failed = fail(step, sqlite3.OperationalError('disk I/O error'), times=1)

    assert_unavailable(retry(run_id, {'failed_only': True}))

    assert failed
    assert rows.snapshot() == before
    assert rows.of('run_retry') == []
    assert retry(run_id, {'failed_only': True}).status_code == 202


@pytest.mark.parametrize('step', STEPS)
@pytest.mark.parametrize('code', [1020, 1205, 1213])
def test_a_transient_error_is_tried_again(
        retry: ApiCall, run_id: int, rows: Rows, fail: Fail, step: str, code: int) -> None:
    failed = fail(step, DriverError(code, 'transient'), times=2)

    response = retry(run_id, {'failed_only': True})

    assert response.status_code == 202
    assert len(failed) == 2
    assert len(rows.of('run_retry')) == 1
    assert rows.ids('test', 'id') == [run_id, response.json['new_run_id']]


def test_a_transaction_is_tried_eight_times(retry: ApiCall, run_id: int, rows: Rows, fail: Fail) -> None:
    failed = fail('INSERT INTO run_retry', DriverError(1213, 'Deadlock found'))

    assert_unavailable(retry(run_id))

    assert len(failed) == 8
    assert rows.of('run_retry') == []


def test_a_transaction_is_not_tried_again_after_some_seconds(
        retry: ApiCall, run_id: int, fail: Fail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction, 'MAX_SECONDS', -1)
    failed = fail('INSERT INTO run_retry', DriverError(1205, 'Lock wait timeout exceeded'))

    assert_unavailable(retry(run_id))

    assert len(failed) == 1


def test_a_key_that_another_request_has_just_written_is_looked_up_again(
        retry: ApiCall, run_id: int, fail: Fail, rows: Rows) -> None:
    failed = fail('INSERT INTO run_retry', sqlite3.IntegrityError('UNIQUE constraint failed'), times=1)

    assert retry(run_id, key='k').status_code == 202

    assert failed
    assert len(rows.of('run_retry')) == 1


@pytest.mark.on_file
def test_a_dead_connection_is_replaced(
        engine: Engine, retry: ApiCall, run_id: int, fail: Fail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.dialect, 'is_disconnect', lambda error, *_: isinstance(error, DriverError))
    failed = fail('INSERT INTO run_retry', DriverError(2013, 'Lost connection'), times=1)

    assert retry(run_id).json['new_run_id'] == run_id + 1
    assert failed


def test_a_commit_that_was_not_answered_is_found_again(
        retry: ApiCall, run_id: int, fail: Fail, rows: Rows) -> None:
    failed = fail('COMMITTED', DriverError(1213, 'answer lost'), times=1)

    response = retry(run_id, {'failed_only': True, 'reason': 'x'})

    assert failed
    assert response.status_code == 202
    assert 'Idempotent-Replayed' not in response.headers
    assert rows.ids('test', 'id') == [run_id, response.json['new_run_id']]
    assert response.json['message'].endswith('with 2 tests.')


@pytest.mark.parametrize('failed_only', [False, True])
def test_in_process_it_is_the_same_retry(run_id: int, fail: Fail, failed_only: bool) -> None:
    fail('COMMITTED', DriverError(1213, 'answer lost'), times=1)

    assert retry_run(run_id, failed_only=failed_only) == Retry(
        run_id, run_id + 1, failed_only, test_count=2 if failed_only else 3, replayed=False)


def test_a_run_that_is_deleted_meanwhile_is_not_found(
        engine: Engine, retry: ApiCall, run_id: int, rows: Rows) -> None:
    def delete(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith('INSERT INTO test '):
            for table in ('customized_test', 'test_fork', 'test_progress', 'test_result_file', 'test_result'):
                connection.exec_driver_sql(f'DELETE FROM {table} WHERE test_id = {run_id}')
            connection.exec_driver_sql(f'DELETE FROM test WHERE id = {run_id}')

    event.listen(engine, 'before_cursor_execute', delete)
    response = retry(run_id)
    event.remove(engine, 'before_cursor_execute', delete)

    assert response.status_code == 404
    assert rows.of('run_retry') == []


def test_an_error_of_the_hosts_while_the_retry_is_committed_leaves_nothing(
        engine: Engine, retry: ApiCall, run_id: int, token: str, rows: Rows) -> None:
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    def object_to(_connection: Any) -> None:
        if sent[-1].startswith('INSERT INTO test_fork'):
            raise RuntimeError('not now')

    event.listen(engine, 'before_cursor_execute', note)
    event.listen(engine, 'commit', object_to)
    response = retry(run_id)
    event.remove(engine, 'commit', object_to)
    event.remove(engine, 'before_cursor_execute', note)

    assert response.status_code == 500
    db.session.commit()
    assert rows.of('run_retry') == []
    assert rows.ids('test', 'id') == [run_id]


# A database that is away


@pytest.mark.on_file
@pytest.mark.parametrize('app_settings', [
    {'SQLALCHEMY_ENGINE_OPTIONS': {'pool_size': 1, 'max_overflow': 0, 'pool_timeout': 0.1}}])
def test_a_request_needs_one_connection_at_a_time(
        retry: ApiCall, attempts: ApiCall, run_id: int, token: str) -> None:
    db.session.remove()

    assert retry(run_id, {'failed_only': True}, key='k').status_code == 202
    assert retry(run_id, {'failed_only': True}, key='k').status_code == 202
    assert attempts(run_id).status_code == 200


def test_an_exhausted_pool_is_unavailable(retry: ApiCall, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pool, 'connect', raiser(exc.TimeoutError('QueuePool limit')))

    assert_unavailable(retry(99, token='spci_' + 'x' * 43))


def test_a_database_that_is_away_while_the_token_is_looked_up_is_unavailable(retry: ApiCall, fail: Fail) -> None:
    fail('SELECT api_token.id', sqlite3.OperationalError('unable to open database file'))

    assert_unavailable(retry(99))


def test_a_database_that_is_away_in_the_hosts_hooks_is_unavailable(
        app: Flask, retry: ApiCall, client: FlaskClient) -> None:
    class FailedToSpawn(Exception):
        pass

    def spawn() -> None:
        try:
            raise database_error('unable to open database file')
        except Exception:
            raise FailedToSpawn()

    app.before_request_funcs[None].insert(0, spawn)

    assert_unavailable(retry(99))
    app.config['PROPAGATE_EXCEPTIONS'] = False
    assert client.get('/account/login').status_code == 500


def test_an_error_of_the_database_in_the_hosts_hooks_is_not_tried_again(app: Flask, retry: ApiCall) -> None:
    calls: list[bool] = []

    def spawn() -> None:
        calls.append(True)
        raise database_error('gone away', connection_invalidated=True)

    app.before_request_funcs[None].insert(0, spawn)

    assert_unavailable(retry(99))
    assert len(calls) == 1


def test_in_process_a_database_that_is_read_only_is_unavailable(run_id: int, fail: Fail) -> None:
    fail('INSERT INTO test ', sqlite3.OperationalError('attempt to write a readonly database'))

    with pytest.raises(ServiceUnavailable):
        retry_run(run_id)


# No internals


def test_an_error_is_answered_and_logged_without_internals(
        retry: ApiCall, run_id: int, fail: Fail, rows: Rows, token: str, caplog: pytest.LogCaptureFixture) -> None:
    secret = 'x' * 64
    fail('INSERT INTO run_retry', sqlite3.DataError(f"Duplicate entry '{secret}' for key 'token'"))

    response = retry(run_id, {'reason': 'one\nERROR forged'})

    assert response.status_code == 500
    assert response.json == {'code': 'internal_error', 'message': 'An unexpected error occurred.', 'details': {}}
    assert 'internal_error: DataError' in caplog.text
    assert 'retry.py' in caplog.text
    for hidden in (secret, token, 'forged'):
        assert hidden not in caplog.text


def test_the_log_has_what_the_database_says_when_it_is_away(
        retry: ApiCall, run_id: int, fail: Fail, caplog: pytest.LogCaptureFixture) -> None:
    fail('INSERT INTO test ', sqlite3.OperationalError('disk\nis full'))

    retry(run_id)

    assert r"service_unavailable: OperationalError 'disk\nis full'" in caplog.text


def test_the_log_has_the_number_of_any_other_error_of_the_database(
        retry: ApiCall, run_id: int, fail: Fail, caplog: pytest.LogCaptureFixture) -> None:
    fail('INSERT INTO test ', sqlite3.DataError(1406, 'Data too long: secret'))

    retry(run_id)

    assert 'internal_error: DataError 1406' in caplog.text
    assert 'secret' not in caplog.text


def test_an_error_that_is_not_the_databases_is_an_internal_error(
        app: Flask, retry: ApiCall, caplog: pytest.LogCaptureFixture) -> None:
    app.before_request(raiser(ZeroDivisionError('secret')))

    response = retry(99)

    assert response.status_code == 500
    assert response.json['code'] == 'internal_error'
    assert 'internal_error: ZeroDivisionError' in caplog.text
    assert 'secret' not in caplog.text


def test_in_process_an_error_has_no_cause_with_internals(
        app: Flask, run_id: int, fail: Fail, caplog: pytest.LogCaptureFixture) -> None:
    fail('INSERT INTO test ', sqlite3.DataError('secret'))

    with pytest.raises(InternalError) as raised:
        retry_run(run_id)

    app.logger.error('the host logs it', exc_info=raised.value)
    assert 'internal_error: DataError' in caplog.text
    assert 'secret' not in caplog.text
    assert 'INSERT' not in caplog.text


# Refusals of the host's own hooks


@pytest.mark.parametrize(('refusal', 'status', 'code', 'header'), [
    (exceptions.Forbidden('maintenance'), 403, 'forbidden', None),
    (exceptions.RequestEntityTooLarge(), 413, 'payload_too_large', None),
    (exceptions.UnprocessableEntity(), 422, 'unprocessable', None),
    (exceptions.TooManyRequests(retry_after=7), 429, 'rate_limited', ('Retry-After', '7')),
    (exceptions.ServiceUnavailable(retry_after=30), 503, 'service_unavailable', ('Retry-After', '30')),
    (exceptions.MethodNotAllowed(['GET']), 405, 'method_not_allowed', ('Allow', 'GET')),
    (exceptions.InternalServerError(), 500, 'internal_error', None),
    (exceptions.ImATeapot(), 418, 'i_m_a_teapot', None),
])
def test_a_refusal_of_the_hosts_hooks_has_the_shape_of_the_api(
        app: Flask, retry: ApiCall, refusal: Exception, status: int, code: str, header: tuple[str, str] | None) -> None:
    app.before_request(raiser(refusal))

    response = retry(99)

    assert response.status_code == status
    assert response.content_type == 'application/json'
    assert (response.json['code'], response.json['details']) == (code, {})
    if header is not None:
        assert response.headers.getlist(header[0]) == [header[1]]


def test_a_response_of_the_hosts_hooks_is_left_as_it_is(app: Flask, retry: ApiCall) -> None:
    app.before_request(raiser(exceptions.Forbidden(response=Response('closed', 403))))

    response = retry(99)

    assert (response.status_code, response.data) == (403, b'closed')


def test_a_redirect_of_the_hosts_hooks_is_left_as_it_is(app: Flask, retry: ApiCall) -> None:
    app.before_request(lambda: abort(redirect('/elsewhere')))

    assert retry(99).status_code == 302
