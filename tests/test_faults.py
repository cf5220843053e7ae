"""
A database that fails: a retry is whole or not there, and no answer shows internals.

See docs/api.rst, "Errors", and docs/operations.rst, "If the database or Redis is unavailable".
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask, Response
from sqlalchemy import Connection, Engine, event, exc
from sqlalchemy.pool import Pool
from support.api import ApiCall, Command, assert_security_headers
from support.rows import Rows, delete_run
from support.statements import before_statements, record_statements, watch_statements
from werkzeug import exceptions
from werkzeug.test import TestResponse

from mod_runs_api import InternalError, ServiceUnavailable, retry_run
from mod_runs_api.host.log import is_transient

UNAVAILABLE = {'code': 'service_unavailable', 'details': {},
               'message': 'The database cannot be used at the moment. Try again later.'}
INTERNAL = {'code': 'internal_error', 'details': {}, 'message': 'An unexpected error occurred.'}

AWAY = sqlite3.OperationalError('disk I/O error')


class DriverError(sqlite3.OperationalError):
    """A driver's error with a code in front, as PyMySQL's have."""


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nobody wait between two tries."""
    monkeypatch.setattr(time, 'sleep', lambda _: None)


@contextmanager
def failing(step: str, error: Exception = AWAY, times: int = 1) -> Iterator[list[str]]:
    """
    Let a step fail so many times while the block lasts, and yield the steps that have failed.

    The step is the beginning of a statement, 'COMMIT' for the commit of a retry, or 'COMMITTED' for the moment after
    it.
    """
    failed: list[str] = []
    sent: list[str] = []

    def fail_at(_connection: Connection, statement: str) -> None:
        sent.append(statement)
        if statement.startswith(step) and len(failed) < times:
            failed.append(statement)
            raise exc.DBAPIError.instance(statement, {}, error, sqlite3.Error)

    def commit(connection: Connection) -> None:
        if step.startswith('COMMIT') and any(statement.startswith('INSERT') for statement in sent):
            if step == 'COMMITTED':
                connection.connection.commit()
            fail_at(connection, step)
        sent.clear()

    event.listen(Engine, 'commit', commit)
    with watch_statements(Engine, fail_at):
        yield failed
    event.remove(Engine, 'commit', commit)


@pytest.fixture
def steps(engine: Engine, retry: ApiCall, run_id: int) -> list[str]:
    """Return all steps of a failed-only retry, which has been done once."""
    with record_statements(engine) as sent:
        assert retry(run_id, {'failed_only': True}) == 202
    assert len(sent) > 5
    return [*map(str, sent), 'COMMIT']


def raiser(error: BaseException) -> Callable[..., Any]:
    """Return a function that raises an error, whatever it is called with."""
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def assert_unavailable(response: TestResponse) -> None:
    """Check for a 503 that shows no internals."""
    assert (response.status_code, response.json) == (503, UNAVAILABLE)
    assert response.headers['Retry-After'] == '5'
    assert_security_headers(response)


# Whole or not there


@pytest.mark.parametrize('error', [AWAY, *(DriverError(code, 'transient') for code in (1020, 1205, 1213, 1412, 1467))])
def test_a_retry_is_whole_after_a_transient_error_at_any_step_and_not_there_after_another(
        retry: ApiCall, run_id: int, rows: Rows, steps: list[str], error: Exception) -> None:
    times = 1 if error is AWAY else 2
    for number, step in enumerate(steps, 2):
        before, recorded = rows.snapshot(), rows.retries
        with failing(step, error, times) as failed:
            response = retry(run_id, {'failed_only': True})
        assert len(failed) == times, step
        if error is AWAY:
            assert_unavailable(response)
            assert (rows.snapshot(), rows.retries) == (before, recorded)
        else:
            assert response == 202
            assert len(rows.retries) == len(rows.of('test')) - 1 == number


def test_a_transaction_is_tried_eight_times(retry: ApiCall, run_id: int, rows: Rows) -> None:
    with failing('INSERT INTO run_retry', DriverError(1213, 'Deadlock found'), times=1_000) as failed:
        assert_unavailable(retry(run_id))

    assert len(failed) == 8
    assert rows.retries == []


def test_a_commit_that_was_not_answered_is_found_again(retry: ApiCall, run_id: int, rows: Rows) -> None:
    with failing('COMMITTED', DriverError(1213, 'answer lost')) as failed:
        response = retry(run_id, {'failed_only': True, 'reason': 'x'})

    assert (len(failed), response.status_code) == (1, 202)
    assert 'Idempotent-Replayed' not in response.headers
    assert 'with 2 tests' in response.json['message']
    assert rows.ids('test', 'id') == [run_id, run_id + 1]


def test_a_run_that_is_deleted_meanwhile_is_not_found(engine: Engine, retry: ApiCall, run_id: int, rows: Rows) -> None:
    with before_statements(engine, 'INSERT INTO test ', lambda connection: delete_run(run_id, connection)):
        assert retry(run_id) == 404

    assert rows.retries == []


# A database that is away


