"""The rate limit of the API (docs/api.rst, "Errors"; docs/settings.rst), which leaves the platform's routes alone."""

import time
from unittest import mock

import pytest
import seed
from application import create_app
from database import db
from limits import WindowStats
from mod_api.models.api_token import ApiToken
from sqlalchemy import update
from support.api import assert_error
from support.visitor import Visitor

from mod_runs_api import MountError
from mod_runs_api.api.errors import RateLimited
from mod_runs_api.api.limits import KEY


def limited(limit):
    """Set the limit of the application."""
    return pytest.mark.parametrize('settings', [{'RUNS_API_RATE_LIMIT': limit}], ids=['limit'])


def statuses(retry, *requests):
    """Ask for retries of an unknown run, and return the statuses."""
    return [retry(99, **request).status_code for request in requests]


@pytest.fixture
def now(monkeypatch):
    """Return the time, which stands still."""
    now = int(time.time())
    monkeypatch.setattr(time, 'time', lambda: now)
    return now


@limited('2 per minute')
def test_every_answer_says_how_many_requests_are_left(retry, now):
    answers = [retry(99), retry(99), retry(99)]

    assert [answer.status_code for answer in answers] == [404, 404, 429]
    for answer, remaining in zip(answers, ('1', '0', '0')):
        assert (answer.headers['X-RateLimit-Limit'], answer.headers['X-RateLimit-Remaining']) == ('2', remaining)
        # Flask-Limiter rounds the end of a window up.
        assert int(answer.headers['X-RateLimit-Reset']) - now in (60, 61)


@limited('1 per minute')
def test_one_request_too_many_is_refused_and_creates_nothing(retry, run_id, rows, now):
    retry(99)

    refused = retry(run_id)

    assert_error(refused, 429, 'rate_limited', {'retry_after': 60, 'limit': 1, 'window': '60s'})
    assert refused.headers['Retry-After'] == '60'
    assert rows.retries == []


@limited('1 per minute')
def test_a_request_is_accepted_after_the_seconds_that_the_refusal_says(retry, monkeypatch):
    now = 1_800_000_000.9
    monkeypatch.setattr(time, 'time', lambda: now)
    retry(99)
    now += 9.2

    seconds = int(retry(99).headers['Retry-After'])

    assert seconds == 51
    now += seconds
    assert retry(99) == 404


@limited('1 per minute')
def test_a_refusal_says_one_second_if_the_window_has_ended_meanwhile(app, retry, now, monkeypatch):
    retry(99)
    monkeypatch.setattr(app.extensions[KEY].limiter, 'get_window_stats', lambda *_: WindowStats(now - 5, 0))

    assert retry(99).headers['Retry-After'] == '1'


@limited('1 per minute')
def test_a_storage_that_goes_away_after_a_request_was_counted_costs_the_headers_only(app, retry, monkeypatch):
    monkeypatch.setattr(app.extensions[KEY].limiter, 'get_window_stats', mock.Mock(side_effect=ConnectionError))

    accepted, refused = retry(99), retry(99)

    assert (accepted.status_code, refused.status_code, refused.headers['Retry-After']) == (404, 429, '60')
    assert not any('X-RateLimit-Limit' in answer.headers for answer in (accepted, refused))


@limited('1 per minute')
def test_the_error_of_the_limit_stays_although_the_platform_has_a_page_for_429(app, retry):
    app.register_error_handler(429, lambda error: ('The page of the platform', 429))
    retry(99)

    assert_error(retry(99), 429, 'rate_limited')


@pytest.mark.parametrize('settings', [
    {'RUNS_API_RATE_LIMIT': '2 per minute', 'RUNS_API_READ_RATE_LIMIT': '3 per minute'}])
