"""Retries for callers in the same process, and for the route: the domain in its transaction (contract section 2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import current_app
from marshmallow import ValidationError
from sqlalchemy import Connection, inspect, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import InstanceState

from . import family, host, retry, transaction
from .errors import InvalidFields, RunNotFound
from .family import Family
from .faults import refusal
from .mount import Mount, current_mount
from .retry import Order, Retry
from .schemas import RETRY_REQUEST, check_idempotency_key
from .signals import send_run_retried

T = TypeVar('T')

#: The largest id that the platform's columns hold.
MAX_ID = 2 ** 31 - 1


def retry_run(run_id: int, *, failed_only: bool = False, reason: str | None = None,
              requested_by: Any = None, idempotency_key: str | None = None) -> Retry:
    """
    Run a run again as a new run, from code in the same process: a webhook handler, a job (contract section 2).

    The new run is committed when this returns, in a transaction of its own: what the caller has pending in
    ``g.db`` is neither committed nor lost. Roles, scopes and limits are the route's: here the caller answers for
    what it asks. Needs an application context.

    Parameters
    ----------
    run_id : int
        The run to run again, at least 1.
    failed_only : bool
        Run only the regression tests that did not pass there.
    reason : str, optional
        Why, at most 255 Unicode code points.
    requested_by : int, str or User, optional
        Who asked for it: the id, the name or the model of a person of the platform. They become an owner of the
        new run.
    idempotency_key : str, optional
        1 to 255 visible ASCII characters. The same key from the same person, or from nobody, makes one run: further
        calls return it with ``replayed`` set.

    Returns
    -------
    Retry
        With ``run_id`` and ``new_run_id``.

    Raises
    ------
    RunNotFound
        There is no such run.
    InvalidFields
        An argument is of the wrong type or too long, or the person does not exist.
    Unprocessable
        Nothing failed, or the run has not finished, or tests are inactive, or the key belongs to another call.
    ServiceUnavailable
        The database is away, read-only, or gave way too often.
    InternalError
        Anything else that the database says. The log has more.
    MountError
        The blueprint is not registered in the current application.
    """
    mount = current_mount()
    if isinstance(run_id, bool) or not isinstance(run_id, int):
        raise InvalidFields({'run_id': ['Must be an integer.']})
    fields: dict[str, Any] = {'failed_only': failed_only}
    if reason is not None:
        fields['reason'] = reason
    try:
        fields = RETRY_REQUEST.load(fields)
        if idempotency_key is not None:
            check_idempotency_key(idempotency_key)
    except ValidationError as error:
        raise InvalidFields(error.messages_dict) from None
    settings = mount.settings
    return place(mount, Order(run_id=run_id,
                              requester_id=None if requested_by is None else person_id(mount, requested_by),
                              idempotency_key=idempotency_key,
                              drop_inactive=settings.drop_inactive_tests, check=settings.before_retry, **fields))


def place(mount: Mount, order: Order) -> Retry:
    """
    Carry an order out, whole or not at all.

    Parameters
    ----------
    mount : Mount
        The application to do it in.
    order : Order
        What is asked for, checked.

    Returns
    -------
    Retry
        Committed.

    Raises
    ------
    RunNotFound, Unprocessable
        As :func:`retry.create` does.
    ServiceUnavailable
        The database is away, read-only, or gave way too often.
    """
    if not 1 <= order.run_id <= MAX_ID:
        raise RunNotFound(order.run_id)

    def work(connection: Connection, again: bool) -> Retry:
        made = retry.find_made(connection, mount.statements.retry, order) if again else None
        return made or retry.create(connection, mount.statements.retry, order)

    result = run(mount, work)
    if not result.replayed:
        host.log().info(f'run {result.run_id} is retried as run {result.new_run_id} with {result.test_count} '
                        f'tests{" that failed" if result.failed_only else ""}, for user {order.requester_id}')
        send_run_retried(current_app._get_current_object(),  # type: ignore[attr-defined]
                         run_id=result.run_id, new_run_id=result.new_run_id, failed_only=result.failed_only,
                         reason=order.reason, requester_id=order.requester_id)
    return result


def count_failed(mount: Mount, run_id: int) -> int:
    """
    Count the tests that a failed-only retry of a run would run now.

    Parameters
    ----------
    mount : Mount
        The application to look in.
    run_id : int
        The run.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    RunNotFound, Unprocessable
        As the retry itself would be refused.
    ServiceUnavailable
        The database is away.
    """
    order = Order(run_id=run_id, failed_only=True, drop_inactive=mount.settings.drop_inactive_tests)
    return len(run(mount, lambda connection, _: retry.choose(connection, mount.statements.retry, order), commit=False))


def family_of(mount: Mount, run_id: int) -> Family:
    """
    Find the family of a run.

    Parameters
    ----------
    mount : Mount
        The application to look in.
    run_id : int
        Any run of the family.

    Returns
    -------
    Family

    Raises
    ------
    RunNotFound
        There is no such run.
    ServiceUnavailable
        The database is away.
    """
    if not 1 <= run_id <= MAX_ID:
        raise RunNotFound(run_id)
    return run(mount, lambda connection, _: family.find(connection, mount.statements.family, run_id), commit=False)


def run(mount: Mount, work: Callable[[Connection, bool], T], commit: bool = True) -> T:
    """
    Do some work in a transaction, with the package's own errors for those of the database.

    Parameters
    ----------
    mount : Mount
        The application to do it in.
    work : callable
        As :func:`transaction.run` takes it.
    commit : bool
        Whether there is anything to commit.

    Returns
    -------
    object
        What ``work`` returned.

    Raises
    ------
    ServiceUnavailable
        The database is away, read-only, or gave way too often.
    InternalError
        Anything else that the database says. The log has more.
    """
    try:
        return transaction.run(mount.host.transaction, work, commit)
    except SQLAlchemyError as fault:
        refused = refusal(fault)
    # Not from the fault: whoever logs the error with what it came from would log what was to be written.
    raise refused


def person_id(mount: Mount, person: Any) -> int:
    """
    Find a person of the platform.

    Parameters
    ----------
    mount : Mount
        The application to look in.
    person : int, str or User
        The id, the name or the model.

    Returns
    -------
    int
        The id.

    Raises
    ------
    InvalidFields
        There is no such person.
    """
    user = mount.host.user
    state = inspect(person, raiseerr=False)
    if isinstance(person, str):
        condition = user.name == person
        # The platform's connection cannot ask for other text.
        possible = person.isprintable() and all(ord(character) < 0x10000 for character in person)
    elif isinstance(state, InstanceState) and state.mapper.local_table is user.table:
        person = state.mapper.primary_key_from_instance(person)[0]
        condition, possible = user.id == person, person is not None
    else:
        condition = user.id == person
        possible = type(person) is int and 1 <= person <= MAX_ID
    query = select(user.id, user.name).where(condition)
    found = run(mount, lambda connection, _: connection.execute(query).all(), commit=False) if possible else []
    # A database that takes upper case for lower must not decide who somebody is.
    ids = [found_id for found_id, name in found if not isinstance(person, str) or name == person]
    if not ids:
        raise InvalidFields({'requested_by': ['There is no such person.']})
    return int(ids[0])
