"""The rate limit of the API (docs/api.rst, "Errors"; docs/settings.rst), which leaves the host's routes alone."""

from __future__ import annotations

import time
from typing import Any

import pytest
import seed
from application import create_app, dispose
from flask import Flask
from flask.testing import FlaskClient
from flask_limiter import Limiter
from mod_auth.models import User
from support.api import ApiCall, assert_error

from mod_runs_api import MountError, create_blueprint


def limited(limit: str) -> pytest.MarkDecorator:
    """Set the limit of the application."""
    return pytest.mark.parametrize('app_settings', [{'RUNS_API_RATE_LIMIT': limit}])


def statuses(ask: ApiCall, *requests: dict[str, Any]) -> list[int]:
    """Ask for retries of an unknown run, and return the statuses."""
    return [ask(99, **request).status_code for request in requests]


def test_every_answer_says_how_many_requests_are_left(retry: ApiCall) -> None:
    for remaining in (119, 118, 117):
        response = retry(99)
        assert response.headers['X-RateLimit-Limit'] == '120'
        assert response.headers['X-RateLimit-Remaining'] == str(remaining)
        assert 0 < int(response.headers['X-RateLimit-Reset']) - time.time() <= 61
        assert 'Retry-After' not in response.headers


@limited('2 per minute')
def test_too_many_requests_are_refused_and_create_nothing(retry: ApiCall, attempts: ApiCall, run_id: int) -> None:
    assert [retry(run_id).status_code, attempts(run_id).status_code] == [202, 200]

    response = retry(run_id)

    assert attempts(run_id) == 429
    retry_after = response.json['details']['retry_after']
    assert_error(response, 429, 'rate_limited', {'retry_after': retry_after, 'limit': 2, 'window': '60s'})
    assert response.json['message'] == f'Too many requests. Try again in {retry_after} seconds.'
    assert 1 <= retry_after <= 60
    assert response.headers['Retry-After'] == str(retry_after)
    assert response.headers['X-RateLimit-Limit'] == '2'
    assert response.headers['X-RateLimit-Remaining'] == '0'
    assert abs(int(response.headers['X-RateLimit-Reset']) - time.time() - retry_after) <= 2


@limited('1 per hour')
def test_a_refusal_says_how_much_is_left_of_the_window(retry: ApiCall, monkeypatch: pytest.MonkeyPatch) -> None:
    now = int(time.time())
    monkeypatch.setattr(time, 'time', lambda: now)
    retry(99)
    now += 600

    # Flask-Limiter rounds the end of a window up.
    assert retry(99).json['details']['retry_after'] in (3000, 3001)


@limited('2 per minute')
def test_each_token_has_a_window_of_its_own(retry: ApiCall, alice: User) -> None:
    other = seed.token(alice)

    assert statuses(retry, {}, {}, {}) == [404, 404, 429]
    assert statuses(retry, *[{'token': other}] * 3) == [404, 404, 429]


@limited('2 per minute')
def test_requests_without_a_valid_token_are_limited_by_address_and_use_up_no_other_window(retry: ApiCall) -> None:
    assert statuses(retry, *[{'token': f'spci_{guess:043}'} for guess in range(4)]) == [401, 401, 429, 429]
    assert statuses(retry, {'token': None}, {}) == [429, 404]
    assert retry(99, token=None, environ_base={'REMOTE_ADDR': '192.0.2.1'}) == 401


@limited('2 per minute')
def test_the_limit_is_checked_before_everything_else(retry: ApiCall, client: FlaskClient) -> None:
    paths = ['/api/v1/runs/1/retry'] * 3

    assert [client.put(path).status_code for path in paths] == [405, 405, 429]
    assert retry(99, {'no': 1}, token=None) == 429


@limited('2 per minute')
def test_the_routes_of_the_host_are_neither_counted_nor_limited(client: FlaskClient, retry: ApiCall) -> None:
    for _ in range(5):
        response = client.get('/account/login')
        assert response == 200
        assert 'X-RateLimit-Limit' not in response.headers
        assert client.get('/nowhere') == 404

    assert retry(99).headers['X-RateLimit-Remaining'] == '1'


