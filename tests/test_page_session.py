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


@pytest.fixture
def run_id(site: Flask) -> int:
    """Give the id of a completed run of one test, which has no result."""
    with site.app_context():
        run = seed.run([seed.regression_test()], stages=seed.COMPLETED)
        db.session.commit()
        return run.id


@pytest.fixture
def alice(site: Flask) -> Visitor:
    """Give a contributor at the pages."""
    return Visitor(site, 'alice')


def runs(site: Flask) -> int:
    """Count the runs."""
    with site.app_context():
        return db.session.scalar(select(func.count(Test.id))) or 0


def token_of(site: Flask, name: str, *scopes: str) -> str:
    """Give a token of a person."""
    with site.app_context():
        owner = db.session.scalars(select(User).where(User.name == name)).one()
        secret = seed.token(owner, scopes or seed.READ_AND_WRITE)
        db.session.commit()
        return secret


def test_a_person_retries_from_a_page(site: Flask, run_id: int, alice: Visitor) -> None:
    answer = alice.press(run_id, {'failed_only': True, 'reason': 'flaky VM'})

    assert answer.status_code == 202
    assert answer.json['run_id'] == run_id
    with site.app_context():
        assert db.session.scalars(select(User.name).join(TestFork, TestFork.user_id == User.id)
                                  .where(TestFork.test_id == answer.json['new_run_id'])).all() == ['alice']


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
def test_one_proof_lacking_is_as_good_as_nobody(site: Flask, run_id: int, alice: Visitor,
                                                headers: dict[str, str | None]) -> None:
    if headers == {'Content_Type': None}:
        answer = alice.client.post(f'/api/v1/runs/{run_id}/retry', headers={
            'X-CSRFToken': alice.csrf_token(run_id), 'Origin': 'http://localhost'})
    else:
        answer = alice.press(run_id, **headers)

    assert answer.status_code == 401
    assert answer.json['code'] == 'unauthorized'
    assert answer.headers['WWW-Authenticate'].startswith('Bearer ')
    assert runs(site) == 1


def test_the_token_of_another_session_is_none(site: Flask, run_id: int, alice: Visitor) -> None:
    for name in ('alice', 'mallory'):
        answer = alice.press(run_id, X_CSRFToken=Visitor(site, name).csrf_token(run_id))

        assert answer.status_code == 401
    assert runs(site) == 1


def test_the_token_grows_old(site: Flask, run_id: int, alice: Visitor) -> None:
    site.config['WTF_CSRF_TIME_LIMIT'] = -1

    assert alice.press(run_id).status_code == 401
    assert runs(site) == 1


def test_a_session_of_nobody_is_none(site: Flask, run_id: int, alice: Visitor) -> None:
    csrf_token = alice.csrf_token(run_id)
    with alice.client.session_transaction() as session:
        del session['user_id']

    answer = alice.client.post(f'/api/v1/runs/{run_id}/retry', json={}, headers={
        'X-CSRFToken': csrf_token, 'Origin': 'http://localhost'})

    assert answer.status_code == 401
    assert runs(site) == 1


def test_an_older_browser_sends_no_sec_fetch_site(run_id: int, alice: Visitor) -> None:
    assert alice.press(run_id, Sec_Fetch_Site=None).status_code == 202


def test_a_host_that_does_not_know_it_is_behind_https(run_id: int, alice: Visitor) -> None:
    assert alice.press(run_id, Origin='https://localhost').status_code == 202


def test_an_image_makes_nothing(site: Flask, run_id: int, alice: Visitor) -> None:
    answer = alice.client.get(f'/api/v1/runs/{run_id}/retry', headers={
        'X-CSRFToken': alice.csrf_token(run_id), 'Origin': 'http://localhost', 'Content-Type': 'application/json'})

    assert answer.status_code == 405
    assert runs(site) == 1


def test_the_session_does_not_mend_a_token(site: Flask, run_id: int, alice: Visitor) -> None:
    reading = token_of(site, 'alice', 'runs:read')

    answer = alice.press(run_id, Authorization=f'Bearer {reading}')
    assert answer.status_code == 403
    assert answer.json['details'] == {'required_scope': 'runs:write', 'token_scopes': ['runs:read']}

    for header in ('Bearer spci_none', 'Bearer ', 'Basic YTpi', ''):
        assert alice.press(run_id, Authorization=header).status_code == 401
    assert runs(site) == 1


@pytest.mark.parametrize('role', [Role.user, None])
def test_the_role_is_asked_for_all_the_same(site: Flask, run_id: int, alice: Visitor, role: Role | None) -> None:
    csrf_token = alice.csrf_token(run_id)
    with site.app_context():
        db.session.scalars(select(User).where(User.name == 'alice')).one().role = role
        db.session.commit()

    answer = alice.client.post(f'/api/v1/runs/{run_id}/retry', json={}, headers={
        'X-CSRFToken': csrf_token, 'Origin': 'http://localhost'})

    assert answer.status_code == 403
    assert answer.json['details'] == {'required_roles': ['admin', 'contributor', 'tester'],
                                      'user_role': role and role.value}
    assert runs(site) == 1


def test_a_person_has_one_window_in_all_their_sessions(site: Flask, run_id: int, alice: Visitor) -> None:
    site.config['RUNS_API_RATE_LIMIT'] = '2 per minute'
    again, bob = Visitor(site, 'alice'), Visitor(site, 'bob')

    assert [visitor.press(run_id).status_code for visitor in (alice, again, alice, again)] == [202, 202, 429, 429]
    assert bob.press(run_id).status_code == 202
    assert alice.press(run_id, Authorization=f"Bearer {token_of(site, 'alice')}").status_code == 202


def test_a_key_is_the_same_by_token_and_by_session(site: Flask, run_id: int, alice: Visitor) -> None:
    by_session = alice.press(run_id, Idempotency_Key='once')
    by_token = alice.press(run_id, Idempotency_Key='once', Authorization=f"Bearer {token_of(site, 'alice')}")
    by_somebody_else = Visitor(site, 'bob').press(run_id, Idempotency_Key='once')

    assert by_token.json == by_session.json
    assert by_token.headers['Idempotent-Replayed'] == 'true'
    assert by_somebody_else.json['new_run_id'] != by_session.json['new_run_id']
    assert runs(site) == 3


def test_the_session_opens_no_other_route(run_id: int, alice: Visitor) -> None:
    headers = {'X-CSRFToken': alice.csrf_token(run_id), 'Origin': 'http://localhost',
               'Content-Type': 'application/json'}

    assert alice.client.get(f'/api/v1/runs/{run_id}/retries', headers=headers).status_code == 401
    assert alice.client.post(f'/api/v1/runs/{run_id}/retries', headers=headers).status_code == 405


def test_a_host_without_flask_wtf_believes_no_session(site: Flask, run_id: int, alice: Visitor,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    csrf_token = alice.csrf_token(run_id)
    monkeypatch.setitem(sys.modules, 'flask_wtf.csrf', None)

    answer = alice.client.post(f'/api/v1/runs/{run_id}/retry', json={}, headers={
        'X-CSRFToken': csrf_token, 'Origin': 'http://localhost'})

    assert answer.status_code == 401
    assert runs(site) == 1
