"""
The errors of the package, each with the code and the details that a caller gets.

Nothing here knows HTTP: ``responses`` gives every class its status.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

JSONObject = dict[str, Any]


class MountError(RuntimeError):
    """The application cannot be worked with: the message names what is missing or wrong (contract section 2)."""


class RunsApiError(Exception):
    """
    Base of everything that a retry can be refused with (contract section 1, "Errors").

    Parameters
    ----------
    message : str
        One or two sentences for a person, at most 500 characters; longer ones are cut.
    details : Mapping, optional
        What a program needs to know, in JSON types.

    Attributes
    ----------
    code : str
        The snake_case name of the error, the same for every error of a class.
    """

    code = 'internal_error'

    def __init__(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        self.message = message[:500]
        self.details: JSONObject = dict(details or {})
        super().__init__(self.message)

    def as_json(self) -> JSONObject:
        """Give the error in the one shape."""
        return {'code': self.code, 'message': self.message, 'details': self.details}


class BadRequest(RunsApiError):
    """The body is not JSON at all, or cannot be read."""

    code = 'bad_request'


class Unauthorized(RunsApiError):
    """
    The bearer token is missing, expired, revoked or invalid: which of these is never said.

    Parameters
    ----------
    presented : bool
        Whether there was any token at all.
    """

    code = 'unauthorized'

    def __init__(self, presented: bool = True) -> None:
        self.presented = presented
        super().__init__('The bearer token is missing, expired, revoked or invalid.')


class Forbidden(RunsApiError):
    """The requester is known, but lacks the scope or the role."""

    code = 'forbidden'

    @classmethod
    def by_scope(cls, required: str, granted: Iterable[str]) -> Forbidden:
        """Refuse a token without the scope ``required``."""
        return cls(f'The token lacks the scope {required}.',
                   {'required_scope': required, 'token_scopes': sorted(granted)})

    @classmethod
    def by_role(cls, required: Iterable[str], role: str | None) -> Forbidden:
        """Refuse a person whose ``role`` is none of ``required``."""
        return cls('Your role does not have permission to run tests.',
                   {'required_roles': sorted(required), 'user_role': role})


class RunNotFound(RunsApiError):
    """There is no such run."""

    code = 'not_found'

    def __init__(self, run_id: int | str) -> None:
        shown = run_id if isinstance(run_id, int) else run_id[:64]
        super().__init__(f'Run {shown} not found.', {'resource': 'run', 'id': shown})


class MethodNotAllowed(RunsApiError):
    """The route answers other verbs only."""

    code = 'method_not_allowed'

    def __init__(self, allowed: Sequence[str]) -> None:
        self.allowed = tuple(allowed)
        super().__init__(f'Only {" and ".join(allowed)} is allowed here.')


class PayloadTooLarge(RunsApiError):
    """The body is larger than any meaningful one."""

    code = 'payload_too_large'


class UnsupportedMediaType(RunsApiError):
    """The body is not declared as JSON."""

    code = 'unsupported_media_type'


class Unprocessable(RunsApiError):
    """The request is understood, but cannot be done: ``details`` says why."""

    code = 'unprocessable'


class InvalidFields(Unprocessable):
    """Fields of the wrong type, too long, or unknown: ``details['fields']`` has the messages of each."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        super().__init__('The request has invalid fields.', {'fields': dict(fields)})


class RateLimited(RunsApiError):
    """Too many requests in the current window."""

    code = 'rate_limited'

    def __init__(self, retry_after: int, limit: int, window: int) -> None:
        self.retry_after = retry_after
        super().__init__(f'Too many requests. Try again in {retry_after} seconds.',
                         {'retry_after': retry_after, 'limit': limit, 'window': f'{window}s'})


class InternalError(RunsApiError):
    """A fault of the server: the log says more, the caller is told nothing of the inside."""

    code = 'internal_error'

    def __init__(self) -> None:
        super().__init__('An unexpected error occurred.')


class ServiceUnavailable(RunsApiError):
    """The database is away, read-only or too busy: the same request may work later."""

    code = 'service_unavailable'

    #: Seconds after which to try again.
    retry_after = 5

    def __init__(self) -> None:
        super().__init__('The database cannot be used at the moment. Try again later.')
