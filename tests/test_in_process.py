"""``retry_run``, for code in the same process (contract section 2)."""

from __future__ import annotations

from typing import Any

import database
import pytest
import seed
from database import db
from flask import Flask, g
from mod_auth.models import Role, User
from mod_test.models import Test
from sqlalchemy import Engine, delete
from sqlalchemy.orm import Session
from support.isolation import without_request
from support.rows import Rows

from mod_runs_api import (InvalidFields, Retry, RunNotFound, RunsApiError,
                          Unprocessable, retry_run)


def test_a_run_is_created_and_returned(run_id: int, rows: Rows) -> None:
    created = retry_run(run_id)

    assert created == Retry(run_id=run_id, new_run_id=run_id + 1, failed_only=False, test_count=3)
    assert rows.selection(created.new_run_id) == rows.selection(run_id)


def test_the_arguments_are_those_of_the_route(run_id: int, rows: Rows, alice: User) -> None:
    created = retry_run(run_id, failed_only=True, reason='\U0001f480 why', requested_by=alice)

    row = rows.of('run_retry', run_id=created.new_run_id)[0]
    assert (row['failed_only'], row['reason'].decode(), row['user_id']) == (1, '\U0001f480 why', alice.id)
    assert rows.selection(created.new_run_id) == rows.selection(run_id)[1:]
    assert alice.id in rows.ids('test_fork', 'user_id', test_id=created.new_run_id)


def test_a_retry_needs_no_requester(run_id: int, rows: Rows) -> None:
    created = retry_run(run_id)

    assert rows.of('run_retry', run_id=created.new_run_id)[0]['user_id'] is None
    assert rows.ids('test_fork', 'user_id', test_id=created.new_run_id) == rows.ids(
        'test_fork', 'user_id', test_id=run_id)


@pytest.mark.parametrize('given_by', ['id', 'name'])
def test_the_requester_may_be_given_by_id_or_name(run_id: int, rows: Rows, alice: User, given_by: str) -> None:
    created = retry_run(run_id, requested_by=getattr(alice, given_by))

    assert rows.of('run_retry', run_id=created.new_run_id)[0]['user_id'] == alice.id


@pytest.mark.parametrize('name', ['al\xa0ice', 'bob\u200b', 'Jürgen', '\x01', '\ud7ff', '\ue000', '\uffff'])
def test_any_name_that_the_platform_can_store_is_found(run_id: int, rows: Rows, name: str) -> None:
    user = seed.user(name, Role.user)
    db.session.commit()

    created = retry_run(run_id, requested_by=name)

    assert rows.of('run_retry', run_id=created.new_run_id)[0]['user_id'] == user.id


def test_the_role_of_the_requester_is_not_checked(run_id: int) -> None:
    seed.user('bob', Role.user)
    db.session.commit()

    assert retry_run(run_id, requested_by='bob')


@pytest.mark.parametrize('requester', [
    'nobody', '', 'ALICE', 'alice ', 'a\ud800', '\U0001f480', 'a\0', 99, 0, -1, True, 10 ** 30, 1.0, b'alice', object(),
    User(name='alice'), User, Role.contributor])
def test_an_unknown_requester_is_refused(run_id: int, rows: Rows, requester: object) -> None:
    with pytest.raises(InvalidFields) as raised:
        retry_run(run_id, requested_by=requester)

    assert raised.value.details == {'fields': {'requested_by': ['There is no such user.']}}
    assert rows.of('run_retry') == []


@pytest.mark.parametrize('user_id', [1, 2 ** 31 - 1])
def test_any_id_that_the_platform_can_store_is_found(run_id: int, rows: Rows, user_id: int) -> None:
    if db.session.get(User, user_id) is None:
        seed.add(User(id=user_id, name='last', role=Role.tester, password=''))
        db.session.commit()

    created = retry_run(run_id, requested_by=user_id)

    assert rows.of('run_retry', run_id=created.new_run_id)[0]['user_id'] == user_id


def test_a_requester_who_is_no_user_is_refused(run_id: int) -> None:
    with pytest.raises(InvalidFields):
        retry_run(run_id, requested_by=db.session.get_one(Test, run_id))


