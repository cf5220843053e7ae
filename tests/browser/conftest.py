"""The browser, the miniature for it, and pages on which nothing may go wrong unseen."""

import pytest

from .chromium import open_dialog, running, watching
from .served import served


@pytest.fixture(scope='session')
def browser():
    """Chromium."""
    with running() as browser:
        yield browser


@pytest.fixture
def site(tmp_path, settings):
    """The miniature that is served."""
    with served(tmp_path, settings) as site:
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


@pytest.fixture
def dialog(page):
    """The run's page with the dialog open."""
    open_dialog(page)
    return page
