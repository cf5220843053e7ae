"""What the real platform with the mount refuses, and how (contract section 1, "Errors")."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from rows import Rows, now
from serving import Answer, Client

pytestmark = pytest.mark.platform


@pytest.fixture
def source(rows: Rows) -> int:
    """Give a completed run of one test, which passed."""
    test_id = rows.regression_test()
    run_id = rows.run([test_id])
    rows.result(run_id, test_id)
    return run_id


@pytest.fixture
def running_source(rows: Rows) -> int:
    """Give a run that has not finished."""
    return rows.run([rows.regression_test()], stages=['preparation', 'testing'])


@pytest.fixture
def inactive_source(rows: Rows) -> int:
    """Give a completed run of one test, which is inactive now."""
    return rows.run([rows.regression_test(active=False)])


@pytest.fixture(autouse=True)
def nothing_is_made(rows: Rows, source: int, running_source: int, inactive_source: int) -> Iterator[None]:
    """Compare the runs before and after each test: a refusal leaves nothing behind."""
    before = rows.values('test', 'id'), rows.values('run_retry', 'test_id')
    yield
    assert (rows.values('test', 'id'), rows.values('run_retry', 'test_id')) == before


@pytest.fixture
def passing_token(client: Client, rows: Rows, source: int) -> tuple[str, int]:
    """Give a token of alice's that one test only uses, and its id."""
    name = f'passing-{source}'
    secret = client.new_token('alice', name, ['runs:write'])
    return secret, rows.one('api_token', token_name=name)['id']


def assert_error(answer: Answer, status: int, code: str, details: dict[str, Any]) -> None:
    """Check that an answer is an error of the one shape."""
    assert answer.status == status, answer.body
    assert answer.headers['Content-Type'] == 'application/json'
    message = answer.json['message']
    assert answer.json == {'code': code, 'message': message, 'details': details}
    assert isinstance(message, str) and 1 <= len(message) <= 500
    for name in ('X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset'):
        assert len(answer.headers.get_all(name, [])) == 1


def assert_unauthorized(answer: Answer, challenge: str) -> None:
    """Check that an answer is a 401 that says nothing of the run."""
    assert_error(answer, 401, 'unauthorized', {})
    assert answer.headers['WWW-Authenticate'] == challenge


INVALID = 'Bearer realm="runs-api", error="invalid_token"'


def test_no_token_is_unauthorized(client: Client, source: int) -> None:
    assert_unauthorized(client.retry(source, None), 'Bearer realm="runs-api"')


@pytest.mark.parametrize('garbled', ['spci_', 'spci_' + 'x' * 43, 'x', 'spci_two words'])
def test_a_garbled_token_is_unauthorized(client: Client, source: int, garbled: str) -> None:
    assert_unauthorized(client.retry(source, garbled), INVALID)


def test_a_part_of_a_token_is_unauthorized(client: Client, token: Callable[..., str], source: int) -> None:
    assert_unauthorized(client.retry(source, token()[:-1]), INVALID)


def test_an_expired_token_is_unauthorized(client: Client, rows: Rows, source: int,
                                          passing_token: tuple[str, int]) -> None:
    secret, token_id = passing_token
    rows.set('api_token', token_id, expires_at=now() - timedelta(seconds=1))

    assert_unauthorized(client.retry(source, secret), INVALID)


def test_a_token_that_the_platform_has_revoked_is_unauthorized(client: Client, source: int,
                                                               passing_token: tuple[str, int]) -> None:
    secret, token_id = passing_token
    assert client.ask('DELETE', f'/api/v1/auth/tokens/{token_id}', token=secret).status == 204

    assert_unauthorized(client.retry(source, secret), INVALID)


def test_a_stranger_is_not_told_which_runs_exist(client: Client, source: int) -> None:
    answers = [client.retry(run_id, None) for run_id in (source, 2 ** 31 - 1)]

    assert answers[0].body == answers[1].body
    assert answers[0].status == answers[1].status == 401


