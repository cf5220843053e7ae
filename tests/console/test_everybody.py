"""The console for everybody: what axe finds, small screens, light and dark."""

import pytest
from browser import chromium
from on_platform.protocol import CRASH, differs

from .conftest import open_dialog


@pytest.fixture
def retried(story):
    """A run that has completed twice, its retry for a long reason: one test is flaky, and one fails each time."""
    tests = story.tests(5)
    first = story.complete(story.push(tests), {tests[1]: CRASH, tests[3]: differs('else')})
    return story.complete(story.retry(first, reason='x' * 200), {tests[3]: differs('else')})


@pytest.fixture(params=[False, True], ids=['light', 'dark'])
def opened(request, visit):
    """Open pages in light and in dark."""
    return lambda path, **options: visit(path, dark=request.param, **options)


def check(*parts):
    """Have axe look at parts of a page that stand still."""
    page = parts[0].page
    page.wait_for_function('() => document.getAnimations().length === 0')
    for part in parts:
        part.evaluate('(element) => element.setAttribute("data-checked", "")')
    assert chromium.serious(page, '[data-checked]') == []


def test_axe_finds_nothing_serious(story, retried, opened):
    story.worker(again := story.retry(retried)).start()
    story.cancel(again)
    page = opened(f'/runs/{again}', answers={'**/samples?*': None})
    page.get_by_role('region', name='Tests that did not always pass').wait_for()
    sentence = story.attempts(again)[-1]['cause_sentence']
    check(page.locator('section[aria-labelledby=attempts]'), page.get_by_text(sentence, exact=True).locator('xpath=..'),
          page.get_by_role('alert'))

    # Too long, so the button is off: the console's own green has too little contrast.
    open_dialog(page).get_by_label('Reason').fill('x' * 300)
    check(page.get_by_role('dialog'))

    page.goto(page.url.replace(f'/{again}', f'/{retried}'))
    check(page.get_by_text('Newest: run'))

    page.goto(page.url.replace(f'/{retried}', ''))
    page.get_by_text('3 attempts').click()
    check(page.get_by_text('3 attempts'), page.get_by_text('Other attempts'))


def test_everything_fits_on_a_small_screen(story, retried, opened):
    story.retry(retried)
    page = opened(f'/runs/{retried}', viewport=chromium.SMALL)
    page.get_by_text('Over 2 attempts').wait_for()
    assert chromium.fits(page.get_by_text('Newest: run'), 'x')
    for name in ('Attempts, newest first', 'Tests that did not always pass'):
        assert chromium.scrolls_inside(page.get_by_role('region', name=name))

    assert chromium.fits(page.get_by_role('button', name='Run again'), 'x')
    dialog = open_dialog(page)
    dialog.get_by_label('Reason').fill('x' * 300)
    assert chromium.fits(dialog)
    assert dialog.evaluate('(dialog) => dialog.scrollWidth <= dialog.clientWidth')

    page.goto(page.url.replace(f'/{retried}', ''))
    assert chromium.fits(page.get_by_text('3 attempts, newest'), 'x')
