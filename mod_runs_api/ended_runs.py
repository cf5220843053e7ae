"""
Notice when the host has ended a run, and make it whole (contract section 4).

The work is done right after the host's own transaction, in another one: a deadlock within the host's would undo the
host's own row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, event
from sqlalchemy.orm import Session, SessionTransaction, object_session

from .attempts import has_retries
from .carry_over import carry_over, has_ended
from .extension import ExtensionState, find_extension_state
from .faults import describe
from .host.models import ENDED_STATUSES, HostModels
from .host.runtime import log
from .signals import attempts_ended, send
from .transaction import run_transaction
from .verdict import Verdict, read_verdict
from .wording import counted

T = TypeVar('T')

#: In ``Session.info``: the runs that the current transaction ends, and those that a committed one has ended.
ENDING = 'mod_runs_api.ending'
ENDED = 'mod_runs_api.ended'


def listen_for_ends(host: HostModels) -> None:
    """Listen to the host's sessions, once however many applications register the blueprint."""
    for target, name, listener in ((host.test_progress.model, 'after_insert', _note_end),
                                   (Session, 'after_commit', _note_commit),
                                   (Session, 'after_transaction_end', _handle_ended_runs)):
        if not event.contains(target, name, listener):
            event.listen(target, name, listener)


def _note_end(_mapper: Any, _connection: Any, progress: Any) -> None:
    state = find_extension_state()
    if state is None:
        return
    run_id = state.runtime.attribute('TestProgress', 'test_id', progress)
    status = state.runtime.attribute('TestProgress', 'status', progress)
    session = object_session(progress)
    if session is not None and run_id is not None and getattr(status, 'value', status) in ENDED_STATUSES:
        # As the host has written it: the platform's scheduled job writes a string.
        session.info.setdefault(ENDING, set()).add(run_id)


def _note_commit(session: Session) -> None:
    # The commit of a savepoint settles nothing.
    if ENDING in session.info and not session.in_nested_transaction():
        session.info[ENDED] = session.info.pop(ENDING)


def _handle_ended_runs(session: Session, transaction: SessionTransaction) -> None:
    # Only when the outermost transaction ends has it given its connection back.
    if transaction.parent is not None:
        return
    session.info.pop(ENDING, None)  # Rolled back.
    run_ids = session.info.pop(ENDED, ())
    state = find_extension_state() if run_ids else None
    if state is None:
        return
    for run_id in run_ids:
        with _logged_only(f'run {run_id} has ended, but the results of the other attempts are not carried over: '
                          f'"flask runs-api carry-over {run_id}" does it.'):
            _carry_over(session, state, int(run_id))
        if attempts_ended.receivers:
            with _logged_only(f'run {run_id} has ended, but attempts_ended is not sent.'):
                _send_attempts_ended(session, state, int(run_id))


@contextmanager
def _logged_only(message: str) -> Iterator[None]:
    """Log an error instead of raising it: nothing may break the host's commit."""
    try:
        yield
    except Exception as fault:
        log().error(f'{message} {describe(fault)}')


def _carry_over(session: Session, state: ExtensionState, run_id: int) -> None:
    count = _run_transaction(session, state, lambda connection: carry_over(connection, state.tables, run_id))
    if count:
        log().info(f'run {run_id} has ended: {counted(count, "result")} carried over into it')


def _send_attempts_ended(session: Session, state: ExtensionState, run_id: int) -> None:
    """Send :data:`attempts_ended` for one of several attempts. Without a receiver the verdict is not computed."""
    def work(connection: Connection) -> Verdict | None:
        if not has_retries(connection, state.tables, run_id) or not has_ended(connection, state.tables, run_id):
            return None
        return read_verdict(connection, state.tables, run_id)

    verdict = _run_transaction(session, state, work)
    if verdict is not None:
        send(attempts_ended, run_id=run_id, root_run_id=verdict.root_run_id, overall=verdict.overall)


def _run_transaction(session: Session, state: ExtensionState, work: Callable[[Connection], T]) -> T:
    engine = session.get_bind(clause=state.tables.host.test_progress.table).engine
    return run_transaction(engine.begin, work)
