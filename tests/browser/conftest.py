"""The browser, the miniature for it, and pages on which nothing may go wrong unseen."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from served import Site, chromium, launch, seeded, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

#: A page of a user who is logged in: ``visit('alice', color_scheme='dark')``.
Visit = Callable[..., 'Page']


@pytest.fixture(scope='session')
def browser() -> Iterator[Browser]:
    """Chromium. The environment says whether it may be missing."""
    missing = [name for name, found in (('playwright', find_spec('playwright')), ('chromium', chromium())) if not found]
    if missing:
        give_up = pytest.fail if os.environ.get('RUNS_API_BROWSER') == 'required' else pytest.skip
        give_up(f'needs {" and ".join(missing)}')
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope='session')
def story(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A database with the demo's users and run in it, and the run's id."""
    database = tmp_path_factory.mktemp('story') / 'miniature.db'
    return database, seeded(database)


@pytest.fixture
def site(story: tuple[Path, int], tmp_path: Path, app_settings: dict[str, Any]) -> Iterator[Site]:
    """The miniature that is served, on a database that is only this test's."""
    database, run_id = story
    with served(shutil.copy(database, tmp_path), run_id, **app_settings) as site:
        yield site


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Visit]:
    """
    Open pages, each for a user who is logged in, with a session of its own.

    When the test is done, no script has failed on them, and nothing was against the Content-Security-Policy.
    """
    complaints: list[str] = []
    contexts = []

    def note(message: ConsoleMessage) -> None:
        # The browser says "Failed to load resource" of every answer of 400 and more, and of one that never came.
        if message.type in ('error', 'warning') and not message.text.startswith('Failed to load resource'):
            complaints.append(message.text)

    def open_page(name: str | None = 'alice', **options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.on('pageerror', lambda error: complaints.append(str(error)))
        page.on('console', note)
        if name is not None:
            page.goto(f'{site.address}/enter/{name}')
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(visit: Visit, site: Site) -> Page:
    """The run's page, for alice."""
    page = visit('alice')
    page.goto(site.page)
    return page


def open_dialog(page: Page, name: str = 'Retry this run') -> None:
    """Press a button, and wait until the dialog says what a retry would do."""
    page.get_by_role('button', name=name).click()
    page.wait_for_function('() => document.querySelector("[data-part=all-text]").textContent !== "all tests"')


@pytest.fixture
def dialog(page: Page) -> Page:
    """The run's page with the dialog open."""
    open_dialog(page)
    return page
