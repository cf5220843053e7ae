"""What a body may be (docs/api.rst, "Retry a run"). Every refusal has the one shape."""

from io import RawIOBase
from typing import Any

import pytest
from flask import request
from support.api import assert_error

LIMIT = 16 * 1024
JSON = {'content_type': 'application/json'}

NOT_JSON = [
    b'{', b'nonsense', b"{'reason': 'x'}", b'{"failed_only": true}}', b' ', b'\xff', b'{"reason": "\xff"}', b'\x00',
    b'{"reason": "line\nbreak"}', b'[' * 16_000, b'failed_only=true', b'{"reason": NaN}']
NO_OBJECT = [b'[]', b'[1]', b'"x"', b'5', b'null', b'true']
WRONG_VALUES: dict[str, Any] = {
    'failed_only': ['true', '', 0, 1, 1.0, None, [], {}],
    'reason': [0, 5, 1.5, True, None, [], {}, '\0', 'a\0b', '\ud800', 'x' * 256, '\U0001f480' * 256]}
OTHER_TYPES = [None, 'text/plain', 'text/json', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x',
               'application/jsonp', 'application/merge-patch+json', '']


def test_a_body_that_is_no_json_object_is_refused(retry, run_id, rows):
    for data in NOT_JSON:
        assert_error(retry(run_id, data=data, **JSON), 400, 'bad_request', {})
    for data in NO_OBJECT:
        assert_error(retry(run_id, data=data, **JSON), 422, 'unprocessable',
                     {'fields': {'_schema': ['Must be a JSON object.']}})
    assert rows.retries == []


@pytest.mark.parametrize(('data', 'key'), [
    (b'{"failed_only": true, "failed_only": false}', '"failed_only"'),
    # It comes before an unknown field and a value of the wrong type, at any depth.
    (b'{"other": [1, {"a": 1, "b": {}, "a": 1}], "reason": 5}', '"a"'),
    (b'{"x": 1, "\\u0078": 1}', '"x"'), (b'{"": 1, "": 1}', '""'),
    (b'{"\\u001b\\ud800": 1, "\\u001b\\ud800": 1}', r'"\u001b\ud800"'),
    (b'{"%s": 1, "%s": 1}' % (b'y' * 7_000, b'y' * 7_000), f'"{"y" * 32}"'),
    ('{"%s": 1, "%s": 1}' % ('\U0001f480' * 99, '\U0001f480' * 99), '"' + r'\ud83d\udc80' * 32 + '"')])
def test_a_key_that_stands_twice_is_refused_by_its_name(retry, run_id, rows, data, key):
    for id in (run_id, 99):
        response = retry(id, data=data, **JSON)
        assert_error(response, 400, 'bad_request', {})
        assert response.json['message'] == f'The body has the key {key} twice in one object.'
    assert rows.retries == []


@pytest.mark.parametrize('field', WRONG_VALUES)
def test_a_field_of_another_type_or_text_that_cannot_be_stored_is_unprocessable(retry, run_id, rows, field):
    for value in WRONG_VALUES[field]:
        response = retry(run_id, {field: value})
        assert_error(response, 422, 'unprocessable')
        assert list(response.json['details']['fields']) == [field], value
    assert rows.retries == []


def test_an_unknown_field_is_refused(retry, run_id):
    for name in ('run_id', 'Reason', '', '\ud800', '__class__'):
        assert_error(retry(run_id, {'reason': 'x', name: 1}), 422, 'unprocessable',
                     {'fields': {name: ['Unknown field.']}})


def test_a_query_parameter_named_like_a_field_is_refused_and_any_other_is_ignored(ask, run_id, rows):
    for query in ('?failed_only=true', '?failed_only', '?reason=', '?x=1&reason=a&reason=b'):
        name = 'reason' if 'reason' in query else 'failed_only'
        assert_error(ask('POST', run_id, f'retry{query}'), 422, 'unprocessable',
                     {'fields': {name: ['Send it in the body.']}})
    assert rows.retries == []
    assert ask('POST', run_id, 'retry?Failed_only=true&limit=1').status_code == 202


def test_another_content_type_is_unsupported(retry, run_id):
    for content_type in OTHER_TYPES:
        assert_error(retry(run_id, data=b'{}', content_type=content_type), 415, 'unsupported_media_type', {})


def test_the_body_has_at_most_16_kilobytes(retry):
    body = b'{"reason": "x"' + b' ' * (LIMIT - 15) + b'}'

    assert_error(retry(99, data=body, **JSON), 404, 'not_found')
    assert_error(retry(99, data=body + b' ', **JSON), 413, 'payload_too_large', {})


# A body that cannot be read, or of unknown length, is never taken for "all defaults"


class Stream(RawIOBase):
    """A body in parts, as a server reads it from the network."""

    def __init__(self, *parts):
        self.parts = list(parts)

    def readinto(self, buffer):
        """Write what fits of the next part into a buffer."""
        part = self.parts.pop(0) if self.parts else b''
        if isinstance(part, BaseException):
            raise part
        fits, rest = part[:len(buffer)], part[len(buffer):]
        buffer[:len(fits)] = fits
        self.parts[:0] = [rest] if rest else []
        return len(fits)


CHUNKED = {'HTTP_TRANSFER_ENCODING': 'chunked', 'wsgi.input_terminated': True}

#: By the status the parts of bodies, each with what the server says of it.
STREAMS: dict[int, Any] = {
    202: [([b'{"failed_only": true}'], CHUNKED), ([b'{}', b' ' * (LIMIT - 2)], CHUNKED), ([], {'CONTENT_LENGTH': '0'}),
          ([], {'CONTENT_LENGTH': ''})],
    413: [([b'{}' + b' ' * (LIMIT - 1)], CHUNKED), ([b'{}' + b' ' * 1_000_000], CHUNKED),
          ([AssertionError('read')], {'CONTENT_LENGTH': str(10 ** 12)})],
    415: [([b'{}'], {**CHUNKED, 'CONTENT_TYPE': 'text/plain'})],
    400: [*[([arrived], {'CONTENT_LENGTH': '21'}) for arrived in (b'', b'{}', b'{"failed_only": tru')],
          # Gunicorn's own errors have no other base.
          *[([b'{}', fault], CHUNKED) for fault in (Exception('chunk size'), ValueError('closed'), OSError('reset'))],
          *[([b'{}'], {'HTTP_TRANSFER_ENCODING': encoding}) for encoding in ('chunked', 'gzip, chunked')],
          *[([b'{}'], {'CONTENT_LENGTH': length}) for length in ('many', '-21', '+21', '21, 21', '9' * 5000)]]}


@pytest.mark.parametrize('status', STREAMS)
def test_a_body_in_parts_is_read_whole_or_refused(retry, run_id, rows, status):
    for parts, environ in STREAMS[status]:
        response = retry(run_id, **JSON, environ_overrides={'wsgi.input': Stream(*parts), **environ})
        assert response.status_code == status, (parts, environ)
    assert [row.failed_only for row in rows.retries] == ([True, False, False, False] if status == 202 else [])


@pytest.mark.parametrize(('content_type', 'status'), [
    ('application/x-www-form-urlencoded', 415), ('application/json', 400)])
def test_a_body_that_a_hook_of_the_platform_has_read_is_not_taken_for_an_empty_one(
        app, retry, run_id, content_type, status):
    app.before_request(lambda: (request.form, request.stream.read()) and None)

    assert retry(run_id, data=b'{"failed_only": true}', content_type=content_type) == status
