"""Tokens, and the time: what the route alone does not show (contract sections 1 and 3)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
import seed
from database import Base, db
from mod_auth.models import User
from support.api import ApiCall

from mod_runs_api import clock
from mod_runs_api.retry import RetryRequest

API_TOKEN = Base.metadata.tables['api_token']


@pytest.fixture(params=['UTC', 'Pacific/Auckland', 'America/Los_Angeles'])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Set the clock of the machine to a time zone."""
    monkeypatch.setenv('TZ', request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_the_time_is_utc_wherever_the_machine_is(zone: str) -> None:
    assert abs(clock.now() - datetime.fromtimestamp(time.time(), timezone.utc).replace(tzinfo=None)) < timedelta(
        minutes=1)


def test_a_time_with_a_zone_is_told_in_utc() -> None:
    assert clock.utc(datetime(2026, 11, 24, 13, tzinfo=timezone(timedelta(hours=2)))) == datetime(2026, 11, 24, 11)
    assert clock.utc(datetime(2026, 11, 24, 13)) == datetime(2026, 11, 24, 13)


@pytest.mark.parametrize(('lasts', 'status'), [(timedelta(minutes=1), 404), (timedelta(minutes=-1), 401)])
def test_a_token_lasts_to_its_time_in_utc(
        zone: str, retry: ApiCall, alice: User, lasts: timedelta, status: int) -> None:
    secret = seed.token(alice)
    db.session.execute(API_TOKEN.update().values(expires_at=clock.now() + lasts))

    assert retry(99, token=secret).status_code == status


def test_a_token_that_says_no_time_has_expired(retry: ApiCall, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from mod_runs_api import tokens
    found = tokens.find
    monkeypatch.setattr(tokens, 'find', lambda *arguments: tokens.Token(
        **{**vars(found(*arguments)), 'expires_at': None}))

    assert retry(99).status_code == 401


@pytest.mark.parametrize('secret', ['spci_' + 'x' * 251, 'spci_caf\xe9', 'nonsense'])
def test_what_cannot_be_a_token_is_not_looked_up(retry: ApiCall, statements: list[str], secret: str) -> None:
    statements.clear()

    assert retry(99, token=secret).status_code == 401

    assert statements == []


def test_blanks_around_a_token_do_not_count(retry: ApiCall, token: str) -> None:
    assert retry(99, token=None, headers={'Authorization': f'Bearer   {token} '}).status_code == 404


@pytest.mark.parametrize('role', ['contributor ', ' contributor'])
def test_blanks_around_a_role_do_not_count(retry: ApiCall, token: str, role: str) -> None:
    db.session.execute(Base.metadata.tables['user'].update().values(role=seed.Role.contributor))
    db.session.execute(db.text('UPDATE user SET role = :role'), {'role': role})

    assert retry(99).status_code == 404


def test_an_order_does_not_show_the_runs_secret() -> None:
    order = RetryRequest(run_id=1)

    assert order.run_token not in repr(order)
    assert order.run_token != RetryRequest(run_id=1).run_token
