"""The one place where an error of the API becomes a response (docs/api.rst, "Errors")."""

import json
import re
from collections.abc import Mapping
from typing import Any

from flask import Response
from flask_limiter import RateLimitExceeded
from werkzeug.exceptions import HTTPException

from ..database.faults import log_fault
from ..errors import RunsApiError
from .errors import STATUSES, headers_of, status_of
from .limits import rate_limit_error

#: The headers of the platform's own API; and no answer is to be cached.
HEADERS = {
    'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Cache-Control': 'no-store',
}


def json_response(body: dict[str, Any], status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response with JSON in ASCII, independent of the platform's settings."""
    return Response(json.dumps(body) + '\n', status, headers, mimetype='application/json')


def from_error(error: RunsApiError) -> Response:
    """Return the response for an error of the package."""
    return json_response(error.to_json(), status_of(error), headers_of(error))


def from_exception(error: Exception) -> Response | HTTPException:
    """Return the response for any other exception that a route of the API raises."""
    if isinstance(error, RateLimitExceeded):
        return from_error(rate_limit_error(error))
    if isinstance(error, HTTPException):
        # An exception that carries a response is answered with it.
        return error if error.response is not None else _from_http_exception(error)
    return from_error(log_fault(error))


def _from_http_exception(error: HTTPException) -> Response:
    """Return the response for a refusal of Werkzeug's, or of the platform's own hooks."""
    status = error.code or 500
    code = next((kind.code for kind, of_kind in STATUSES.items() if of_kind == status),
                re.sub(r'\W+', '_', error.name).lower())
    headers = {name: value for name, value in error.get_headers()
               if name.lower() not in ('content-type', 'content-length')}
    return json_response({'code': code, 'message': f'{error.name}.', 'details': {}}, status, headers)
