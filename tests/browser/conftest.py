"""The browser, the miniature for it, and pages on which nothing may go wrong unseen."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from chromium import running, watching
from served import Site, seeded, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: A page of a user who is logged in: ``visit('alice', color_scheme='dark')``.
Visit = Callable[..., 'Page']


@pytest.fixture(scope='session')
def browser() -> Iterator[Browser]:
    """Chromium."""
    with running() as browser:
        yield browser


@pytest.fixture(scope='session')
def story(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A database with the demo's users and run in it, and the run's id."""
    database = tmp_path_factory.mktemp('story') / 'miniature.db'
    return database, seeded(database)


@pytest.fixture
def site(story: tuple[Path, int], tmp_path: Path, app_settings: dict[str, Any]) -> Iterator[Site]:
    """The miniature that is served, on a database that is only this test's."""
    database, run_id = story
    with served(Path(shutil.copy(database, tmp_path)), run_id, **app_settings) as site:
        yield site


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Visit]:
    """Open pages for a user who is logged in. In the end nothing was against the Content-Security-Policy on them."""
    with watching(browser, 'error', 'warning') as open_page:
        def log_in(name: str | None = 'alice', **options: Any) -> Page:
            page = open_page(**options)
            if name is not None:
                page.goto(f'{site.address}/account/login?name={name}')
            return page

        yield log_in


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
