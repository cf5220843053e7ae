"""The browser, the miniature for it, and pages on which nothing may go wrong unseen."""

from typing import Any

import pytest

from .chromium import running, watching
from .served import served


@pytest.fixture(scope='session')
def browser():
    """Chromium."""
    with running() as browser:
        yield browser


@pytest.fixture
def site(tmp_path):
    """The miniature that is served."""
    with served(tmp_path) as site:
        yield site


@pytest.fixture
def visit(browser, site):
    """Open pages for a user who is logged in. In the end nothing was against the Content-Security-Policy on them."""
    with watching(browser, 'error', 'warning') as open_page:
        def log_in(name='alice', **options):
            page = open_page(**options)
            if name is not None:
                page.goto(f'{site.address}/account/login?name={name}')
            return page

        yield log_in


@pytest.fixture
def page(visit, site):
    """The run's page, for alice."""
    page = visit('alice')
    page.goto(site.page)
    return page


def open_dialog(page, name='Retry this run'):
    """Press a button, and wait until the dialog says what a retry would do."""
    page.get_by_role('button', name=name).click()
    page.wait_for_function('() => document.querySelector("[data-part=all-text]").textContent !== "all tests"')


def send(page):
    """Press the button of the dialog that sends."""
    page.get_by_role('dialog').locator('[type=submit]').click()


def landed(page, site, number=1):
    """Wait for the page of the newest of so many new runs, and check that there are no others."""
    page.wait_for_url(site.page_of(site.run_id + number))
    assert site.runs == 1 + number


def hold(page, pattern='**/retry', times=1):
    """Hold the next request to an address, or several, and return the list that they are added to."""
    held: list[Any] = []
    page.route(pattern, lambda route: held.append(route), times=times)
    return held


@pytest.fixture
def dialog(page):
    """The run's page with the dialog open."""
    open_dialog(page)
    return page
