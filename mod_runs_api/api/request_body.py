"""Reading the body of a request: JSON objects only, and small ones (docs/api.rst, "Retry a run")."""

from __future__ import annotations

import json
import re
from typing import Any

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from ..errors import InvalidFields
from .errors import BadRequest, PayloadTooLarge, UnsupportedMediaType

#: Bytes. The longest reason has 255 code points, each at most 12 characters of JSON.
MAX_BODY = 16 * 1024
TOO_LARGE = f'The body must have at most {MAX_BODY} bytes.'


def read_object() -> dict[str, Any]:
    """
    Return the object that the body of the current request is; an empty one if there is no body.

    Raises :exc:`PayloadTooLarge`, :exc:`UnsupportedMediaType`, :exc:`BadRequest` if it is not JSON, has a key twice
    or is not all there, and :exc:`InvalidFields` if it is JSON, but no object.
    """
    _refuse_unknown_length()
    length = request.content_length
    if length is not None and length > MAX_BODY:
        raise PayloadTooLarge(TOO_LARGE)
    if length:
        _require_json()
    # For this request alone: the host's own limit is for uploads. One byte more than allowed, because a body of
    # unknown length ends silently where reading ends.
    request.max_content_length = MAX_BODY + 1
    try:
        data = request.get_data(cache=False)
    except Exception as error:
        too_large = isinstance(error, RequestEntityTooLarge)
        raise PayloadTooLarge(TOO_LARGE) if too_large else BadRequest('The body cannot be read.') from None
    if len(data) > MAX_BODY:
        raise PayloadTooLarge(TOO_LARGE)
    if length is not None and len(data) != length:
        # Cut off, or read by somebody else already. No body means all defaults, and must not be taken for this one.
        raise BadRequest('The body is incomplete.')
    if not data:
        return {}
    _require_json()
    try:
        # Decoded here, because json would take UTF-16 and UTF-32 too. Numbers become floats, because int() refuses
        # those of more than 4,300 digits, which are valid JSON.
        body = json.loads(data.decode('utf-8'), parse_int=float, object_pairs_hook=_without_duplicates,
                          parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise BadRequest('The body is not valid JSON.') from None
    if not isinstance(body, dict):
        raise InvalidFields({'_schema': ['Must be a JSON object.']})
    return body


def _require_json() -> None:
    if request.mimetype != 'application/json':
        raise UnsupportedMediaType('The body must be application/json.')


def _refuse_unknown_length() -> None:
    """
    Raise :exc:`BadRequest` if the request has a body that Werkzeug would read as empty.

    An empty body means all defaults, so ``{"failed_only": true}`` would silently become a full retry.
    """
    length = request.headers.get('Content-Length', '')
    is_unbounded = 'Transfer-Encoding' in request.headers and not request.environ.get('wsgi.input_terminated')
    # int(), with which Werkzeug reads it, refuses more than 4,300 digits.
    if is_unbounded or not re.fullmatch('[0-9]{0,18}', length):
        raise BadRequest('The body cannot be read: its length is not known.')


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError('duplicate key')
    return members


def _no_constant(name: str) -> Any:
    raise ValueError(f'{name} is not JSON')
