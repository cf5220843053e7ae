"""The miniature of the platform on SQLite, with people in it, and ways to ask it for things."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import seed
from application import create_app
from asking import Ask
from database import db, dispose_sessions
from flask import Flask
from flask.testing import FlaskClient
from mod_auth.models import Role, User
from mod_test.models import Test
from recording import Sent, recording
from stored import Rows
from werkzeug.test import TestResponse


@pytest.fixture
def app() -> Iterator[Flask]:
    """Give the miniature, the blueprint mounted in it by the two lines, on an empty database in memory."""
    app = create_app('sqlite://')
    with app.app_context():
        db.create_all()
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def on_file(tmp_path: Path) -> Iterator[Flask]:
    """Give the miniature within its context, with a database that several connections see, and no request."""
    app = create_app(f'sqlite:///{tmp_path}/platform.db')
    with app.app_context():
        db.create_all()
        yield app
        db.session.remove()
        db.engine.dispose()
    dispose_sessions()


@pytest.fixture
def rows(app: Flask) -> Rows:
    """Look into the database past everybody's session."""
    with app.app_context():
        return Rows(db.engine)


@pytest.fixture
def alice(client: FlaskClient) -> User:
    """Give a contributor."""
    return seed.user('alice', Role.contributor)


@pytest.fixture
def token(alice: User) -> str:
    """Give a token of alice's that allows everything."""
    secret = seed.token(alice)
    db.session.commit()
    return secret


@pytest.fixture
def retry(client: FlaskClient, token: str) -> Ask:
    """
    Ask for a retry: ``retry(run, {'failed_only': True})``.

    The run may be a run or whatever stands in its place in the path. By default alice asks.
    """
    def ask(run: Test | int | str, body: Any = None, *, token: str | None = token, key: str | None = None,
            headers: dict[str, str] | None = None, **request: Any) -> TestResponse:
        sent = dict(headers or {})
        if token is not None:
            sent['Authorization'] = f'Bearer {token}'
        if key is not None:
            sent['Idempotency-Key'] = key
        if body is not None:
            request['json'] = body
        run_id = run.id if isinstance(run, Test) else run
        db.session.commit()
        return client.post(f'/api/v1/runs/{run_id}/retry', headers=sent, **request)

    return ask


@pytest.fixture
def settings() -> dict[str, Any]:
    """Return the settings of `site`: a test that needs others parametrizes this."""
    return {}


@pytest.fixture
def site(settings: dict[str, Any]) -> Iterator[Flask]:
    """
    Give the miniature with nothing of it pushed, for visitors with sessions of their own.

    The fixtures around `app` keep one context for a whole test, and with it what Flask-WTF remembers of a session.
    """
    site = create_app('sqlite://', **settings)
    with site.app_context():
        db.create_all()
    yield site
    with site.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def statements(app: Flask) -> Iterator[list[Sent]]:
    """Record the statements that are sent, but for what the host asks about its tables at every request."""
    with app.app_context():
        engine = db.engine
    with recording(engine) as sent:
        yield sent
