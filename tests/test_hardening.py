"""What an attacker, a full pool and deleted runs found once (contract sections 1, 2 and 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import seed
from application import create_app
from database import db
from flask import Flask, Response, g
from flask.testing import FlaskClient
from mod_auth.models import User
from mod_test.models import Test, TestStatus
from sqlalchemy import event, select, text
from sqlalchemy.exc import DataError, OperationalError
from support.api import ApiCall, assert_security_headers
from support.rows import Rows
from support.visitor import Visitor, attribute
from werkzeug.exceptions import NotFound
from werkzeug.test import EnvironBuilder

from mod_runs_api import retry_run, run_retried
from mod_runs_api.faults import describe, to_api_error
from mod_runs_api.tokens import read_scopes

# The pool: one connection at a time.


@pytest.fixture
def cramped(tmp_path: Path) -> Iterator[Flask]:
    """Return the miniature on a pool of one connection, without a context that outlives a request."""
    cramped = create_app(f'sqlite:///{tmp_path}/platform.db', SQLALCHEMY_ENGINE_OPTIONS={
        'pool_size': 1, 'max_overflow': 0, 'pool_timeout': 0.1})
    with cramped.app_context():
        db.create_all()
    yield cramped
    with cramped.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def cramped_run(cramped: Flask) -> int:
    """Return a completed run there, of two tests, of which one failed."""
    with cramped.app_context():
        tests = [seed.regression_test() for _ in range(2)]
        run = seed.run(tests, stages=seed.COMPLETED)
        seed.result(run, tests[0])
        db.session.commit()
        return run.id


def test_a_page_and_a_retry_of_a_logged_in_user_need_one_connection(cramped: Flask, cramped_run: int) -> None:
    response = Visitor(cramped).press(cramped_run)

    assert response.status_code == 202, response.text


def test_a_token_beside_a_session_needs_one_connection(cramped: Flask, cramped_run: int) -> None:
    visitor = Visitor(cramped)
    with cramped.app_context():
        token = seed.token(db.session.get_one(User, 1))
        db.session.commit()

    response = visitor.client.get(f'/api/v1/runs/{cramped_run}/retries', headers={'Authorization': f'Bearer {token}'})

    assert response.status_code == 200, response.text


def test_the_history_on_a_page_needs_one_connection(cramped: Flask, cramped_run: int) -> None:
    visitor = Visitor(cramped)
    new_run_id = visitor.press(cramped_run).json['new_run_id']

    html = visitor.page(f'/test/{new_run_id}')

    assert 'runs-api-history' in html


def test_counting_the_failed_tests_on_a_page_needs_one_connection(cramped: Flask, cramped_run: int) -> None:
    html = Visitor(cramped).page(f'/test/{cramped_run}')

    assert attribute(html, 'data-failed') == '1'


def add_a_user() -> None:
    """Leave a new row pending."""
    db.session.add(User(name='pending'))


def change_a_user() -> None:
    """Leave a change pending."""
    db.session.scalars(select(User).where(User.name == 'olga')).one().name = 'pending'


def delete_a_user() -> None:
    """Leave a deletion pending."""
    db.session.delete(db.session.scalars(select(User).where(User.name == 'olga')).one())


@pytest.mark.on_file
@pytest.mark.parametrize('hook', [add_a_user, change_a_user, delete_a_user])
def test_what_a_hook_has_pending_stays_pending_in_a_request_for_a_retry(
        app: Flask, retry: ApiCall, run_id: int, hook: Callable[[], None]) -> None:
    still_pending: list[int] = []

    def look(response: Response) -> Response:
        session = db.session
        still_pending.append(len(session.new) + len(session.dirty) + len(session.deleted))
        return response

    app.before_request(hook)
    app.after_request(look)

    assert retry(run_id).status_code == 202
    assert still_pending == [1]


# The rate limit: a storage that goes away after it has counted.


@pytest.fixture
def forgetful(retry: ApiCall) -> Iterator[ApiCall]:
    """Return how to ask of the miniature, with a limit of one request and a storage that counts but cannot be read."""
    app = create_app('sqlite://', RUNS_API_RATE_LIMIT='1 per minute')
    with app.app_context():
        db.create_all()
    storage = app.extensions['mod_runs_api'].limiter.storage

    def fail(_: str) -> Any:
        raise ConnectionError

    storage.get_expiry = fail
    yield lambda: app.test_client().post('/api/v1/runs/1/retry')
    with app.app_context():
        db.engine.dispose()


def test_an_answer_whose_window_cannot_be_read_does_not_tell_of_it(forgetful: ApiCall) -> None:
    response = forgetful()

    assert response.status_code == 401
    assert not [name for name in response.headers.keys() if name.startswith('X-RateLimit')]


def test_a_refusal_whose_window_cannot_be_read_tells_the_longest_wait(forgetful: ApiCall) -> None:
    forgetful()

    response = forgetful()

    assert response.status_code == 429
    assert response.json['details'] == {'retry_after': 60, 'limit': 1, 'window': '60s'}
    assert response.headers['X-RateLimit-Remaining'] == '0'


# The security headers.


@pytest.mark.parametrize(('status', 'method', 'route', 'sent'), [
    (200, 'GET', 'retries', {}), (200, 'GET', 'verdict', {}), (202, 'POST', 'retry', {}),
    (202, 'POST', 'retry', {'headers': {'Idempotency-Key': 'used'}}), (400, 'POST', 'retry', {'data': '{'}),
    (401, 'POST', 'retry', {'headers': {'Authorization': 'Bearer no'}}), (405, 'GET', 'retry', {}),
    (415, 'POST', 'retry', {'data': 'a', 'content_type': 'text/plain'}), (422, 'POST', 'retry', {'json': {'no': 1}})])
def test_every_answer_has_the_security_headers(
        client: FlaskClient, retry: ApiCall, alice: User, run_id: int, status: int, method: str, route: str,
        sent: dict[str, Any]) -> None:
    retry(run_id, key='used')
    token = seed.token(alice, ['runs:read', 'runs:write', 'results:read'])
    db.session.commit()
    headers = {'Authorization': f'Bearer {token}', 'Content-Type': 'application/json', **sent.get('headers', {})}

    response = client.open(f'/api/v1/runs/{run_id}/{route}', method=method, **{**sent, 'headers': headers})

    assert response.status_code == status
    assert_security_headers(response)


@pytest.mark.parametrize(('status', 'error'), [
    (500, ZeroDivisionError()), (503, OperationalError('SELECT', {}, Exception(2003))), (404, NotFound()),
    (500, DataError('INSERT', {}, Exception(1264)))])
def test_every_error_of_the_server_has_the_security_headers(
        retry: ApiCall, run_id: int, monkeypatch: pytest.MonkeyPatch, status: int, error: Exception) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr('mod_runs_api.service.create_retry', fail)

    response = retry(run_id)

    assert response.status_code == status
    assert_security_headers(response)


@pytest.mark.parametrize('app_settings', [{'RUNS_API_RATE_LIMIT': '1 per minute'}])
def test_a_refusal_of_the_rate_limit_has_the_security_headers(retry: ApiCall, run_id: int) -> None:
    retry(run_id)

    response = retry(run_id)

    assert response.status_code == 429
    assert_security_headers(response)


# Bodies that are announced and cannot be read.


@pytest.mark.parametrize('environ', [
    {'HTTP_TRANSFER_ENCODING': 'chunked', 'CONTENT_LENGTH': None},
    {'HTTP_TRANSFER_ENCODING': 'chunked', 'CONTENT_LENGTH': None, 'wsgi.input_terminated': False},
    {'HTTP_TRANSFER_ENCODING': 'gzip, chunked', 'CONTENT_LENGTH': None},
    {'CONTENT_LENGTH': 'many'}, {'CONTENT_LENGTH': '-21'}, {'CONTENT_LENGTH': '+21'}, {'CONTENT_LENGTH': '21, 21'},
    {'CONTENT_LENGTH': '２１'}, {'CONTENT_LENGTH': '0' * 5000 + '21'},
], ids=lambda environ: str(environ)[:80])
def test_a_body_that_is_announced_and_cannot_be_read_is_refused(
        app: Flask, token: str, run_id: int, rows: Rows, environ: dict[str, Any]) -> None:
    before = rows.snapshot()

    response = ask_with(app, token, run_id, environ)

    assert (response.status_code, response.json['code']) == (400, 'bad_request')
    assert rows.snapshot() == before


def test_a_chunked_body_that_the_server_ends_is_read(
        app: Flask, token: str, run_id: int, rows: Rows) -> None:
    response = ask_with(app, token, run_id, {
        'HTTP_TRANSFER_ENCODING': 'chunked', 'CONTENT_LENGTH': None, 'wsgi.input_terminated': True})

    assert response.status_code == 202
    assert len(rows.selection(response.json['new_run_id'])) == 2


@pytest.mark.parametrize('length', ['', None])
def test_a_body_that_is_not_announced_is_no_body(
        app: Flask, token: str, run_id: int, rows: Rows, length: str | None) -> None:
    response = ask_with(app, token, run_id, {'CONTENT_LENGTH': length, 'wsgi.input': BytesIO()})

    assert response.status_code == 202
    assert len(rows.selection(response.json['new_run_id'])) == 3


def ask_with(app: Flask, token: str, run_id: int, environ: dict[str, Any]) -> Response:
    """ApiCall for a failed-only retry, with another WSGI environment: None takes something out of it."""
    body = b'{"failed_only": true}'
    usual = EnvironBuilder(f'/api/v1/runs/{run_id}/retry', method='POST', data=body, content_type='application/json',
                           headers={'Authorization': f'Bearer {token}'}).get_environ()
    sent = {**usual, 'wsgi.input': BytesIO(body), **environ}
    return Response.from_app(app, {name: value for name, value in sent.items() if value is not None})


# Idempotency, and runs that are deleted.


def test_a_key_answers_after_its_source_is_deleted(retry: ApiCall, run_id: int) -> None:
    first = retry(run_id, key='k')
    delete_run(run_id)

    again = retry(run_id, key='k')

    assert (again.status_code, again.data) == (202, first.data)
    assert again.headers['Idempotent-Replayed'] == 'true'


@pytest.mark.parametrize('enforced', [True, False], ids=['enforced', 'not enforced'])
def test_a_key_is_free_once_its_run_is_deleted(tmp_path: Path, enforced: bool) -> None:
    app = create_app(f'sqlite:///{tmp_path}/platform.db')
    with app.app_context():
        db.create_all()
        if not enforced:
            stop_enforcing_foreign_keys()
        source = seed.run([seed.regression_test()])
        db.session.commit()
        first = retry_run(source.id, idempotency_key='k')
        later = retry_run(source.id)
        delete_run(first.new_run_id)

        second = retry_run(source.id, idempotency_key='k')
        third = retry_run(source.id, idempotency_key='k')

        assert (second.replayed, third.replayed) == (False, True)
        assert third.new_run_id == second.new_run_id > later.new_run_id
        db.session.remove()
        db.engine.dispose()


def test_the_id_of_a_deleted_retry_can_be_used_again(tmp_path: Path) -> None:
    app = create_app(f'sqlite:///{tmp_path}/platform.db')
    with app.app_context():
        db.create_all()
        stop_enforcing_foreign_keys()
        source = seed.run([seed.regression_test()])
        db.session.commit()
        first = retry_run(source.id, idempotency_key='first')
        delete_run(first.new_run_id)

        second = retry_run(source.id, idempotency_key='second', reason='again')

        assert second.new_run_id == first.new_run_id
        assert [row['reason'] for row in Rows(db.engine).of('run_retry')] == [b'again']
        db.session.remove()
        db.engine.dispose()


def test_what_was_carried_over_into_a_deleted_retry_is_in_nobodys_way(tmp_path: Path) -> None:
    app = create_app(f'sqlite:///{tmp_path}/platform.db')
    with app.app_context():
        db.create_all()
        stop_enforcing_foreign_keys()
        tests = [seed.regression_test(), seed.regression_test()]
        source = seed.run(tests, stages=seed.COMPLETED)
        seed.result(source, tests[0])
        db.session.commit()
        g.db = db.session
        for _ in range(2):
            new_run_id = retry_run(source.id, failed_only=True).new_run_id
            seed.progress(db.session.get_one(Test, new_run_id), TestStatus.completed)
            db.session.commit()
            assert Rows(db.engine).ids('run_carried_over', 'regression_test_id', run_id=new_run_id) == [tests[0].id]
            delete_run(new_run_id)
        db.session.remove()
        db.engine.dispose()


def stop_enforcing_foreign_keys() -> None:
    """Have SQLite behave as on the platform, on every connection of the current application's engine."""
    event.listen(db.engine, 'connect', lambda connection, _: connection.execute('PRAGMA foreign_keys = OFF'))
    db.session.remove()
    db.engine.dispose()


