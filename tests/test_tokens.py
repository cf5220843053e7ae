"""Bearer tokens (docs/api.rst, "Tokens")."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
import seed
from database import Base, db
from flask.testing import FlaskClient
from mod_api.models.api_token import ApiToken
from mod_auth.models import User
from sqlalchemy import text
from support.api import ApiCall, assert_error
from support.statements import Statement

from mod_runs_api.host.models import User as HostUser
from mod_runs_api.domain.tokens import Token

API_TOKEN = Base.metadata.tables['api_token']


@pytest.fixture(params=['UTC', 'Pacific/Auckland', 'America/Los_Angeles'])
def time_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Set the clock of the machine to a time zone."""
    monkeypatch.setenv('TZ', request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


NO_TOKEN = [
    '', 'Bearer', 'Bearer ', 'Bearer spci_', 'bearer spci_nonsense', 'Basic YWxpY2U6cGFzc3dvcmQ=', 'spci_nonsense',
    'Bearer ' + 'spci_' + 'x' * 43, 'Bearer ' + 'spci_' + 'x' * 100_000, 'Bearer caf\xe9', 'Bearer spci_caf\xe9',
    'Bearer spci_ two words', 'Bearer \x00', "Bearer spci_' OR '1'='1", 'Bearer spci_%']


def test_a_header_without_a_valid_token_is_unauthorized(retry: ApiCall, run_id: int) -> None:
    for authorization in NO_TOKEN:
        response = retry(run_id, token=None, headers={'Authorization': authorization})
        assert_error(response, 401, 'unauthorized', {})
        assert response.headers['WWW-Authenticate'] == 'Bearer realm="runs-api", error="invalid_token"'


def test_a_request_without_a_token_is_unauthorized(retry: ApiCall, run_id: int) -> None:
    response = retry(run_id, token=None)

    assert_error(response, 401, 'unauthorized', {})
    assert response.headers['WWW-Authenticate'] == 'Bearer realm="runs-api"'


def test_a_session_cookie_is_no_token(client: FlaskClient, run_id: int, alice: User) -> None:
    with client.session_transaction() as session:
        session['user_id'] = alice.id

    assert client.post(f'/api/v1/runs/{run_id}/retry') == 401


def test_a_token_must_match_exactly(retry: ApiCall, run_id: int, token: str) -> None:
    for part in (token[:-1], token[:16], token + 'x', token.swapcase(), token[:5] + token[5:].upper(), token[5:]):
        assert_error(retry(run_id, token=part), 401, 'unauthorized')


def test_the_scheme_may_have_any_case_and_blanks_may_be_around_the_token(retry: ApiCall, token: str) -> None:
    for header in (f'bEARER {token}', f'Bearer   {token} '):
        assert_error(retry(99, token=None, headers={'Authorization': header}), 404, 'not_found')


def test_text_that_cannot_be_a_token_is_not_looked_up(retry: ApiCall, statements: list[Statement]) -> None:
    statements.clear()

    for secret in ('spci_' + 'x' * 251, 'spci_caf\xe9', 'nonsense'):
        assert retry(99, token=secret) == 401
    assert statements == []


def test_two_tokens_may_share_a_prefix(retry: ApiCall, alice: User) -> None:
    same = ['spci_same_start0' + end for end in ('first', 'second')]
    for secret in same:
        seed.token(alice)
    for row, secret in zip(db.session.query(ApiToken), same):
        row.token_prefix, row.token_hash = secret[:16], ApiToken.hash_token(secret)

    for secret in same:
        assert_error(retry(99, token=secret), 404, 'not_found')
    assert_error(retry(99, token='spci_same_start0third'), 401, 'unauthorized')


@pytest.mark.parametrize(('valid_for', 'status'), [(timedelta(minutes=1), 404), (timedelta(minutes=-1), 401)])
def test_a_token_expires_at_its_time_in_utc(
        time_zone: str, retry: ApiCall, token: str, valid_for: timedelta, status: int) -> None:
    now = datetime.fromtimestamp(time.time(), timezone.utc).replace(tzinfo=None)
    db.session.execute(API_TOKEN.update().values(expires_at=now + valid_for))

    assert retry(99) == status


def test_a_token_without_a_time_has_expired() -> None:
    assert Token(1, HostUser(1, 'alice', 'admin'), (), expires_at=None, revoked_at=None).is_expired()


def test_a_token_is_of_no_use_once_it_is_revoked(retry: ApiCall, run_id: int, token: str) -> None:
    assert retry(99) == 404

    db.session.execute(text('UPDATE api_token SET revoked_at = created_at'))

    assert_error(retry(run_id), 401, 'unauthorized')


def test_unreadable_scopes_allow_nothing(retry: ApiCall, run_id: int, token: str) -> None:
    for scopes_json in (
            '[' * 20_000 + ']' * 20_000, '[' * 20_000, '{"a":' * 20_000, '"runs:write"', 'runs:write', 'nonsense', '',
            '{"runs:write": 1}', 'null', '5', b'\xff', '[["runs:write"]]'):
        db.session.execute(text('UPDATE api_token SET scopes_json = :scopes'), {'scopes': scopes_json})
        assert_error(retry(run_id), 403, 'forbidden', {'required_scope': 'runs:write', 'token_scopes': []})


def test_the_token_of_a_deactivated_account_is_invalid(retry: ApiCall, alice: User, run_id: int) -> None:
    for name in (f'Anonymous {alice.id}', '', None):
        alice.name = name
        assert_error(retry(run_id), 401, 'unauthorized')


def test_a_user_who_is_called_like_another_deactivated_account_may_retry(
        retry: ApiCall, alice: User, run_id: int) -> None:
    alice.name = f'Anonymous {alice.id + 1}'

    assert retry(run_id) == 202
