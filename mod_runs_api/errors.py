"""The errors of the package (docs/api.rst, "Errors")."""

from collections.abc import Mapping
from typing import Any, ClassVar

MAX_MESSAGE_LENGTH = 500


class MountError(RuntimeError):
    """The application lacks something that the package needs, or a setting is wrong (docs/settings.rst)."""


class RunsApiError(Exception):
    """
    Base of all errors that refuse a request (docs/api.rst, "Errors").

    Parameters
    ----------
    message : str
        One or two sentences for a user. Longer ones than 500 characters are cut.
    details : Mapping, optional
        Facts for programs, in JSON types.

    Attributes
    ----------
    code : str
        The snake_case name of the error.
    status : int
        The HTTP status that the API answers with.
    headers : Mapping of str to str
        The headers that HTTP asks for with this status.
    """

    code = 'internal_error'
    status = 500
    headers: Mapping[str, str] = {}

    def __init__(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        self.message = message[:MAX_MESSAGE_LENGTH]
        self.details: dict[str, Any] = dict(details or {})
        super().__init__(self.message)

    def to_json(self) -> dict[str, Any]:
        """Return the error in the one shape that all of them have."""
        return {'code': self.code, 'message': self.message, 'details': self.details}


class StaleRead(Exception):
    """Rows changed since they were read: the transaction is run again."""


class RunNotFound(RunsApiError):
    """There is no such run."""

    code = 'not_found'
    status = 404

    def __init__(self, run_id: int | str) -> None:
        shown = run_id if isinstance(run_id, int) else run_id[:64]
        super().__init__(f'Run {shown} not found.', {'resource': 'run', 'id': shown})


class Unprocessable(RunsApiError):
    """The request is understood, but cannot be done. ``details`` says why."""

    code = 'unprocessable'
    status = 422


class InvalidFields(Unprocessable):
    """Fields of the wrong type, too long, or unknown. ``details['fields']`` has the messages of each."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        super().__init__('The request has invalid fields.', {'fields': dict(fields)})


class Refusal(Unprocessable):
    """A retry that is refused (docs/api.rst, "Refusals"). ``details`` has the reason and what explains it."""

    #: The machine-readable reason, as in ``details``.
    refusal: ClassVar[str]

    def __init__(self, message: str, **explanation: Any) -> None:
        super().__init__(message, {'refusal': self.refusal, **explanation})


class RunNotFinished(Refusal):
    """Only the tests that did not pass are asked for, of a run that has not ended."""

    refusal = 'run_not_finished'


class RunQueued(Refusal):
    """A comment asks for a run that is still queued."""

    refusal = 'run_queued'


class NothingFailed(Refusal):
    """Only the tests that did not pass are asked for, and all passed."""

    refusal = 'nothing_failed'


class InactiveTests(Refusal):
    """Some of the tests to run are inactive now, or none is active."""

    refusal = 'inactive_tests'


class KeyReused(Refusal):
    """The idempotency key belongs to another request."""

    refusal = 'key_reused'


class RefusedByCheck(Refusal):
    """A check said no, or had no answer where none is a no."""

    refusal = 'refused_by_check'


class RunChanged(Refusal):
    """An automatic retry is not due any more."""

    refusal = 'run_changed'


class InternalError(RunsApiError):
    """A fault of the server. The log has more."""

    def __init__(self, fault: str = '') -> None:
        #: What it was, in the database's own words if it came from there: for the operator at the command line alone.
        self.fault = fault
        super().__init__('An unexpected error occurred.')


class ServiceUnavailable(RunsApiError):
    """The database is away, read-only or too busy. The same request may work later."""

    code = 'service_unavailable'
    status = 503
    headers = {'Retry-After': '5'}

    def __init__(self) -> None:
        super().__init__('The database cannot be used at the moment. Try again later.')
