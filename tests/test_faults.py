"""
A database that fails: a retry is whole or not there, and no answer shows internals.

See docs/api.rst, "Errors", and docs/operations.rst, "When the database or Redis is away".
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, event, exc
from sqlalchemy.pool import Pool
from support.api import ApiCall, Command, assert_security_headers
from support.rows import Rows, delete_run
from support.statements import (before_statements, fail, looks_for_tables,
                                record_statements)
from werkzeug import exceptions
from werkzeug.test import TestResponse

from mod_runs_api import InternalError, ServiceUnavailable, retry_run
from mod_runs_api.errors import Outdated
from mod_runs_api.extension import extension_state

UNAVAILABLE = {'code': 'service_unavailable', 'details': {},
               'message': 'The database cannot be used at the moment. Try again later.'}
INTERNAL = {'code': 'internal_error', 'details': {}, 'message': 'An unexpected error occurred.'}

AWAY = sqlite3.OperationalError('disk I/O error')


class DriverError(sqlite3.OperationalError):
    """A driver's error with a code in front, as PyMySQL's have."""


class Faults:
    """Lets statements and commits fail."""

    def __init__(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        #: How many have failed since the last call of `begin`.
        self.count = 0
        self._step = ''
        self._error: Exception = AWAY
        self._times = 0
        self._has_written = False
        # Nobody waits between two tries.
        monkeypatch.setattr(time, 'sleep', lambda _: None)
        monkeypatch.setattr(engine.dialect, 'do_commit', self._commit)

    def begin(self, step: str, error: Exception = AWAY, times: int = 1) -> None:
        """
        Let a step fail from now on, as often as is said.

        The step is the beginning of a statement, 'COMMIT' for the commit of a retry, or 'COMMITTED' for the moment
        after it.
        """
        self._step, self._error, self._times, self.count = step, error, times, 0

    def _fail_at(self, step: str) -> None:
        if step.startswith(self._step) and self.count < self._times:
            self.count += 1
            raise self._error

    def execute(self, _cursor: Any, statement: str, *_: Any) -> None:
        """Send a statement."""
        if not looks_for_tables(statement):
            self._has_written = self._has_written or statement.startswith('INSERT')
            self._fail_at(statement)

    def _commit(self, connection: Any) -> None:
        is_of_retry, self._has_written = self._has_written, False
        if is_of_retry:
            self._fail_at('COMMIT')
        connection.commit()
        if is_of_retry:
            self._fail_at('COMMITTED')


@pytest.fixture
def faults(engine: Engine, monkeypatch: pytest.MonkeyPatch, run_id: int, token: str) -> Iterator[Faults]:
    """Yield a way to let statements fail: ``faults.begin('INSERT INTO test_fork', error, times=2)``."""
    faults = Faults(engine, monkeypatch)
    for name in ('do_execute', 'do_executemany'):
        event.listen(engine, name, faults.execute)
    yield faults
    for name in ('do_execute', 'do_executemany'):
        event.remove(engine, name, faults.execute)


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


@pytest.mark.parametrize('error', [AWAY, *(DriverError(code, 'transient') for code in (1020, 1205, 1213))])
def test_a_retry_is_whole_after_a_transient_error_at_any_step_and_not_there_after_another(
        retry: ApiCall, run_id: int, rows: Rows, faults: Faults, steps: list[str], error: Exception) -> None:
    times = 1 if error is AWAY else 2
    for number, step in enumerate(steps, 2):
        before, recorded = rows.snapshot(), rows.retries
        faults.begin(step, error, times)
        response = retry(run_id, {'failed_only': True})
        assert faults.count == times, step
        if error is AWAY:
            assert_unavailable(response)
            assert (rows.snapshot(), rows.retries) == (before, recorded)
        else:
            assert response == 202
            assert len(rows.retries) == len(rows.of('test')) - 1 == number


def test_a_transaction_is_tried_eight_times(retry: ApiCall, run_id: int, rows: Rows, faults: Faults) -> None:
    faults.begin('INSERT INTO run_retry', DriverError(1213, 'Deadlock found'), times=1_000)

    assert_unavailable(retry(run_id))
    assert faults.count == 8
    assert rows.retries == []


def test_what_others_change_at_each_try_may_be_asked_for_again(app: Flask, faults: Faults) -> None:
    def work(_: object) -> None:
        raise Outdated

    with pytest.raises(ServiceUnavailable):
        extension_state().transactions.run(work)


def test_a_commit_that_was_not_answered_is_found_again(
        retry: ApiCall, run_id: int, faults: Faults, rows: Rows) -> None:
    faults.begin('COMMITTED', DriverError(1213, 'answer lost'))

    response = retry(run_id, {'failed_only': True, 'reason': 'x'})

    assert (faults.count, response.status_code) == (1, 202)
    assert 'Idempotent-Replayed' not in response.headers
    assert 'with 2 tests' in response.json['message']
    assert rows.ids('test', 'id') == [run_id, run_id + 1]


def test_a_run_that_is_deleted_meanwhile_is_not_found(
        engine: Engine, retry: ApiCall, run_id: int, rows: Rows) -> None:
    with before_statements(engine, 'INSERT INTO test ', lambda connection: delete_run(run_id, connection)):
        assert retry(run_id) == 404

    assert rows.retries == []


# A database that is away


def test_an_exhausted_pool_is_unavailable(retry: ApiCall, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pool, 'connect', raiser(exc.TimeoutError('QueuePool limit')))

    assert_unavailable(retry(99, token='spci_' + 'x' * 43))


def test_a_key_that_another_request_has_just_written_is_looked_up_again(
        retry: ApiCall, run_id: int, faults: Faults, rows: Rows) -> None:
    faults.begin('INSERT INTO run_retry', sqlite3.IntegrityError('UNIQUE constraint failed'))

    assert retry(run_id, key='k') == 202
    assert (faults.count, len(rows.retries)) == (1, 1)


@pytest.mark.on_file
def test_a_database_that_is_read_only_is_unavailable_in_process_and_to_a_command(
        command: Command, run_id: int, faults: Faults) -> None:
    faults.begin('INSERT', sqlite3.OperationalError('attempt to write a readonly database'))

    with pytest.raises(ServiceUnavailable):
        retry_run(run_id)
    # The command has an engine of its own.
    with before_statements(Engine, 'INSERT', fail):
        assert command('retry', run_id).exit_code == 3


# No internals


def caused_by(cause: Exception) -> Exception:
    """Return an error of the host's that was raised while it handled another."""
    error = RuntimeError('secret')
    error.__context__ = cause
    return error


