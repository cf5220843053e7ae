"""``retry_run``, for webhook handlers and jobs (contract section 2)."""

from __future__ import annotations

from typing import Any

import database
import pytest
import seed
from database import db
from flask import Flask, g
from mod_auth.models import Role, User
from mod_test.models import Test
from sqlalchemy.orm import Session
from support.rows import Rows

from mod_runs_api import (InvalidFields, Retry, RunNotFound, RunsApiError,
                          Unprocessable, retry_run)


@pytest.fixture
def source(app: Flask, alice: User) -> Test:
    """Give a completed run of two tests, of which one failed, in a request that the host has prepared."""
    app.preprocess_request()
    tests = [seed.regression_test() for _ in range(2)]
    source = seed.run(tests, stages=seed.COMPLETED)
    seed.result(source, tests[0])
    db.session.commit()
    return source


def test_it_makes_a_run_and_says_which(source: Test, rows: Rows) -> None:
    made = retry_run(source.id)

    assert made == Retry(run_id=source.id, new_run_id=source.id + 1, failed_only=False, test_count=2)
    assert rows.selection(made.new_run_id) == rows.selection(source.id)


def test_it_takes_what_the_route_takes(source: Test, rows: Rows, alice: User) -> None:
    made = retry_run(source.id, failed_only=True, reason='\U0001f480 why', requested_by=alice)

    row = rows.of('run_retry', test_id=made.new_run_id)[0]
    assert (row['failed_only'], row['reason'].decode(), row['user_id']) == (1, '\U0001f480 why', alice.id)
    assert rows.selection(made.new_run_id) == rows.selection(source.id)[1:]
    assert rows.ids('test_fork', 'user_id', test_id=made.new_run_id) == [alice.id]


def test_nobody_may_have_asked_for_it(source: Test, rows: Rows) -> None:
    made = retry_run(source.id)

    assert rows.of('run_retry', test_id=made.new_run_id)[0]['user_id'] is None
    assert rows.of('test_fork') == []


@pytest.mark.parametrize('known_by', ['id', 'name'])
def test_a_person_is_known_by_id_or_name(source: Test, rows: Rows, alice: User, known_by: str) -> None:
    made = retry_run(source.id, requested_by=getattr(alice, known_by))

    assert rows.of('run_retry', test_id=made.new_run_id)[0]['user_id'] == alice.id


def test_the_callers_role_is_the_callers_business(source: Test) -> None:
    seed.user('bob', Role.user)
    db.session.commit()

    assert retry_run(source.id, requested_by='bob')


@pytest.mark.parametrize('person', [
    'nobody', '', 'ALICE', 'alice ', 'a\ud800', '\U0001f480', 'a\0', 99, 0, -1, True, 10 ** 30, 1.0, b'alice', object(),
    User(name='alice')])
def test_a_person_who_does_not_exist_is_refused(source: Test, rows: Rows, person: object) -> None:
    with pytest.raises(InvalidFields) as raised:
        retry_run(source.id, requested_by=person)

    assert raised.value.details == {'fields': {'requested_by': ['There is no such person.']}}
    assert rows.of('run_retry') == []


def test_a_key_makes_one_run(source: Test, rows: Rows, alice: User) -> None:
    first = retry_run(source.id, idempotency_key='delivery', requested_by=alice)

    again = retry_run(source.id, idempotency_key='delivery', requested_by='alice')

    assert not first.replayed
    assert again == Retry(source.id, first.new_run_id, False, 2, replayed=True)
    assert len(rows.of('run_retry')) == 1


def test_a_key_makes_one_run_for_nobody_too(source: Test, rows: Rows, alice: User) -> None:
    first = retry_run(source.id, idempotency_key='delivery')

    assert retry_run(source.id, idempotency_key='delivery').new_run_id == first.new_run_id
    assert retry_run(source.id, idempotency_key='delivery', requested_by=alice).new_run_id != first.new_run_id


