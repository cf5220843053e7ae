"""Who gets in with a bearer token: the platform and the package authenticate, and agree (docs/decisions.rst)."""

import hashlib
from datetime import timedelta

import pytest

from .rows import now

#: Headers, where {token} is a valid token, and the status of the answer.
HEADERS = [
    ('Bearer {token}', 200), ('bearer {token}', 200), ('BEARER   {token} ', 200),
    (None, 401), ('', 401), ('Bearer', 401), ('Bearer ', 401), ('{token}', 401), ('Basic {token}', 401),
    ('Bearer {token}x', 401), ('Bearer {token} x', 401), ('Bearer x{token}', 401), ('Bearer spci_', 401),
    ('Bearer spci_' + 'x' * 64, 401), ('Bearer xpci_' + 'x' * 64, 401), ('Bearer SPCI_' + 'x' * 64, 401)]


def statuses(story, authorization):
    """Return how a route of the platform and one of the package answer to a header."""
    run_id = story.rows.run()
    headers = {} if authorization is None else {'Authorization': authorization}
    return [story.request('GET', f'/runs/{run_id}{route}', headers=headers)['status'] for route in ('', '/retries')]


def row_of(story, token):
    """Return the row of a token."""
    return story.rows.one('api_token', token_prefix=token[:16])


def test_a_header_opens_the_routes_of_the_platform_and_of_the_package_or_neither(story):
    token = story.add_token()

    for header, status in HEADERS:
        assert statuses(story, header and header.format(token=token)) == [status] * 2, header


@pytest.mark.parametrize('column', ['expires_at', 'revoked_at'])
def test_an_expired_or_revoked_token_opens_neither(story, column):
    token = story.add_token()
    story.rows.set('api_token', row_of(story, token)['id'], **{column: now() - timedelta(minutes=1)})

    assert statuses(story, f'Bearer {token}') == [401, 401]


def test_of_two_tokens_with_one_prefix_each_is_judged_by_itself(story):
    revoked = story.add_token()
    row = row_of(story, revoked)
    valid = f'{revoked[:16]}another'
    story.rows.add('api_token', **{**row, 'id': row['id'] + 1, 'token_name': 'another',
                                   'token_hash': hashlib.sha256(valid.encode()).hexdigest()})
    story.rows.set('api_token', row['id'], revoked_at=now())

    assert statuses(story, f'Bearer {valid}') == [200, 200]
    assert statuses(story, f'Bearer {revoked}') == [401, 401]
    assert statuses(story, f'Bearer {valid[:-1]}') == [401, 401]


def test_a_token_whose_user_is_deactivated_by_the_api_opens_neither(story):
    token = story.add_token()

    story.ask('POST', f'/users/{story.user_id}/deactivate')

    assert statuses(story, f'Bearer {token}') == [401, 401]


def test_a_token_whose_user_is_deactivated_on_the_page_opens_only_the_platform(story):
    token = story.add_token()

    # The page revokes no token.
    story.visit(f'/account/deactivate/{story.user_id}', form={'submit': '1'})

    assert statuses(story, f'Bearer {token}') == [200, 401]
