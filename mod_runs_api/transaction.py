"""Transactions that are tried again when the database asks for it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError

T = TypeVar('T')

#: How often a transaction is tried, and the seconds after which it is not tried again.
MAX_TRIES = 8
MAX_SECONDS = 10.0

#: MariaDB: record changed since last read (snapshot isolation), lock wait timeout, deadlock.
TRANSIENT_CODES = frozenset({1020, 1205, 1213})


def run_transaction(begin: Callable[[], AbstractContextManager[Connection]], work: Callable[[Connection], T],
                    find_committed: Callable[[Connection], T | None] | None = None) -> T:
    """
    Return what ``work`` returns, committed. It is called again in a new transaction after a transient error.

    In every further try, what ``find_committed`` finds is returned instead: an earlier try may have been committed
    without an answer. Raises the error of the database if it is not transient, or is still failing after the
    retries.
    """
    started = time.monotonic()
    tries = 0
    while True:
        tries += 1
        try:
            with begin() as connection:
                committed = find_committed(connection) if find_committed and tries > 1 else None
                return work(connection) if committed is None else committed
        except DBAPIError as error:
            if tries == MAX_TRIES or time.monotonic() - started > MAX_SECONDS or not _is_transient(error):
                raise
        # A random wait, or the same transactions meet again.
        time.sleep(random.uniform(0, 0.005 * 2 ** tries))


def _is_transient(error: DBAPIError) -> bool:
    if isinstance(error, IntegrityError):
        # Somebody else wrote the same key, or deleted a row that was just read: a new snapshot shows it.
        return True
    if error.connection_invalidated:
        # The connection was dead, as pooled ones are after a restart. The pool has been emptied.
        return True
    return bool(error.orig and error.orig.args and error.orig.args[0] in TRANSIENT_CODES)
