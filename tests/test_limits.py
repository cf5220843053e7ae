"""The rate limit (contract section 1), and that it leaves the host's routes alone."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

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
from mod_runs_api.api import limits


@pytest.fixture
def limited(app: Flask) -> Flask:
    """Allow two requests a minute."""
    app.config['RUNS_API_RATE_LIMIT'] = '2 per minute'
    return app


def test_every_answer_says_what_is_left(app: Flask, retry: ApiCall) -> None:
    for remaining in (119, 118, 117):
        response = retry(99)
        assert response.headers['X-RateLimit-Limit'] == '120'
        assert response.headers['X-RateLimit-Remaining'] == str(remaining)
        assert 0 < int(response.headers['X-RateLimit-Reset']) - time.time() <= 61
        assert 'Retry-After' not in response.headers


def test_too_many_requests_are_refused(limited: Flask, retry: ApiCall) -> None:
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


def test_a_refused_request_makes_nothing(limited: Flask, retry: ApiCall, alice: User) -> None:
    run = seed.run([seed.regression_test()])

    assert [retry(run).status_code for _ in range(4)] == [202, 202, 429, 429]


def test_each_token_has_a_window_of_its_own(limited: Flask, retry: ApiCall, alice: User) -> None:
    other = seed.token(alice)

    assert [retry(99).status_code for _ in range(3)] == [404, 404, 429]
    assert [retry(99, token=other).status_code for _ in range(3)] == [404, 404, 429]


def test_guessing_tokens_is_limited_by_address(limited: Flask, retry: ApiCall) -> None:
    guesses = [retry(99, token=f'spci_{guess:043}').status_code for guess in range(4)]

    assert guesses == [401, 401, 429, 429]
    assert retry(99, token=None).status_code == 429
    assert retry(99, token=None, environ_base={'REMOTE_ADDR': '192.0.2.1'}).status_code == 401


def test_guesses_do_not_use_up_the_window_of_a_token(limited: Flask, retry: ApiCall) -> None:
    for _ in range(5):
        retry(99, token=None)

    assert retry(99).status_code == 404


def test_the_limit_comes_before_everything_else(limited: Flask, retry: ApiCall, client: FlaskClient) -> None:
    for _ in range(2):
        client.get('/api/v1/runs/1/retry')

    assert client.get('/api/v1/runs/1/retry').status_code == 429
    assert retry(99, {'no': 1}, token=None).status_code == 429


def test_the_hosts_own_routes_are_neither_counted_nor_limited(limited: Flask, client: FlaskClient, retry: ApiCall) -> None:
    for _ in range(5):
        response = client.get('/account/login')
        assert response.status_code == 200
        assert 'X-RateLimit-Limit' not in response.headers
        assert client.get('/nowhere').status_code == 404

    assert retry(99).headers['X-RateLimit-Remaining'] == '1'


@pytest.mark.parametrize('setting', [
    {'RATELIMIT_DEFAULT': '1 per day'}, {'RATELIMIT_META': '1 per day'}, {'RATELIMIT_APPLICATION': '1 per day'},
    {'RATELIMIT_ENABLED': False}, {'RATELIMIT_STORAGE_URI': 'floppy://a'}, {'RATELIMIT_HEADERS_ENABLED': True}])
def test_what_a_host_sets_for_a_limiter_of_its_own_is_not_for_this_one(setting: dict[str, object]) -> None:
    app = create_app('sqlite://', RUNS_API_RATE_LIMIT='2 per minute', **setting)
    client = app.test_client()

    assert [client.get('/account/login').status_code for _ in range(3)] == [200, 200, 200]
    answers = [client.post('/api/v1/runs/1/retry') for _ in range(3)]

    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert answers[0].headers.getlist('X-RateLimit-Remaining') == ['1']
    assert 'limiter' not in app.extensions
    with app.app_context():
        db.engine.dispose()


def test_a_limiter_of_the_hosts_own_refuses_in_the_one_shape(app: Flask, retry: ApiCall) -> None:
    Limiter(lambda: 'everybody', app=app, default_limits=['1 per day'], storage_uri='memory://')
    assert retry(99).status_code == 404

    response = retry(99)

    assert response.status_code == 429
    assert response.json['details'] == {'retry_after': 86400, 'limit': 1, 'window': '86400s'}
    assert response.headers['Retry-After'] == '86400'


def test_several_windows_are_allowed(app: Flask, retry: ApiCall) -> None:
    app.config['RUNS_API_RATE_LIMIT'] = '100 per hour; 1 per minute'
    assert retry(99).status_code == 404

    response = retry(99)

    assert response.json['details']['limit'] == 1
    assert response.json['details']['window'] == '60s'


@pytest.mark.parametrize('limit', ['often', '', '12', None, 5, '5 per fortnight'])
def test_a_limit_that_cannot_be_read_is_refused_at_the_mount(limit: object) -> None:
    with pytest.raises(MountError, match='RUNS_API_RATE_LIMIT must read like'):
        create_app(RUNS_API_RATE_LIMIT=limit)


@pytest.mark.parametrize('uri', ['nonsense', 'floppy://a', '', None])
def test_a_storage_that_does_not_exist_is_refused_at_the_mount(uri: str | None) -> None:
    with pytest.raises(MountError, match='RUNS_API_RATE_LIMIT_STORAGE_URI'):
        create_app(RUNS_API_RATE_LIMIT_STORAGE_URI=uri)


def test_an_application_that_was_refused_may_mount_it_again() -> None:
    app = create_app('sqlite://', mount=False, RUNS_API_RATE_LIMIT_STORAGE_URI='floppy://a')
    with pytest.raises(MountError):
        app.register_blueprint(create_blueprint('refused'))

    app.config['RUNS_API_RATE_LIMIT_STORAGE_URI'] = 'memory://'
    app.register_blueprint(create_blueprint('accepted'))


def test_the_storage_is_in_no_text_of_the_mount() -> None:
    app = create_app('sqlite://', RUNS_API_RATE_LIMIT_STORAGE_URI='memory://user:hunter2@host')
    mount = app.extensions['mod_runs_api']

    with app.app_context():
        assert 'hunter2' not in f'{mount!r} {mount.settings!r}'


def test_the_refusal_of_a_storage_does_not_tell_its_password() -> None:
    with pytest.raises(MountError) as raised:
        create_app(RUNS_API_RATE_LIMIT_STORAGE_URI='redsi://user:hunter2@host')

    assert 'hunter2' not in str(raised.value)
    assert raised.value.__cause__ is None


def test_each_application_counts_for_itself(retry: ApiCall, alice: User) -> None:
    retry(99)
    other = create_app('sqlite://')

    with other.app_context():
        db.create_all()
    response = other.test_client().post('/api/v1/runs/1/retry')

    assert response.headers['X-RateLimit-Remaining'] == '119'
    with other.app_context():
        db.engine.dispose()


def test_requests_that_come_first_together_are_counted_together(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    make = limits.make_limiter

    def take_long(storage_uri: str) -> limits.RouteLimiter:
        time.sleep(0.05)
        return make(storage_uri)

    monkeypatch.setattr(limits, 'make_limiter', take_long)

    def left(_: int) -> str:
        return app.test_client().post('/api/v1/runs/1/retry').headers['X-RateLimit-Remaining']

    with ThreadPoolExecutor(4) as clients:
        assert min(clients.map(left, range(4))) == '116'


def test_a_storage_that_goes_away_is_said_once_in_the_hosts_log(
        app: Flask, retry: ApiCall, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    limiter = app.extensions['mod_runs_api'].route_limiter.limiter

    def fail(*_: object, **__: object) -> bool:
        raise ConnectionError('redis')

    monkeypatch.setattr(limiter.limiter, 'hit', fail)

    assert [retry(99).status_code for _ in range(3)] == [404, 404, 404]

    said, = [record for record in caplog.records if record.levelname == 'WARNING']
    assert (said.name, 'falling back to in-memory' in said.message) == ('Platform', True)
