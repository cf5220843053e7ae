"""Reading the body of a request: JSON objects only, and small ones (docs/api.rst, "Retry a run")."""

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
    """Return the object that the body of the current request is; an empty one if there is no body."""
    _refuse_unknown_length()
    # For this request alone: the host's own limit is for uploads. One byte more than allowed, because a body of
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
    if request.content_length is not None and len(data) != request.content_length:
        # Cut off, or read by somebody else already. No body means all defaults, and must not be taken for this one.
        raise BadRequest('The body is incomplete.')
    if not data:
        return {}
    try:
        body = json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise BadRequest('The body is not valid JSON.') from None
    if not isinstance(body, dict):
        raise InvalidFields({'_schema': ['Must be a JSON object.']})
    return body


def _refuse_constant(name: str) -> None:
    raise ValueError(f'{name} is Python, not JSON.')


def _refuse_unknown_length() -> None:
    """Raise :exc:`BadRequest` if the request has a body that Werkzeug would read as empty."""
    # An empty body means all defaults: {"failed_only": true} would silently become a full retry.
    length = request.headers.get('Content-Length', '')
    is_unbounded = 'Transfer-Encoding' in request.headers and not request.environ.get('wsgi.input_terminated')
    # int(), with which Werkzeug reads it, refuses more than 4,300 digits.
    if is_unbounded or not re.fullmatch('[0-9]{0,18}', length):
        raise BadRequest('The body cannot be read: its length is not known.')
