"""The session of a page in the place of a bearer token: only with every proof that no other site's page can give."""

from __future__ import annotations

import sys

import pytest
import seed
from database import db
from flask import Flask
from mod_auth.models import Role, User
from mod_customized.models import TestFork
from mod_test.models import Test
from sqlalchemy import func, select
from support.visitor import Visitor


def runs(app: Flask) -> int:
    """Return how many runs there are."""
    with app.app_context():
        return db.session.scalar(select(func.count(Test.id))) or 0


def token_of(app: Flask, name: str, *scopes: str) -> str:
    """Return a token of a user."""
    with app.app_context():
        owner = db.session.scalars(select(User).where(User.name == name)).one()
        secret = seed.token(owner, scopes or seed.READ_AND_WRITE)
        db.session.commit()
        return secret


def test_a_user_retries_from_a_page(app: Flask, run_id: int, visitor: Visitor) -> None:
    answer = visitor.press(run_id, {'failed_only': True, 'reason': 'flaky VM'})

    assert answer.status_code == 202
    assert answer.json['run_id'] == run_id
    with app.app_context():
        owners = db.session.scalars(select(User.name).join(TestFork, TestFork.user_id == User.id)
                                    .where(TestFork.test_id == answer.json['new_run_id']))
        assert sorted(owners) == ['alice', 'olga']


@pytest.mark.parametrize('headers', [
    pytest.param({'X_CSRFToken': None}, id='no CSRF token'),
    pytest.param({'X_CSRFToken': ''}, id='empty CSRF token'),
    pytest.param({'X_CSRFToken': 'IjEi.made.up'}, id='wrong CSRF token'),
    pytest.param({'Origin': None}, id='no Origin'),
    pytest.param({'Origin': 'null'}, id='Origin of nowhere'),
    pytest.param({'Origin': ''}, id='empty Origin'),
    pytest.param({'Origin': 'http://evil.example'}, id='Origin of another site'),
    pytest.param({'Origin': 'http://localhost:8080'}, id='Origin on another port'),
    pytest.param({'Origin': 'http://localhost.evil.example'}, id='Origin that begins alike'),
    pytest.param({'Origin': 'http://evil.example/@localhost'}, id='Origin with the name in its path'),
    pytest.param({'Origin': 'http://['}, id='Origin that is no address'),
    pytest.param({'Sec_Fetch_Site': 'cross-site'}, id='fetched from another site'),
    pytest.param({'Sec_Fetch_Site': 'same-site'}, id='fetched from a sibling'),
    pytest.param({'Sec_Fetch_Site': 'none'}, id='fetched from no page'),
    pytest.param({'Content_Type': 'application/x-www-form-urlencoded'}, id='form'),
    pytest.param({'Content_Type': 'multipart/form-data; boundary=x'}, id='form with files'),
    pytest.param({'Content_Type': 'text/plain'}, id='plain text'),
    pytest.param({'Content_Type': 'text/plain; a=application/json'}, id='plain text with JSON in its name'),
    pytest.param({'Content_Type': None}, id='no type'),
])
def test_a_request_that_lacks_one_proof_is_unauthorized(
        app: Flask, run_id: int, visitor: Visitor, headers: dict[str, str | None]) -> None:
    if headers == {'Content_Type': None}:
        answer = visitor.client.post(f'/api/v1/runs/{run_id}/retry', headers={
            'X-CSRFToken': visitor.csrf_token(run_id), 'Origin': 'http://localhost'})
    else:
        answer = visitor.press(run_id, **headers)

    assert answer.status_code == 401
    assert answer.json['code'] == 'unauthorized'
    assert answer.headers['WWW-Authenticate'].startswith('Bearer ')
    assert runs(app) == 1


def test_the_csrf_token_of_another_session_is_unauthorized(app: Flask, run_id: int, visitor: Visitor) -> None:
    for name in ('alice', 'mallory'):
        answer = visitor.press(run_id, X_CSRFToken=Visitor(app, name).csrf_token(run_id))

        assert answer.status_code == 401
    assert runs(app) == 1


def test_a_csrf_token_expires(app: Flask, run_id: int, visitor: Visitor) -> None:
    app.config['WTF_CSRF_TIME_LIMIT'] = -1

    assert visitor.press(run_id).status_code == 401
    assert runs(app) == 1


def test_a_session_without_a_user_is_unauthorized(app: Flask, run_id: int, visitor: Visitor) -> None:
    csrf_token = visitor.csrf_token(run_id)
    with visitor.client.session_transaction() as session:
        del session['user_id']

    answer = visitor.press(run_id, csrf_token=csrf_token)

    assert answer.status_code == 401
    assert runs(app) == 1


