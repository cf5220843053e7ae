"""The log of the host. Unexpected errors are logged without values, and answered without internal details."""

import logging
import traceback
from collections.abc import Iterator
from typing import TypeGuard

from flask import g
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from ..errors import MAX_MESSAGE_LENGTH, InternalError, RunsApiError, ServiceUnavailable, StaleRead

#: Errors that waiting cannot mend, though drivers raise them as if it could. MySQL and MariaDB: a database, table,
#: column or default that is not there, a right or a log-in that is lacking, a password or an account that has ended.
PERMANENT_CODES = frozenset({1044, 1045, 1049, 1054, 1142, 1143, 1364, 1820, 1862, 3118, 4151})
#: The beginnings of SQLite's messages for a table or a column that is not there: it has one code for many errors.
PERMANENT_BEGINNINGS = ('no such ', 'table ')
#: The name of the logger that the platform's ``run.py`` creates.
PLATFORM_LOGGER = 'Platform'


def log() -> logging.Logger:
    """Return the log of the platform: ``g.log``, or its logger by name if there is no request."""
    # Not the application's logger: the platform does not configure it, so it drops everything below a warning.
    logger: logging.Logger = g.get('log') or logging.getLogger(PLATFORM_LOGGER)
    return logger


def log_fault(fault: BaseException) -> RunsApiError:
    """Log a fault, and return the error that the requester sees."""
    is_away = any(isinstance(cause, (StaleRead, PoolTimeoutError)) or _is_of_server(cause) and not _is_permanent(cause)
                  for cause in _causes(fault))
    error = ServiceUnavailable() if is_away else InternalError(_name(fault))
    log().error(f'{error.code}: {_name(fault) if is_away else describe(fault)}')
    return error


def _is_of_server(cause: BaseException) -> TypeGuard[DBAPIError]:
    """Return whether a fault is about the server or its tables, and not about the values of a statement."""
    return isinstance(cause, (OperationalError, InterfaceError))


def _is_permanent(fault: DBAPIError) -> bool:
    reason = fault.orig.args[0] if fault.orig and fault.orig.args else None
    return reason in PERMANENT_CODES or str(reason).startswith(PERMANENT_BEGINNINGS)


def describe(fault: BaseException) -> str:
    """Return the kind and the place of a fault for the log, without values."""
    return f'{_name(fault)}\n{"".join(traceback.format_tb(fault.__traceback__))}'


def explain(fault: BaseException) -> str:
    """Return the kind and the message of a fault for the log, in a line. Messages of the database keep their values."""
    if any(isinstance(cause, SQLAlchemyError) for cause in _causes(fault)):
        return _name(fault)
    return ' '.join(''.join(traceback.format_exception_only(fault)).split())[:MAX_MESSAGE_LENGTH]


def _name(fault: BaseException) -> str:
    """Return the kind of a fault, with the driver's text where the database is away or cannot work."""
    # The text of its other errors may quote stored values, the token of a run among them.
    cause = next((cause for cause in _causes(fault) if isinstance(cause, DBAPIError)), fault)
    text = type(cause).__name__
    if _is_of_server(cause):
        return f'{text} {str(cause.orig)!r}'
    if isinstance(cause, DBAPIError) and cause.orig and cause.orig.args and isinstance(cause.orig.args[0], int):
        return f'{text} {cause.orig.args[0]}'
    return text


def _causes(fault: BaseException) -> Iterator[BaseException]:
    """Yield a fault and those that it was raised from: hosts wrap the database's errors in their own."""
    seen: set[int] = set()
    cause: BaseException | None = fault
    while cause is not None and id(cause) not in seen:
        yield cause
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
