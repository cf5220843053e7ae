"""Transactions that are tried again when the database says that this is all it takes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from sqlalchemy import Connection, Transaction
from sqlalchemy.exc import DBAPIError, IntegrityError

T = TypeVar('T')

#: How often a transaction is tried, and the seconds after which it is not tried again.
ATTEMPTS = 8
PATIENCE = 10.0

#: MariaDB: record changed since last read (snapshot isolation), lock wait timeout, deadlock.
TRANSIENT_CODES = frozenset({1020, 1205, 1213})


def run(begin: Callable[[], AbstractContextManager[Transaction]], work: Callable[[Connection, bool], T],
        commit: bool = True) -> T:
    """
    Do the work in a transaction of its own, and again in a new one when the database gave way under it.

    Parameters
    ----------
    begin : callable
        Begins a new transaction.
    work : callable
        Takes its connection, and whether this is a further try: an earlier one may then have been committed although
        the database did not live to say so.
    commit : bool
        Whether there is anything to commit.

    Returns
    -------
    object
        What ``work`` returned, committed.

    Raises
    ------
    sqlalchemy.exc.DBAPIError
        The database refused, and will again; or it gave way in every one of :data:`ATTEMPTS` tries.
    """
    started = time.monotonic()
    attempt = 0
    while True:
        try:
            with begin() as transaction:
                result = work(transaction.connection, attempt > 0)
                if commit:
                    transaction.commit()
            return result
        except DBAPIError as error:
            attempt += 1
            if attempt == ATTEMPTS or time.monotonic() - started > PATIENCE or not _may_pass(error):
                raise
        # A little apart, or the same transactions meet again.
        time.sleep(random.uniform(0, 0.005 * 2 ** attempt))


def _may_pass(error: DBAPIError) -> bool:
    """Say whether the same work may go through in a new transaction."""
    if isinstance(error, IntegrityError):
        # Somebody else wrote the same key, or removed a row that was just read: a new snapshot shows it.
        return True
    if error.connection_invalidated:
        # The connection was dead, as pooled ones are after a restart. The pool has been emptied.
        return True
    return bool(error.orig and error.orig.args and error.orig.args[0] in TRANSIENT_CODES)
