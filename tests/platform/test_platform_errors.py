"""What the real platform with the mount refuses, and how (docs/api.rst, "Errors")."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from rows import Rows, now
from serving import Answer, Client

pytestmark = pytest.mark.platform

#: There is no such run.
NONE = 2 ** 31 - 1


@pytest.fixture(scope='module')
def run_id(rows: Rows) -> int:
    """Give a completed run."""
    return rows.run([rows.regression_test()])


def assert_error(answer: Answer, status: int, code: str, details: Any) -> None:
    """Check that an answer is an error of the one shape."""
    assert answer.status == status, answer.body
    assert answer.headers['Content-Type'] == 'application/json'
    message = answer.json['message']
    assert answer.json == {'code': code, 'message': message, 'details': details}
    assert isinstance(message, str) and 1 <= len(message) <= 500
    for name in ('X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset', 'Content-Security-Policy'):
        assert len(answer.headers.get_all(name, [])) == 1


def test_without_a_token_nobody_is_told_which_runs_exist(client: Client, run_id: int) -> None:
    answers = [client.retry(asked, None) for asked in (run_id, NONE)]

    for answer in answers:
        assert_error(answer, 401, 'unauthorized', {})
        assert answer.headers['WWW-Authenticate'] == 'Bearer realm="runs-api"'
    assert answers[0].body == answers[1].body


@pytest.mark.parametrize('state', ['expired', 'revoked', 'cut-off'])
def test_a_token_of_the_platform_that_is_no_longer_valid_is_unauthorized(client: Client, rows: Rows,
                                                                         run_id: int, state: str) -> None:
    secret = client.new_token('alice', state, ['runs:write'])
    token_id = rows.one('api_token', token_name=state)['id']
    assert client.retry(NONE, secret).status == 404
    if state == 'expired':
        rows.set('api_token', token_id, expires_at=now() - timedelta(seconds=1))
    elif state == 'revoked':
        assert client.ask('DELETE', f'/api/v1/auth/tokens/{token_id}', token=secret).status == 204

    answer = client.retry(run_id, secret[:-1] if state == 'cut-off' else secret)

    assert_error(answer, 401, 'unauthorized', {})
    assert answer.headers['WWW-Authenticate'] == 'Bearer realm="runs-api", error="invalid_token"'


@pytest.mark.parametrize('person, scopes, details', [
    ('alice', ['runs:read', 'results:read'],
     {'required_scope': 'runs:write', 'token_scopes': ['results:read', 'runs:read']}),
    ('una', [], {'required_roles': ['admin', 'contributor', 'tester'], 'user_role': 'user'}),
    ('nora', [], {'required_roles': ['admin', 'contributor', 'tester'], 'user_role': None}),
])
def test_who_lacks_scope_or_role_is_forbidden(client: Client, token: Callable[..., str], run_id: int, person: str,
                                              scopes: list[str], details: dict[str, Any]) -> None:
    assert_error(client.retry(run_id, token(person, *scopes)), 403, 'forbidden', details)


@pytest.mark.parametrize('name', ['adam', 'alice', 'tess'])
def test_a_person_with_the_role_is_let_through(client: Client, token: Callable[..., str], name: str) -> None:
    assert_error(client.retry(NONE, token(name)), 404, 'not_found', {'resource': 'run', 'id': NONE})


@pytest.mark.parametrize('method', ['PUT', 'PATCH', 'DELETE'])
def test_another_verb_is_not_allowed(client: Client, token: Callable[..., str], run_id: int,
                                     method: str) -> None:
    answer = client.ask(method, f'/api/v1/runs/{run_id}/retry', token=token())

    assert_error(answer, 405, 'method_not_allowed', {})
    assert 'POST' in answer.headers['Allow'].split(', ') and method not in answer.headers['Allow']


@pytest.mark.parametrize('request_, status, code', [
    ({'body': b'{', 'headers': {'Content-Type': 'application/json'}}, 400, 'bad_request'),
    ({'body': b'{}', 'headers': {'Content-Type': 'text/plain'}}, 415, 'unsupported_media_type'),
    ({'json_body': {'reason': 'x' * 20_000}}, 413, 'payload_too_large'),
])
def test_a_body_that_is_none_is_refused_by_the_api_and_not_by_the_platform(
        client: Client, token: Callable[..., str], run_id: int, request_: dict[str, Any], status: int,
        code: str) -> None:
    assert_error(client.retry(run_id, token(), **request_), status, code, {})
