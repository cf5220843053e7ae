"""
A database that fails: a retry is whole or not there, and no answer shows internals.

See docs/api.rst, "Errors", and docs/operations.rst, "The database or Redis is unavailable".
"""

import sqlite3
import time
from contextlib import contextmanager

import pytest
from flask import Response
from sqlalchemy import Engine, event, exc
from sqlalchemy.pool import Pool
from support.api import AWAY, assert_security_headers
from support.changes import delete_run
from support.statements import before_statements, watch_statements
from werkzeug import exceptions

from mod_runs_api import InternalError, ServiceUnavailable, retry_run
from mod_runs_api.database.faults import is_transient

UNAVAILABLE = {'code': 'service_unavailable', 'details': {}, 'message': AWAY}
INTERNAL = {'code': 'internal_error', 'details': {}, 'message': 'An unexpected error occurred.'}

DISK_ERROR = sqlite3.OperationalError('disk I/O error')

pytestmark = pytest.mark.usefixtures('impatience')


@contextmanager
def failing(words, error=DISK_ERROR, times=1, is_closed=False):
    """
    Let statements that begin with some words fail so many times in the block, and yield those that have failed.

    ``is_closed`` is whether they fail because the connection is closed, as SQLAlchemy says it of its errors.
    """
    failed: list[str] = []

    def fail_at(_connection, statement):
        if statement.startswith(words) and len(failed) < times:
            failed.append(statement)
            raise exc.DBAPIError.instance(statement, {}, error, sqlite3.Error, connection_invalidated=is_closed)

    with watch_statements(Engine, fail_at):
        yield failed


@contextmanager
def failing_step(number, error):
    """Let the step with a number fail in the block, and yield the steps that were taken: statements and commits."""
    steps: list[str] = []

    def take(_connection, statement='COMMIT'):
        steps.append(statement)
        if len(steps) == number:
            raise exc.DBAPIError.instance(statement, {}, error, sqlite3.Error)

    event.listen(Engine, 'commit', take)
    try:
        with watch_statements(Engine, take):
            yield steps
    finally:
        event.remove(Engine, 'commit', take)


def raiser(error):
    """Return a function that raises an error, whatever it is called with."""
    def fail(*_, **__):
        raise error

    return fail


def assert_unavailable(response):
    """Check for a 503 that shows no internals."""
    assert (response.status_code, response.json) == (503, UNAVAILABLE)
    assert response.headers['Retry-After'] == '5'
    assert_security_headers(response)


# Whole or not there


@pytest.fixture
def steps(retry, run_id):
    """Return all steps of a failed-only retry, which has been done once."""
    with failing_step(0, DISK_ERROR) as steps:
        assert retry(run_id, {'failed_only': True}) == 202
    return steps


def test_a_retry_is_whole_after_a_transient_error_at_any_step(retry, run_id, rows, steps):
    for number in range(1, len(steps) + 1):
        with failing_step(number, sqlite3.OperationalError(1213, 'Deadlock found')) as taken:
            assert retry(run_id, {'failed_only': True}) == 202, steps[number - 1]
        # The failed transaction was repeated.
        assert len(taken) > len(steps), steps[number - 1]
        assert len(rows.retries) == len(rows.of('test')) - 1 == number + 1


def test_a_retry_is_not_there_after_another_error_at_any_step(retry, run_id, rows, steps):
    before = rows.snapshot(), rows.retries
    for number in range(1, len(steps) + 1):
        with failing_step(number, DISK_ERROR):
            assert_unavailable(retry(run_id, {'failed_only': True}))
        assert (rows.snapshot(), rows.retries) == before, steps[number - 1]


@pytest.mark.parametrize('code', [1020, 1205, 1213, 1412, 1467])
def test_a_transaction_is_tried_eight_times_after_transient_errors(retry, run_id, rows, code):
    with failing('INSERT INTO run_retry', sqlite3.OperationalError(code, 'transient'), times=1_000) as failed:
        assert_unavailable(retry(run_id))

    assert len(failed) == 8
    assert rows.retries == []


