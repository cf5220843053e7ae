"""A built console before a copy of the platform's checkout, and a browser that is signed in to it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import chromium
import pytest
from checkout import Platform, copy_as_documented, prepare
from front import Front, serving_console
from protocol import Process, Story, running
from rows import Rows, fresh_database, now

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: The platform counts requests by the token's id. Those of the stories themselves are small.
_token_ids = count(1_000_000)

#: What the console's own log-in asks for.
SCOPES = ['runs:read', 'runs:write', 'results:read', 'system:read']

#: A page of the console: ``visit('/runs', color_scheme='dark')``. The person of the story is signed in.
Visit = Callable[..., 'Page']


def named(variable: str, what: str) -> Path:
    """Return the folder that a variable names; skip the test without."""
    folder = os.environ.get(variable)
    if not folder:
        pytest.skip(f'{variable} does not name {what}')
    return Path(folder)


@pytest.fixture(scope='session')
def built() -> Path:
    """The folder of a console that is patched and built."""
    return named('SAMPLE_PLATFORM_CONSOLE', 'the files of a console that is patched and built')


@pytest.fixture(scope='session')
def platform(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """A copy of the platform with all that the docs offer."""
    checkout = named('SAMPLE_PLATFORM', 'a checkout of the sample platform')
    return copy_as_documented(prepare(checkout, tmp_path_factory.mktemp('checkout')))


@pytest.fixture(scope='session')
def rows(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rows]:
    """The database."""
    with fresh_database('sqlite', tmp_path_factory.mktemp('database')) as address:
        platform.inside('create_tables', address)
        rows = Rows(address)
        yield rows
        rows.engine.dispose()


@pytest.fixture(scope='session')
def process(platform: Platform, rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """The process that stories are told to, and that answers the console."""
    with running(platform, rows.address, tmp_path_factory.mktemp('protocol')) as process:
        yield process


@pytest.fixture
def story(process: Process, rows: Rows, platform: Platform) -> Story:
    """Begin a story on an empty platform."""
    return Story(process, rows, platform)


@pytest.fixture(scope='session')
def served_console(built: Path, process: Process) -> Iterator[Front]:
    """Serve the console before the platform."""
    with serving_console(built, process.call('serve')) as front:
        yield front


@pytest.fixture
def front(served_console: Front) -> Front:
    """Give the console, with an API that answers and has not been asked yet."""
    served_console.is_api_away = False
    served_console.asked.clear()
    return served_console


@pytest.fixture(scope='session')
def browser() -> Iterator[Browser]:
    """Chromium."""
    with chromium.running() as browser:
        yield browser


def keep_session(story: Story) -> dict[str, str]:
    """Return what the console keeps of the log-in of a story's person, with a token that the platform knows."""
    secret, expires = f'spci_{token_hex(32)}', now() + timedelta(days=1)
    story.rows.add('api_token', id=next(_token_ids), user_id=story.user_id, token_name='console',
                   token_prefix=secret[:16], token_hash=hashlib.sha256(secret.encode()).hexdigest(),
                   scopes_json=json.dumps(SCOPES), created_at=now(), expires_at=expires)
    return {'token': secret, 'email': 'adam@example.com', 'role': 'admin', 'expires_at': f'{expires.isoformat()}Z'}


def context(front: Front, session: dict[str, str] | None, *, dark: bool = False) -> dict[str, Any]:
    """Return the options of a browser's context in which the console keeps a session."""
    kept = {'sp-theme': 'dark' if dark else 'light', **({'sp-session': json.dumps(session)} if session else {})}
    return {'locale': 'en-GB', 'storage_state': {'cookies': [], 'origins': [{
        'origin': front.address, 'localStorage': [{'name': name, 'value': value} for name, value in kept.items()]}]}}


@pytest.fixture
def visit(browser: Browser, front: Front, story: Story) -> Iterator[Visit]:
    """Open pages of the console, each in a browser of its own."""
    with chromium.watching(browser, 'error') as open_page:
        def visit(path: str = '/', *, signed_in: bool = True, dark: bool = False, **options: Any) -> Page:
            page = open_page(**context(front, keep_session(story) if signed_in else None, dark=dark), **options)
            page.goto(front.address + path)
            return page

        yield visit
