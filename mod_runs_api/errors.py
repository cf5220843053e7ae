"""The errors of the package (docs/api.rst, "Errors")."""

from collections.abc import Mapping
from typing import Any, ClassVar

MAX_MESSAGE_LENGTH = 500


class MountError(RuntimeError):
    """The blueprint is not registered, or its settings or the platform do not allow it (docs/settings.rst)."""


class RunsApiError(Exception):
    """
    Base of all errors that refuse a request (docs/api.rst, "Errors").

    Attributes
    ----------
    message : str
        One or two sentences for a user. A longer message than 500 characters is cut.
    code : str
        The snake_case name of the error.
    details : dict of str to object
        Facts for programs, in JSON types. Empty if there are none.
    """

    message: str
    code: ClassVar[str] = 'internal_error'
    details: dict[str, Any]

    def __init__(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        self.message = message[:MAX_MESSAGE_LENGTH]
        self.details = dict(details or {})
        super().__init__(self.message)

    def to_json(self) -> dict[str, Any]:
        """Return the error in the shape that all errors of the API have."""
        return {'code': self.code, 'message': self.message, 'details': self.details}


class StaleRead(Exception):
    """Rows changed since they were read, while a result is carried over. The transaction runs again."""


class RunNotFound(RunsApiError):
    """The run does not exist. ``details`` has its ``id``."""

    code = 'not_found'

    def __init__(self, run_id: int | str) -> None:
        shown = run_id if isinstance(run_id, int) else run_id[:64]
        super().__init__(f'Run {shown} not found.', {'resource': 'run', 'id': shown})


class Unprocessable(RunsApiError):
    """The request is understood, but refused. ``details`` says why."""

    code = 'unprocessable'


class InvalidFields(Unprocessable):
    """A value is of the wrong type, too long or unknown. ``details['fields']`` has the messages for each name."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        super().__init__('The request has invalid fields.', {'fields': dict(fields)})


class Refusal(Unprocessable):
    """
    A retry is refused (docs/api.rst, "Refusals"). Each reason is a subclass.

    Attributes
    ----------
    refusal : str
        The machine-readable reason, which ``details`` has too, beside the facts that explain it.
    """

    refusal: ClassVar[str]

    def __init__(self, message: str, **explanation: Any) -> None:
        super().__init__(message, {'refusal': self.refusal, **explanation})


class RunNotFinished(Refusal):
    """The source of a failed-only retry has not ended."""

    refusal = 'run_not_finished'


class NothingFailed(Refusal):
    """All tests of the source of a failed-only retry passed."""

    refusal = 'nothing_failed'


class InactiveTests(Refusal):
    """Some tests to run are inactive now, or none is active."""

    refusal = 'inactive_tests'


class KeyReused(Refusal):
    """The idempotency key belongs to another request, or the run that it created was deleted."""

    refusal = 'key_reused'


class RefusedByCheck(Refusal):
    """A condition is not met, GitHub gave no answer to a sweep, or the author of a pull request may not retry."""

    refusal = 'refused_by_check'


class RunChanged(Refusal):
    """An automatic retry is no longer due."""

    refusal = 'run_changed'


class InternalError(RunsApiError):
    """
    The server has a fault. The log has more.

    Attributes
    ----------
    fault : str
        The fault, in the words of the database if it comes from there. Only the command line prints it.
    """

    fault: str

    def __init__(self, fault: str = '') -> None:
        self.fault = fault
        super().__init__('An unexpected error occurred.')


class ServiceUnavailable(RunsApiError):
    """
    The database is unavailable, read-only or too busy, or a result keeps changing while it is carried over.

    Later, the request may work.
    """

    code = 'service_unavailable'

    def __init__(self, message: str = 'The database cannot be used at the moment. Try again later.') -> None:
        super().__init__(message)
