"""The pages for everybody: what axe finds, small screens, light and dark, little motion."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from chromium import SMALL, fits, scrolls_inside, serious
from conftest import Visit
from served import Site

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

SCHEMES = ['light', 'dark', 'the dark of the platform']


@pytest.fixture(params=SCHEMES)
def colours(request: pytest.FixtureRequest, visit: Visit) -> Callable[..., Page]:
    """Open pages in light and in dark, and in the dark that the platform's own switch makes."""
    def open_page(**options: Any) -> Page:
        page = visit('alice', color_scheme='dark' if request.param == 'dark' else 'light', **options)
        if request.param == SCHEMES[2]:
            page.add_init_script('addEventListener("DOMContentLoaded", '
                                 '() => document.documentElement.toggleAttribute("dark"))')
        return page

    return open_page


def retry_three_times(site: Site) -> None:
    """
    Retry the run three times, with a word that does not fit on a small screen.

    Two tests are flaky, and one fails each time. The last retry is still queued.
    """
    second = site.retry(site.run_id, failed_only=True, reason='x' * 200)
    site.work(2)
    site.retry(second, failed_only=True, reason='flaky VM')
    site.work(2)
    site.retry(second)


def test_axe_finds_nothing_serious(site: Site, colours: Callable[..., Page]) -> None:
    retry_three_times(site)
    page = colours()
    page.goto(site.page_of(site.run_id + 1))
    assert page.get_by_text('Over 3 attempts 2 tests are flaky').is_visible()
    assert serious(page) == []

    page.goto(site.page)
    assert serious(page) == []
    page.get_by_role('button', name='Retry this run').click()
    assert serious(page) == []
    page.get_by_label('Reason').fill('x' * 300)
    page.locator('[type=submit]').click()
    page.get_by_role('alert').get_by_text('The reason is too long').wait_for()
    assert serious(page) == []


def test_axe_finds_nothing_serious_in_the_list(site: Site, colours: Callable[..., Page]) -> None:
    for _ in range(3):
        site.add_run()
    page = colours()
    page.goto(f'{site.address}/test/')

    assert serious(page) == []
    page.get_by_role('button', name=f'Retry run {site.run_id}').click()
    assert serious(page) == []


def test_axe_finds_a_button_without_a_name(page: Page) -> None:
    page.evaluate('() => document.querySelector(".runs-api-retry").replaceChildren()')

    assert [found.partition(':')[0] for found in serious(page)] == ['button-name']


def test_a_small_screen_scrolls_in_one_direction(site: Site, visit: Visit) -> None:
    retry_three_times(site)
    page = visit('alice', viewport=SMALL)

    for address in (site.page, site.page_of(site.run_id + 1), f'{site.address}/test/'):
        page.goto(address)
        assert page.evaluate('() => document.documentElement.scrollWidth') <= 360, address
        page.locator('.runs-api-retry').first.click()
        page.get_by_label('Reason').fill('x' * 300)
        page.locator('[type=submit]').click()
        assert fits(page.get_by_role('dialog'))
        assert page.get_by_role('dialog').evaluate('dialog => dialog.scrollWidth <= dialog.clientWidth')


def test_buttons_are_large_enough_for_a_finger(site: Site, visit: Visit) -> None:
    page = visit('alice', viewport=SMALL)
    page.goto(f'{site.address}/test/')

    box = page.get_by_role('button', name=f'Retry run {site.run_id}').bounding_box()

    assert box is not None and min(box['width'], box['height']) >= 24


def test_the_dark_of_the_platform_is_dark_whatever_the_browser_is(site: Site, visit: Visit) -> None:
    retry_three_times(site)
    page = visit('alice', color_scheme='light')
    page.goto(site.page)
    page.get_by_role('button', name='Retry this run').click()
    dialog = page.get_by_role('dialog')
    ground = 'dialog => getComputedStyle(dialog).backgroundColor'
    assert dialog.evaluate(ground) == 'rgb(254, 254, 254)'

    # Nothing but the attribute: the platform's pages do not say what scheme they have.
    page.evaluate('() => { document.documentElement.style.colorScheme = "normal"; '
                  'document.documentElement.toggleAttribute("dark"); }')

    schemes = page.locator('.runs-api-dialog, .runs-api-history, .runs-api-retry').evaluate_all(
        'found => found.map((element) => getComputedStyle(element).colorScheme)')
    assert schemes == ['dark'] * 3
    assert dialog.evaluate(ground) == 'rgb(25, 27, 28)'


@pytest.mark.parametrize('motion, animation', [('reduce', 'none'), ('no-preference', 'runs-api-working')])
def test_nothing_moves_for_users_who_do_not_want_it(site: Site, visit: Visit, motion: str, animation: str) -> None:
    page = visit('alice', reduced_motion=motion)
    page.goto(site.page)
    held: list[Route] = []
    page.route('**/retry', lambda route: held.append(route))
    page.get_by_role('button', name='Retry this run').click()
    page.locator('[type=submit]').click()

    name = page.get_by_role('button', name='Sending…').evaluate('button => getComputedStyle(button).animationName')

    assert name == animation
    held[0].abort()


def test_an_outcome_has_a_sign_beside_its_colour_and_a_word_for_a_screen_reader(site: Site, visit: Visit) -> None:
    retry_three_times(site)
    page = visit(None)
    page.goto(site.page_of(site.run_id + 1))
    row = page.get_by_role('row').filter(has=page.get_by_role('rowheader', name='8 -in=mp4 -out=srt is flaky'))

    assert [cell.split() for cell in row.get_by_role('cell').all_inner_texts()] == [
        ['c', 'carried', 'over'], ['✓', 'passed'], ['∅', 'an', 'output', 'is', 'missing']]
    assert row.get_by_role('link', name='passed', exact=True).is_visible()
    assert row.get_by_role('link', name='an output is missing', exact=True).is_visible()


def test_the_table_of_attempts_and_the_grid_scroll_inside_themselves(site: Site, visit: Visit) -> None:
    retry_three_times(site)
    page = visit(None, viewport=SMALL)
    page.goto(site.page_of(site.run_id + 1))

    for name in ('Attempts', 'Tests that did not pass each time'):
        assert scrolls_inside(page.get_by_role('region', name=name))
