"""What the real platform with the mount refuses, and how (docs/api.rst, "Errors")."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from rows import Rows, now
from serving import Answer, Client

pytestmark = pytest.mark.platform

INVALID = 'Bearer realm="runs-api", error="invalid_token"'


@pytest.fixture(scope='module')
def runs(rows: Rows) -> dict[str, int]:
    """Give runs by what is to be known of them: one that passed, one that runs, and one whose test is inactive."""
    test_id = rows.regression_test()
    runs = {'passed': rows.run([test_id]),
            'running': rows.run([test_id], stages=['preparation', 'testing']),
            'inactive': rows.run([rows.regression_test(active=False)]),
            'none': 2 ** 31 - 1}
    rows.result(runs['passed'], test_id)
    return runs


def assert_error(answer: Answer, status: int, code: str, details: Any) -> None:
    """Check that an answer is an error of the one shape."""
    assert answer.status == status, answer.body
    assert answer.headers['Content-Type'] == 'application/json'
    message = answer.json['message']
    assert answer.json == {'code': code, 'message': message, 'details': details}
    assert isinstance(message, str) and 1 <= len(message) <= 500
    for name in ('X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset', 'Content-Security-Policy'):
        assert len(answer.headers.get_all(name, [])) == 1


def test_without_a_token_nobody_is_told_which_runs_exist(client: Client, runs: dict[str, int]) -> None:
    answers = [client.retry(runs[name], None) for name in ('passed', 'none')]

    for answer in answers:
        assert_error(answer, 401, 'unauthorized', {})
        assert answer.headers['WWW-Authenticate'] == 'Bearer realm="runs-api"'
    assert answers[0].body == answers[1].body


@pytest.mark.parametrize('state', ['expired', 'revoked', 'cut-off'])
def test_a_token_of_the_platform_that_is_no_longer_valid_is_unauthorized(client: Client, rows: Rows,
                                                                         runs: dict[str, int], state: str) -> None:
    secret = client.new_token('alice', state, ['runs:write'])
    token_id = rows.one('api_token', token_name=state)['id']
    assert client.retry(runs['none'], secret).status == 404
    if state == 'expired':
        rows.set('api_token', token_id, expires_at=now() - timedelta(seconds=1))
    elif state == 'revoked':
        assert client.ask('DELETE', f'/api/v1/auth/tokens/{token_id}', token=secret).status == 204

    answer = client.retry(runs['passed'], secret[:-1] if state == 'cut-off' else secret)

    assert_error(answer, 401, 'unauthorized', {})
    assert answer.headers['WWW-Authenticate'] == INVALID


@pytest.mark.parametrize('person, scopes, details', [
    ('alice', ['runs:read', 'results:read'],
     {'required_scope': 'runs:write', 'token_scopes': ['results:read', 'runs:read']}),
    ('una', [], {'required_roles': ['admin', 'contributor', 'tester'], 'user_role': 'user'}),
    ('nora', [], {'required_roles': ['admin', 'contributor', 'tester'], 'user_role': None}),
])
def test_who_lacks_scope_or_role_is_forbidden(client: Client, token: Callable[..., str], runs: dict[str, int],
                                              person: str, scopes: list[str], details: dict[str, Any]) -> None:
    assert_error(client.retry(runs['passed'], token(person, *scopes)), 403, 'forbidden', details)


@pytest.mark.parametrize('name', ['adam', 'alice', 'tess'])
def test_a_person_with_the_role_is_let_through(client: Client, token: Callable[..., str], runs: dict[str, int],
                                               name: str) -> None:
    assert_error(client.retry(runs['none'], token(name)), 404, 'not_found', {'resource': 'run', 'id': runs['none']})


@pytest.mark.parametrize('method', ['PUT', 'PATCH', 'DELETE'])
def test_another_verb_is_not_allowed(client: Client, token: Callable[..., str], runs: dict[str, int],
                                     method: str) -> None:
    answer = client.ask(method, f'/api/v1/runs/{runs["passed"]}/retry', token=token())

    assert_error(answer, 405, 'method_not_allowed', {})
    assert 'POST' in answer.headers['Allow'].split(', ') and method not in answer.headers['Allow']


@pytest.mark.parametrize('request_, status, code', [
    ({'body': b'{', 'headers': {'Content-Type': 'application/json'}}, 400, 'bad_request'),
    ({'body': b'{}', 'headers': {'Content-Type': 'text/plain'}}, 415, 'unsupported_media_type'),
    ({'json_body': {'reason': 'x' * 20_000}}, 413, 'payload_too_large'),
])
def test_a_body_that_is_none_is_refused_by_the_api_and_not_by_the_platform(
        client: Client, token: Callable[..., str], runs: dict[str, int], request_: dict[str, Any], status: int,
        code: str) -> None:
    assert_error(client.retry(runs['passed'], token(), **request_), status, code, {})


@pytest.mark.parametrize('run, body, details', [
    ('passed', {'colour': 'red'}, {'fields': {'colour': ['Unknown field.']}}),
    ('passed', {'failed_only': True}, {'failed_tests': 0}),
    ('running', {'failed_only': True}, {'run_status': 'testing'}),
    ('inactive', {}, None),
])
def test_what_cannot_be_is_unprocessable_and_leaves_nothing_behind(
        client: Client, token: Callable[..., str], rows: Rows, runs: dict[str, int], run: str, body: dict[str, Any],
        details: dict[str, Any] | None) -> None:
    before = rows.values('test', 'id')

    answer = client.retry(runs[run], token(), body)

    inactive = rows.values('customized_test', 'regression_id', test_id=runs['inactive'])
    assert_error(answer, 422, 'unprocessable', {'inactive_ids': inactive} if details is None else details)
    assert rows.values('test', 'id') == before
