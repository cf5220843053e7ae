"""Transactions that are tried again when the database says that this is all it takes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

T = TypeVar('T')

#: How often a transaction is tried, and the seconds after which it is not tried again.
ATTEMPTS = 8
PATIENCE = 10.0

#: MariaDB: record changed since last read (snapshot isolation), lock wait timeout, deadlock.
TRANSIENT_CODES = frozenset({1020, 1205, 1213})


def run(open_session: Callable[[], Session], work: Callable[[Session, bool], T], commit: bool = True) -> T:
    """
    Do the work in a transaction of its own, and again in a new one when the database gave way under it.

    Parameters
    ----------
    open_session : callable
        Opens a new session.
    work : callable
        Takes the session, and whether this is a further try: an earlier one may then have been committed although
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
        session = open_session()
        try:
            result = work(session, attempt > 0)
            if commit:
                session.commit()
            return result
        except DBAPIError as error:
            # Said here, for closing alone does not undo what a commit that failed has left on the connection.
            with suppress(DBAPIError):
                session.rollback()
            attempt += 1
            if attempt == ATTEMPTS or time.monotonic() - started > PATIENCE or not _may_pass(error):
                raise
        finally:
            # A connection that dies of being given back takes nothing back that is done.
            with suppress(DBAPIError):
                session.close()
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
