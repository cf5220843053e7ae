"""``retry_run`` and ``run_retried``, for code in the same process (docs/python-and-command-line.rst)."""

from contextlib import ExitStack
from functools import partial
from typing import Any
from unittest.mock import Mock

import database
import pytest
import seed
from database import db
from flask import Flask, g
from mod_auth.models import Role, User
from mod_test.models import Test
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from support.api import ApiCall
from support.isolation import without_request
from support.rows import RetryRow, Rows

from mod_runs_api import (InvalidFields, MountError, RunNotFound, RunsApiError,
                          ServiceUnavailable, Unprocessable, retry_run,
                          run_retried)

# The requester


def test_the_requester_may_be_any_user_by_name_id_or_model_whatever_their_role(run_id: int, rows: Rows) -> None:
    user = seed.add(User(id=2 ** 31 - 1, name='Jürgen', role=Role.user, password=''))
    db.session.commit()
    # No session holds it any more.
    db.session.expunge(user)

    for requester in ('Jürgen', 2 ** 31 - 1, user):
        retry = retry_run(run_id, failed_only=True, reason='\U0001f480 why', requested_by=requester)
        assert (retry.run_id, rows.owners(retry.new_run_id)[1:]) == (run_id, [2 ** 31 - 1])
        assert rows.retries[-1] == RetryRow(
            retry.new_run_id, run_id, run_id, True, '\U0001f480 why', 2 ** 31 - 1, 2), requester


def test_an_unknown_requester_is_refused(run_id: int, alice: User, rows: Rows) -> None:
    db.session.commit()

    for requester in ('nobody', '', 'ALICE', 'alice ', 'a\ud800', '\U00010000', 'a\0', 99, 0, True, 10 ** 30, 1.0,
                      b'alice', User(name='alice'), User, db.session.get(Test, run_id)):
        with pytest.raises(InvalidFields) as raised:
            retry_run(run_id, requested_by=requester)
        assert raised.value.details == {'fields': {'requested_by': ['There is no such user.']}}, requester
    assert rows.retries == []


@pytest.mark.parametrize('name', ['', 'Anonymous {id}'])
def test_a_deactivated_account_is_no_requester_by_id_name_or_model(run_id: int, rows: Rows, name: str) -> None:
    gone = seed.user('bob', Role.admin)
    gone.name = name.format(id=gone.id)
    db.session.commit()

    for requester in (gone.id, gone.name, gone):
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


def test_refusals_are_the_errors_of_the_package_and_leave_the_request_state_of_the_host_alone(run_id: int) -> None:
    queued_id, before = retry_run(run_id).new_run_id, set(g)

    with pytest.raises(RunsApiError, match='has not finished') as raised:
        retry_run(queued_id, failed_only=True)
    assert isinstance(raised.value, Unprocessable)
    assert (raised.value.code, raised.value.details) == ('unprocessable', {'run_status': 'queued'})
    for unknown_id in (99, 0, -1, 2 ** 31, 10 ** 20):
        with pytest.raises(RunNotFound, match=f'^Run {unknown_id} not found.$'):
            retry_run(unknown_id)
    assert set(g) == before


def test_an_application_that_has_not_registered_the_blueprint_is_told_so(bare: Flask) -> None:
    with pytest.raises(MountError, match='not registered in this application'):
        retry_run(1)


# The host's request and session


@pytest.mark.on_file
@pytest.mark.parametrize('has_engine', [False, True])
def test_it_works_without_a_request_on_the_hosts_engine_if_there_is_one(
        app: Flask, engine: Engine, run_id: int, monkeypatch: pytest.MonkeyPatch, has_engine: bool) -> None:
    if has_engine:
        monkeypatch.setattr(database, 'db_engine', engine, raising=False)
        monkeypatch.setattr(database, 'create_session', None)

    assert without_request(app, lambda: retry_run(run_id).new_run_id) == run_id + 1

    if not has_engine:
        # As the platform does, with an exception of its own.
        away = RuntimeError()
        away.__context__ = OperationalError('SELECT 1', {}, Exception())
        monkeypatch.setattr(database, 'create_session', Mock(side_effect=away))
        with pytest.raises(ServiceUnavailable):
            without_request(app, lambda: retry_run(run_id))


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


def test_a_receiver_is_called_after_the_commit_and_costs_neither_the_retry_nor_the_next_receiver(
        retry: ApiCall, run_id: int, rows: Rows, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[list[int]] = []

    def failing(error: BaseException, _app: Flask, *, new_run_id: int, **_facts: Any) -> None:
        db.session.rollback()  # The database of this test has one connection: what is not committed is lost now.
        seen.append(rows.selection(new_run_id))
        raise error

    errors = (SystemExit(1), RuntimeError('secret'))
    receivers = [partial(failing, error) for error in errors]
    with ExitStack() as connections:
        for receiver in receivers:
            connections.enter_context(run_retried.connected_to(receiver))
        assert retry(run_id) == 202

    # Receivers are called in any order: of two that fail, one is the next.
    assert seen == [rows.selection(run_id)] * 2
    for error in errors:
        assert f' failed with {type(error).__name__}' in caplog.text
    assert 'secret' not in caplog.text