@pytest.mark.parametrize('run_id', [99, 0, -1, 2 ** 31, 10 ** 20])
def test_what_is_no_run_is_not_found(source: Test, run_id: int) -> None:
    with pytest.raises(RunNotFound, match=f'^Run {run_id} not found.$'):
        retry_run(run_id)


@pytest.mark.parametrize('arguments', [
    {'run_id': '1'}, {'run_id': True}, {'run_id': None}, {'run_id': 1.0}, {'failed_only': 1}, {'failed_only': None},
    {'reason': 5}, {'reason': 'x' * 256}, {'reason': '\0'}, {'idempotency_key': ''}, {'idempotency_key': 5},
    {'idempotency_key': 'two words'}, {'idempotency_key': 'k\n'}])
def test_arguments_are_as_strict_as_the_body(source: Test, rows: Rows, arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidFields) as raised:
        retry_run(**{'run_id': source.id, **arguments})

    assert list(raised.value.details['fields']) == list(arguments)
    assert rows.of('run_retry') == []


def test_refusals_are_the_packages_own_errors(source: Test) -> None:
    seed.result(source, source.customized_tests[1].regression_test)
    db.session.commit()

    with pytest.raises(Unprocessable, match='there is nothing to run again') as raised:
        retry_run(source.id, failed_only=True)

    assert isinstance(raised.value, RunsApiError)
    assert (raised.value.code, raised.value.details) == ('unprocessable', {'failed_tests': 0})


def test_what_the_caller_has_pending_is_neither_committed_nor_lost(on_file: Flask) -> None:
    with on_file.test_request_context():
        on_file.preprocess_request()
        run_id = seed.run([seed.regression_test()]).id
        g.db.commit()
        g.db.add(pending := User(name='pending', password=''))

        made = retry_run(run_id)

        assert pending in g.db.new
        g.db.rollback()
        assert g.db.get(Test, made.new_run_id) is not None
        assert g.db.query(User).count() == 0


def test_it_works_without_a_request(on_file: Flask) -> None:
    run_id = seed.run([seed.regression_test()]).id
    db.session.commit()

    assert retry_run(run_id).new_run_id == run_id + 1
    assert 'db' not in g


def test_without_a_request_the_hosts_own_engine_is_used_where_there_is_one(
        on_file: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = seed.run([seed.regression_test()]).id
    db.session.commit()
    monkeypatch.setattr(database, 'db_engine', db.engine, raising=False)
    monkeypatch.setattr(database, 'create_session', None)

    assert retry_run(run_id).new_run_id == run_id + 1


@pytest.mark.parametrize('kept', [True, False])
def test_a_host_whose_session_is_in_a_transaction_of_its_own_keeps_or_loses_the_run_with_it(
        app: Flask, source: Test, rows: Rows, kept: bool) -> None:
    with db.engine.connect() as connection, connection.begin() as transaction, Session(
            connection, join_transaction_mode='create_savepoint') as session:
        # Python's SQLite begins a transaction too late for savepoints.
        connection.exec_driver_sql('BEGIN')
        g.db = session
        session.add(User(name='pending', role=Role.user, email='pending@example.org', password=''))
        session.flush()

        made = retry_run(source.id)
        with pytest.raises(RunNotFound):
            retry_run(99)

        session.commit()
        if kept:
            transaction.commit()
        else:
            transaction.rollback()

    assert rows.ids('test', 'id') == [source.id, made.new_run_id][:1 + kept]
    assert len(rows.of('user', name='pending')) == kept


def test_a_host_whose_session_is_on_an_idle_connection_gets_the_run_committed(
        on_file: Flask) -> None:
    run_id = seed.run([seed.regression_test()]).id
    db.session.commit()
    with on_file.test_request_context(), db.engine.connect() as connection, Session(connection) as session:
        on_file.preprocess_request()
        g.db = session

        new_run_id = retry_run(run_id).new_run_id

        assert not connection.in_transaction()
    assert new_run_id in Rows(db.engine).ids('test', 'id')
