"""Roles, the order of the checks, and that a refusal leaves nothing behind (docs/api.rst). More: test_routes."""

import time

import pytest
import seed
from database import db
from mod_auth.models import Role
from sqlalchemy import text
from support.api import assert_error


@pytest.fixture(autouse=True)
def nothing_is_left_behind(run_id, token, rows):
    """Compare the rows before and after each test."""
    before = rows.of('test'), rows.of('customized_test'), rows.of('test_fork')
    yield
    assert (rows.of('test'), rows.of('customized_test'), rows.of('test_fork')) == before
    assert rows.retries == []


# The specification

#: Its examples: the status, the code, the message and the names of the details.
SPECIFIED = [
    (401, 'unauthorized', 'Bearer token is missing, expired, or invalid.', []),
    (403, 'forbidden', 'Token does not have the required scope for this operation.',
     ['required_scope', 'token_scopes']),
    (404, 'not_found', 'Run 9317 not found.', ['resource', 'id']),
    (429, 'rate_limited', 'Rate limit exceeded. Retry after 30 seconds.', ['retry_after', 'limit', 'window'])]


@pytest.mark.parametrize('settings', [{'RUNS_API_RATE_LIMIT': '1 per 30 seconds'}], ids=['limit'])
def test_errors_are_the_examples_of_the_specification(retry, alice, monkeypatch):
    now = int(time.time())
    monkeypatch.setattr(time, 'time', lambda: now)

    answers = [retry(9317, token=None), retry(9317, token=seed.token(alice, ['runs:read'])), retry(9317), retry(9317)]

    assert SPECIFIED == [
        (answer.status_code, answer.json['code'], answer.json['message'], [*answer.json['details']])
        for answer in answers]


# The role


def test_a_role_counts_without_the_blanks_around_it_and_an_unknown_role_may_not_retry(retry):
    for stored, status in ((' contributor ', 404), ('owner', 403), (None, 403)):
        db.session.execute(text('UPDATE user SET role = :role'), {'role': stored})
        response = retry(99)
        assert response == status, stored
        assert status == 404 or response.json['details'] == {
            'required_roles': ['admin', 'contributor', 'tester'], 'user_role': stored}


@pytest.mark.parametrize('settings', [{'RUNS_API_RETRY_ROLES': ['user']}])
def test_the_roles_are_a_setting(retry):
    assert_error(retry(99, token=seed.token(seed.user('bob', Role.user))), 404, 'not_found')
    assert_error(retry(99), 403, 'forbidden', {'required_roles': ['user'], 'user_role': 'contributor'})


# The order of the checks


def test_scope_then_role_then_body_then_run_are_checked(retry):
    bob = seed.user('bob', Role.user)
    wrong = {'no': 1}

    assert 'required_scope' in retry(99, wrong, token=seed.token(bob, ['runs:read'])).json['details']
    assert 'required_roles' in retry(99, wrong, token=seed.token(bob)).json['details']
    assert_error(retry(99, wrong), 422, 'unprocessable')
    assert_error(retry(99), 404, 'not_found')


# The run, and the platform's own pages


UNKNOWN = {
    '9317': 9317, '00000000000009317': 9317, '0': 0, '-1': -1, '2147483648': 2147483648, '1' + '0' * 20: '1' + '0' * 20,
    'abc': 'abc', '1.5': '1.5', '+1': '+1', '%201': ' 1', '1_0': '1_0', '٣': '٣', '²': '²', '1%00': '1\x00',
    '1%0A': '1\n', 'x' * 5000: 'x' * 64}


def test_unknown_run_id_returns_404(retry):
    for run_id, shown in UNKNOWN.items():
        response = retry(run_id)
        assert_error(response, 404, 'not_found', {'resource': 'run', 'id': shown})
        assert response.json['message'] == f'Run {shown} not found.'


def test_the_error_pages_of_the_platform_are_as_before(client):
    for path in ('/nowhere', '/api/v1/nowhere', '/api/v1/runs/1', '/api/v1/runs/1/retry/', '/test/99'):
        response = client.get(path)
        assert (response.status_code, response.mimetype) == (404, 'text/html')
        assert not [name for name in response.headers.keys() if name.startswith('X-RateLimit')]
