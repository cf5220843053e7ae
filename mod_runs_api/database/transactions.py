"""
Transactions on the platform's database.

The package's own transactions are repeated after a conflict. Here the database's errors become the package's.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, literal, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..errors import StaleRead
from ..platform.models import Test
from ..platform.runtime import PlatformSession, platform_session
from ..platform.sessions import has_changes
from .faults import log_fault, may_succeed_at_once

P = ParamSpec('P')
T = TypeVar('T')

#: How often a transaction is tried, and the seconds after which it is not tried again.
MAX_TRIES = 8
MAX_SECONDS = 10.0
#: The isolation levels under which two statements of a transaction may see two states.
WITHOUT_SNAPSHOT = ('READ UNCOMMITTED', 'READ COMMITTED')


@dataclass(frozen=True)
class Transactions:
    """Transactions on the database of one application."""

    #: Returns whether the current request is the package's own.
    is_own_request: Callable[[], bool]
    #: Returns the session that the platform uses at the moment.
    get_session: Callable[[], PlatformSession] = platform_session

    def run(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """
        Return the result of ``work``, committed in a transaction of its own.

        Changes that are pending in the platform's session are neither committed nor rolled back with it. After a
        conflict with another transaction, a stale read or a closed connection, ``work`` is called again in a new
        transaction. Raises :exc:`ServiceUnavailable` for an error that waiting can fix, and :exc:`InternalError` for
        any other.
        """
        try:
            return self._run_until_committed(work, *args, **kwargs)
        except (SQLAlchemyError, StaleRead) as fault:
            error = log_fault(fault)
        # Outside the except block: chained to the database's error, it could put stored values into a log.
        raise error

    def ping(self) -> None:
        """Send a statement to find out whether the database answers. Raises as :meth:`run` does."""
        self.run(lambda connection: connection.scalar(select(literal(1))))

    def read(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the result of ``work`` for a page of the platform, on its connection. Raises as :meth:`run` does."""
        # Pages that held one connection and waited for a second could use up the pool.
        try:
            return work(self.get_session().connection(bind_arguments={'mapper': Test}), *args, **kwargs)
        except SQLAlchemyError as fault:
            error = log_fault(fault)
        raise error

    def _run_until_committed(self, work: Callable[Concatenate[Connection, P], T], *args: P.args,
                             **kwargs: P.kwargs) -> T:
        started = time.monotonic()
        tries = 0
        while True:
            tries += 1
            try:
                self._give_connection_back()
                with self.get_session().get_bind(mapper=Test).engine.begin() as connection:
                    if connection.default_isolation_level in WITHOUT_SNAPSHOT:
                        # This holds for one transaction. SQLAlchemy's option takes four statements, and if the pooled
                        # connection is closed, it raises an error that is none of SQLAlchemy's.
                        connection.execute(text('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ'))
                    return work(connection, *args, **kwargs)
            except (DBAPIError, StaleRead) as error:
                if tries == MAX_TRIES or time.monotonic() - started > MAX_SECONDS or not may_succeed_at_once(error):
                    raise
            # Back off for a random time so that the same transactions do not collide again.
            time.sleep(random.uniform(0, 0.005 * 2 ** tries))

    def _give_connection_back(self) -> None:
        """Have the platform's session give back the connection of a request of the package's own."""
        # A request that waits for a second connection while it holds one may wait for ever: the others do the same. It
        # keeps the first one only if a hook of the platform has changed something. Then a retry may wait for the locks
        # of its own request: for that of a row to which it refers, and with SQLite always.
        session = self.get_session()
        if self.is_own_request() and not has_changes(session):
            session.rollback()
