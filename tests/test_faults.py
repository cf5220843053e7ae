"""A database that fails: whole or not at all, and nothing of the inside in any answer (contract sections 1 and 4)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import seed
from database import db
from flask import Flask, Response, abort, g, redirect
from mod_auth.models import User
from sqlalchemy import Connection, event
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import Pool
from support.api import ApiCall
from support.rows import Rows
from werkzeug import exceptions

from mod_runs_api import (InternalError, RunNotFound, ServiceUnavailable,
                          faults, retry_run, transaction)

Fail = Callable[..., list[str]]


class Lost(sqlite3.OperationalError):
    """A driver's error with a code in front, as PyMySQL's have."""


@pytest.fixture
def source(alice: User) -> int:
    """Give a completed run of two tests, of which one failed: by its id, which no statement is needed for."""
    tests = [seed.regression_test() for _ in range(2)]
    source = seed.run(tests, stages=seed.COMPLETED)
    seed.result(source, tests[0])
    source_id = source.id
    db.session.commit()
    return source_id


@pytest.fixture
def fail(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fail]:
    """
    Make statements fail: ``fail('INSERT INTO test_fork', error, times=2)``; gives the list of those that did.

    'COMMIT' stands for the commit of a retry, before it is done, and 'COMMITTED' for the moment after.
    """
    with app.app_context():
        engine = db.engine
    listeners: list[tuple[str, Any]] = []
    monkeypatch.setattr(transaction.time, 'sleep', lambda _: None)  # type: ignore[attr-defined]

    def make(start: str, error: Exception, times: int = 1_000, disconnects: bool = False) -> list[str]:
        failed: list[str] = []
        last = ['']

        def execute(_cursor: Any, statement: str, _parameters: Any, _context: Any) -> None:
            last[0] = statement
            if statement.startswith(start) and len(failed) < times:
                failed.append(statement)
                raise error

        def commit(connection: Any) -> None:
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
        if disconnects:
            monkeypatch.setattr(engine.dialect, 'is_disconnect', lambda error, *_: isinstance(error, Lost))
        return failed

    yield make
    for name, listener in listeners:
        event.remove(engine, name, listener)


def assert_unavailable(response: Any) -> None:
    """Check for a 503 that gives nothing away."""
    assert response.status_code == 503
    assert response.json == {'code': 'service_unavailable', 'details': {},
                             'message': 'The database cannot be used at the moment. Try again later.'}
    assert response.headers['Retry-After'] == '5'
    assert response.headers['X-RateLimit-Limit'] == '120'


STEPS = ['SELECT test.id', 'INSERT INTO test ', 'INSERT INTO run_retry', 'INSERT INTO customized_test',
         'INSERT INTO test_fork', 'COMMIT']


@pytest.mark.parametrize('step', STEPS)
def test_a_retry_is_whole_or_it_is_not_there(
        retry: ApiCall, source: int, rows: Rows, fail: Fail, step: str) -> None:
    before = rows.snapshot()
    failed = fail(step, sqlite3.OperationalError('disk I/O error'), times=1)

    assert_unavailable(retry(source, {'failed_only': True}))

    assert failed
    assert rows.snapshot() == before
    assert rows.of('run_retry') == []
    assert retry(source, {'failed_only': True}).status_code == 202


@pytest.mark.parametrize('step', STEPS)
@pytest.mark.parametrize('code', [1020, 1205, 1213])
def test_a_transaction_that_gave_way_is_tried_again(
        retry: ApiCall, source: int, rows: Rows, fail: Fail, step: str, code: int) -> None:
    failed = fail(step, Lost(code, 'gave way'), times=2)

    response = retry(source, {'failed_only': True})

    assert response.status_code == 202
    assert len(failed) == 2
    assert len(rows.of('run_retry')) == 1
    assert rows.ids('test', 'id') == [source, response.json['new_run_id']]


def test_the_tries_are_bounded(retry: ApiCall, source: int, rows: Rows, fail: Fail) -> None:
    failed = fail('INSERT INTO run_retry', Lost(1213, 'Deadlock found'))

    assert_unavailable(retry(source))

    assert len(failed) == transaction.ATTEMPTS
    assert rows.of('run_retry') == []


def test_the_tries_end_when_they_have_taken_long(
        retry: ApiCall, source: int, fail: Fail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction, 'PATIENCE', -1)
    failed = fail('INSERT INTO run_retry', Lost(1205, 'Lock wait timeout exceeded'))

    assert_unavailable(retry(source))

    assert len(failed) == 1


def test_a_key_that_somebody_else_wrote_meanwhile_is_looked_at_again(
        retry: ApiCall, source: int, fail: Fail, rows: Rows) -> None:
    failed = fail('INSERT INTO run_retry', sqlite3.IntegrityError('UNIQUE constraint failed'), times=1)

    assert retry(source, key='k').status_code == 202

    assert failed
    assert len(rows.of('run_retry')) == 1


def test_a_dead_connection_is_replaced(on_file: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db.engine.dialect, 'is_disconnect', lambda error, *_: isinstance(error, Lost))
    run_id = seed.run([seed.regression_test()]).id
    db.session.commit()
    failed: list[str] = []

    @event.listens_for(db.engine, 'do_execute')
    def lose(_cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith('INSERT INTO run_retry') and not failed:
            failed.append(statement)
            raise Lost(2013, 'Lost connection')

    with on_file.test_request_context():
        on_file.preprocess_request()
        assert retry_run(run_id).new_run_id == run_id + 1
    assert failed


def test_a_commit_that_went_unanswered_is_found_again(retry: ApiCall, source: int, fail: Fail, rows: Rows) -> None:
    failed = fail('COMMITTED', Lost(1213, 'answer lost'), times=1)

    response = retry(source, {'failed_only': True, 'reason': 'x'})

    assert failed
    assert response.status_code == 202
    assert 'Idempotent-Replayed' not in response.headers
    assert rows.ids('test', 'id') == [source, response.json['new_run_id']]
    assert response.json['message'].endswith('with 1 test.')


def test_a_run_that_vanishes_meanwhile_is_not_found(
        retry: ApiCall, source: int, rows: Rows, app: Flask) -> None:
    def vanish(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith('INSERT INTO test '):
            for table, column in (('customized_test', 'test_id'), ('test_progress', 'test_id'),
                                  ('test_result', 'test_id'), ('test_result_file', 'test_id'), ('test', 'id')):
                connection.exec_driver_sql(f'DELETE FROM {table} WHERE {column} = {source}')

    event.listen(db.engine, 'before_cursor_execute', vanish)
    response = retry(source)
    event.remove(db.engine, 'before_cursor_execute', vanish)

    assert response.status_code == 404
    assert rows.of('run_retry') == []


def test_a_pool_that_is_exhausted_is_unavailable(retry: ApiCall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pool, 'connect', raiser(PoolTimeoutError('QueuePool limit')))

    assert_unavailable(retry(99, token='spci_' + 'x' * 43))


def test_a_database_that_is_away_while_the_token_is_looked_up_is_unavailable(retry: ApiCall, fail: Fail) -> None:
    fail('SELECT api_token.id', sqlite3.OperationalError('unable to open database file'))

    assert_unavailable(retry(99))


def test_a_database_that_is_away_in_the_hosts_own_hooks_is_unavailable(
        app: Flask, retry: ApiCall, client: Any) -> None:
    class FailedToSpawn(Exception):
        pass

    def spawn() -> None:
        try:
            raise db_error('unable to open database file')
        except Exception:
            raise FailedToSpawn()

    app.before_request_funcs[None].insert(0, spawn)

    assert_unavailable(retry(99))
    app.config['PROPAGATE_EXCEPTIONS'] = False
    assert client.get('/account/login').status_code == 500


def test_a_connection_that_died_in_the_pool_under_the_hosts_hooks_is_replaced_once(
        app: Flask, retry: ApiCall, source: int) -> None:
    died: list[bool] = []

    def spawn() -> None:
        if len(died) < 1:
            died.append(True)
            raise db_error('gone away', connection_invalidated=True)

    app.before_request_funcs[None].insert(0, spawn)

    response = retry(source)

    assert response.status_code == 202
    assert response.headers['X-RateLimit-Remaining'] == '119'


@pytest.mark.parametrize(('second', 'status'), [('dies', 503), ('breaks', 500), ('answers', 200)])
def test_the_second_try_is_the_last(app: Flask, retry: ApiCall, second: str, status: int) -> None:
    tries: list[bool] = []

    def spawn() -> str | None:
        tries.append(True)
        if len(tries) == 1 or second == 'dies':
            try:
                raise db_error('gone away', connection_invalidated=True)
            except Exception:
                raise RuntimeError('failed to spawn')
        if second == 'breaks':
            raise ZeroDivisionError
        return 'maintenance'

    app.before_request_funcs[None].insert(0, spawn)

    assert retry(99).status_code == status
    assert len(tries) == 2


def test_a_refusal_in_the_second_try_is_that_refusal(app: Flask, retry: ApiCall) -> None:
    tries: list[bool] = []

    def spawn() -> None:
        tries.append(True)
        if len(tries) == 1:
            raise db_error('gone away', connection_invalidated=True)

    app.before_request_funcs[None].insert(0, spawn)

    assert retry(99).status_code == 404


def test_a_fault_is_an_internal_error_without_internals(
        retry: ApiCall, source: int, fail: Fail, rows: Rows, token: str, caplog: pytest.LogCaptureFixture) -> None:
    secret = 'x' * 64
    fail('INSERT INTO run_retry', sqlite3.DataError(f"Duplicate entry '{secret}' for key 'token'"))

    response = retry(source, {'reason': 'one\nERROR forged'})

    assert response.status_code == 500
    assert response.json == {'code': 'internal_error', 'message': 'An unexpected error occurred.', 'details': {}}
    assert "internal_error: DataError" in caplog.text
    assert 'retry.py' in caplog.text
    for hidden in (secret, token, 'forged'):
        assert hidden not in caplog.text
    assert rows.of('run_retry') == []


def test_the_log_says_what_the_database_said(
        retry: ApiCall, source: int, fail: Fail, caplog: pytest.LogCaptureFixture) -> None:
    fail('INSERT INTO test ', sqlite3.OperationalError('disk\nis full'))

    retry(source)

    assert r"service_unavailable: OperationalError 'disk\nis full'" in caplog.text


def test_a_fault_that_is_not_the_databases_is_an_internal_error(
        app: Flask, retry: ApiCall, caplog: pytest.LogCaptureFixture) -> None:
    app.before_request(raiser(ZeroDivisionError('secret')))

    response = retry(99)

    assert response.status_code == 500
    assert response.json['code'] == 'internal_error'
    assert 'internal_error: ZeroDivisionError' in caplog.text


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
def test_a_refusal_of_the_hosts_own_hooks_has_the_one_shape(
        app: Flask, retry: ApiCall, refusal: Exception, status: int, code: str, header: tuple[str, str] | None) -> None:
    app.before_request(raiser(refusal))

    response = retry(99)

    assert response.status_code == status
    assert response.content_type == 'application/json'
    assert (response.json['code'], response.json['details']) == (code, {})
    if header is not None:
        assert response.headers.getlist(header[0]) == [header[1]]


def test_a_response_of_the_hosts_own_hooks_stays_itself(app: Flask, retry: ApiCall) -> None:
    app.before_request(raiser(exceptions.Forbidden(response=Response('closed', 403))))

    assert (retry(99).status_code, retry(99).data) == (403, b'closed')


def test_a_redirect_of_the_hosts_own_hooks_stays_one(app: Flask, retry: ApiCall) -> None:
    app.before_request(lambda: abort(redirect('/elsewhere')))

    assert retry(99).status_code == 302


def test_in_process_the_database_is_unavailable_too(app: Flask, source: int, fail: Fail) -> None:
    app.preprocess_request()
    fail('INSERT INTO test ', sqlite3.OperationalError('attempt to write a readonly database'))

    with pytest.raises(ServiceUnavailable):
        retry_run(source)


def test_in_process_a_fault_is_an_internal_error_without_internals(
        app: Flask, source: int, fail: Fail, caplog: pytest.LogCaptureFixture) -> None:
    app.preprocess_request()
    fail('INSERT INTO test ', sqlite3.DataError('secret'))

    with pytest.raises(InternalError) as raised:
        retry_run(source)

    app.logger.error('the host logs it', exc_info=raised.value)
    assert 'internal_error: DataError' in caplog.text
    assert 'secret' not in caplog.text
    assert 'INSERT' not in caplog.text


def test_a_store_of_the_limits_that_fails_after_the_count_fails_no_request(
        app: Flask, retry: ApiCall, monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = app.extensions['mod_runs_api'].route_limiter.limiter
    monkeypatch.setattr(limiter.limiter, 'get_window_stats', raiser(ConnectionError('redis')))

    response = retry(99)

    assert response.status_code == 404
    assert response.headers['X-RateLimit-Remaining'] == '0'


def test_a_connection_that_dies_of_being_given_back_takes_nothing_back(
        retry: ApiCall, source: int, monkeypatch: pytest.MonkeyPatch, rows: Rows) -> None:
    close, closed = Connection.close, []

    def die(connection: Connection) -> None:
        close(connection)
        if is_the_packages():
            closed.append(connection)
            raise db_error('gone away', connection_invalidated=True)

    monkeypatch.setattr(Connection, 'close', die)

    assert retry(source).status_code == 202
    assert retry(99).status_code == 404
    assert len(closed) == 4
    assert len(rows.of('run_retry')) == 1


def test_every_connection_is_given_back(app: Flask, source: int, monkeypatch: pytest.MonkeyPatch) -> None:
    app.preprocess_request()
    opened, closed = [], []
    opens, close = Connection.__init__, Connection.close
    monkeypatch.setattr(Connection, '__init__', lambda connection, *arguments, **options: (
        opened.append(connection), opens(connection, *arguments, **options))[1])
    monkeypatch.setattr(Connection, 'close', lambda connection: (closed.append(connection), close(connection))[1])

    retry_run(source, requested_by='alice')
    with pytest.raises(RunNotFound):
        retry_run(99)

    assert len(opened) == 3
    assert closed == opened


def test_a_dead_connection_that_the_hosts_session_clings_to_is_given_up(app: Flask, retry: ApiCall) -> None:
    given_up: list[bool] = []

    class Clinging:
        def rollback(self) -> None:
            given_up.append(True)

    def look() -> None:
        if not given_up:
            g.db = Clinging()
            raise db_error('gone away', connection_invalidated=True)

    app.before_request_funcs[None].append(look)
    app.before_request_funcs[None].insert(0, app.before_request_funcs[None].pop())

    assert retry(99).status_code == 404
    assert given_up == [True]


def test_a_fault_after_the_hosts_hooks_gets_no_second_try(app: Flask, retry: ApiCall, source: int, rows: Rows) -> None:
    died: list[bool] = []

    def die() -> None:
        died.append(True)
        raise db_error('gone away', connection_invalidated=True)

    app.before_request(die)  # After the limiter, which has asked who it is.

    assert retry(source).status_code == 503
    assert died == [True]


def raiser(error: Exception) -> Callable[..., Any]:
    """Give a function that raises an error, whatever it is called with."""
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def db_error(said: str, connection_invalidated: bool = False) -> Exception:
    """Give an error as SQLAlchemy wraps it."""
    return faults.OperationalError('SELECT 1', {}, sqlite3.OperationalError(said),
                                   connection_invalidated=connection_invalidated)


def test_a_host_that_fails_while_the_run_is_committed_gets_none(retry: ApiCall, source: int, rows: Rows) -> None:
    def object_to(_connection: Connection) -> None:
        if is_the_packages():
            raise RuntimeError('not now')

    event.listen(db.engine, 'commit', object_to)
    response = retry(source)
    event.remove(db.engine, 'commit', object_to)

    assert response.status_code == 500
    seed.user('somebody')
    db.session.commit()
    assert rows.of('run_retry') == []
    assert rows.ids('test', 'id') == [source]
