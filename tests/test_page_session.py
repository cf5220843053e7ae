"""The session of a page in the place of a token: only with every proof that no other site's page can give.

See docs/api.rst, "The session in place of a token".
"""

from typing import Any

import pytest
import seed
from database import db
from mod_auth.models import Role, User
from support.visitor import ORIGIN, Visitor


def test_a_user_retries_from_a_page(run_id, visitor, rows):
    answer = visitor.press(run_id, {'failed_only': True, 'reason': 'flaky VM'})

    assert answer == 202
    assert answer.json['run_id'] == run_id
    assert len(rows.owners(answer.json['new_run_id'])) == 2
    # From an older browser, and on a server that does not know that it is behind HTTPS.
    for headers in ({'Sec_Fetch_Site': None}, {'Origin': 'https://localhost'}):
        assert visitor.press(run_id, **headers) == 202, headers


WRONG: dict[str, Any] = {
    'X_CSRFToken': [None, '', 'IjEi.made.up'],
    'Origin': [None, 'null', '', 'http://evil.example', 'http://localhost:8080', 'http://localhost.evil.example',
               'http://evil.example/@localhost', 'http://['],
    'Sec_Fetch_Site': ['cross-site', 'same-site', 'none'],
    'Content_Type': ['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain',
                     'text/plain; a=application/json', ''],
    'Authorization': ['Bearer spci_none', 'bearer spci_none', 'BEARER\tspci_none', 'Bearer ', 'Bearer']}


@pytest.mark.parametrize('header', WRONG)
def test_a_request_that_lacks_one_proof_is_unauthorized(run_id, visitor, rows, header):
    for value in WRONG[header]:
        answer = visitor.press(run_id, **{header: value})
        assert (answer.status_code, answer.json['code']) == (401, 'unauthorized'), value
        assert answer.headers['WWW-Authenticate'].startswith('Bearer ')
    assert rows.retries == []


def test_the_csrf_token_of_another_session_is_unauthorized(app, run_id, visitor):
    for name in ('alice', 'mallory'):
        assert visitor.press(run_id, X_CSRFToken=Visitor(app, name).csrf_token(run_id)) == 401


def test_a_csrf_token_of_long_ago_is_unauthorized(app, run_id, visitor):
    app.config['WTF_CSRF_TIME_LIMIT'] = -1

    assert visitor.press(run_id) == 401


def test_a_session_without_a_user_is_unauthorized(run_id, visitor):
    csrf_token = visitor.csrf_token(run_id)
    with visitor.client.session_transaction() as session:
        del session['user_id']

    assert visitor.press(run_id, csrf_token=csrf_token) == 401


def test_the_user_is_looked_at_again(run_id, visitor, rows):
    csrf_token = visitor.csrf_token(run_id)
    user = db.session.query(User).filter_by(name='alice').one()
    for column, value, status in (('role', Role.user, 403), ('role', None, 403), ('name', f'Anonymous {user.id}', 401)):
        setattr(user, column, value)
        db.session.commit()
        assert visitor.press(run_id, csrf_token=csrf_token) == status, value
    assert rows.retries == []


def test_the_credentials_that_a_proxy_asks_for_neither_replace_the_session_nor_its_proofs(run_id, visitor, rows):
    basic = {'Authorization': 'Basic YWxpY2U6cGFzc3dvcmQ='}
    for header in WRONG.keys() - {'Authorization'}:
        assert visitor.press(run_id, **{header: WRONG[header][0]}, **basic) == 401, header
    assert rows.retries == []

    assert visitor.press(run_id, **basic) == 202
    preview = visitor.client.open(f'/api/v1/runs/{run_id}/retry', headers={
        'X-CSRFToken': visitor.csrf_token(run_id), **basic})
    assert preview == 200


def test_a_session_does_not_replace_a_token_that_was_sent(run_id, visitor):
    alice = db.session.query(User).filter_by(name='alice').one()
    reading = seed.token(alice, ['runs:read'])
    db.session.commit()

    answer = visitor.press(run_id, Authorization=f'Bearer {reading}')

    assert answer == 403
    assert answer.json['details'] == {'required_scope': 'runs:write', 'token_scopes': ['runs:read']}


#: By a route, headers beside the right CSRF token, and the status.
READING = [
    # Browsers send no Origin with a GET to the same origin.
    ('retry', {}, 200), ('retry', {'Origin': ORIGIN, 'Sec-Fetch-Site': 'same-origin'}, 200),
    *[('retry', wrong, 401) for wrong in (
        {'X-CSRFToken': ''}, {'X-CSRFToken': 'wrong'}, {'Origin': 'http://evil.example'},
        {'Sec-Fetch-Site': 'cross-site'})],
    ('retries', {'Origin': ORIGIN}, 401), ('verdict', {'Origin': ORIGIN}, 401)]


@pytest.mark.parametrize('method', ['GET', 'HEAD'])
def test_the_session_of_a_page_reads_what_a_retry_would_do_and_nothing_else(run_id, visitor, method):
    for route, headers, status in READING:
        headers = {'X-CSRFToken': visitor.csrf_token(run_id), **headers}
        answer = visitor.client.open(f'/api/v1/runs/{run_id}/{route}', method=method, headers=headers)
        assert answer == status, (route, headers)