def test_reading_and_writing_are_counted_apart_each_over_all_routes(ask):
    reading = [('GET', 'retry'), ('GET', 'retries'), ('HEAD', 'verdict'), ('GET', 'verdict'), ('HEAD', 'retry')]
    answers = [ask(method, 99, route) for method, route in reading]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 429, 429]
    assert [answer.headers['X-RateLimit-Limit'] for answer in answers] == ['3'] * 5

    # Neither of the two is counted.
    writing = [('POST', 'retry'), ('OPTIONS', 'retry'), ('PUT', 'retry'), ('POST', 'retry'), ('POST', 'retry')]
    answers = [ask(method, 99, route) for method, route in writing]
    assert [answer.status_code for answer in answers] == [404, 200, 405, 404, 429]
    assert [answer.headers.get('X-RateLimit-Limit') for answer in answers] == ['2', None, None, '2', '2']


@pytest.mark.parametrize('settings', [
    {'RUNS_API_RATE_LIMIT': '1 per minute', 'RUNS_API_READ_RATE_LIMIT': '1 per minute'}], ids=['limits'])
def test_equal_limits_of_reading_and_writing_are_two_windows(ask):
    assert [ask(method, 99, 'retry').status_code for method in ('GET', 'POST', 'GET', 'POST')] == [404, 404, 429, 429]


def test_the_message_of_a_refusal_counts_the_seconds():
    assert [RateLimited(seconds, 2, 60).message for seconds in (1, 2)] == [
        'Rate limit exceeded. Retry after 1 second.', 'Rate limit exceeded. Retry after 2 seconds.']


@limited('100 per day; 1 per hour')
def test_of_several_windows_a_refusal_tells_of_the_one_that_is_full(retry, monkeypatch):
    now = int(time.time())
    monkeypatch.setattr(time, 'time', lambda: now)
    retry(99)
    now += 600

    # Flask-Limiter rounds the end of a window up.
    assert retry(99).json['details'] in [
        {'limit': 1, 'window': '3600s', 'retry_after': seconds} for seconds in (3000, 3001)]


@limited('2 per minute')
def test_requests_without_a_valid_token_share_the_window_of_their_address(retry):
    assert statuses(retry, *[{'token': f'spci_{guess:043}'} for guess in range(4)]) == [401, 401, 429, 429]
    # It is checked before everything else.
    assert retry(99, {'no': 1}, token=None) == 429
    assert retry(99, token=None, environ_base={'REMOTE_ADDR': '192.0.2.1'}) == 401


@limited('2 per minute')
def test_each_token_has_a_window(retry, alice):
    assert statuses(retry, {}, {}, {}) == [404, 404, 429]
    assert statuses(retry, *[{'token': seed.token(alice)}] * 3) == [404, 404, 429]


@limited('1 per minute')
def test_a_token_and_a_session_have_windows_of_their_own_although_their_ids_are_equal(app, retry, run_id, token, alice):
    db.session.execute(update(ApiToken).values(id=alice.id))

    assert [retry(run_id).status_code, Visitor(app, 'alice').press(run_id).status_code] == [202, 202]


@limited('2 per minute')
def test_all_sessions_of_a_user_share_a_window(app, run_id):
    session, other_session, bob = (Visitor(app, name) for name in ('alice', 'alice', 'bob'))

    assert [by.press(run_id).status_code for by in (session, other_session, session, bob)] == [202, 202, 429, 202]


@pytest.mark.parametrize('settings', [{
    'RUNS_API_RATE_LIMIT': '2 per minute',
    **dict.fromkeys(['RATELIMIT_DEFAULT', 'RATELIMIT_APPLICATION', 'RATELIMIT_META'], '1 per day')}], ids=['limits'])
def test_the_routes_of_the_platform_are_neither_counted_nor_limited(client):
    for _ in range(5):
        response = client.get('/account/login')
        assert (response.status_code, 'X-RateLimit-Limit' in response.headers) == (200, False)
        assert client.get('/nowhere').status_code == 404


def test_a_cluster_that_is_away_is_a_mount_error_that_does_not_show_its_password():
    with pytest.raises(MountError, match='RUNS_API_RATE_LIMIT_STORAGE_URI .* cannot be reached') as raised:
        create_app(RUNS_API_RATE_LIMIT_STORAGE_URI='redis+cluster://:hunter2@127.0.0.1:1')

    assert 'hunter2' not in str(raised.value)
    assert raised.value.__cause__ is None and raised.value.__suppress_context__