def delete_run(run_id: int) -> None:
    """Delete a run, as an administrator would in the database."""
    for statement in ('DELETE FROM customized_test WHERE test_id = :id', 'DELETE FROM test_fork WHERE test_id = :id',
                      'DELETE FROM test_result_file WHERE test_id = :id',
                      'DELETE FROM test_result WHERE test_id = :id', 'DELETE FROM test_progress WHERE test_id = :id',
                      'DELETE FROM test WHERE id = :id'):
        db.session.execute(text(statement), {'id': run_id})
    db.session.commit()
    db.session.expire_all()


# Receivers, exceptions, tokens and accounts.


@pytest.mark.parametrize('error', [SystemExit(1), KeyboardInterrupt(), GeneratorExit(), RuntimeError('no')],
                         ids=lambda error: type(error).__name__)
def test_a_receiver_that_raises_anything_costs_nobody_the_answer(
        retry: ApiCall, run_id: int, caplog: pytest.LogCaptureFixture, error: BaseException) -> None:
    called: list[str] = []

    def failing(_app: Flask, **_facts: Any) -> None:
        raise error

    def later(_app: Flask, **_facts: Any) -> None:
        called.append('later')

    with run_retried.connected_to(failing), run_retried.connected_to(later):
        response = retry(run_id)

    assert response.status_code == 202
    assert called == ['later']
    assert f'the receiver failing failed with {type(error).__name__}' in caplog.text