def test_a_browser_that_sends_no_sec_fetch_site_is_served(run_id: int, visitor: Visitor) -> None:
    assert visitor.press(run_id, Sec_Fetch_Site=None).status_code == 202


def test_a_host_that_does_not_know_that_it_is_behind_https_is_served(run_id: int, visitor: Visitor) -> None:
    assert visitor.press(run_id, Origin='https://localhost').status_code == 202


def test_a_get_request_makes_nothing(app: Flask, run_id: int, visitor: Visitor) -> None:
    answer = visitor.client.get(f'/api/v1/runs/{run_id}/retry', headers={
        'X-CSRFToken': visitor.csrf_token(run_id), 'Origin': 'http://localhost', 'Content-Type': 'application/json'})

    assert answer.status_code == 405
    assert runs(app) == 1


def test_a_session_does_not_replace_a_token_that_was_sent(app: Flask, run_id: int, visitor: Visitor) -> None:
    reading = token_of(app, 'alice', 'runs:read')

    answer = visitor.press(run_id, Authorization=f'Bearer {reading}')
    assert answer.status_code == 403
    assert answer.json['details'] == {'required_scope': 'runs:write', 'token_scopes': ['runs:read']}

    for header in ('Bearer spci_none', 'Bearer ', 'Basic YTpi', ''):
        assert visitor.press(run_id, Authorization=header).status_code == 401
    assert runs(app) == 1


@pytest.mark.parametrize('role', [Role.user, None])
def test_the_role_is_checked_for_a_session_too(app: Flask, run_id: int, visitor: Visitor, role: Role | None) -> None:
    csrf_token = visitor.csrf_token(run_id)
    with app.app_context():
        db.session.scalars(select(User).where(User.name == 'alice')).one().role = role
        db.session.commit()

    answer = visitor.press(run_id, csrf_token=csrf_token)

    assert answer.status_code == 403
    assert answer.json['details'] == {'required_roles': ['admin', 'contributor', 'tester'],
                                      'user_role': role and role.value}
    assert runs(app) == 1


@pytest.mark.parametrize('name', ['Anonymous {id}', ''])
def test_a_session_of_a_deactivated_account_is_unauthorized(
        app: Flask, run_id: int, visitor: Visitor, name: str) -> None:
    csrf_token = visitor.csrf_token(run_id)
    with app.app_context():
        user = db.session.scalars(select(User).where(User.name == 'alice')).one()
        user.name = name.format(id=user.id)
        db.session.commit()

    answer = visitor.press(run_id, csrf_token=csrf_token)

    assert answer.status_code == 401
    assert runs(app) == 1


@pytest.mark.parametrize('app_settings', [{'RUNS_API_RATE_LIMIT': '2 per minute'}])
def test_a_user_has_one_window_in_all_their_sessions(app: Flask, run_id: int, visitor: Visitor) -> None:
    again, bob = Visitor(app, 'alice'), Visitor(app, 'bob')

    assert [by.press(run_id).status_code for by in (visitor, again, visitor, again)] == [202, 202, 429, 429]
    assert bob.press(run_id).status_code == 202
    assert visitor.press(run_id, Authorization=f"Bearer {token_of(app, 'alice')}").status_code == 202


def test_an_idempotency_key_is_the_same_by_token_and_by_session(app: Flask, run_id: int, visitor: Visitor) -> None:
    by_session = visitor.press(run_id, Idempotency_Key='once')
    by_token = visitor.press(run_id, Idempotency_Key='once', Authorization=f"Bearer {token_of(app, 'alice')}")
    by_somebody_else = Visitor(app, 'bob').press(run_id, Idempotency_Key='once')

    assert by_token.json == by_session.json
    assert by_token.headers['Idempotent-Replayed'] == 'true'
    assert by_somebody_else.json['new_run_id'] != by_session.json['new_run_id']
    assert runs(app) == 3


def test_a_session_opens_no_other_route(run_id: int, visitor: Visitor) -> None:
    headers = {'X-CSRFToken': visitor.csrf_token(run_id), 'Origin': 'http://localhost',
               'Content-Type': 'application/json'}

    assert visitor.client.get(f'/api/v1/runs/{run_id}/retries', headers=headers).status_code == 401
    assert visitor.client.post(f'/api/v1/runs/{run_id}/retries', headers=headers).status_code == 405


def test_a_host_without_flask_wtf_accepts_no_session(
        app: Flask, run_id: int, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    csrf_token = visitor.csrf_token(run_id)
    monkeypatch.setitem(sys.modules, 'flask_wtf.csrf', None)

    answer = visitor.press(run_id, csrf_token=csrf_token)

    assert answer.status_code == 401
    assert runs(app) == 1
