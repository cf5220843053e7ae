"""``flask runs-api token``, for a platform without tokens of its own (contract section 3)."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone

import pytest
import seed
from application import create_app
from click.testing import Result
from database import db, dispose_sessions
from flask import Flask
from mod_test.models import Test
from sqlalchemy import text
from support.rows import Rows

Run = Callable[..., Result]


@pytest.fixture
def older(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """Give the miniature as an older version of the platform: without tokens."""
    for module in ('mod_api', 'mod_api.models', 'mod_api.models.api_token'):
        monkeypatch.setitem(sys.modules, module, None)
    app = create_app(f'sqlite:///{tmp_path}/older.db')
    with app.app_context():
        db.create_all()
        seed.user('alice')
        db.session.commit()
        yield app
        db.session.remove()
        db.engine.dispose()
    dispose_sessions()


@pytest.fixture
def flask(older: Flask) -> Run:
    """Run a command: ``flask('token', 'list')``."""
    def run(*arguments: str) -> Result:
        return older.test_cli_runner().invoke(args=['runs-api', *arguments])

    return run


@pytest.fixture
def older_rows(older: Flask) -> Rows:
    """Look into the older platform's database."""
    return Rows(db.engine)


@pytest.fixture
def run(older: Flask) -> Test:
    """Give a run to retry."""
    found = seed.run([seed.regression_test()])
    db.session.commit()
    return found


def ask(app: Flask, run: Test, secret: str) -> int:
    """Retry a run with a token, and give the status."""
    path = f'/api/v1/runs/{run.id}/retry'
    return app.test_client().post(path, headers={'Authorization': f'Bearer {secret}'}).status_code


def test_a_token_is_made_and_works(older: Flask, flask: Run, run: Test) -> None:
    made = flask('token', 'create', 'alice', '--name', 'ci', '--scope', 'runs:write')

    assert made.exit_code == 0
    assert re.fullmatch(r'spci_[\w-]{43}\n', made.output)
    assert ask(older, run, made.output.strip()) == 202


def test_a_token_is_not_stored(flask: Run, older_rows: Rows) -> None:
    secret = flask('token', 'create', 'alice', '--name', 'ci').output.strip()

    row = older_rows.of('runs_api_token')[0]
    assert row['token_prefix'] == secret[:16]
    assert secret not in str(row)
    assert re.fullmatch('[0-9a-f]{64}', row['token_hash'])


def test_a_token_reads_only_and_lasts_thirty_days_by_default(
        older: Flask, flask: Run, run: Test, older_rows: Rows) -> None:
    secret = flask('token', 'create', 'alice', '--name', 'ci').output.strip()

    assert ask(older, run, secret) == 403
    row = older_rows.of('runs_api_token')[0]
    assert row['scopes_json'] == '["runs:read"]'
    lasts = datetime.fromisoformat(row['expires_at']) - datetime.now(timezone.utc).replace(tzinfo=None)
    assert timedelta(days=29) < lasts <= timedelta(days=30)


def test_a_token_expires(older: Flask, flask: Run, run: Test) -> None:
    secret = flask('token', 'create', 'alice', '--name', 'ci', '--scope', 'runs:write', '--days', '1').output.strip()
    db.session.execute(text('UPDATE runs_api_token SET expires_at = :now'), {'now': '2020-01-01 00:00:00'})
    db.session.commit()

    assert ask(older, run, secret) == 401
    assert 'expired 2020-01-01' in flask('token', 'list').output


def test_tokens_are_listed_without_their_secrets(flask: Run) -> None:
    secret = flask('token', 'create', 'alice', '--name', 'ci', '--scope', 'runs:write', '--scope',
                   'runs:read').output.strip()

    listed = flask('token', 'list')

    assert re.fullmatch(r'1\talice\tci\truns:read runs:write\texpires \d{4}-\d\d-\d\d\n', listed.output)
    assert secret[:16] not in listed.output


def test_a_token_is_revoked_at_once(older: Flask, flask: Run, run: Test) -> None:
    secret = flask('token', 'create', 'alice', '--name', 'ci', '--scope', 'runs:write').output.strip()
    assert ask(older, run, secret) == 202

    revoked = flask('token', 'revoke', '1')

    assert (revoked.exit_code, revoked.output) == (0, 'Token 1 is revoked.\n')
    assert ask(older, run, secret) == 401
    assert '\trevoked 20' in flask('token', 'list').output


@pytest.mark.parametrize('token_id', ['1', '99'])
def test_a_token_that_is_not_valid_cannot_be_revoked(flask: Run, token_id: str) -> None:
    flask('token', 'create', 'alice', '--name', 'ci')
    flask('token', 'revoke', '1')

    revoked = flask('token', 'revoke', token_id)

    assert revoked.exit_code == 1
    assert f'There is no valid token {token_id}.' in revoked.output


@pytest.mark.parametrize(('arguments', 'said'), [
    (['nobody', '--name', 'ci'], 'There is no such person.'),
    (['alice', '--name', 'taken'], 'alice has a token called taken already.'),
    (['alice', '--name', ''], 'must have 1 to 50 characters'),
    (['alice', '--name', 'x' * 51], 'must have 1 to 50 characters'),
    (['alice', '--name', 'ci', '--days', '0'], '0 is not in the range'),
    (['alice', '--name', 'ci', '--scope', 'runs:delete'], "'runs:delete' is not one of"),
    (['alice'], "Missing option '--name'"),
])
def test_a_token_that_cannot_be_made_is_explained(
        flask: Run, older_rows: Rows, arguments: list[str], said: str) -> None:
    flask('token', 'create', 'alice', '--name', 'taken')

    made = flask('token', 'create', *arguments)

    assert made.exit_code != 0
    assert said in made.output
    assert len(older_rows.of('runs_api_token')) == 1


@pytest.mark.parametrize('command', [['list'], ['create', 'alice', '--name', 'ci'], ['revoke', '1']])
def test_a_platform_with_tokens_of_its_own_is_asked_for_them(app: Flask, command: list[str]) -> None:
    answer = app.test_cli_runner().invoke(args=['runs-api', 'token', *command])

    assert answer.exit_code == 1
    assert 'This platform has API tokens of its own.' in answer.output


def test_a_platform_with_tokens_of_its_own_gets_no_second_table(app: Flask) -> None:
    assert app.extensions['mod_runs_api'].api_tokens.table.name == 'api_token'


def test_the_commands_explain_themselves(app: Flask) -> None:
    answer = app.test_cli_runner().invoke(args=['runs-api', 'token', '--help'])

    assert answer.exit_code == 0
    for command in ('create', 'list', 'revoke'):
        assert f'\n  {command} ' in answer.output
