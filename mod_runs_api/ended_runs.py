"""
Notice when the host has ended a run, and make it whole (docs/operations.rst, "An attempt ends whole").

The work is done right after the host's own transaction, in another one: a deadlock within the host's would undo the
host's own row.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction, object_session

from .attempts import is_retried
from .carry_over import carry_over
from .database import Database
from .database.retries import find_test_count
from .database.runs import find_source
from .extension import find_extension_state
from .faults import describe
from .host.models import ENDED_STATUSES, HostModels
from .host.runtime import log
from .signals import attempts_ended, send
from .summary import counted
from .transactions import Transactions
from .verdict import Verdict, read_verdict

#: In ``Session.info``: the runs that the current transaction ends, and those that a committed one has ended.
ENDING = 'mod_runs_api.ending'
ENDED = 'mod_runs_api.ended'


def listen_for_ends(host: HostModels) -> None:
    """Listen to the host's sessions, once however many applications register the blueprint."""
    for target, name, listener in ((host.TestProgress, 'after_insert', _note_end),
                                   (Session, 'after_commit', _note_commit),
                                   (Session, 'after_transaction_end', _handle_ended_runs)):
        if not event.contains(target, name, listener):
            event.listen(target, name, listener)


def _note_end(_mapper: Any, _connection: Any, progress: Any) -> None:
    session = object_session(progress)
    # As the host has written it: the platform's scheduled job writes a string.
    status = getattr(progress.status, 'value', progress.status)
    if session is not None and progress.test_id is not None and status in ENDED_STATUSES:
        session.info.setdefault(ENDING, set()).add(progress.test_id)


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
    transactions = replace(state.transactions, get_session=lambda: session)
    for run_id in map(int, run_ids):
        _carry_over(transactions, run_id)
        announce_end(transactions, run_id)


def _carry_over(transactions: Transactions, run_id: int) -> None:
    """Carry over what belongs into a run. An error is logged and not raised: nothing may break the host's commit."""
    own_tests = 'its own tests'
    try:
        test_count = transactions.run(find_test_count, run_id)
        if test_count is None:
            return
        own_tests = f'its own {counted(test_count, "test")}'
        count = transactions.run(carry_over, run_id)
        if count:
            log().info(f'run {run_id} has completed: {counted(count, "result")} carried over into it')
    except Exception as fault:
        log().error(f'run {run_id} has ended, but the results of the other attempts are not carried over: the report '
                    f'and the status that the platform sends now speak of {own_tests}. '
                    f'"flask runs-api carry-over {run_id}" does it. {describe(fault)}')


def announce_end(transactions: Transactions, run_id: int) -> None:
    """
    Send :data:`attempts_ended` for one of several attempts. An error is logged and not raised.

    Without a receiver the verdict is not computed.
    """
    if not attempts_ended.receivers:
        return
    try:
        verdict = transactions.run(_read_verdict_of_ended, run_id)
        if verdict is not None:
            send(attempts_ended, run_id=run_id, root_run_id=verdict.root_run_id, overall=verdict.overall)
    except Exception as fault:
        log().error(f'run {run_id} has ended, but attempts_ended is not sent. {describe(fault)}')


def _read_verdict_of_ended(db: Database, run_id: int) -> Verdict | None:
    """Return what the attempts prove; None if the run was never retried, or is not at its end any more."""
    return read_verdict(db, run_id) if is_retried(db, run_id) and find_source(db, run_id).has_ended else None
