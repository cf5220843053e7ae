"""Which errors of the database waiting can fix, and what the requester is told of a fault (docs/api.rst, "Errors")."""

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from ..errors import InternalError, RunsApiError, ServiceUnavailable, StaleRead
from ..log import causes_of, code_of, describe, kind_of, log

#: The errors of a database after which the same transaction may succeed at once: another one was in the way.
CONFLICTS: frozenset[int | str | None] = frozenset({
    1020,  # Record has changed since last read (MariaDB, snapshot isolation)
    1205,  # Lock wait timeout exceeded
    1213,  # Deadlock found
    1412,  # Table definition has changed, by a migration
    1467,  # Failed to read an auto-increment value, because of a deadlock (MariaDB)
})
#: All errors that waiting can fix. All others are internal errors.
TRANSIENT = CONFLICTS | {
    # The server is away.
    0,  # The driver's connection is closed
    2002,  # Can't connect through the socket
    2003,  # Can't connect
    2006,  # Server has gone away
    2013,  # Lost connection
    1053,  # Server shutdown in progress
    1158,  # Error reading communication packets
    1159,  # Timeout reading communication packets
    1160,  # Error writing communication packets
    1161,  # Timeout writing communication packets
    1317,  # Query execution was interrupted, by KILL or a shutdown
    1927,  # Connection was killed (MariaDB)
    3032,  # Server is in offline mode (MySQL)
    3169,  # Session was killed (MySQL)
    4031,  # Disconnected because of inactivity (MySQL)
    'unable to open database file',
    'disk I/O error',
    # It is read-only.
    1036,  # Table is read only, with innodb_read_only
    1290,  # The server runs with read_only
    1792,  # Transactions are read only
    1836,  # The server runs in read-only mode (MySQL)
    'attempt to write a readonly database',
    # Its disk is full.
    3,  # Error writing file
    1021,  # Disk full
    1026,  # Error writing file
    1114,  # Table is full
    'database or disk is full',
    # It is busy.
    1037,  # Out of memory
    1040,  # Too many connections
    1041,  # Out of memory
    1135,  # Can't create a new thread
    1203,  # Too many connections of this account
    1206,  # Too many locks
    1226,  # Account has exceeded a resource
    1969,  # Query took longer than max_statement_time (MariaDB)
    3024,  # Query took longer than max_execution_time (MySQL)
    'database is locked',
    'database table is locked',
}


def log_fault(fault: BaseException) -> RunsApiError:
    """Log a fault, and return the error that the requester sees."""
    error: RunsApiError
    if isinstance(fault, StaleRead):
        error = ServiceUnavailable('A result keeps changing while it is carried over. Try again later.')
    elif any(isinstance(cause, PoolTimeoutError) or is_transient(cause) for cause in causes_of(fault)):
        error = ServiceUnavailable()
    else:
        error = InternalError(kind_of(fault))
    log.error(f'{error.code}: {describe(fault) if isinstance(error, InternalError) else kind_of(fault)}')
    return error


def is_transient(fault: BaseException) -> bool:
    """Return whether a fault is an error of a database that waiting can fix."""
    return isinstance(fault, DBAPIError) and (fault.connection_invalidated or code_of(fault) in TRANSIENT)


def may_succeed_at_once(error: DBAPIError | StaleRead) -> bool:
    """Return whether a transaction that failed may succeed if it is repeated without delay."""
    # Another transaction wrote the same key, or deleted a row that was just read: a new snapshot shows it. Or the
    # connection was closed, as pooled ones are after a restart: the pool has been emptied.
    if isinstance(error, (IntegrityError, StaleRead)) or error.connection_invalidated:
        return True
    return code_of(error) in CONFLICTS
