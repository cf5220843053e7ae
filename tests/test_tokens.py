"""Bearer tokens (docs/api.rst, "Tokens")."""

from datetime import datetime, timedelta, timezone

import pytest
import seed
from database import Base, db
from mod_api.models.api_token import ApiToken
from sqlalchemy import text
from support.api import assert_error

API_TOKEN = Base.metadata.tables['api_token']

#: Headers by what is wrong with them.
NO_TOKEN = {
    'empty': '', 'no token': 'Bearer', 'a blank': 'Bearer ', 'no secret': 'Bearer spci_',
    'short': 'bearer spci_nonsense', 'another scheme': 'Basic YWxpY2U6cGFzc3dvcmQ=', 'no scheme': 'spci_nonsense',
    'unknown': f'Bearer spci_{"x" * 43}', 'long': f'Bearer spci_{"x" * 100_000}', 'not ASCII': 'Bearer spci_caf\xe9',
    'two words': 'Bearer spci_ two words', 'NUL': 'Bearer \x00', 'a quotation mark': "Bearer spci_' OR '1'='1",
    'a wildcard': 'Bearer spci_%'}


@pytest.mark.parametrize('authorization', NO_TOKEN.values(), ids=NO_TOKEN)
def test_a_header_without_a_valid_token_is_unauthorized(retry, run_id, authorization):
    response = retry(run_id, token=None, headers={'Authorization': authorization})

    assert_error(response, 401, 'unauthorized', {})
    assert response.headers['WWW-Authenticate'] == 'Bearer realm="runs-api", error="invalid_token"'


def test_a_session_cookie_is_no_token(client, retry, run_id, alice):
    with client.session_transaction() as session:
        session['user_id'] = alice.id

    assert_error(retry(run_id, token=None), 401, 'unauthorized', {})


def test_a_token_must_match_exactly(retry, run_id, token):
    for part in (token[:-1], token[:16], token + 'x', token.swapcase(), token[:5] + token[5:].upper(), token[5:]):
        assert_error(retry(run_id, token=part), 401, 'unauthorized')
    for header in (f'bEARER {token}', f'Bearer   {token} '):
        assert_error(retry(99, token=None, headers={'Authorization': header}), 404, 'not_found')


def test_two_tokens_may_share_a_prefix(retry, alice):
    secrets = ['spci_same_start0first', 'spci_same_start0second']
    for secret in secrets:
        row = db.session.query(ApiToken).filter_by(token_prefix=seed.token(alice)[:16]).one()
        row.token_prefix, row.token_hash = secret[:16], ApiToken.hash_token(secret)

    assert [retry(99, token=secret).status_code for secret in (*secrets, 'spci_same_start0third')] == [404, 404, 401]


@pytest.mark.usefixtures('time_zone')
def test_a_token_is_of_use_until_its_time_in_utc_and_until_it_is_revoked(retry, token):
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    for values, status in (({'expires_at': now + timedelta(minutes=1)}, 404),
                           ({'expires_at': now - timedelta(minutes=1)}, 401),
                           ({'expires_at': now + timedelta(minutes=1), 'revoked_at': now}, 401)):
        db.session.execute(API_TOKEN.update().values(**values))
        assert retry(99) == status, values


def test_unreadable_scopes_allow_nothing(retry, run_id, token):
    for scopes_json in ('[' * 20_000, '"runs:write"', 'runs:write', '', '{"runs:write": 1}', 'null', '5', b'\xff',
                        '[["runs:write"]]'):
        db.session.execute(text('UPDATE api_token SET scopes_json = :scopes'), {'scopes': scopes_json})
        assert_error(retry(run_id), 403, 'forbidden', {'required_scope': 'runs:write', 'token_scopes': []})


def test_the_token_of_a_deactivated_account_is_invalid(retry, alice, token):
    for name, status in ((f'Anonymous {alice.id}', 401), ('', 401), (None, 401), ('Anonymous 99', 404)):
        alice.name = name
        assert retry(99) == status, name
