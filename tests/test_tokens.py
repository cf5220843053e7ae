"""Bearer tokens and the time (contract sections 1 and 3)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
import seed
from database import Base, db
from mod_auth.models import User
from sqlalchemy import text
from support.api import ApiCall
from support.statements import Statement

from mod_runs_api import clock, tokens
from mod_runs_api.host import models
from mod_runs_api.retry import RetryRequest

API_TOKEN = Base.metadata.tables['api_token']


@pytest.fixture(params=['UTC', 'Pacific/Auckland', 'America/Los_Angeles'])
def time_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Set the clock of the machine to a time zone."""
    monkeypatch.setenv('TZ', request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_the_time_is_utc_in_every_time_zone(time_zone: str) -> None:
    now = datetime.fromtimestamp(time.time(), timezone.utc).replace(tzinfo=None)

    assert abs(clock.now() - now) < timedelta(minutes=1)


def test_a_time_with_a_time_zone_is_converted_to_utc() -> None:
    assert clock.to_utc(datetime(2026, 11, 24, 13, tzinfo=timezone(timedelta(hours=2)))) == datetime(2026, 11, 24, 11)


def test_a_time_without_a_time_zone_is_utc() -> None:
    assert clock.to_utc(datetime(2026, 11, 24, 13)) == datetime(2026, 11, 24, 13)


@pytest.mark.parametrize(('valid_for', 'status'), [(timedelta(minutes=1), 404), (timedelta(minutes=-1), 401)])
def test_a_token_expires_at_its_time_in_utc(
        time_zone: str, retry: ApiCall, alice: User, valid_for: timedelta, status: int) -> None:
    secret = seed.token(alice)
    db.session.execute(API_TOKEN.update().values(expires_at=clock.now() + valid_for))

    assert retry(99, token=secret).status_code == status


def test_a_token_without_a_time_has_expired() -> None:
    token = tokens.Token(id=1, user=models.User(1, 'alice', 'admin'), scopes=(), expires_at=None, revoked_at=None)

    assert token.is_expired()


@pytest.mark.parametrize('secret', ['spci_' + 'x' * 251, 'spci_caf\xe9', 'nonsense'])
def test_text_that_cannot_be_a_token_is_not_looked_up(
        retry: ApiCall, statements: list[Statement], secret: str) -> None:
    statements.clear()

    assert retry(99, token=secret).status_code == 401

    assert statements == []


def test_blanks_around_a_token_are_ignored(retry: ApiCall, token: str) -> None:
    assert retry(99, token=None, headers={'Authorization': f'Bearer   {token} '}).status_code == 404


@pytest.mark.parametrize('role', ['contributor ', ' contributor'])
def test_blanks_around_a_role_are_ignored(retry: ApiCall, token: str, role: str) -> None:
    db.session.execute(text('UPDATE user SET role = :role'), {'role': role})

    assert retry(99).status_code == 404


def test_the_repr_of_a_request_does_not_show_the_secret_of_the_new_run() -> None:
    request = RetryRequest(run_id=1)

    assert request.run_token not in repr(request)


def test_each_request_has_a_secret_of_its_own() -> None:
    assert RetryRequest(run_id=1).run_token != RetryRequest(run_id=1).run_token