@pytest.mark.parametrize(('place', 'error', 'answer', 'logged'), [
    ('database', sqlite3.OperationalError('disk\nis full'), UNAVAILABLE, r"OperationalError 'disk\nis full'"),
    ('database', sqlite3.OperationalError(1142, 'command denied'), INTERNAL,
     'OperationalError "(1142, \'command denied\')"\n'),
    ('database', sqlite3.DataError("Duplicate entry 'secret' for key 'token'"), INTERNAL, 'DataError\n'),
    ('database', sqlite3.DataError(1406, 'Data too long: secret'), INTERNAL, 'DataError 1406\n'),
    ('hook', ZeroDivisionError('secret'), INTERNAL, 'ZeroDivisionError\n'),
    ('hook', caused_by(exc.DataError('INSERT secret', {}, Exception(1264, 7, 'secret'))), INTERNAL,
     'DataError 1264\n'),
    ('hook', caused_by(exc.OperationalError('SELECT secret', {}, Exception(2013, 'Lost connection'))), UNAVAILABLE,
     'OperationalError "(2013, \'Lost connection\')"\n')])
def test_an_error_of_the_database_and_of_a_hook_is_answered_raised_and_logged_without_internals(
        app: Flask, retry: ApiCall, run_id: int, faults: Faults, token: str, caplog: pytest.LogCaptureFixture,
        place: str, error: Exception, answer: dict[str, Any], logged: str) -> None:
    if place == 'database':
        faults.begin('INSERT INTO run_retry', error, times=2)
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


def test_a_refusal_of_the_hosts_hooks_has_the_shape_of_the_api(app: Flask, retry: ApiCall) -> None:
    app.before_request(raiser(exceptions.ServiceUnavailable(retry_after=30)))

    response = retry(99)

    assert (response.status_code, response.json['code'], response.json['details']) == (503, 'service_unavailable', {})
    assert response.headers.getlist('Retry-After') == ['30']
    assert_security_headers(response)
