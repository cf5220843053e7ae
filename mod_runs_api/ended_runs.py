"""
Notice when the host has ended a run, and make it whole (contract section 4).

The work is done right after the host's own transaction, in another one: a deadlock within the host's would undo the
host's own row.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.orm import Session, SessionTransaction, object_session

from .attempts import has_retries
from .carry_over import carry_over
from .extension import ExtensionState, find_extension_state
from .faults import describe
from .host.models import HostModels
from .host.runtime import log
from .selection import ENDED_STATUSES
from .signals import attempts_ended, send
from .transaction import run_transaction
from .verdict import Verdict, read_verdict

#: In ``Session.info``: the runs that the current transaction of the session ends.
ENDED = 'mod_runs_api.ended'


def listen_for_ends(host: HostModels) -> None:
    """Listen to the host's sessions, once however many applications register the blueprint."""
    for target, name, listener in ((host.test_progress.mapped_class, 'after_insert', _note_end),
                                   (Session, 'after_soft_rollback', _forget_ends),
                                   (Session, 'after_transaction_end', _handle_ended_runs)):
        if not event.contains(target, name, listener):
            event.listen(target, name, listener)


def _note_end(_mapper: Any, _connection: Any, progress: Any) -> None:
    state = find_extension_state()
    if state is None:
        return
    status = state.host.attribute('TestProgress', 'status', progress)
    session = object_session(progress)
    if session is not None and getattr(status, 'value', status) in ENDED_STATUSES:
        session.info.setdefault(ENDED, set()).add(state.host.attribute('TestProgress', 'test_id', progress))


def _forget_ends(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop(ENDED, None)


def _handle_ended_runs(session: Session, transaction: SessionTransaction) -> None:
    # Only the outermost transaction has committed, and given its connection back, when it ends.
    run_ids = session.info.pop(ENDED, ()) if transaction.parent is None else ()
    state = find_extension_state() if run_ids else None
    if state is None:
        return
    engine = session.get_bind(clause=state.tables.host.test.table).engine
    for run_id in run_ids:
        number = int(run_id)  # The platform's scheduled job writes a string.
        _carry_over(state, engine, number)
        _send_attempts_ended(state, engine, number)


def _carry_over(state: ExtensionState, engine: Engine, run_id: int) -> None:
    """Carry results over into a run that has ended. Where that fails, the end stands and the log says so."""
    try:
        count = run_transaction(engine.begin, lambda connection: carry_over(connection, state.tables, run_id))
    except Exception as fault:
        log().error(f'run {run_id} has ended, but the results of the other attempts are not carried over: '
                    f'"flask runs-api carry-over {run_id}" does it. {describe(fault)}')
    else:
        if count:
            log().info(f'run {run_id} has ended, and {count} results are carried over into it')


def _send_attempts_ended(state: ExtensionState, engine: Engine, run_id: int) -> None:
    """Send :data:`attempts_ended` for one of several attempts. The verdict is computed only if there is a receiver."""
    if not attempts_ended.receivers:
        return

    def work(connection: Connection) -> Verdict | None:
        return read_verdict(connection, state.tables, run_id) if has_retries(connection, state.tables, run_id) else None

    try:
        verdict = run_transaction(engine.begin, work)
    except Exception as fault:
        log().error(f'run {run_id} has ended, but attempts_ended is not sent: {describe(fault)}')
        return
    if verdict is not None:
        send(attempts_ended, run_id=run_id, root_run_id=verdict.root_run_id, overall=verdict.overall)
