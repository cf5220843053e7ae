"""The log of the package, in which faults are described without values."""

import logging
import traceback
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from .errors import MAX_MESSAGE_LENGTH

#: A child of the logger that the platform's ``run.py`` configures: the platform's file has the name in each line.
log = logging.getLogger('Platform.runs_api')


def code_of(fault: DBAPIError) -> int | str | None:
    """Return the first argument of a driver's error: a number for MySQL and MariaDB, a text for SQLite."""
    code = fault.orig.args[0] if fault.orig and fault.orig.args else None
    return code if isinstance(code, (int, str)) else None


def describe(fault: BaseException) -> str:
    """Return the kind and the place of a fault for the log, without values."""
    return f'{kind_of(fault)}\n{"".join(traceback.format_tb(fault.__traceback__))}'


def explain(fault: BaseException, secret: str) -> str:
    """Return the kind and the message of a fault that is not of the database, for the log, in one line."""
    text = ' '.join(''.join(traceback.format_exception_only(fault)).split())
    # A token that ends with a line break makes a request fail, with an error that quotes it.
    token = secret.strip()
    return (text.replace(token, '***') if token else text)[:MAX_MESSAGE_LENGTH]


def kind_of(fault: BaseException) -> str:
    """Return the kind of a fault, with the driver's text or number if it is of a database."""
    cause = next((cause for cause in causes_of(fault) if isinstance(cause, DBAPIError)), fault)
    text = type(cause).__name__
    if isinstance(cause, (OperationalError, InterfaceError)):
        return f'{text} {str(cause.orig)!r}'
    # The text of others may quote stored values, the token of a run among them.
    if isinstance(cause, DBAPIError) and isinstance(code_of(cause), int):
        return f'{text} {code_of(cause)}'
    return text


def causes_of(fault: BaseException) -> Iterator[BaseException]:
    """Yield a fault and those that it was raised from: the platform wraps the database's errors in its own."""
    seen: set[int] = set()
    cause: BaseException | None = fault
    while cause is not None and id(cause) not in seen:
        yield cause
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
