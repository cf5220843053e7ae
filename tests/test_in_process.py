"""The function for code in the same process (docs/python-and-command-line.rst, "Python")."""

from contextvars import Context
from typing import Any

import database
import pytest
import seed
from database import db
from flask import g
from mod_auth.models import Role, User
from mod_test.models import Test
from support.isolation import without_request
from support.rows import RetryRow

from mod_runs_api import InvalidFields, MountError, RunNotFound, ServiceUnavailable, retry_run

# The requester


def test_the_requester_may_be_any_user_by_name_id_or_model_whatever_their_role(run_id, rows):
    user = seed.add(User(id=2 ** 31 - 1, name='Jürgen', role=Role.user, password=''))
    db.session.commit()
    # No session holds it any more.
    db.session.expunge(user)

    for requester in ('Jürgen', 2 ** 31 - 1, user):
        retry = retry_run(run_id, failed_only=True, reason='\U0001f480 why', requested_by=requester)
        assert (retry.run_id, rows.owners(retry.new_run_id)[1:]) == (run_id, [2 ** 31 - 1])
        assert rows.retries[-1] == RetryRow(
            retry.new_run_id, run_id, run_id, True, '\U0001f480 why', 2 ** 31 - 1, 2), requester


def test_an_unknown_requester_is_refused(run_id, alice, rows):
    db.session.commit()

    unknown: list[Any] = [
        'nobody', '', 'ALICE', 'alice ', 'a\ud800', '\U00010000', 'a\0', 99, 0, True, 10 ** 30, 1.0, b'alice',
        User(name='alice'), User, db.session.get(Test, run_id)]
    for requester in unknown:
        with pytest.raises(InvalidFields) as raised:
            retry_run(run_id, requested_by=requester)
        assert raised.value.details == {'fields': {'requested_by': ['There is no such user.']}}, requester
    assert rows.retries == []


@pytest.mark.parametrize('name', ['', 'Anonymous {id}'])
def test_a_deactivated_account_is_no_requester_by_id_name_or_model(run_id, rows, name):
    gone = seed.user('bob', Role.admin)
    gone.name = name.format(id=gone.id)
    db.session.commit()

    for requester in (gone.id, gone.name, gone):
        with pytest.raises(InvalidFields):
            retry_run(run_id, requested_by=requester)
    assert rows.retries == []


# What is refused


def test_a_run_that_is_no_integer_is_invalid_and_one_that_no_run_has_is_not_found(run_id):
    values: list[Any] = ['1', True, None, 1.0, float('nan'), [1], {}]
    for value in values:
        with pytest.raises(InvalidFields) as raised:
            retry_run(value)
        assert raised.value.details == {'fields': {'run_id': ['Must be an integer.']}}, value
    for unknown_id in (99, 0, -1, 2 ** 31, 10 ** 20):
        with pytest.raises(RunNotFound, match=f'^Run {unknown_id} not found.$'):
            retry_run(unknown_id)


@pytest.mark.parametrize(('argument', 'values'), [
    ('failed_only', [1, None]), ('reason', [b'x', 5, '\0', '\ud800', 'x' * 256]),
    ('idempotency_key', ['', 5, 'two words', 'k\n'])])
def test_an_argument_that_the_api_would_not_take_is_refused(run_id, rows, argument, values):
    for value in values:
        with pytest.raises(InvalidFields) as raised:
            retry_run(**{'run_id': run_id, argument: value})
        assert list(raised.value.details['fields']) == [argument], value
    assert rows.retries == []


def test_the_request_state_of_the_platform_is_left_alone(run_id):
    before = set(g)

    retry_run(run_id)

    assert set(g) == before


def test_without_an_application_or_the_blueprint_in_it_the_error_says_which(bare):
    with pytest.raises(MountError, match='not registered in this application'):
        retry_run(1)
    with pytest.raises(MountError, match='There is no application context'):
        Context().run(retry_run, 1)


# The platform's request and session


@pytest.mark.parametrize('has_engine', [False, True])
def test_it_works_without_a_request_on_the_platforms_engine_if_there_is_one(
        app, engine, run_id, monkeypatch, has_engine):
    if has_engine:
        monkeypatch.setattr(database, 'db_engine', engine)
        monkeypatch.setattr(database, 'create_session', None)

    assert without_request(app, lambda: retry_run(run_id).new_run_id) == run_id + 1


def test_a_job_notices_a_database_that_is_away_before_the_platforms_own_exception(app, run_id, tmp_path, monkeypatch):
    monkeypatch.setattr(database, 'create_session', None)
    app.config['DATABASE_URI'] = f'sqlite:///{tmp_path}/missing/platform.db'

    with pytest.raises(ServiceUnavailable):
        without_request(app, lambda: retry_run(run_id))
