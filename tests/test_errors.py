"""Bad input gets a clear error and leaves nothing behind (contract section 1, "Errors")."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
import seed
from database import db
from flask import Flask, request
from flask.testing import FlaskClient
from mod_api.models.api_token import ApiToken
from mod_auth.models import Role, User
from sqlalchemy import text
from support.api import ApiCall, assert_security_headers
from support.rows import Rows
from werkzeug.test import TestResponse


@pytest.fixture(autouse=True)
def nothing_is_left_behind(run_id: int, token: str, rows: Rows) -> Iterator[None]:
    """Compare the platform's rows before and after each test."""
    before = rows.of('test'), rows.of('customized_test'), rows.of('test_fork')
    yield
    assert (rows.of('test'), rows.of('customized_test'), rows.of('test_fork')) == before
    assert rows.of('run_retry') == []


def assert_error(response: TestResponse, status: int, code: str, details: dict[str, Any] | None = None) -> None:
    """Check that a response is an error in the one shape."""
    assert response.status_code == status
    assert response.content_type == 'application/json'
    assert set(response.json) == {'code', 'message', 'details'}
    assert response.json['code'] == code
    assert 1 <= len(response.json['message']) <= 500
    if details is not None:
        assert response.json['details'] == details
    assert_security_headers(response)
    for name in ('X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset'):
        assert len(response.headers.getlist(name)) == 1 and response.headers[name].isdigit()
    assert ('Retry-After' in response.headers) == (status in (429, 503))


# The token


BAD_AUTHORIZATIONS = [
    '', 'Bearer', 'Bearer ', 'Bearer spci_', 'bearer spci_nonsense', 'Basic YWxpY2U6cGFzc3dvcmQ=', 'spci_nonsense',
    'Bearer ' + 'spci_' + 'x' * 43, 'Bearer ' + 'spci_' + 'x' * 100_000, 'Bearer caf\xe9', 'Bearer spci_caf\xe9',
    'Bearer spci_ two words', 'Bearer \x00', "Bearer spci_' OR '1'='1", 'Bearer spci_%',
]


@pytest.mark.parametrize('authorization', BAD_AUTHORIZATIONS)
def test_a_header_without_a_valid_token_is_unauthorized(retry: ApiCall, run_id: int, authorization: str) -> None:
    response = retry(run_id, token=None, headers={'Authorization': authorization})

    assert_error(response, 401, 'unauthorized', {})
    assert response.headers['WWW-Authenticate'] == 'Bearer realm="runs-api", error="invalid_token"'


def test_a_request_without_a_token_is_unauthorized(retry: ApiCall, run_id: int) -> None:
    response = retry(run_id, token=None)

    assert_error(response, 401, 'unauthorized', {})
    assert response.headers['WWW-Authenticate'] == 'Bearer realm="runs-api"'


def test_a_token_must_match_exactly(retry: ApiCall, run_id: int, token: str) -> None:
    for part in (token[:-1], token[:16], token + 'x', token.swapcase(), token[:5] + token[5:].upper(), token[5:]):
        assert_error(retry(run_id, token=part), 401, 'unauthorized')


def test_an_expired_token_is_unauthorized(retry: ApiCall, run_id: int, alice: User) -> None:
    assert_error(retry(run_id, token=seed.token(alice, expires_in_days=-1)), 401, 'unauthorized')


def test_a_revoked_token_is_unauthorized_at_once(retry: ApiCall, run_id: int, alice: User) -> None:
    secret = seed.token(alice, ['runs:read'])
    assert retry(run_id, token=secret).status_code == 403

    db.session.execute(text('UPDATE api_token SET revoked_at = created_at'))

    assert_error(retry(run_id, token=secret), 401, 'unauthorized')


def test_the_scheme_may_have_any_case(retry: ApiCall, token: str) -> None:
    assert_error(retry(99, token=None, headers={'Authorization': f'bEARER {token}'}), 404, 'not_found')