def test_an_exhausted_pool_is_unavailable(retry: ApiCall, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pool, 'connect', raiser(exc.TimeoutError('QueuePool limit')))

    assert_unavailable(retry(99, token='spci_' + 'x' * 43))


def test_a_key_that_another_request_has_just_written_is_looked_up_again(
        retry: ApiCall, run_id: int, rows: Rows) -> None:
    with failing('INSERT INTO run_retry', sqlite3.IntegrityError('UNIQUE constraint failed')) as failed:
        assert retry(run_id, key='k') == 202

    assert (len(failed), len(rows.retries)) == (1, 1)


@pytest.mark.on_file
def test_a_database_that_is_read_only_is_unavailable_in_process_and_to_a_command(command: Command, run_id: int) -> None:
    with failing('INSERT', sqlite3.OperationalError('attempt to write a readonly database'), times=2) as failed:
        with pytest.raises(ServiceUnavailable):
            retry_run(run_id)
        assert command('retry', run_id).exit_code == 3

    assert len(failed) == 2


# The state of a database, by the number or the text of its error. These were seen on servers in these states.
TRANSIENT = {
    'away': [1053, 1317, 2003, 2006, 2013, 3032], 'read-only': [1036, 1290, 1792], 'full': [3, 1114],
    'busy': [1040, 1203, 1226, 1969, 3024, 'database is locked']}
#: An unknown account, a right, a table or column that is missing; a zero date, a constraint, a trigger, a view, a
#: tablespace, and a join that is too large.
PERMANENT = [1045, 1698, 3118, 1142, 1146, 1054, 1292, 4025, 3819, 1644, 1356, 1449, 1814, 1104, 9999, 'no such table']


@pytest.mark.parametrize(('codes', 'expected'), [*((codes, True) for codes in TRANSIENT.values()), (PERMANENT, False)],
                         ids=[*TRANSIENT, 'broken'])
def test_an_error_is_transient_if_waiting_can_fix_it(codes: list[int | str], expected: bool) -> None:
    errors = {code: exc.OperationalError('SELECT', {}, sqlite3.OperationalError(code, 'text')) for code in codes}

    assert [code for code, error in errors.items() if is_transient(error) != expected] == []


# No internals


def caused_by(cause: Exception) -> Exception:
    """Return an error of the host's that was raised while it handled another."""
    error = RuntimeError('secret')
    error.__context__ = cause
    return error


@pytest.mark.parametrize(('place', 'error', 'answer', 'logged'), [
    ('database', AWAY, UNAVAILABLE, "OperationalError 'disk I/O error'"),
    ('database', sqlite3.OperationalError('no such\ntable'), INTERNAL, r"OperationalError 'no such\ntable'"),
    ('database', sqlite3.DataError("Duplicate entry 'secret' for key 'token'"), INTERNAL, 'DataError\n'),
    ('database', sqlite3.DataError(1406, 'Data too long: secret'), INTERNAL, 'DataError 1406\n'),
    ('hook', ZeroDivisionError('secret'), INTERNAL, 'ZeroDivisionError\n'),
    ('hook', caused_by(exc.DataError('INSERT secret', {}, Exception(1264, 7, 'secret'))), INTERNAL,
     'DataError 1264\n'),
    ('hook', caused_by(exc.OperationalError('SELECT secret', {}, Exception(2013, 'Lost connection'))), UNAVAILABLE,
     'OperationalError "(2013, \'Lost connection\')"\n')])
def test_an_error_of_the_database_and_of_a_hook_is_answered_raised_and_logged_without_internals(
        app: Flask, retry: ApiCall, run_id: int, token: str, caplog: pytest.LogCaptureFixture, place: str,
        error: Exception, answer: dict[str, Any], logged: str) -> None:
    with failing('INSERT INTO run_retry' if place == 'database' else 'nothing', error, times=2):
        if place == 'database':
            with pytest.raises((InternalError, ServiceUnavailable)) as raised:
                retry_run(run_id)
            app.logger.error('the host logs it', exc_info=raised.value)
        else:
            app.before_request(raiser(error))

        response = retry(run_id, {'reason': 'one\nERROR forged'})

    assert response.json == answer
    assert response.headers.get('Retry-After') == ('5' if answer == UNAVAILABLE else None)
    assert_security_headers(response)
    assert f'{answer["code"]}: {logged}' in caplog.text
    for hidden in ('secret', token, 'forged', 'INSERT'):
        assert hidden not in caplog.text


def test_a_refusal_of_the_hosts_hooks_has_the_shape_of_the_api_and_its_own_response_stays_as_it_is(
        app: Flask, retry: ApiCall) -> None:
    own = exceptions.ServiceUnavailable(response=Response('{"status": "failed"}', 503))
    refusals = iter([own, exceptions.ServiceUnavailable(retry_after=30)])
    app.before_request(lambda: raiser(next(refusals))())

    assert retry(99).data == b'{"status": "failed"}'
    response = retry(99)

    assert (response.status_code, response.json['code'], response.json['details']) == (503, 'service_unavailable', {})
    assert response.headers.getlist('Retry-After') == ['30']
    assert_security_headers(response)