def test_a_token_without_the_scope_is_forbidden(client: Client, token: Callable[..., str], source: int) -> None:
    assert_error(client.retry(source, token('alice', 'runs:read', 'results:read')), 403, 'forbidden',
                 {'required_scope': 'runs:write', 'token_scopes': ['results:read', 'runs:read']})


@pytest.mark.parametrize('name, role', [('una', 'user'), ('nora', None)])
def test_a_person_without_the_role_is_forbidden(client: Client, token: Callable[..., str], source: int, name: str,
                                                role: str | None) -> None:
    assert_error(client.retry(source, token(name)), 403, 'forbidden',
                 {'required_roles': ['admin', 'contributor', 'tester'], 'user_role': role})


@pytest.mark.parametrize('name', ['adam', 'alice', 'tess'])
def test_a_person_with_the_role_is_let_through(client: Client, token: Callable[..., str], name: str) -> None:
    assert client.retry(2 ** 31 - 1, token(name)).status == 404


def test_a_run_that_does_not_exist_is_not_found(client: Client, token: Callable[..., str]) -> None:
    answer = client.retry(2 ** 31 - 1, token())

    assert_error(answer, 404, 'not_found', {'resource': 'run', 'id': 2 ** 31 - 1})
    assert answer.json['message'] == f'Run {2 ** 31 - 1} not found.'


@pytest.mark.parametrize('method', ['GET', 'PUT', 'PATCH', 'DELETE'])
def test_another_verb_is_not_allowed(client: Client, token: Callable[..., str], source: int, method: str) -> None:
    answer = client.ask(method, f'/api/v1/runs/{source}/retry', token=token())

    assert_error(answer, 405, 'method_not_allowed', {})
    assert answer.headers['Allow'] == 'POST'


def test_what_is_not_json_is_a_bad_request(client: Client, token: Callable[..., str], source: int) -> None:
    assert_error(client.retry(source, token(), body=b'{', headers={'Content-Type': 'application/json'}),
                 400, 'bad_request', {})


def test_another_content_type_is_not_supported(client: Client, token: Callable[..., str], source: int) -> None:
    assert_error(client.retry(source, token(), body=b'{}', headers={'Content-Type': 'text/plain'}),
                 415, 'unsupported_media_type', {})


def test_a_big_body_is_too_large(client: Client, token: Callable[..., str], source: int) -> None:
    assert_error(client.retry(source, token(), {'reason': 'x' * 20_000}), 413, 'payload_too_large', {})


@pytest.mark.parametrize('field, value', [('failed_only', 'yes'), ('failed_only', 1), ('reason', 1),
                                          ('reason', 'x' * 256), ('colour', 'red')])
def test_a_wrong_field_is_unprocessable(client: Client, token: Callable[..., str], source: int, field: str,
                                        value: Any) -> None:
    answer = client.retry(source, token(), {field: value})

    messages = answer.json['details']['fields'][field]
    assert_error(answer, 422, 'unprocessable', {'fields': {field: messages}})
    assert messages and all(isinstance(message, str) for message in messages)


def test_a_source_without_failures_has_nothing_to_run_again(client: Client, token: Callable[..., str],
                                                            source: int) -> None:
    assert_error(client.retry(source, token(), {'failed_only': True}), 422, 'unprocessable', {'failed_tests': 0})


def test_a_source_that_has_not_finished_has_no_failures_yet(client: Client, token: Callable[..., str],
                                                            running_source: int) -> None:
    assert_error(client.retry(running_source, token(), {'failed_only': True}), 422, 'unprocessable',
                 {'run_status': 'testing'})


def test_an_inactive_test_is_named(client: Client, token: Callable[..., str], rows: Rows,
                                   inactive_source: int) -> None:
    inactive_id, = (row['regression_id'] for row in rows.of('customized_test', test_id=inactive_source))

    assert_error(client.retry(inactive_source, token()), 422, 'unprocessable', {'inactive_ids': [inactive_id]})