def test_a_transaction_is_tried_eight_times_after_any_error_that_closes_its_connection(retry, run_id):
    error = sqlite3.OperationalError(2055, 'Lost connection')
    with failing('INSERT INTO run_retry', error, times=1_000, is_closed=True) as failed:
        assert_unavailable(retry(run_id))

    assert len(failed) == 8


def test_a_transaction_that_has_taken_ten_seconds_is_not_tried_again(retry, run_id, monkeypatch):
    now = 0.0

    def pass_four_seconds(_):
        nonlocal now
        now += 4

    monkeypatch.setattr(time, 'monotonic', lambda: now)
    monkeypatch.setattr(time, 'sleep', pass_four_seconds)
    with failing('INSERT INTO run_retry', sqlite3.OperationalError(1205, 'Lock wait'), times=1_000) as failed:
        assert_unavailable(retry(run_id))

    # After 0, 4, 8 and 12 seconds.
    assert len(failed) == 4


def test_a_commit_that_was_not_answered_is_found_again(retry, run_id, rows):
    failed: list[str] = []

    def lose_answer(connection):
        connection.connection.commit()
        if rows.retries and not failed:
            failed.append('COMMIT')
            raise exc.DBAPIError.instance('COMMIT', {}, sqlite3.OperationalError(1213, 'answer lost'), sqlite3.Error)

    event.listen(Engine, 'commit', lose_answer)
    try:
        response = retry(run_id, {'failed_only': True, 'reason': 'x'})
    finally:
        event.remove(Engine, 'commit', lose_answer)

    assert (len(failed), response.status_code) == (1, 202)
    assert 'Idempotent-Replayed' not in response.headers
    assert 'with 2 tests' in response.json['message']
    assert rows.values('test', 'id') == [run_id, run_id + 1]


def test_a_run_that_is_deleted_meanwhile_is_not_found(engine, retry, run_id, rows):
    with before_statements(engine, 'INSERT INTO test ', lambda connection: delete_run(run_id, connection)):
        assert retry(run_id) == 404

    assert rows.retries == []


# A database that is away


def test_an_exhausted_pool_is_unavailable(retry, token, monkeypatch):
    monkeypatch.setattr(Pool, 'connect', raiser(exc.TimeoutError('QueuePool limit')))

    assert_unavailable(retry(99, token='spci_' + 'x' * 43))


def test_a_key_that_another_request_has_just_written_is_looked_up_again(retry, run_id, rows):
    with failing('INSERT INTO run_retry', sqlite3.IntegrityError('UNIQUE constraint failed')) as failed:
        assert retry(run_id, key='k') == 202

    assert (len(failed), len(rows.retries)) == (1, 1)


def test_a_database_that_is_read_only_is_unavailable_in_process_and_to_a_command(command, run_id):
    with failing('INSERT', sqlite3.OperationalError('attempt to write a readonly database'), times=2) as failed:
        with pytest.raises(ServiceUnavailable):
            retry_run(run_id)
        assert command('retry', run_id).exit_code == 3

    assert len(failed) == 2


def is_fixed_by_waiting(code):
    """Return whether waiting can fix an error with a number, or a text."""
    return is_transient(exc.OperationalError('SELECT', {}, sqlite3.OperationalError(code, 'text')))


#: The errors that waiting can fix, by their reason.
TRANSIENT: dict[str, set[int | str]] = {
    'another transaction': {1020, 1205, 1213, 1412, 1467},
    'the server is away': {0, 2002, 2003, 2006, 2013, 1053, 1158, 1159, 1160, 1161, 1317, 1927, 3032, 3169, 4031,
                           'unable to open database file', 'disk I/O error'},
    'it is read-only': {1036, 1290, 1792, 1836, 'attempt to write a readonly database'},
    'its disk is full': {3, 1021, 1026, 1114, 'database or disk is full'},
    'it is busy': {1037, 1040, 1041, 1135, 1203, 1206, 1226, 1969, 3024, 'database is locked',
                   'database table is locked'}}


@pytest.mark.parametrize('reason', TRANSIENT)
def test_waiting_can_fix_an_error_that_tells_the_state_of_the_server(reason):
    assert {code for code in TRANSIENT[reason] if not is_fixed_by_waiting(code)} == set()


