"""``flask runs-api token``, for a platform without API tokens of its own (docs/operations.rst, "Install")."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
import seed
from database import db
from flask.testing import FlaskClient
from mod_auth.models import Role, User
from sqlalchemy import text
from support.api import Command
from support.rows import Rows

# A command has a session of its own, and so a connection of its own.
pytestmark = pytest.mark.on_file
older_platform = pytest.mark.older_platform

CREATE = ('token', 'create', 'alice', '--name', 'ci')
WRITE = ('--scope', 'runs:write')


@pytest.fixture
def status_with(client: FlaskClient, run_id: int) -> Callable[[str], int]:
    """Retry the run with a token, and return the status."""
    return lambda secret: client.post(
        f'/api/v1/runs/{run_id}/retry', headers={'Authorization': f'Bearer {secret}'}).status_code


@older_platform
def test_a_created_token_can_be_used_listed_and_revoked_and_is_not_stored_itself(
        command: Command, alice: User, rows: Rows, status_with: Callable[[str], int]) -> None:
    created = command(*CREATE, *WRITE, '--scope', 'runs:read')

    secret = created.output.strip()
    assert created.exit_code == 0
    assert re.fullmatch(r'spci_[\w-]{43}\n', created.output)
    row, = rows.of('runs_api_token')
    assert row['token_prefix'] == secret[:16]
    assert secret not in str(row)
    assert re.fullmatch('[0-9a-f]{64}', row['token_hash'])
    listed = command('token', 'list').output
    assert re.fullmatch(r'1\talice\tci\truns:read runs:write\texpires \d{4}-\d\d-\d\d\n', listed)
    assert status_with(secret) == 202

    revoked = command('token', 'revoke', 1)

    assert (revoked.exit_code, revoked.output) == (0, 'Token 1 is revoked.\n')
    assert status_with(secret) == 401
    assert '\trevoked 20' in command('token', 'list').output


@older_platform
def test_by_default_a_token_allows_reading_for_thirty_days(
        command: Command, alice: User, rows: Rows, status_with: Callable[[str], int]) -> None:
    secret = command(*CREATE).output.strip()

    assert status_with(secret) == 403
    row, = rows.of('runs_api_token')
    assert row['scopes_json'] == '["runs:read"]'
    valid_for = datetime.fromisoformat(row['expires_at']) - datetime.now(timezone.utc).replace(tzinfo=None)
    assert timedelta(days=29) < valid_for <= timedelta(days=30)


@older_platform
def test_an_expired_token_is_refused_and_listed_as_expired(
        command: Command, alice: User, status_with: Callable[[str], int]) -> None:
    secret = command(*CREATE, *WRITE, '--days', '1').output.strip()
    db.session.execute(text('UPDATE runs_api_token SET expires_at = :past'), {'past': '2020-01-01 00:00:00'})
    db.session.commit()

    assert status_with(secret) == 401
    assert 'expired 2020-01-01' in command('token', 'list').output


@older_platform
def test_a_user_may_have_several_tokens_and_two_users_tokens_of_one_name(
        command: Command, alice: User, status_with: Callable[[str], int]) -> None:
    seed.user('bob', Role.tester)
    created = [command('token', 'create', user, '--name', name, *WRITE).output.strip()
               for user, name in (('alice', 'ci'), ('alice', 'laptop'), ('bob', 'ci'))]

    command('token', 'revoke', 2)

    assert [status_with(secret) for secret in created] == [202, 401, 202]


@older_platform
@pytest.mark.parametrize('token_id', [1, 99])
def test_only_a_valid_token_can_be_revoked(command: Command, alice: User, token_id: int) -> None:
    command(*CREATE)
    command('token', 'revoke', 1)

    result = command('token', 'revoke', token_id)

    assert result.exit_code == 1
    assert f'There is no valid token {token_id}.' in result.output


@older_platform
@pytest.mark.parametrize(('arguments', 'message'), [
    (['nobody', '--name', 'ci'], 'Invalid value for USER: there is no such user'),
    (['alice', '--name', 'taken'], 'alice has a token called taken already.'),
    (['alice', '--name', ''], 'must have 1 to 50 characters'),
    (['alice', '--name', 'x' * 51], 'must have 1 to 50 characters'),
    (['alice', '--name', 'ci', '--days', '0'], '0 is not in the range'),
    (['alice', '--name', 'ci', '--scope', 'runs:delete'], "'runs:delete' is not one of"),
    (['alice'], "Missing option '--name'"),
])
def test_a_token_that_cannot_be_created_is_explained(
        command: Command, alice: User, rows: Rows, arguments: list[str], message: str) -> None:
    command('token', 'create', 'alice', '--name', 'taken')

    result = command('token', 'create', *arguments)

    assert result.exit_code != 0
    assert message in result.output
    assert len(rows.of('runs_api_token')) == 1


@pytest.mark.parametrize('arguments', [['list'], ['create', 'alice', '--name', 'ci'], ['revoke', '1']])
def test_a_platform_with_api_tokens_has_no_others(command: Command, arguments: list[str]) -> None:
    result = command('token', *arguments)

    assert result.exit_code == 1
    assert 'This platform has API tokens of its own.' in result.output
