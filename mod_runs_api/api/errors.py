"""The errors of HTTP, and the status of the answer to every error (docs/api.rst, "Errors")."""

from collections.abc import Collection, Iterable, Mapping

from ..domain.retry import SWITCHED_OFF
from ..domain.sentences import counted
from ..errors import (InternalError, RunNotFound, RunsApiError,
                      ServiceUnavailable, Unprocessable)

#: The protection space that the challenge of a 401 names.
REALM = 'runs-api'


class HTTPError(RunsApiError):
    """
    Base of the errors that only a request over HTTP can have.

    Attributes
    ----------
    headers : Mapping of str to str
        The headers that HTTP wants with the answer.
    """

    headers: Mapping[str, str] = {}


class BadRequest(HTTPError):
    """The body is not JSON at all, has a key twice, or cannot be read."""

    code = 'bad_request'


class Unauthorized(HTTPError):
    """The bearer token is missing, expired, revoked or invalid. The answer never tells which."""

    code = 'unauthorized'

    def __init__(self, has_credentials: bool) -> None:
        super().__init__('Bearer token is missing, expired, or invalid.')
        # The challenge, as RFC 6750 has it.
        error = ', error="invalid_token"' if has_credentials else ''
        self.headers = {'WWW-Authenticate': f'Bearer realm="{REALM}"{error}'}


class Forbidden(HTTPError):
    """The requester is known, but lacks the scope or the role."""

    code = 'forbidden'


class MissingScope(Forbidden):
    """The token lacks the scope."""

    def __init__(self, required_scope: str, token_scopes: Iterable[str]) -> None:
        super().__init__('Token does not have the required scope for this operation.',
                         {'required_scope': required_scope, 'token_scopes': sorted(token_scopes)})
        self.headers = {'WWW-Authenticate': f'Bearer realm="{REALM}", error="insufficient_scope", '
                                            f'scope="{required_scope}"'}


class MissingRole(Forbidden):
    """The user has none of the roles."""

    def __init__(self, required_roles: Collection[str], user_role: str | None) -> None:
        super().__init__('Your role does not have permission to run tests.' if required_roles else SWITCHED_OFF,
                         {'required_roles': sorted(required_roles), 'user_role': user_role})


class PayloadTooLarge(HTTPError):
    """The body is larger than any meaningful one."""

    code = 'payload_too_large'


class UnsupportedMediaType(HTTPError):
    """The body is not declared as JSON."""

    code = 'unsupported_media_type'


class RateLimited(HTTPError):
    """Too many requests in the current window."""

    code = 'rate_limited'

    def __init__(self, retry_after: int, limit: int, window: int) -> None:
        super().__init__(f'Rate limit exceeded. Retry after {counted(retry_after, "second")}.',
                         {'retry_after': retry_after, 'limit': limit, 'window': f'{window}s'})
        self.headers = {'Retry-After': str(retry_after)}


#: The status of the answer to each error, and to its subclasses. 405 is Flask's.
STATUSES: Mapping[type[RunsApiError], int] = {
    BadRequest: 400, Unauthorized: 401, Forbidden: 403, RunNotFound: 404, PayloadTooLarge: 413,
    UnsupportedMediaType: 415, Unprocessable: 422, RateLimited: 429, InternalError: 500, ServiceUnavailable: 503}

#: After how many seconds a client may repeat a request if the database was unavailable.
RETRY_AFTER = 5


def status_of(error: RunsApiError) -> int:
    """Return the HTTP status of the answer to an error."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def headers_of(error: RunsApiError) -> Mapping[str, str]:
    """Return the headers that HTTP wants with the answer to an error."""
    if isinstance(error, ServiceUnavailable):
        return {'Retry-After': str(RETRY_AFTER)}
    return error.headers if isinstance(error, HTTPError) else {}