@limited('1 per minute')
def test_each_application_counts_for_itself(retry: ApiCall) -> None:
    other = create_app('sqlite://', RUNS_API_RATE_LIMIT='1 per minute')
    for _ in range(3):
        other.test_client().post('/api/v1/runs/1/retry')
    dispose(other)

    assert statuses(retry, {'token': None}, {'token': None}) == [401, 429]


@limited('100 per hour; 1 per minute')
def test_several_windows_are_allowed(retry: ApiCall) -> None:
    assert retry(99) == 404

    details = retry(99).json['details']

    assert (details['limit'], details['window']) == (1, '60s')


# A limiter of the host's own


@pytest.mark.parametrize('app_settings', [
    dict.fromkeys(['RATELIMIT_DEFAULT', 'RATELIMIT_APPLICATION', 'RATELIMIT_META'], '1 per day')], ids=['limits'])
def test_limits_that_the_host_sets_do_not_limit_its_own_routes_through_this_limiter(client: FlaskClient) -> None:
    assert [client.get('/account/login').status_code for _ in range(3)] == [200, 200, 200]


def test_a_limiter_of_the_hosts_refuses_in_the_shape_of_the_api(app: Flask, retry: ApiCall) -> None:
    Limiter(lambda: 'everybody', app=app, default_limits=['1 per day'], storage_uri='memory://')
    assert retry(99) == 404

    response = retry(99)

    assert response == 429
    assert response.json['details'] == {'retry_after': 86400, 'limit': 1, 'window': '86400s'}
    assert response.headers['Retry-After'] == '86400'


# A storage that is away, or goes away


@pytest.fixture
def broken(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have something of Flask-Limiter's, or of its storage, fail from now on."""
    def fail(*_: object, **__: object) -> Any:
        raise ConnectionError('redis')

    limiter = app.extensions['mod_runs_api'].limiter
    return lambda name: monkeypatch.setattr(
        limiter.storage if name == 'get_expiry' else limiter.limiter, name, fail)


def test_a_storage_that_is_away_fails_no_request_and_is_logged(
        retry: ApiCall, broken: Any, caplog: pytest.LogCaptureFixture) -> None:
    broken('hit')

    assert statuses(retry, {}, {}, {}) == [404, 404, 404]
    assert [record.levelname for record in caplog.records if 'alling back to in-memory' in record.message] == [
        'WARNING']


@pytest.mark.parametrize('part', ['get_window_stats', 'get_expiry'])
def test_an_answer_whose_window_cannot_be_read_does_not_tell_of_it(retry: ApiCall, broken: Any, part: str) -> None:
    broken(part)

    response = retry(99)

    assert response == 404
    assert not [name for name, _ in response.headers if name.startswith('X-RateLimit')]


@limited('1 per minute')
def test_a_refusal_whose_window_cannot_be_read_tells_the_longest_wait(retry: ApiCall, broken: Any) -> None:
    broken('get_expiry')
    retry(99)

    response = retry(99)

    assert response == 429
    assert response.json['details'] == {'retry_after': 60, 'limit': 1, 'window': '60s'}
    assert response.headers['X-RateLimit-Remaining'] == '0'


def test_registration_may_be_repeated_after_a_storage_was_refused() -> None:
    app = create_app('sqlite://', mount=False, RUNS_API_RATE_LIMIT_STORAGE_URI='floppy://a')
    with pytest.raises(MountError):
        app.register_blueprint(create_blueprint('refused'))

    app.config['RUNS_API_RATE_LIMIT_STORAGE_URI'] = 'memory://'
    app.register_blueprint(create_blueprint('accepted'))


@pytest.mark.parametrize('app_settings', [{'RUNS_API_RATE_LIMIT_STORAGE_URI': 'memory://user:hunter2@host'}])
def test_what_is_shown_of_the_extension_has_no_password_of_the_storage(app: Flask) -> None:
    assert 'hunter2' not in repr(app.extensions['mod_runs_api'])


@pytest.mark.parametrize('uri', ['redsi://user:hunter2@host', 'redis://user:hunter2/@host'])
def test_the_error_of_registration_does_not_show_the_password_of_the_storage(uri: str) -> None:
    with pytest.raises(MountError) as raised:
        create_app(RUNS_API_RATE_LIMIT_STORAGE_URI=uri)

    assert 'hunter2' not in str(raised.value)
    assert raised.value.__cause__ is None and raised.value.__suppress_context__