@pytest.mark.parametrize('length', [1, 3])
def test_a_cyclic_chain_of_exceptions_is_followed_once(length: int) -> None:
    chain = [ValueError(number) for number in range(length)]
    for error, cause in zip(chain, [*chain[1:], chain[0]]):
        error.__cause__ = cause

    assert to_api_error(chain[0]).status == 500


@pytest.mark.parametrize(('error', 'described'), [
    (OperationalError('SELECT secret', {}, Exception(2013, 'Lost connection')),
     'OperationalError "(2013, \'Lost connection\')"'),
    (DataError('INSERT secret', {}, Exception(1264, 7, 'secret')), 'DataError 1264'),
    (DataError('INSERT secret', {}, Exception('secret')), 'DataError'),
    (DataError('INSERT secret', {}, Exception()), 'DataError')])
def test_the_log_says_what_an_error_of_the_hosts_was_raised_from(error: Exception, described: str) -> None:
    wrapped = RuntimeError('secret')
    wrapped.__cause__ = error

    assert describe(wrapped) == f'{described}\n'


def test_a_hook_that_raises_an_error_from_itself_is_answered(app: Flask, retry: ApiCall, run_id: int) -> None:
    def fail() -> None:
        error = ValueError('mine')
        raise error from error

    app.before_request(fail)

    response = retry(run_id)

    assert (response.status_code, response.json['code']) == (500, 'internal_error')


