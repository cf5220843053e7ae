"""The one place where every error of the blueprint's routes becomes a response (contract section 1, "Errors")."""

from __future__ import annotations

import json
import re
from typing import Any

from flask import Response
from werkzeug.exceptions import HTTPException

from . import authentication, faults
from .errors import (BadRequest, Forbidden, InternalError, MethodNotAllowed,
                     PayloadTooLarge, RateLimited, RunNotFound, RunsApiError,
                     ServiceUnavailable, Unauthorized, Unprocessable,
                     UnsupportedMediaType)
from .reconnect import second_try

STATUSES: dict[type[RunsApiError], int] = {
    BadRequest: 400,
    Unauthorized: 401,
    Forbidden: 403,
    RunNotFound: 404,
    MethodNotAllowed: 405,
    PayloadTooLarge: 413,
    UnsupportedMediaType: 415,
    Unprocessable: 422,
    RateLimited: 429,
    InternalError: 500,
    ServiceUnavailable: 503,
}


def json_response(body: dict[str, Any], status: int) -> Response:
    """
    Make a response of JSON, in ASCII whatever the host's settings.

    Parameters
    ----------
    body : dict
        What to answer.
    status : int
        The HTTP status.

    Returns
    -------
    Response
    """
    return Response(json.dumps(body) + '\n', status, mimetype='application/json')


def from_error(error: RunsApiError) -> Response:
    """
    Answer with an error of the package.

    Parameters
    ----------
    error : RunsApiError
        What went wrong.

    Returns
    -------
    Response
        With the headers that HTTP asks for at this status.
    """
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    response = json_response(error.as_json(), status)
    if isinstance(error, Unauthorized):
        response.headers['WWW-Authenticate'] = (f'Bearer realm="{authentication.REALM}"'
                                                + (', error="invalid_token"' if error.presented else ''))
    elif isinstance(error, Forbidden) and 'required_scope' in error.details:
        response.headers['WWW-Authenticate'] = (f'Bearer realm="{authentication.REALM}", error="insufficient_scope", '
                                                f'scope="{error.details["required_scope"]}"')
    elif isinstance(error, MethodNotAllowed):
        response.headers['Allow'] = ', '.join(error.allowed)
    elif isinstance(error, (RateLimited, ServiceUnavailable)):
        response.headers['Retry-After'] = str(error.retry_after)
    return response


def from_http_exception(error: HTTPException) -> Response:
    """
    Answer with a refusal of Werkzeug's, or of the host's own hooks.

    Parameters
    ----------
    error : HTTPException
        Of any status.

    Returns
    -------
    Response
        In the one shape, with the code that the contract has for this status, and with the error's own headers.
    """
    status = error.code or 500
    code = next((kind.code for kind, number in STATUSES.items() if number == status),
                re.sub(r'\W+', '_', error.name).lower())
    response = json_response({'code': code, 'message': f'{error.name}.', 'details': {}}, status)
    for name, value in error.get_headers():
        if name.lower() not in ('content-type', 'content-length'):
            response.headers[name] = value
    return response


def from_exception(error: Exception) -> Response | HTTPException:
    """
    Answer with whatever else went wrong while one of the blueprint's routes was asked.

    Parameters
    ----------
    error : Exception
        A breach of the limit, a refusal of Werkzeug's or of the host's own hooks, or a fault.

    Returns
    -------
    Response or HTTPException
        The latter, unchanged, where it carries a response of its own.
    """
    # Here, as everywhere: see `limits`.
    from flask_limiter import RateLimitExceeded

    from . import limits
    if isinstance(error, RateLimitExceeded):
        return from_error(limits.refusal(error))
    if isinstance(error, HTTPException):
        if error.response is not None:
            return error
        return from_http_exception(error)
    try:
        answer = second_try(error)
    except RunsApiError as refusal:
        return from_error(refusal)
    except Exception as fault:
        return from_exception(fault)
    if answer is not None:
        return answer
    return from_error(faults.refusal(error))
