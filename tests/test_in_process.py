"""``retry_run`` and ``run_retried``, for code in the same process (docs/python-and-command-line.rst)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import database
import pytest
import seed
from database import db
from flask import Flask, g
from mod_auth.models import Role, User
from mod_customized.models import TestFork
from mod_test.models import Test
from sqlalchemy import Engine, delete
from sqlalchemy.orm import Session
from support.api import ApiCall
from support.isolation import without_request
from support.rows import RetryRow, Rows, change_retries

from mod_runs_api import (InvalidFields, MountError, RunNotFound, RunsApiError,
                          Unprocessable, retry_run, run_retried)


def test_a_run_is_created_and_returned(run_id: int, rows: Rows, alice: User) -> None:
    created = retry_run(run_id)
    second = retry_run(run_id, failed_only=True, reason='\U0001f480 why', requested_by=alice)

    assert (created.run_id, created.new_run_id, second.new_run_id) == (run_id, run_id + 1, run_id + 2)
    assert rows.retries == [RetryRow(run_id + 1, run_id, run_id, False, None, None, 3),
                            RetryRow(run_id + 2, run_id, run_id, True, '\U0001f480 why', alice.id, 2)]
    assert rows.selection(created.new_run_id) == rows.selection(run_id)
    assert rows.selection(second.new_run_id) == rows.selection(run_id)[1:]
    assert rows.owners(created.new_run_id) == rows.owners(run_id)
    assert rows.owners(second.new_run_id) == sorted([*rows.owners(run_id), alice.id])


# The requester


def test_the_requester_may_be_any_user_by_any_name_or_id_that_the_platform_can_store_whatever_their_role(
        run_id: int, rows: Rows) -> None:
    last = seed.add(User(id=2 ** 31 - 1, name='last', role=Role.user, password='')).id
    for name in ('bob', 'al\xa0ice', 'bob\u200b', 'Jürgen', '\x01', '\uffff', last):
        user_id = name if isinstance(name, int) else seed.user(name, Role.user).id
        db.session.commit()

        retry_run(run_id, requested_by=name)

        assert rows.retries[-1].user_id == user_id


def test_a_requester_whom_no_session_holds_any_more_is_found_unless_their_row_is_deleted(
        run_id: int, rows: Rows) -> None:
    user = seed.user('bob', Role.tester)
    user_id = user.id
    db.session.commit()
    db.session.expunge(user)

    retry_run(run_id, requested_by=user)
    assert rows.retries[0].user_id == user_id

    change_retries(user_id=None)
    db.session.execute(delete(TestFork).where(TestFork.user_id == user_id))
    db.session.execute(delete(User).where(User.id == user_id))
    db.session.commit()
    with pytest.raises(InvalidFields):
        retry_run(run_id, requested_by=user)


def test_an_unknown_requester_is_refused(run_id: int, alice: User, rows: Rows) -> None:
    db.session.commit()

    for requester in ('nobody', '', 'ALICE', 'alice ', 'a\ud800', '\U00010000', 'a\0', 99, 0, -1, True, 10 ** 30, 1.0,
                      b'alice', object(), User(name='alice'), User, Role.contributor, db.session.get(Test, run_id)):
        with pytest.raises(InvalidFields) as raised:
            retry_run(run_id, requested_by=requester)
        assert raised.value.details == {'fields': {'requested_by': ['There is no such user.']}}, requester
    assert rows.retries == []


def test_a_deactivated_account_is_no_requester_by_id_name_or_model(run_id: int, rows: Rows) -> None:
    gone = [seed.user('bob', Role.admin), seed.user('carol', Role.admin)]
    for user, name in zip(gone, ('', f'Anonymous {gone[1].id}')):
        user.name = name
    db.session.commit()

    for requester in [user.id for user in gone] + gone + [gone[1].name]:
        with pytest.raises(InvalidFields):
            retry_run(run_id, requested_by=requester)
    assert rows.retries == []


# What is refused


@pytest.mark.parametrize(('argument', 'values'), [
    ('run_id', ['1', True, None, 1.0]), ('failed_only', [1, None]), ('reason', [b'x', 5, '\0', '\ud800', 'x' * 256]),
    ('idempotency_key', ['', 5, 'two words', 'k\n'])])
def test_an_argument_that_the_api_would_not_take_is_refused(
        run_id: int, rows: Rows, argument: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(InvalidFields) as raised:
            retry_run(**{'run_id': run_id, argument: value})
        assert list(raised.value.details['fields']) == [argument], value
    assert rows.retries == []


def test_refusals_are_the_errors_of_the_package(run_id: int) -> None:
    queued_id = retry_run(run_id).new_run_id

    with pytest.raises(RunsApiError, match='has not finished') as raised:
        retry_run(queued_id, failed_only=True)
    assert isinstance(raised.value, Unprocessable)
    assert (raised.value.code, raised.value.details) == ('unprocessable', {'run_status': 'queued'})
    for unknown_id in (99, 0, -1, 2 ** 31, 10 ** 20):
        with pytest.raises(RunNotFound, match=f'^Run {unknown_id} not found.$'):
            retry_run(unknown_id)


def test_an_application_that_has_not_registered_the_blueprint_is_told_so(bare: Flask) -> None:
    with pytest.raises(MountError, match='not registered in this application'):
        retry_run(1)


# The host's request and session


def test_the_request_state_of_the_host_is_left_alone(app: Flask) -> None:
    before = set(g)

    with pytest.raises(RunNotFound):
        retry_run(99)

    assert set(g) == before


@pytest.mark.on_file
@pytest.mark.parametrize('has_engine', [False, True])
def test_it_works_without_a_request_on_the_hosts_engine_if_there_is_one(
        app: Flask, engine: Engine, run_id: int, monkeypatch: pytest.MonkeyPatch, has_engine: bool) -> None:
    if has_engine:
        monkeypatch.setattr(database, 'db_engine', engine, raising=False)
        monkeypatch.setattr(database, 'create_session', None)

    assert without_request(app, lambda: retry_run(run_id).new_run_id) == run_id + 1


@pytest.mark.on_file
def test_the_run_is_committed_even_if_the_hosts_session_is_on_a_connection(
        engine: Engine, run_id: int, rows: Rows) -> None:
    with engine.connect() as connection, Session(connection) as session:
        g.db = session

        new_run_id = retry_run(run_id).new_run_id

    assert new_run_id in rows.ids('test', 'id')


# The signal


def test_each_new_retry_is_signalled_and_no_refusal_or_replay(
        app: Flask, retry: ApiCall, run_id: int, alice: User) -> None:
    sent: list[tuple[Any, dict[str, Any]]] = []

    def receive(sender: Any, **facts: Any) -> None:
        sent.append((sender, facts))

    with run_retried.connected_to(receive):
        for _ in range(2):
            second = retry(run_id, {'failed_only': True, 'reason': 'flaky VM'}, key='k').json['new_run_id']
        retry(99)
        third = retry_run(second).new_run_id

    assert sent == [
        (app, {'run_id': run_id, 'new_run_id': second, 'failed_only': True, 'reason': 'flaky VM',
               'requester_id': alice.id}),
        (app, {'run_id': second, 'new_run_id': third, 'failed_only': False, 'reason': None, 'requester_id': None})]


@pytest.mark.parametrize('error', [SystemExit(1), RuntimeError('secret')], ids=lambda error: type(error).__name__)
def test_a_receiver_is_called_after_the_commit_and_costs_neither_the_retry_nor_the_next_receiver(
        retry: ApiCall, run_id: int, rows: Rows, caplog: pytest.LogCaptureFixture, error: BaseException) -> None:
    seen: list[list[int]] = []

    def failing(_app: Flask, *, new_run_id: int, **_facts: Any) -> None:
        db.session.rollback()  # The database of this test has one connection: what is not committed is lost now.
        seen.append(rows.selection(new_run_id))
        raise error

    receivers: list[Callable[..., None]] = [failing, lambda app, **facts: failing(app, **facts)]
    with ExitStack() as connections:
        for receiver in receivers:
            connections.enter_context(run_retried.connected_to(receiver))
        assert retry(run_id) == 202

    # Receivers are called in any order: of two that fail, one is the next.
    assert seen == [rows.selection(run_id)] * 2
    assert caplog.text.count(f' failed with {type(error).__name__}') == 2
    assert 'secret' not in caplog.text
