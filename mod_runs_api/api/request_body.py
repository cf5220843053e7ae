"""Reading the body of a request: JSON objects only, and small ones (docs/api.rst, "Retry a run")."""

import json
from typing import Any

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from ..errors import InvalidFields
from .errors import BadRequest, PayloadTooLarge, UnsupportedMediaType

#: Bytes. The longest reason has 255 code points, each at most 12 characters of JSON.
MAX_BODY = 16 * 1024
TOO_LARGE = f'The body must have at most {MAX_BODY} bytes.'


def read_object() -> dict[str, Any]:
    """Return the object that the body of the current request is; an empty one if there is no body."""
    # If neither the request nor the server says where the body ends, Werkzeug reads none. An empty body means all
    # defaults: {"failed_only": true} would silently become a full retry.
    if 'Transfer-Encoding' in request.headers and not request.environ.get('wsgi.input_terminated'):
        raise BadRequest('The body cannot be read: its length is not known.')
    # For this request alone: the platform's own limit is for uploads. One byte more than allowed, because a body of
    # unknown length ends silently where reading ends.
    request.max_content_length = MAX_BODY + 1
    try:
        data = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise PayloadTooLarge(TOO_LARGE) from None
    except Exception:
        raise BadRequest('The body cannot be read.') from None
    if len(data) > MAX_BODY:
        raise PayloadTooLarge(TOO_LARGE)
    if (data or request.content_length) and request.mimetype != 'application/json':
        raise UnsupportedMediaType('The body must be application/json.')
    length = request.headers.get('Content-Length') or '0'
    if request.content_length is not None and length != str(len(data)):
        # Cut off, read by somebody else already, or empty for Werkzeug because the length is no number.
        raise BadRequest('The body is incomplete.')
    if not data:
        return {}
    try:
        body = json.loads(data, parse_constant=_refuse_constant, object_pairs_hook=_to_object)
    except (ValueError, RecursionError):
        raise BadRequest('The body is not valid JSON.') from None
    if not isinstance(body, dict):
        raise InvalidFields({'_schema': ['Must be a JSON object.']})
    return body


def _refuse_constant(name: str) -> None:
    raise ValueError(f'{name} is Python, not JSON.')


def _to_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of the body. Raises :exc:`BadRequest` if it has a key twice."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            # The last value would silently decide which tests run.
            raise BadRequest(f'The body has the key {json.dumps(key[:32])} twice in one object.')
        found[key] = value
    return found
