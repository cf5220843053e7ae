"""Reading the body of a request: JSON objects only, and small ones (contract section 1)."""

from __future__ import annotations

import json
from typing import Any

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from .errors import (BadRequest, InvalidFields, PayloadTooLarge,
                     UnsupportedMediaType)

#: Bytes. The longest reason has 255 code points, each at most 12 characters of JSON.
MAX_BODY = 16 * 1024


def read_object() -> dict[str, Any]:
    """
    Read the body of the current request.

    Returns
    -------
    dict
        The object that it is; an empty one where there is no body.

    Raises
    ------
    PayloadTooLarge
        It has more than :data:`MAX_BODY` bytes. It is not read in that case.
    UnsupportedMediaType
        It is not declared as ``application/json``.
    BadRequest
        It is not JSON, or has a key twice.
    InvalidFields
        It is JSON, but no object.
    """
    # Of this request alone; the host's own limit is for uploads.
    request.max_content_length = MAX_BODY
    try:
        data = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise PayloadTooLarge(f'The body must have at most {MAX_BODY} bytes.') from None
    if not data:
        return {}
    if request.mimetype != 'application/json':
        raise UnsupportedMediaType('The body must be application/json.')
    try:
        # Decoded by hand: json would take UTF-16 and UTF-32 as well.
        body = json.loads(data.decode('utf-8'), object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise BadRequest('The body is not valid JSON.') from None
    if not isinstance(body, dict):
        raise InvalidFields({'_schema': ['Must be a JSON object.']})
    return body


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError('duplicate key')
    return members


def _no_constant(name: str) -> Any:
    raise ValueError(f'{name} is not JSON')