def test_waiting_can_fix_no_other_error():
    numbers = {code for codes in TRANSIENT.values() for code in codes if isinstance(code, int)}

    # Others are an unknown account, a constraint, and a right, a table or a column that is missing.
    assert {code for code in range(10_000) if is_fixed_by_waiting(code)} == numbers
    assert not is_fixed_by_waiting('no such table')


# No internals


def assert_hidden(caplog, answer, logged, *secrets):
    """Check that a fault is logged by its kind, and without what the database or the requester has said."""
    assert f'{answer["code"]}: {logged}' in caplog.text
    for hidden in ('secret', 'forged', 'INSERT', *secrets):
        assert hidden not in caplog.text


#: Errors of the database, with the answer, and what is logged. They may quote values, such as the token of a run.
DATABASE_ERRORS = pytest.mark.parametrize(('error', 'answer', 'logged'), [
    (DISK_ERROR, UNAVAILABLE, "OperationalError 'disk I/O error'"),
    (sqlite3.OperationalError('no such\ntable'), INTERNAL, r"OperationalError 'no such\ntable'"),
    (sqlite3.DataError("Duplicate entry 'secret' for key 'token'"), INTERNAL, 'DataError\n'),
    (sqlite3.DataError(1406, 'Data too long: secret'), INTERNAL, 'DataError 1406\n')])


@DATABASE_ERRORS
def test_an_error_of_the_database_is_answered_and_logged_without_internals(
        retry, run_id, token, caplog, error, answer, logged):
    with failing('INSERT INTO run_retry', error):
        response = retry(run_id, {'reason': 'one\nERROR forged'})

    assert response.json == answer
    assert_security_headers(response)
    assert_hidden(caplog, answer, logged, token)


@DATABASE_ERRORS
def test_an_error_that_is_raised_in_process_has_no_internals_that_the_platform_could_log(
        app, run_id, caplog, error, answer, logged):
    with failing('INSERT INTO run_retry', error), pytest.raises((InternalError, ServiceUnavailable)) as raised:
        retry_run(run_id)

    app.logger.error('the platform logs it', exc_info=raised.value)
    assert_hidden(caplog, answer, logged)


def caused_by(cause):
    """Return an error of the platform's that was raised while it handled another."""
    error = RuntimeError('secret')
    error.__context__ = cause
    return error


@pytest.mark.parametrize(('error', 'answer', 'logged'), [
    (ZeroDivisionError('secret'), INTERNAL, 'ZeroDivisionError\n'),
    (caused_by(exc.DataError('INSERT secret', {}, Exception(1264, 7, 'secret'))), INTERNAL, 'DataError 1264\n'),
    (caused_by(exc.OperationalError('SELECT secret', {}, Exception(2013, 'Lost connection'))), UNAVAILABLE,
     'OperationalError "(2013, \'Lost connection\')"\n')])
def test_an_error_of_the_platforms_hooks_is_answered_and_logged_without_internals(
        app, retry, run_id, token, caplog, error, answer, logged):
    app.before_request(raiser(error))

    response = retry(run_id, {'reason': 'one\nERROR forged'})

    assert response.json == answer
    assert response.headers.get('Retry-After') == ('5' if answer == UNAVAILABLE else None)
    assert_security_headers(response)
    assert_hidden(caplog, answer, logged, token)


def test_a_refusal_of_the_platforms_hooks_has_the_shape_of_the_api(app, retry):
    app.before_request(raiser(exceptions.ServiceUnavailable(retry_after=30)))

    response = retry(99)

    assert (response.status_code, response.json['code'], response.json['details']) == (503, 'service_unavailable', {})
    assert response.headers.getlist('Retry-After') == ['30']
    assert_security_headers(response)


def test_a_refusal_of_the_platforms_hooks_is_no_page_although_the_platform_has_one(app, retry):
    app.before_request(raiser(exceptions.Forbidden()))

    assert retry(99).json == {'code': 'forbidden', 'message': 'Forbidden.', 'details': {}}


def test_a_response_that_the_platforms_hooks_raise_stays_as_it_is(app, retry):
    app.before_request(raiser(exceptions.ServiceUnavailable(response=Response('{"status": "failed"}', 503))))

    assert retry(99).data == b'{"status": "failed"}'