def test_a_requester_whose_row_is_deleted_is_refused(run_id: int) -> None:
    user = seed.user('bob', Role.tester)
    db.session.commit()
    db.session.execute(delete(User).where(User.id == user.id), execution_options={'synchronize_session': False})
    db.session.commit()

    with pytest.raises(InvalidFields):
        retry_run(run_id, requested_by=user)


def test_a_requester_whom_no_session_holds_any_more_is_found(run_id: int, rows: Rows) -> None:
    user = seed.user('bob', Role.tester)
    user_id = user.id
    db.session.commit()
    db.session.expunge(user)

    created = retry_run(run_id, requested_by=user)

    assert rows.of('run_retry', run_id=created.new_run_id)[0]['user_id'] == user_id


@pytest.mark.parametrize(('reason', 'message'), [
    ('\0', 'Must not contain NUL.'), ('\ud800', 'Must be valid Unicode.'),
    ('x' * 256, 'Longer than maximum length 255.'), (5, 'Not a valid string.')])
def test_what_is_wrong_with_a_reason_is_said(run_id: int, reason: Any, message: str) -> None:
    with pytest.raises(InvalidFields) as raised:
        retry_run(run_id, reason=reason)

    assert raised.value.details == {'fields': {'reason': [message]}}


def test_a_key_creates_one_run(run_id: int, rows: Rows, alice: User) -> None:
    first = retry_run(run_id, idempotency_key='delivery', requested_by=alice)

    again = retry_run(run_id, idempotency_key='delivery', requested_by='alice')

    assert not first.replayed
    assert again == Retry(run_id, first.new_run_id, failed_only=False, test_count=3, replayed=True)
    assert len(rows.of('run_retry')) == 1


def test_a_key_without_a_requester_creates_one_run(run_id: int, rows: Rows, alice: User) -> None:
    first = retry_run(run_id, idempotency_key='delivery')

    assert retry_run(run_id, idempotency_key='delivery').new_run_id == first.new_run_id
    assert retry_run(run_id, idempotency_key='delivery', requested_by=alice).new_run_id != first.new_run_id


@pytest.mark.parametrize('unknown_id', [99, 0, -1, 2 ** 31, 10 ** 20])
def test_unknown_run_id_raises_run_not_found(app: Flask, unknown_id: int) -> None:
    with pytest.raises(RunNotFound, match=f'^Run {unknown_id} not found.$'):
        retry_run(unknown_id)


@pytest.mark.parametrize('arguments', [
    {'run_id': '1'}, {'run_id': True}, {'run_id': None}, {'run_id': 1.0}, {'failed_only': 1}, {'failed_only': None},
    {'reason': 5}, {'reason': b'x'}, {'reason': 'x' * 256}, {'reason': '\0'}, {'idempotency_key': ''},
    {'idempotency_key': 5}, {'idempotency_key': 'two words'}, {'idempotency_key': 'k\n'}])
def test_an_argument_of_the_wrong_type_is_refused(run_id: int, rows: Rows, arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidFields) as raised:
        retry_run(**{'run_id': run_id, **arguments})

    assert list(raised.value.details['fields']) == list(arguments)
    assert rows.of('run_retry') == []


def test_refusals_are_the_errors_of_the_package(run_id: int) -> None:
    queued_id = retry_run(run_id).new_run_id

    with pytest.raises(RunsApiError, match='has not finished') as raised:
        retry_run(queued_id, failed_only=True)

    assert isinstance(raised.value, Unprocessable)
    assert (raised.value.code, raised.value.details) == ('unprocessable', {'run_status': 'queued'})


@pytest.mark.on_file
def test_what_the_caller_has_pending_is_neither_committed_nor_lost(run_id: int) -> None:
    pending = User(name='pending', password='')
    g.db.add(pending)

    created = retry_run(run_id)

    assert pending in g.db.new
    g.db.rollback()
    assert g.db.get(Test, created.new_run_id) is not None
    assert g.db.query(User).filter_by(name='pending').count() == 0


@pytest.mark.on_file
def test_it_works_without_a_request(app: Flask, run_id: int) -> None:
    assert without_request(app, lambda: retry_run(run_id).new_run_id) == run_id + 1


@pytest.mark.on_file
def test_without_a_request_the_hosts_engine_is_used_if_there_is_one(
        app: Flask, engine: Engine, run_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
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
