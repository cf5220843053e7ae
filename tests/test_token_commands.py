"""``flask runs-api token``, for a platform without API tokens of its own (contract section 3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
import seed
from database import db
from flask import Flask
from mod_auth.models import Role, User
from sqlalchemy import text
from support.api import Command
from support.rows import Rows

from mod_runs_api.extension import extension_state

# A command has a session of its own, and so a connection of its own.
pytestmark = pytest.mark.on_file
older_platform = pytest.mark.older_platform

CREATE = ('token', 'create', 'alice', '--name', 'ci')


@pytest.fixture
def status_with(app: Flask, run_id: int) -> Callable[[str], int]:
    """Retry the run with a token, and return the status."""
    def retry(secret: str) -> int:
        headers = {'Authorization': f'Bearer {secret}'}
        return app.test_client().post(f'/api/v1/runs/{run_id}/retry', headers=headers).status_code

    return retry


@older_platform
def test_a_created_token_can_be_used(
        command: Command, alice: User, status_with: Callable[[str], int]) -> None:
    result = command(*CREATE, '--scope', 'runs:write')

    assert result.exit_code == 0
    assert re.fullmatch(r'spci_[\w-]{43}\n', result.output)
    assert status_with(result.output.strip()) == 202


@older_platform
def test_the_token_itself_is_not_stored(command: Command, alice: User, rows: Rows) -> None:
    secret = command(*CREATE).output.strip()

    row, = rows.of('runs_api_token')
    assert row['token_prefix'] == secret[:16]
    assert secret not in str(row)
    assert re.fullmatch('[0-9a-f]{64}', row['token_hash'])


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
    secret = command(*CREATE, '--scope', 'runs:write', '--days', '1').output.strip()
    db.session.execute(text('UPDATE runs_api_token SET expires_at = :past'), {'past': '2020-01-01 00:00:00'})
    db.session.commit()

    assert status_with(secret) == 401
    assert 'expired 2020-01-01' in command('token', 'list').output


@older_platform
def test_tokens_are_listed_without_their_secrets(command: Command, alice: User) -> None:
    secret = command(*CREATE, '--scope', 'runs:write', '--scope', 'runs:read').output.strip()

    listed = command('token', 'list')

    assert re.fullmatch(r'1\talice\tci\truns:read runs:write\texpires \d{4}-\d\d-\d\d\n', listed.output)
    assert secret[:16] not in listed.output


@older_platform
def test_a_revoked_token_is_refused_at_once(
        command: Command, alice: User, status_with: Callable[[str], int]) -> None:
    secret = command(*CREATE, '--scope', 'runs:write').output.strip()
    assert status_with(secret) == 202

    revoked = command('token', 'revoke', 1)

    assert (revoked.exit_code, revoked.output) == (0, 'Token 1 is revoked.\n')
    assert status_with(secret) == 401
    assert '\trevoked 20' in command('token', 'list').output


@older_platform
def test_a_user_may_have_several_tokens_and_two_users_tokens_of_one_name(
        command: Command, alice: User, status_with: Callable[[str], int]) -> None:
    seed.user('bob', Role.tester)
    db.session.commit()
    created = [command('token', 'create', user, '--name', name, '--scope', 'runs:write').output.strip()
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


def test_a_platform_with_api_tokens_gets_no_second_table(app: Flask) -> None:
    assert extension_state().tables.api_token.table.name == 'api_token'


def test_the_help_lists_the_commands(command: Command) -> None:
    result = command('token', '--help')

    assert result.exit_code == 0
    for name in ('create', 'list', 'revoke'):
        assert f'\n  {name} ' in result.output