@pytest.mark.parametrize('scopes', [
    '[' * 20_000 + ']' * 20_000, '[' * 20_000, '{"a":' * 20_000, '"runs:write"', 'runs:write', '', '{"runs:write": 1}',
    None, 5, b'\xff', '[["runs:write"]]',
], ids=lambda scopes: repr(scopes)[:20])
def test_unreadable_scopes_are_none(scopes: Any) -> None:
    assert read_scopes(scopes) == ()


def test_a_token_with_scopes_that_are_nested_too_deep_is_forbidden(retry: ApiCall, token: str, run_id: int) -> None:
    db.session.execute(text('UPDATE api_token SET scopes_json = :scopes'), {'scopes': '[' * 20_000 + ']' * 20_000})

    response = retry(run_id)

    assert response.status_code == 403
    assert response.json['details'] == {'required_scope': 'runs:write', 'token_scopes': []}


@pytest.mark.parametrize('name', ['Anonymous {id}', '', None])
def test_the_token_of_a_deactivated_account_is_invalid(
        retry: ApiCall, alice: User, run_id: int, name: str | None) -> None:
    assert retry(run_id).status_code == 202
    alice.name = name and name.format(id=alice.id)

    response = retry(run_id)

    assert (response.status_code, response.json['code']) == (401, 'unauthorized')


def test_a_user_who_is_called_like_another_deactivated_account_may_retry(
        retry: ApiCall, alice: User, run_id: int) -> None:
    alice.name = f'Anonymous {alice.id + 1}'

    assert retry(run_id).status_code == 202
