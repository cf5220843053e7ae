"""The rate limit of the API (contract section 1), which leaves the host's routes alone."""

from __future__ import annotations

import logging
import time

import pytest
import seed
from application import create_app
from database import db
from flask import Flask
from flask.testing import FlaskClient
from flask_limiter import Limiter
from mod_auth.models import User
from support.api import ApiCall

from mod_runs_api import MountError, create_blueprint
from mod_runs_api.extension import extension_state

TWO_PER_MINUTE = pytest.mark.parametrize('app_settings', [{'RUNS_API_RATE_LIMIT': '2 per minute'}])


def test_every_answer_says_how_many_requests_are_left(retry: ApiCall) -> None:
    for remaining in (119, 118, 117):
        response = retry(99)
        assert response.headers['X-RateLimit-Limit'] == '120'
        assert response.headers['X-RateLimit-Remaining'] == str(remaining)
        assert 0 < int(response.headers['X-RateLimit-Reset']) - time.time() <= 61
        assert 'Retry-After' not in response.headers


@TWO_PER_MINUTE
def test_too_many_requests_are_refused(retry: ApiCall) -> None:
    assert [retry(99).status_code for _ in range(2)] == [404, 404]

    response = retry(99)

    assert response.status_code == 429
    assert response.content_type == 'application/json'
    retry_after = response.json['details']['retry_after']
    assert response.json == {
        'code': 'rate_limited', 'message': f'Too many requests. Try again in {retry_after} seconds.',
        'details': {'retry_after': retry_after, 'limit': 2, 'window': '60s'}}
    assert 1 <= retry_after <= 60
    assert response.headers['Retry-After'] == str(retry_after)
    assert response.headers['X-RateLimit-Limit'] == '2'
    assert response.headers['X-RateLimit-Remaining'] == '0'
    assert abs(int(response.headers['X-RateLimit-Reset']) - time.time() - retry_after) <= 2


@pytest.mark.parametrize('app_settings', [{'RUNS_API_RATE_LIMIT': '1 per hour'}])
def test_a_refusal_says_how_much_is_left_of_the_window(retry: ApiCall, monkeypatch: pytest.MonkeyPatch) -> None:
    now = int(time.time())
    monkeypatch.setattr(time, 'time', lambda: now)
    retry(99)
    now += 600

    response = retry(99)

    assert response.status_code == 429
    # Flask-Limiter rounds the end of a window up.
    assert response.json['details']['retry_after'] in (3000, 3001)


@TWO_PER_MINUTE
def test_a_refused_request_creates_nothing(retry: ApiCall, run_id: int) -> None:
    assert [retry(run_id).status_code for _ in range(4)] == [202, 202, 429, 429]


@TWO_PER_MINUTE
def test_all_routes_share_one_window(retry: ApiCall, attempts: ApiCall, run_id: int) -> None:
    assert [retry(run_id).status_code, attempts(run_id).status_code] == [202, 200]

    assert [retry(run_id).status_code, attempts(run_id).status_code] == [429, 429]


@TWO_PER_MINUTE
def test_each_token_has_a_window_of_its_own(retry: ApiCall, alice: User) -> None:
    other = seed.token(alice)

    assert [retry(99).status_code for _ in range(3)] == [404, 404, 429]
    assert [retry(99, token=other).status_code for _ in range(3)] == [404, 404, 429]


@TWO_PER_MINUTE
def test_requests_without_a_valid_token_are_limited_by_address(retry: ApiCall) -> None:
    guesses = [retry(99, token=f'spci_{guess:043}').status_code for guess in range(4)]

    assert guesses == [401, 401, 429, 429]
    assert retry(99, token=None).status_code == 429
    assert retry(99, token=None, environ_base={'REMOTE_ADDR': '192.0.2.1'}).status_code == 401


@TWO_PER_MINUTE
def test_guesses_do_not_use_up_the_window_of_a_token(retry: ApiCall) -> None:
    for _ in range(5):
        retry(99, token=None)

    assert retry(99).status_code == 404


@TWO_PER_MINUTE
def test_the_limit_is_checked_before_everything_else(retry: ApiCall, client: FlaskClient) -> None:
    for _ in range(2):
        client.get('/api/v1/runs/1/retry')

    assert client.get('/api/v1/runs/1/retry').status_code == 429
    assert retry(99, {'no': 1}, token=None).status_code == 429


@TWO_PER_MINUTE
def test_the_routes_of_the_host_are_neither_counted_nor_limited(client: FlaskClient, retry: ApiCall) -> None:
    for _ in range(5):
        response = client.get('/account/login')
        assert response.status_code == 200
        assert 'X-RateLimit-Limit' not in response.headers
        assert client.get('/nowhere').status_code == 404

    assert retry(99).headers['X-RateLimit-Remaining'] == '1'


@TWO_PER_MINUTE
def test_each_application_counts_for_itself(retry: ApiCall, app: Flask) -> None:
    other = create_app('sqlite://', **{'RUNS_API_RATE_LIMIT': '2 per minute'})
    client = other.test_client()
    for _ in range(3):
        client.post('/api/v1/runs/1/retry')
    with other.app_context():
        db.engine.dispose()

    assert retry(99, token=None).status_code == 401