def test_two_tokens_may_share_a_prefix(retry: ApiCall, alice: User) -> None:
    secrets = [seed.token(alice) for _ in range(2)]
    db.session.execute(text("UPDATE api_token SET token_prefix = 'spci_same_start0'"))
    assert_error(retry(99, token=secrets[1]), 401, 'unauthorized')

    same = ['spci_same_start0' + end for end in ('first', 'second')]
    for row, secret in zip(db.session.query(ApiToken).order_by(ApiToken.id.desc()), same):
        row.token_hash = ApiToken.hash_token(secret)

    for secret in same:
        assert_error(retry(99, token=secret), 404, 'not_found')


# Scope and role


@pytest.mark.parametrize('scopes', [[], ['runs:read'], ['results:read', 'runs:read']])
def test_a_token_without_the_scope_is_forbidden(retry: ApiCall, run_id: int, alice: User, scopes: list[str]) -> None:
    response = retry(run_id, token=seed.token(alice, scopes))

    assert_error(response, 403, 'forbidden', {'required_scope': 'runs:write', 'token_scopes': sorted(scopes)})
    assert response.headers['WWW-Authenticate'] == (
        'Bearer realm="runs-api", error="insufficient_scope", scope="runs:write"')


@pytest.mark.parametrize('scopes_json', ['nonsense', '{"runs:write": 1}', '"runs:write"', 'null', '[["runs:write"]]'])
def test_unreadable_scopes_allow_nothing(retry: ApiCall, run_id: int, alice: User, scopes_json: str) -> None:
    secret = seed.token(alice)
    db.session.execute(text('UPDATE api_token SET scopes_json = :scopes'), {'scopes': scopes_json})

    assert_error(retry(run_id, token=secret), 403, 'forbidden',
                 {'required_scope': 'runs:write', 'token_scopes': []})


@pytest.mark.parametrize('role', [Role.user, None])
def test_a_user_without_the_role_is_forbidden(retry: ApiCall, run_id: int, role: Role | None) -> None:
    response = retry(run_id, token=seed.token(seed.user('bob', role)))

    assert_error(response, 403, 'forbidden', {'required_roles': ['admin', 'contributor', 'tester'],
                                              'user_role': role and role.value})


def test_an_unknown_role_is_forbidden(retry: ApiCall, run_id: int) -> None:
    secret = seed.token(seed.user('bob'))
    db.session.execute(text("UPDATE user SET role = 'owner' WHERE name = 'bob'"))

    assert retry(run_id, token=secret).json['details']['user_role'] == 'owner'


@pytest.mark.parametrize('role', [Role.admin, Role.tester, Role.contributor])
def test_a_role_that_may_run_tests_may_retry(retry: ApiCall, role: Role) -> None:
    assert_error(retry(99, token=seed.token(seed.user('bob', role))), 404, 'not_found')


@pytest.mark.parametrize('app_settings', [{'RUNS_API_RETRY_ROLES': ['user']}])
def test_the_roles_are_a_setting(retry: ApiCall) -> None:
    assert_error(retry(99, token=seed.token(seed.user('bob', Role.user))), 404, 'not_found')
    assert_error(retry(99), 403, 'forbidden', {'required_roles': ['user'], 'user_role': 'contributor'})


# The order of the checks


def test_a_stranger_learns_nothing_about_which_runs_exist(retry: ApiCall, run_id: int) -> None:
    bob = seed.token(seed.user('bob', Role.user))
    reader = seed.token(seed.user('rita', Role.admin), ['runs:read'])
    for token in (None, bob, reader):
        there, missing, nonsense = (retry(run, {'no': 1}, token=token) for run in (run_id, 99, 'abc'))
        assert there.status_code == missing.status_code == nonsense.status_code in (401, 403)
        assert there.data == missing.data == nonsense.data


def test_the_scope_is_checked_before_the_role(retry: ApiCall, run_id: int) -> None:
    response = retry(run_id, token=seed.token(seed.user('bob', Role.user), ['runs:read']))

    assert 'required_scope' in response.json['details']


