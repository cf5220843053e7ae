"""``retry_run``, for code in the same process (docs/python-and-command-line.rst, "Python")."""

from __future__ import annotations

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
from support.isolation import without_request
from support.rows import RetryRow, Rows, change_retries

from mod_runs_api import (InvalidFields, MountError, Retry, RunNotFound,
                          RunsApiError, Unprocessable, retry_run)


def test_a_run_is_created_and_returned(run_id: int, rows: Rows, alice: User) -> None:
    created = retry_run(run_id)
    second = retry_run(run_id, failed_only=True, reason='\U0001f480 why', requested_by=alice)

    assert created == Retry(run_id=run_id, new_run_id=run_id + 1, failed_only=False, test_count=3)
    assert rows.retries == [RetryRow(run_id + 1, run_id, run_id, False, None, None, 3),
                            RetryRow(second.new_run_id, run_id, run_id, True, '\U0001f480 why', alice.id, 2)]
    assert rows.selection(created.new_run_id) == rows.selection(run_id)
    assert rows.selection(second.new_run_id) == rows.selection(run_id)[1:]
    assert rows.owners(created.new_run_id) == rows.owners(run_id)
    assert rows.owners(second.new_run_id) == sorted([*rows.owners(run_id), alice.id])


def test_the_requester_may_be_any_user_by_any_name_that_the_platform_can_store_whatever_their_role(
        run_id: int, rows: Rows) -> None:
    for name in ('bob', 'al\xa0ice', 'bob\u200b', 'Jürgen', '\x01', '\ud7ff', '\ue000', '\uffff'):
        user_id = seed.user(name, Role.user).id
        db.session.commit()

        retry_run(run_id, requested_by=name)

        assert rows.retries[-1].user_id == user_id


@pytest.mark.parametrize('user_id', [1, 2 ** 31 - 1])
def test_the_requester_may_be_given_by_any_id_that_the_platform_can_store(
        run_id: int, rows: Rows, user_id: int) -> None:
    if db.session.get(User, user_id) is None:
        seed.add(User(id=user_id, name='last', role=Role.tester, password=''))
        db.session.commit()

    retry_run(run_id, requested_by=user_id)

    assert rows.retries[0].user_id == user_id


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

    for requester in ('nobody', '', 'ALICE', 'alice ', 'a\ud800', '\U0001f480', 'a\0', 99, 0, -1, True, 10 ** 30, 1.0,
                      b'alice', object(), User(name='alice'), User, Role.contributor, db.session.get(Test, run_id)):
        with pytest.raises(InvalidFields) as raised:
            retry_run(run_id, requested_by=requester)
        assert raised.value.details == {'fields': {'requested_by': ['There is no such user.']}}
    assert rows.retries == []


def test_what_is_wrong_with_a_reason_is_said(run_id: int) -> None:
    wrong: dict[Any, str] = {'\0': 'Must not contain NUL.', '\ud800': 'Must be valid Unicode.',
                             'x' * 256: 'Longer than maximum length 255.', 5: 'Not a valid string.'}
    for reason, message in wrong.items():
        with pytest.raises(InvalidFields) as raised:
            retry_run(run_id, reason=reason)
        assert raised.value.details == {'fields': {'reason': [message]}}


def test_unknown_run_id_raises_run_not_found(app: Flask) -> None:
    for unknown_id in (99, 0, -1, 2 ** 31, 10 ** 20):
        with pytest.raises(RunNotFound, match=f'^Run {unknown_id} not found.$'):
            retry_run(unknown_id)


@pytest.mark.parametrize(('argument', 'values'), [
    ('run_id', ['1', True, None, 1.0]), ('failed_only', [1, None]), ('reason', [b'x']),
    ('idempotency_key', ['', 5, 'two words', 'k\n'])])
def test_an_argument_of_the_wrong_type_is_refused(run_id: int, rows: Rows, argument: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(InvalidFields) as raised:
            retry_run(**{'run_id': run_id, argument: value})
        assert list(raised.value.details['fields']) == [argument]
    assert rows.retries == []


def test_refusals_are_the_errors_of_the_package(run_id: int) -> None:
    queued_id = retry_run(run_id).new_run_id

    with pytest.raises(RunsApiError, match='has not finished') as raised:
        retry_run(queued_id, failed_only=True)

    assert isinstance(raised.value, Unprocessable)
    assert (raised.value.code, raised.value.details) == ('unprocessable', {'run_status': 'queued'})


def test_an_application_that_has_not_registered_the_blueprint_is_told_so(bare: Flask) -> None:
    with pytest.raises(MountError, match='not registered in this application'):
        retry_run(1)


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
