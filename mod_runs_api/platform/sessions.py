"""
Listening to the platform's sessions: for runs that complete, and for what a transaction has written.

A listener of SQLAlchemy notes a ``completed`` row when a session inserts it. The ids of the runs are handed over when
the transaction is committed and its connection given back, before ``commit()`` returns. Rows that are written in plain
SQL are not noticed.

Two more listeners note that a session has written: by a flush, or by a statement of its own. They do not notice a
statement that is sent on the session's connection.
"""

from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import (ORMExecuteState, Session, SessionTransaction,
                            object_session)

from ..domain.progress import COMPLETED
from .models import TestProgress
from .runtime import PlatformSession

#: In ``Session.info``: the runs that the current transaction completes, and those that a committed one has completed.
COMPLETING = 'mod_runs_api.completing'
COMMITTED = 'mod_runs_api.committed'
#: In ``Session.info`` if the current transaction has written.
WRITTEN = 'mod_runs_api.written'


def has_changes(session: PlatformSession) -> bool:
    """Return whether a session has changes that a rollback would discard: pending ones, or written ones."""
    return bool(session.new or session.dirty or session.deleted or WRITTEN in session.info)


def listen_to_sessions(handle: Callable[[Session, Collection[int]], None]) -> None:
    """
    Note what sessions write, and call a function for each session that has completed runs.

    Only the first call in a process counts, so the function finds the application by itself.
    """
    if event.contains(TestProgress, 'after_insert', _note_completion):
        return
    event.listen(TestProgress, 'after_insert', _note_completion)
    event.listen(Session, 'after_commit', _note_commit)
    event.listen(Session, 'after_flush', _note_flush)
    event.listen(Session, 'do_orm_execute', _note_statement)

    @event.listens_for(Session, 'after_transaction_end')
    def hand_over(session: Session, transaction: SessionTransaction) -> None:
        # Only when the outermost transaction ends has it given its connection back.
        if transaction.parent is None:
            session.info.pop(WRITTEN, None)
            session.info.pop(COMPLETING, None)  # Rolled back.
            run_ids = session.info.pop(COMMITTED, ())
            if run_ids:
                handle(session, run_ids)


def _note_completion(_mapper: Any, _connection: Any, progress: TestProgress) -> None:
    session = object_session(progress)
    if session is not None and progress.test_id is not None and progress.status.value == COMPLETED:
        session.info.setdefault(COMPLETING, set()).add(int(progress.test_id))


def _note_commit(session: Session) -> None:
    # The commit of a savepoint is not final.
    if COMPLETING in session.info and not session.in_nested_transaction():
        session.info[COMMITTED] = session.info.pop(COMPLETING)


def _note_flush(session: Session, _context: Any) -> None:
    session.info[WRITTEN] = True


def _note_statement(state: ORMExecuteState) -> None:
    if not state.is_select:
        state.session.info[WRITTEN] = True