def test_the_body_is_checked_before_the_run(retry: ApiCall) -> None:
    assert_error(retry(99, {'no': 1}), 422, 'unprocessable')


# The run


@pytest.mark.parametrize(('run_id', 'shown'), [
    ('9317', 9317), ('00000000000009317', 9317), ('0', 0), ('-1', -1), ('2147483648', 2147483648),
    ('100000000000000000000', '1' + '0' * 20),
    ('abc', 'abc'), ('1.5', '1.5'), ('1e3', '1e3'), ('+1', '+1'), ('%201', ' 1'), ('1%20', '1 '), ('1_0', '1_0'),
    ('٣', '٣'), ('１', '１'), ('²', '²'), ('0x1', '0x1'), ('1%00', '1\x00'), ('1%0A', '1\n'),
    ('%F0%9F%98%80', '\U0001f600'), ('x' * 5000, 'x' * 64), ("1'--", "1'--"),
])
def test_unknown_run_id_returns_404(retry: ApiCall, run_id: str, shown: int | str) -> None:
    response = retry(run_id)

    assert_error(response, 404, 'not_found', {'resource': 'run', 'id': shown})
    assert response.json['message'] == f'Run {shown} not found.'


# The body


@pytest.mark.parametrize('data', [
    b'{', b'nonsense', b'{"reason": }', b"{'reason': 'x'}", b'{"failed_only": true', b'{"failed_only": true}}', b' ',
    b'{"reason": NaN}', b'{"reason": Infinity}', b'{"reason": -Infinity}', b'\xff', b'{"reason": "\xff"}', b'\x00',
    b'\xef\xbb\xbf{}', '{"reason": "x"}'.encode('utf-16'), '{}'.encode('utf-32'), b'{"reason": "line\nbreak"}',
    b'{"failed_only": true, "failed_only": true}', b'{"reason": "a", "reason": "b"}', b'{"a": {"b": 1, "b": 2}}',
    b'[' * 16_000, b'{"a":' * 3_000, b'failed_only=true', b'<retry/>',
])
def test_a_body_that_is_not_json_is_a_bad_request(retry: ApiCall, run_id: int, data: bytes) -> None:
    assert_error(retry(run_id, data=data, content_type='application/json'), 400, 'bad_request', {})


@pytest.mark.parametrize('data', [b'[' * 8_000 + b']' * 8_000, b'{"a":' * 2_700 + b'1' + b'}' * 2_700])
def test_a_deeply_nested_body_is_refused(retry: ApiCall, run_id: int, data: bytes) -> None:
    # Whether it is read at all is up to the version of Python.
    response = retry(run_id, data=data, content_type='application/json')

    assert_error(response, *((400, 'bad_request') if response.status_code == 400 else (422, 'unprocessable')))


@pytest.mark.parametrize('data', [b'[]', b'[1]', b'"x"', b'5', b'1' * 16_000, b'1e999', b'null', b'true'])
def test_json_that_is_no_object_is_unprocessable(retry: ApiCall, run_id: int, data: bytes) -> None:
    assert_error(retry(run_id, data=data, content_type='application/json'), 422, 'unprocessable',
                 {'fields': {'_schema': ['Must be a JSON object.']}})


@pytest.mark.parametrize('value', ['true', 'false', '', 'yes', 0, 1, 1.0, None, [], [True], {}])
def test_failed_only_must_be_a_boolean(retry: ApiCall, run_id: int, value: object) -> None:
    response = retry(run_id, {'failed_only': value})

    assert_error(response, 422, 'unprocessable')
    assert list(response.json['details']['fields']) == ['failed_only']


@pytest.mark.parametrize('value', [0, 5, 1.5, True, None, [], ['x'], {}])
def test_the_reason_must_be_a_string(retry: ApiCall, run_id: int, value: object) -> None:
    response = retry(run_id, {'reason': value})

    assert_error(response, 422, 'unprocessable')
    assert list(response.json['details']['fields']) == ['reason']


