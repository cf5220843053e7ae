"""The keyboard alone, from the button to the new run's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from chromium import SMALL, focused, tab_to
from conftest import Visit
from served import Site

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_the_keyboard_leads_from_the_button_to_the_new_page(site: Site, page: Page) -> None:
    tab_to(page, 'Retry this run')
    page.keyboard.press('Enter')
    page.get_by_label('all 9 tests').wait_for()
    assert focused(page) == 'all 9 tests'
    page.keyboard.press('ArrowDown')
    assert focused(page) == 'only the 3 that did not pass'
    page.keyboard.press('Tab')
    page.keyboard.type('flaky VM')
    page.keyboard.press('Tab')
    assert focused(page) == 'Cancel'
    page.keyboard.press('Tab')
    assert focused(page) == f'Retry run {site.run_id}'
    page.keyboard.press('Space')

    page.wait_for_url(site.page_of(site.run_id + 1))
    history = page.get_by_role('region', name='Retries')
    assert history.get_by_text('This run runs 3 of 9 tests.').is_visible()
    assert history.get_by_role('cell', name='flaky VM').is_visible()


@pytest.mark.parametrize('way', ['Escape', 'Cancel'])
def test_the_dialog_can_be_left_and_makes_nothing(site: Site, page: Page, way: str) -> None:
    tab_to(page, 'Retry this run')
    page.keyboard.press('Enter')
    page.get_by_label('Reason').fill('flaky VM')
    if way == 'Cancel':
        tab_to(page, 'Cancel')
        page.keyboard.press('Enter')
    else:
        page.keyboard.press('Escape')

    page.get_by_role('dialog').wait_for(state='hidden')
    assert focused(page) == 'Retry this run'
    assert site.runs == 1
    page.keyboard.press('Enter')
    assert page.get_by_label('Reason').input_value() == ''


def test_focus_returns_to_a_button_that_never_had_it(page: Page) -> None:
    # As in Safari, where a pressed button gets no focus, and with some screen readers.
    page.get_by_role('button', name='Retry this run').dispatch_event('click')
    page.keyboard.press('Escape')

    page.get_by_role('dialog').wait_for(state='hidden')
    page.wait_for_function('() => document.activeElement.matches(".runs-api-retry")')


def test_an_error_leaves_the_keyboard_where_it_was(site: Site, page: Page) -> None:
    site.objections.append('The build is gone.')
    tab_to(page, 'Retry this run')
    page.keyboard.press('Enter')
    tab_to(page, f'Retry run {site.run_id}')
    page.keyboard.press('Enter')

    page.get_by_role('alert').get_by_text('The build is gone.').wait_for()
    assert focused(page) == f'Retry run {site.run_id}'


def test_the_table_of_attempts_scrolls_by_keyboard(site: Site, visit: Visit) -> None:
    site.retry(site.run_id, reason='x' * 200)
    page = visit(None, viewport=SMALL)
    page.goto(site.page)
    table = page.get_by_role('region', name='Attempts')

    for _ in range(10):
        page.keyboard.press('Tab')
        if table.evaluate('element => element === document.activeElement'):
            break
    page.keyboard.press('ArrowRight')

    page.wait_for_function('() => document.activeElement.scrollLeft > 0')
    assert page.evaluate('() => document.activeElement.getAttribute("aria-label")') == 'Attempts'
