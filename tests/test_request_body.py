"""What a body may be (docs/api.rst, "Retry a run"). Every refusal has the one shape."""

from __future__ import annotations

from io import BytesIO, RawIOBase
from typing import Any

import pytest
from flask import Flask, Response, request
from support.api import ApiCall, assert_error
from support.rows import Rows
from werkzeug.test import EnvironBuilder, TestResponse

LIMIT = 16 * 1024


NOT_JSON = [
    b'{', b'nonsense', b'{"reason": }', b"{'reason': 'x'}", b'{"failed_only": true', b'{"failed_only": true}}', b' ',
    b'{"reason": NaN}', b'{"reason": Infinity}', b'{"reason": -Infinity}', b'\xff', b'{"reason": "\xff"}', b'\x00',
    b'\xef\xbb\xbf{}', '{"reason": "x"}'.encode('utf-16'), '{}'.encode('utf-32'), b'{"reason": "line\nbreak"}',
    b'{"failed_only": true, "failed_only": true}', b'{"reason": "a", "reason": "b"}', b'{"a": {"b": 1, "b": 2}}',
    b'[' * 16_000, b'{"a":' * 3_000, b'failed_only=true', b'<retry/>']


def test_a_body_that_is_not_json_is_a_bad_request(retry: ApiCall, run_id: int, rows: Rows) -> None:
    for data in NOT_JSON:
        assert_error(retry(run_id, data=data, content_type='application/json'), 400, 'bad_request', {})
    assert rows.retries == []


def test_a_deeply_nested_body_is_refused(retry: ApiCall, run_id: int) -> None:
    for data in (b'[' * 8_000 + b']' * 8_000, b'{"a":' * 2_700 + b'1' + b'}' * 2_700):
        response = retry(run_id, data=data, content_type='application/json')
        # Whether it is read at all is up to the version of Python.
        assert_error(response, *((400, 'bad_request') if response.status_code == 400 else (422, 'unprocessable')))


def test_json_that_is_no_object_is_unprocessable(retry: ApiCall, run_id: int) -> None:
    for data in (b'[]', b'[1]', b'"x"', b'5', b'1' * 16_000, b'1e999', b'null', b'true'):
        assert_error(retry(run_id, data=data, content_type='application/json'), 422, 'unprocessable',
                     {'fields': {'_schema': ['Must be a JSON object.']}})


@pytest.mark.parametrize(('field', 'values'), [
    ('failed_only', ['true', 'false', '', 'yes', 0, 1, 1.0, None, [], [True], {}]),
    ('reason', [0, 5, 1.5, True, None, [], ['x'], {}, '\0', 'a\0b', '\ud800', 'x\udfff', '\udc00\ud800'])])
def test_a_field_of_another_type_or_text_that_cannot_be_stored_is_unprocessable(
        retry: ApiCall, run_id: int, rows: Rows, field: str, values: list[Any]) -> None:
    for value in values:
        response = retry(run_id, {field: value})
        assert_error(response, 422, 'unprocessable')
        assert list(response.json['details']['fields']) == [field]
    assert rows.retries == []


def test_a_number_of_any_size_is_unprocessable(retry: ApiCall, run_id: int) -> None:
    for data in (b'{"reason": 1e999}', b'{"failed_only": 1e999}', b'{"reason": ' + b'9' * 9000 + b'}'):
        assert_error(retry(run_id, data=data, content_type='application/json'), 422, 'unprocessable')


def test_the_reason_has_at_most_255_code_points(retry: ApiCall, run_id: int) -> None:
    for character in ('x', 'é', '\N{HOT BEVERAGE}', '\U0001f480'):
        assert_error(retry(run_id, {'reason': character * 256}), 422, 'unprocessable',
                     {'fields': {'reason': ['Longer than maximum length 255.']}})


def test_an_unknown_field_is_refused(retry: ApiCall, run_id: int) -> None:
    for name in ('run_id', 'Reason', 'failed_only ', '', '\ud800', '__class__', 'token'):
        assert_error(retry(run_id, {'reason': 'x', name: 1}), 422, 'unprocessable',
                     {'fields': {name: ['Unknown field.']}})


def test_another_content_type_is_unsupported(retry: ApiCall, run_id: int) -> None:
    for content_type in (
            None, 'text/plain', 'text/json', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x',
            'application/jsonp', 'application/merge-patch+json', 'nonsense', ''):
        assert_error(retry(run_id, data=b'{}', content_type=content_type), 415, 'unsupported_media_type', {})


def test_the_body_has_at_most_16_kilobytes(retry: ApiCall) -> None:
    body = b'{"reason": "x"' + b' ' * (LIMIT - 15) + b'}'

    assert_error(retry(99, data=body, content_type='application/json'), 404, 'not_found')
    assert_error(retry(99, data=body + b' ', content_type='application/json'), 413, 'payload_too_large', {})


def test_a_body_that_is_declared_as_too_large_is_not_read(retry: ApiCall, run_id: int) -> None:
    assert_error(streamed(retry, run_id, AssertionError('read'), CONTENT_LENGTH=str(10 ** 12)), 413,
                 'payload_too_large', {})


# Bodies that come in parts