@pytest.mark.parametrize('data', [b'{"reason": 1e999}', b'{"failed_only": 1e999}', b'{"reason": ' + b'9' * 9000 + b'}'])
def test_a_number_of_any_size_is_unprocessable(retry: ApiCall, run_id: int, data: bytes) -> None:
    assert_error(retry(run_id, data=data, content_type='application/json'), 422, 'unprocessable')


@pytest.mark.parametrize('character', ['x', 'é', '\N{HOT BEVERAGE}', '\U0001f480'])
def test_the_reason_has_at_most_255_code_points(retry: ApiCall, run_id: int, character: str) -> None:
    response = retry(run_id, {'reason': character * 256})

    assert_error(response, 422, 'unprocessable', {'fields': {'reason': ['Longer than maximum length 255.']}})


@pytest.mark.parametrize('reason', ['\0', 'a\0b', '\ud800', 'x\udfff', '\udc00\ud800'])
def test_a_reason_that_cannot_be_stored_is_unprocessable(retry: ApiCall, run_id: int, reason: str) -> None:
    response = retry(run_id, {'reason': reason})

    assert_error(response, 422, 'unprocessable')
    assert list(response.json['details']['fields']) == ['reason']


@pytest.mark.parametrize('body', [{'run_id': 1}, {'Reason': 'x'}, {'failed_only ': True}, {'': 1}, {'\ud800': 1},
                                  {'__class__': 1}, {'reason': 'x', 'token': 'x'}])
def test_an_unknown_field_is_refused(retry: ApiCall, run_id: int, body: dict[str, object]) -> None:
    response = retry(run_id, body)

    assert_error(response, 422, 'unprocessable')
    assert list(response.json['details']['fields'].values()) == [['Unknown field.']]


@pytest.mark.parametrize('content_type', [
    None, 'text/plain', 'text/json', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x',
    'application/jsonp', 'application/merge-patch+json', 'nonsense', ''])
def test_another_content_type_is_unsupported(retry: ApiCall, run_id: int, content_type: str | None) -> None:
    assert_error(retry(run_id, data=b'{}', content_type=content_type), 415, 'unsupported_media_type', {})


def test_the_body_has_at_most_16_kilobytes(retry: ApiCall) -> None:
    body = b'{"reason": "x"' + b' ' * (16 * 1024 - 15) + b'}'

    assert_error(retry(99, data=body, content_type='application/json'), 404, 'not_found')
    assert_error(retry(99, data=body + b' ', content_type='application/json'), 413, 'payload_too_large', {})


def test_a_body_that_is_declared_as_too_large_is_not_read(retry: ApiCall, run_id: int) -> None:
    class Unread:
        def read(self, size: int = -1) -> bytes:
            raise AssertionError('read')

    response = retry(run_id, content_type='application/json',
                     environ_overrides={'wsgi.input': Unread(), 'CONTENT_LENGTH': str(10 ** 12)})

    assert_error(response, 413, 'payload_too_large', {})


class Stream:
    """A body in chunks, as gunicorn has it: the server knows where it ends."""

    def __init__(self, *parts: bytes | Exception) -> None:
        self.parts = list(parts)

    def read(self, size: int = -1) -> bytes:
        """Return the next part."""
        if not self.parts:
            return b''
        part = self.parts.pop(0)
        if isinstance(part, Exception):
            raise part
        if 0 <= size < len(part):
            self.parts.insert(0, part[size:])
        return part[:size] if size >= 0 else part

    def readinto(self, buffer: bytearray) -> int:
        """Write the next part into a buffer."""
        part = self.read(len(buffer))
        buffer[:len(part)] = part
        return len(part)


def chunked(retry: ApiCall, run: int, *parts: bytes | Exception, **environ: object) -> TestResponse:
    """ApiCall for a retry with a body of unknown length."""
    return retry(run, content_type='application/json', environ_overrides={
        'wsgi.input': Stream(*parts), 'wsgi.input_terminated': True, **environ})


