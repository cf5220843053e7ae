"""Chromium, pages on which nothing may go wrong unseen, and what is asked of any of them."""

import os
import shutil
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import pytest

#: Nothing that asks the network for more than the pages.
FLAGS = ('--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
         '--disable-component-update', '--disable-sync')

#: AbortSignal.timeout has a clock of its own, which a test cannot move.
TIMEOUTS = '''AbortSignal.timeout = (milliseconds) => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), milliseconds);
  return controller.signal;
};'''

#: A screen that is as small as any.
SMALL = {'width': 360, 'height': 640}


@contextmanager
def running():
    """Run Chromium, without a window. The environment says whether it may be missing."""
    path = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome')
    if path is None or find_spec('playwright') is None:
        give_up = pytest.fail if os.environ.get('RUNS_API_BROWSER') == 'required' else pytest.skip
        give_up('needs Playwright and Chromium')
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=FLAGS,
            # Browsers have it: "back" shows the page as it was left.
            ignore_default_args=['--disable-back-forward-cache'])
        yield browser
        browser.close()


@contextmanager
def watching(browser, *kinds):
    """Open pages, each in a context of its own. In the end no script has failed and nothing has been logged on them."""
    complaints: list[str] = []

    def note(message):
        # The browser says "Failed to load resource" of every answer of 400 and more, and of one that never came.
        if message.type in kinds and not message.text.startswith('Failed to load resource'):
            complaints.append(message.text)

    def open_page(**options):
        page = browser.new_context(**options).new_page()
        page.on('pageerror', lambda error: complaints.append(str(error)))
        page.on('console', note)
        return page

    yield open_page
    for context in browser.contexts:
        context.close()
    assert not complaints, complaints


def serious(page, part=None):
    """Return what axe finds serious or critical on a page, or in a part of it."""
    from axe_playwright_python.sync_playwright import Axe
    return [f"{violation['id']}: {node['html']}"
            for violation in Axe().run(page, context=part).response['violations']
            if violation['impact'] in ('serious', 'critical') for node in violation['nodes']]


def fits(part, axes='xy'):
    """Return whether a part of a page is within the screen."""
    box, screen = part.bounding_box(), part.page.viewport_size
    assert box is not None and screen is not None
    return ('x' not in axes or 0 <= box['x'] <= screen['width'] - box['width']) and (
        'y' not in axes or 0 <= box['y'] <= screen['height'] - box['height'])


def scrolls_inside(region):
    """Return whether a region is not too wide for the screen, and the last cell of its table is reached in it."""
    box = region.bounding_box()
    region.evaluate('(region) => { region.scrollLeft = 10_000; }')
    last = region.locator('tr').last.locator('> *').last.bounding_box()
    assert box is not None and last is not None
    return fits(region, 'x') and last['x'] + last['width'] <= box['x'] + box['width'] + 1


def focused(page):
    """Return the label or the text of what has the focus."""
    return page.evaluate('() => document.activeElement.labels?.[0]?.textContent '
                         '?? document.activeElement.textContent').strip()


def tab_to(page, text):
    """Press Tab until what has the focus has this text."""
    for _ in range(40):
        page.keyboard.press('Tab')
        if focused(page) == text:
            return
    raise AssertionError(f'Tab does not lead to {text!r}.')


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


class Held(list[Any]):
    """The requests that a test holds. A page may show that it sends one before Playwright hears of it."""

    def __init__(self, page):
        super().__init__()
        self._page = page

    def __getitem__(self, number):
        """Wait until a request has arrived, for 30 seconds as Playwright does, and return it."""
        for _ in range(3_000):
            if len(self) > number:
                break
            self._page.wait_for_timeout(10)
        return super().__getitem__(number)


def hold(page, pattern='**/retry', times=1):
    """Hold the next request to an address, or several, and return the list that they are added to."""
    held = Held(page)
    page.route(pattern, lambda route: held.append(route), times=times)
    return held
