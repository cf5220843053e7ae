"""What a fault is: of the database that is away, or of something else; and what may be said of it in the log."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from . import host
from .errors import InternalError, RunsApiError, ServiceUnavailable


def causes(fault: BaseException) -> Iterator[BaseException]:
    """
    Go from a fault to what it was raised from: hosts wrap those of the database in exceptions of their own.

    Parameters
    ----------
    fault : BaseException
        The fault.

    Yields
    ------
    BaseException
        The fault itself first.
    """
    cause: BaseException | None = fault
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def database_is_away(fault: BaseException) -> bool:
    """
    Say whether a fault comes of a database that cannot be reached or written to.

    Parameters
    ----------
    fault : BaseException
        The fault.

    Returns
    -------
    bool
    """
    return any(isinstance(cause, (OperationalError, InterfaceError, PoolTimeoutError)) for cause in causes(fault))


def refusal(fault: BaseException) -> RunsApiError:
    """
    Log a fault for the operator, and give what the requester is told of it.

    Parameters
    ----------
    fault : BaseException
        The fault.

    Returns
    -------
    RunsApiError
        Where the database is away, that it may be tried again; else that something went wrong.
    """
    refused: RunsApiError = ServiceUnavailable() if database_is_away(fault) else InternalError()
    host.log().error(f'{refused.code}: {describe(fault)}')
    return refused


def describe(fault: BaseException) -> str:
    """
    Say for the log what a fault is and where it happened.

    Parameters
    ----------
    fault : BaseException
        The fault.

    Returns
    -------
    str
        Without values: the text of an exception of the database may quote what was written, and with it the
        token of a run.
    """
    cause = next((cause for cause in causes(fault) if isinstance(cause, DBAPIError)), fault)
    said = type(cause).__name__
    if isinstance(cause, (OperationalError, InterfaceError)):
        said += f' {str(cause.orig)!r}'
    elif isinstance(cause, DBAPIError):
        said += ''.join(f' {code}' for code in getattr(cause.orig, 'args', ())[:1] if isinstance(code, int))
    where = ''.join(traceback.format_tb(fault.__traceback__))
    return f'{said}\n{where}'