@pytest.mark.parametrize('size', [16 * 1024 + 1, 20_000, 70_000, 1_000_000])
def test_a_body_of_unknown_length_is_refused_beyond_the_limit(retry: ApiCall, run_id: int, size: int) -> None:
    assert_error(chunked(retry, run_id, b'{}' + b' ' * (size - 2)), 413, 'payload_too_large', {})


def test_a_body_of_unknown_length_is_refused_beyond_the_limit_where_the_server_ends_it(
        retry: ApiCall, run_id: int) -> None:
    response = retry(run_id, content_type='application/json', environ_overrides={
        'wsgi.input': BytesIO(b'{}' + b' ' * 20_000), 'wsgi.input_terminated': True})

    assert_error(response, 413, 'payload_too_large', {})


def test_a_body_of_unknown_length_must_be_declared_as_json(retry: ApiCall, run_id: int) -> None:
    response = retry(run_id, content_type='text/plain', environ_overrides={
        'wsgi.input': BytesIO(b'{}'), 'wsgi.input_terminated': True})

    assert_error(response, 415, 'unsupported_media_type', {})


def test_a_body_of_unknown_length_is_read_up_to_the_limit(retry: ApiCall) -> None:
    assert_error(chunked(retry, 99, b'{}', b' ' * (16 * 1024 - 2)), 404, 'not_found')


@pytest.mark.parametrize('arrived', [b'', b'{}', b'{"failed_only": tru'])
def test_a_body_that_is_cut_off_is_not_taken_for_an_empty_one(retry: ApiCall, run_id: int, arrived: bytes) -> None:
    assert_error(chunked(retry, run_id, arrived, CONTENT_LENGTH='21'), 400, 'bad_request', {})


@pytest.mark.parametrize('fault', [ValueError('chunk size'), OSError('reset')])
def test_a_body_that_cannot_be_read_is_a_bad_request(retry: ApiCall, run_id: int, fault: Exception) -> None:
    assert_error(chunked(retry, run_id, b'{}', fault), 400, 'bad_request', {})


@pytest.mark.parametrize('content_type', ['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])
def test_a_form_that_a_hook_of_the_host_has_read_is_not_taken_for_an_empty_body(
        app: Flask, retry: ApiCall, run_id: int, content_type: str) -> None:
    app.before_request(lambda: request.form.get('csrf_token'))

    assert_error(retry(run_id, data=b'{"failed_only": true}', content_type=content_type), 415,
                 'unsupported_media_type', {})


def test_a_body_that_a_hook_of_the_host_has_read_may_be_too_large(app: Flask, retry: ApiCall, run_id: int) -> None:
    app.before_request(lambda: request.get_data() and None)

    assert_error(retry(run_id, data=b'{}' + b' ' * 20_000, content_type='application/json'), 413,
                 'payload_too_large', {})


# The method


@pytest.mark.parametrize('method', ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'])
def test_another_method_is_not_allowed(client: FlaskClient, run_id: int, method: str) -> None:
    response = client.open(f'/api/v1/runs/{run_id}/retry', method=method)

    assert response.status_code == 405
    assert response.headers['Allow'] == 'POST'
    if method != 'HEAD':
        assert_error(response, 405, 'method_not_allowed', {})


# The host's own pages


@pytest.mark.parametrize(('path', 'status'), [('/nowhere', 404), ('/api/v1/nowhere', 404), ('/api/v1/runs/1', 404),
                                              ('/api/v1/runs/1/retry/', 404), ('/test/99', 404)])
def test_the_error_pages_of_the_host_are_as_before(client: FlaskClient, path: str, status: int) -> None:
    response = client.get(path)

    assert response.status_code == status
    assert response.mimetype == 'text/html'
    assert not [name for name in response.headers.keys() if name.startswith('X-RateLimit')]