@pytest.mark.parametrize('app_settings', [{'RUNS_API_RATE_LIMIT': '100 per hour; 1 per minute'}])
def test_several_windows_are_allowed(retry: ApiCall) -> None:
    assert retry(99).status_code == 404

    response = retry(99)

    assert response.json['details']['limit'] == 1
    assert response.json['details']['window'] == '60s'


# A limiter of the host's own


@pytest.mark.parametrize('app_settings', [
    {'RATELIMIT_DEFAULT': '1 per day'}, {'RATELIMIT_APPLICATION': '1 per day'}, {'RATELIMIT_META': '1 per day'}])
def test_limits_that_the_host_sets_do_not_limit_its_own_routes_through_this_limiter(client: FlaskClient) -> None:
    assert [client.get('/account/login').status_code for _ in range(3)] == [200, 200, 200]


def test_a_limiter_of_the_hosts_refuses_in_the_shape_of_the_api(app: Flask, retry: ApiCall) -> None:
    Limiter(lambda: 'everybody', app=app, default_limits=['1 per day'], storage_uri='memory://')
    assert retry(99).status_code == 404

    response = retry(99)

    assert response.status_code == 429
    assert response.json['details'] == {'retry_after': 86400, 'limit': 1, 'window': '86400s'}
    assert response.headers['Retry-After'] == '86400'


# The settings


@pytest.mark.parametrize('limit', ['often', '', '12', None, 5, '5 per fortnight'])
def test_registration_fails_if_the_limit_cannot_be_read(limit: object) -> None:
    with pytest.raises(MountError, match='RUNS_API_RATE_LIMIT must read like'):
        create_app(RUNS_API_RATE_LIMIT=limit)


@pytest.mark.parametrize('uri', ['nonsense', 'floppy://a', '', None, 'redis://[::1', 'redis://localhost:port'])
def test_registration_fails_if_there_is_no_such_storage(uri: str | None) -> None:
    with pytest.raises(MountError, match='RUNS_API_RATE_LIMIT_STORAGE_URI'):
        create_app(RUNS_API_RATE_LIMIT_STORAGE_URI=uri)


def test_registration_may_be_repeated_after_it_failed() -> None:
    app = create_app('sqlite://', mount=False, RUNS_API_RATE_LIMIT_STORAGE_URI='floppy://a')
    with pytest.raises(MountError):
        app.register_blueprint(create_blueprint('refused'))

    app.config['RUNS_API_RATE_LIMIT_STORAGE_URI'] = 'memory://'
    app.register_blueprint(create_blueprint('accepted'))


@pytest.mark.parametrize('app_settings', [{'RUNS_API_RATE_LIMIT_STORAGE_URI': 'memory://user:hunter2@host'}])
def test_the_repr_of_the_extension_state_does_not_show_the_password_of_the_storage(app: Flask) -> None:
    assert 'hunter2' not in repr(extension_state())


@pytest.mark.parametrize('uri', ['redsi://user:hunter2@host', 'redis://user:hunter2/@host'])
def test_the_error_of_registration_does_not_show_the_password_of_the_storage(uri: str) -> None:
    with pytest.raises(MountError) as raised:
        create_app(RUNS_API_RATE_LIMIT_STORAGE_URI=uri)

    assert 'hunter2' not in str(raised.value)
    assert raised.value.__cause__ is None and raised.value.__suppress_context__


# A storage that is away


@pytest.fixture
def storage_is_away(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the storage of the counts fail."""
    def fail(*_: object, **__: object) -> bool:
        raise ConnectionError('redis')

    monkeypatch.setattr(extension_state().limiter.limiter, 'hit', fail)


@pytest.mark.usefixtures('storage_is_away')
def test_a_storage_that_is_away_fails_no_request(retry: ApiCall) -> None:
    assert [retry(99).status_code for _ in range(3)] == [404, 404, 404]


@pytest.mark.usefixtures('storage_is_away')
def test_a_storage_that_is_away_is_logged_in_the_hosts_log(
        retry: ApiCall, caplog: pytest.LogCaptureFixture) -> None:
    retry(99)

    assert [record.levelname for record in caplog.records if 'alling back to in-memory' in record.message] == [
        'WARNING']


def test_the_log_goes_to_the_handlers_of_the_application(
        bare: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = logging.NullHandler()
    monkeypatch.setattr(bare.logger, 'handlers', [handler])

    bare.register_blueprint(create_blueprint())

    limiter = extension_state().limiter
    assert handler in limiter.logger.handlers
    limiter.logger.removeHandler(handler)


def test_an_answer_without_a_window_has_no_headers_of_the_limit(
        app: Flask, retry: ApiCall, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ConnectionError('redis')

    monkeypatch.setattr(extension_state().limiter.limiter, 'get_window_stats', fail)

    response = retry(99)

    assert response.status_code == 404
    assert not [name for name, _ in response.headers if name.startswith('X-RateLimit')]
