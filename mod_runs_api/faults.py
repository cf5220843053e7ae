"""Unexpected errors: logged without values, and answered without internal details."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from .errors import InternalError, RunsApiError, ServiceUnavailable
from .host.runtime import log


def log_fault(fault: BaseException) -> RunsApiError:
    """Log a fault, and return the error that the requester sees."""
    is_away = any(isinstance(cause, (OperationalError, InterfaceError, PoolTimeoutError)) for cause in _causes(fault))
    error = ServiceUnavailable() if is_away else InternalError()
    log().error(f'{error.code}: {describe(fault)}')
    return error


def describe(fault: BaseException) -> str:
    """
    Return for the log what a fault is and where it happened, without values.

    The text of an exception of the database may quote what was written, and with it the token of a run.
    """
    cause = next((cause for cause in _causes(fault) if isinstance(cause, DBAPIError)), fault)
    text = type(cause).__name__
    if isinstance(cause, (OperationalError, InterfaceError)):
        text += f' {str(cause.orig)!r}'
    elif isinstance(cause, DBAPIError):
        code = cause.orig.args[0] if cause.orig and cause.orig.args else None
        text += f' {code}' if isinstance(code, int) else ''
    where = ''.join(traceback.format_tb(fault.__traceback__))
    return f'{text}\n{where}'


def _causes(fault: BaseException) -> Iterator[BaseException]:
    """Yield a fault and what it was raised from: hosts wrap the database's errors in their own."""
    seen: set[int] = set()
    cause: BaseException | None = fault
    while cause is not None and id(cause) not in seen:
        yield cause
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