class Stream(RawIOBase):
    """A body in parts, as a server reads it from the network."""

    def __init__(self, *parts: bytes | BaseException) -> None:
        self.parts = list(parts)

    def readinto(self, buffer: Any) -> int:
        """Write what fits of the next part into a buffer."""
        part = self.parts.pop(0) if self.parts else b''
        if isinstance(part, BaseException):
            raise part
        fits, rest = part[:len(buffer)], part[len(buffer):]
        buffer[:len(fits)] = fits
        self.parts[:0] = [rest] if rest else []
        return len(fits)


def streamed(retry: ApiCall, run: int, *parts: bytes | BaseException, content_type: str = 'application/json',
             **environ: object) -> TestResponse:
    """Ask for a retry with a body of unknown length, which the server ends."""
    return retry(run, content_type=content_type, environ_overrides={
        'wsgi.input': Stream(*parts), 'wsgi.input_terminated': True, **environ})


def test_a_body_of_unknown_length_is_refused_beyond_the_limit(retry: ApiCall, run_id: int) -> None:
    for size in (LIMIT + 1, 20_000, 70_000, 1_000_000):
        assert_error(streamed(retry, run_id, b'{}' + b' ' * (size - 2)), 413, 'payload_too_large', {})


def test_a_body_of_unknown_length_is_read_up_to_the_limit(retry: ApiCall) -> None:
    assert_error(streamed(retry, 99, b'{}', b' ' * (LIMIT - 2)), 404, 'not_found')


def test_a_body_of_unknown_length_must_be_declared_as_json(retry: ApiCall, run_id: int) -> None:
    assert_error(streamed(retry, run_id, b'{}', content_type='text/plain'), 415, 'unsupported_media_type', {})


def test_a_body_that_is_cut_off_is_not_taken_for_an_empty_one(retry: ApiCall, run_id: int) -> None:
    for arrived in (b'', b'{}', b'{"failed_only": tru'):
        assert_error(streamed(retry, run_id, arrived, CONTENT_LENGTH='21'), 400, 'bad_request', {})


def test_a_body_that_cannot_be_read_is_a_bad_request(retry: ApiCall, run_id: int) -> None:
    for fault in (ValueError('chunk size'), OSError('reset')):
        assert_error(streamed(retry, run_id, b'{}', fault), 400, 'bad_request', {})


def ask_with(app: Flask, token: str, run_id: int, environ: dict[str, Any]) -> Response:
    """Ask for a failed-only retry, with another WSGI environment: None takes something out of it."""
    body = b'{"failed_only": true}'
    usual = EnvironBuilder(f'/api/v1/runs/{run_id}/retry', method='POST', data=body, content_type='application/json',
                           headers={'Authorization': f'Bearer {token}'}).get_environ()
    sent = {**usual, 'wsgi.input': BytesIO(body), **environ}
    return Response.from_app(app, {name: value for name, value in sent.items() if value is not None})


def test_a_body_that_is_announced_and_cannot_be_read_is_refused(
        app: Flask, token: str, run_id: int, rows: Rows) -> None:
    for environ in (
            {'HTTP_TRANSFER_ENCODING': 'chunked', 'CONTENT_LENGTH': None},
            {'HTTP_TRANSFER_ENCODING': 'chunked', 'CONTENT_LENGTH': None, 'wsgi.input_terminated': False},
            {'HTTP_TRANSFER_ENCODING': 'gzip, chunked', 'CONTENT_LENGTH': None},
            *({'CONTENT_LENGTH': length} for length in ('many', '-21', '+21', '21, 21', '２１', '0' * 5000 + '21'))):
        response = ask_with(app, token, run_id, environ)
        assert (response.status_code, response.json['code']) == (400, 'bad_request')
    assert rows.retries == []


@pytest.mark.parametrize(('environ', 'failed_only'), [
    ({'HTTP_TRANSFER_ENCODING': 'chunked', 'CONTENT_LENGTH': None, 'wsgi.input_terminated': True}, True),
    ({'CONTENT_LENGTH': '', 'wsgi.input': BytesIO()}, False),
    ({'CONTENT_LENGTH': None, 'wsgi.input': BytesIO()}, False)])
def test_a_chunked_body_that_the_server_ends_is_read_and_one_that_is_not_announced_is_no_body(
        app: Flask, token: str, run_id: int, rows: Rows, environ: dict[str, Any], failed_only: bool) -> None:
    assert ask_with(app, token, run_id, environ).status_code == 202
    assert [row.failed_only for row in rows.retries] == [failed_only]


# Bodies that a hook of the host has read


@pytest.mark.parametrize('content_type', ['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])
def test_a_form_that_a_hook_has_read_is_not_taken_for_an_empty_body(
        app: Flask, retry: ApiCall, run_id: int, content_type: str) -> None:
    app.before_request(lambda: request.form.get('csrf_token'))

    assert_error(retry(run_id, data=b'{"failed_only": true}', content_type=content_type), 415,
                 'unsupported_media_type', {})


def test_a_body_that_a_hook_has_read_may_be_too_large(app: Flask, retry: ApiCall, run_id: int) -> None:
    app.before_request(lambda: request.get_data() and None)

    assert_error(retry(run_id, data=b'{}' + b' ' * 20_000, content_type='application/json'), 413,
                 'payload_too_large', {})
