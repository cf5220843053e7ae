"""The errors of HTTP, beside those of the domain (docs/api.rst, "Errors")."""

from collections.abc import Collection, Iterable

from ..domain.retry import SWITCHED_OFF
from ..domain.sentences import counted
from ..errors import InternalError, RunNotFound, RunsApiError, ServiceUnavailable, Unprocessable

#: The protection space that the challenge of a 401 names.
REALM = 'runs-api'


class BadRequest(RunsApiError):
    """The body is not JSON at all, has a key twice, or cannot be read."""

    code = 'bad_request'
    status = 400


class Unauthorized(RunsApiError):
    """The bearer token is missing, expired, revoked or invalid. The answer never tells which."""

    code = 'unauthorized'
    status = 401

    def __init__(self, has_credentials: bool) -> None:
        super().__init__('Bearer token is missing, expired, or invalid.')
        # The challenge, as RFC 6750 has it.
        error = ', error="invalid_token"' if has_credentials else ''
        self.headers = {'WWW-Authenticate': f'Bearer realm="{REALM}"{error}'}


class Forbidden(RunsApiError):
    """The requester is known, but lacks the scope or the role."""

    code = 'forbidden'
    status = 403


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


class PayloadTooLarge(RunsApiError):
    """The body is larger than any meaningful one."""

    code = 'payload_too_large'
    status = 413


class UnsupportedMediaType(RunsApiError):
    """The body is not declared as JSON."""

    code = 'unsupported_media_type'
    status = 415


class RateLimited(RunsApiError):
    """Too many requests in the current window."""

    code = 'rate_limited'
    status = 429

    def __init__(self, retry_after: int, limit: int, window: int) -> None:
        super().__init__(f'Rate limit exceeded. Retry after {counted(retry_after, "second")}.',
                         {'retry_after': retry_after, 'limit': limit, 'window': f'{window}s'})
        self.headers = {'Retry-After': str(retry_after)}


#: An error for each status in the table of docs/api.rst but 405, which is Flask's.
ERRORS: tuple[type[RunsApiError], ...] = (
    BadRequest, Unauthorized, Forbidden, RunNotFound, PayloadTooLarge, UnsupportedMediaType, Unprocessable, RateLimited,
    InternalError, ServiceUnavailable)
