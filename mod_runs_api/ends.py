"""
Notice when the host ends a run, and carry over what belongs into it (contract section 4).

The work is done right after the host's own transaction, in another one: a deadlock within the host's would undo the
host's own row.
"""

from __future__ import annotations

from typing import Any

from flask import current_app
from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction, object_session

from .carry_over import carry_over
from .extension import KEY, ExtensionState
from .faults import describe
from .host.models import HostModels
from .host.runtime import log
from .selection import FINISHED
from .transaction import run_with_retries

#: In ``Session.info``: the runs that the current transaction of the session ends.
ENDED = 'mod_runs_api.ended'


def listen_for_ends(host: HostModels) -> None:
    """Listen to the host's sessions, once however many applications register the blueprint."""
    for target, name, listener in ((host.test_progress.mapped_class, 'after_insert', _note_end),
                                   (Session, 'after_soft_rollback', _forget_ends),
                                   (Session, 'after_transaction_end', _carry_over_ends)):
        if not event.contains(target, name, listener):
            event.listen(target, name, listener)


def _note_end(_mapper: Any, _connection: Any, progress: Any) -> None:
    state = _current_state()
    if state is None:
        return
    status = state.host.attribute('TestProgress', 'status', progress)
    session = object_session(progress)
    if session is not None and getattr(status, 'value', status) in FINISHED:
        session.info.setdefault(ENDED, set()).add(state.host.attribute('TestProgress', 'test_id', progress))


def _forget_ends(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop(ENDED, None)


def _carry_over_ends(session: Session, transaction: SessionTransaction) -> None:
    # Only the outermost transaction has committed, and given its connection back, when it ends.
    run_ids = session.info.pop(ENDED, ()) if transaction.parent is None else ()
    state = _current_state() if run_ids else None
    if state is None:
        return
    engine = session.get_bind(clause=state.tables.host.test.table).engine
    for run_id in run_ids:
        try:
            # The platform's scheduled job writes the id as a string.
            number = int(run_id)
            count = run_with_retries(engine.begin, lambda connection: carry_over(connection, state.tables, number))
        except Exception as fault:
            log().error(f'run {run_id} has ended, but the results of the other attempts are not carried over: '
                        f'"flask runs-api carry-over {run_id}" does it. {describe(fault)}')
        else:
            if count:
                log().info(f'run {run_id} has ended, and {count} results are carried over into it')


def _current_state() -> ExtensionState | None:
    """Return the state of the current application, if there is one that has registered the blueprint."""
    return current_app.extensions.get(KEY) if current_app else None
