"""The pages for everybody: what axe finds, small screens, light and dark, little motion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
import seed
import worker
from conftest import Visit
from database import db
from flask import g
from mod_regression.models import RegressionTest
from mod_test.models import Test, TestPlatform
from outcome import Outcome, passing
from served import Site

from mod_runs_api import retry_run

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

pytestmark = pytest.mark.browser

SCHEMES = ['light', 'dark', 'the dark of the platform']


@pytest.fixture(params=SCHEMES)
def colours(request: pytest.FixtureRequest, visit: Visit) -> Iterator[Callable[..., Page]]:
    """Open pages in light and in dark, and in the dark that the platform's own switch makes."""
    def open_page(**options: Any) -> Page:
        page = visit('alice', color_scheme='dark' if request.param == 'dark' else 'light', **options)
        if request.param == SCHEMES[2]:
            page.add_init_script('addEventListener("DOMContentLoaded", '
                                 '() => document.documentElement.toggleAttribute("dark"))')
        return page

    yield open_page


def serious(page: Page) -> list[str]:
    """Return what axe finds serious or critical on a page."""
    from axe_playwright_python.sync_playwright import Axe
    return [f"{violation['id']}: {node['html']}" for violation in Axe().run(page).response['violations']
            if violation['impact'] in ('serious', 'critical') for node in violation['nodes']]


def retry_three_times(site: Site) -> None:
    """
    Retry the run three times, with a word that does not fit on a small screen.

    Two tests are flaky, and one fails each time. The last retry is still queued.
    """
    def crash(run: Test, test: RegressionTest) -> Outcome:
        return passing(test).exits(139) if test.id == 2 else passing(test)

    with site.app.app_context():
        g.db = db.session
        second = retry_run(site.run_id, failed_only=True, reason='x' * 200, requested_by='alice').new_run_id
        worker.work_once(db.session, TestPlatform.linux, crash)
        retry_run(second, failed_only=True, reason='flaky VM', requested_by='alice')
        worker.work_once(db.session, TestPlatform.linux, crash)
        retry_run(second, requested_by='alice')


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
    with site.app.app_context():
        for _ in range(3):
            seed.run([seed.regression_test()])
        db.session.commit()
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
    page = visit('alice', viewport={'width': 360, 'height': 640})

    for address in (site.page, site.page_of(site.run_id + 1), f'{site.address}/test/'):
        page.goto(address)
        assert page.evaluate('() => document.documentElement.scrollWidth') <= 360, address
        page.locator('.runs-api-retry').first.click()
        page.get_by_label('Reason').fill('x' * 300)
        page.locator('[type=submit]').click()
        box = page.get_by_role('dialog').bounding_box()
        assert box is not None and box['x'] >= 0 and box['x'] + box['width'] <= 360
        assert box['y'] >= 0 and box['y'] + box['height'] <= 640
        assert page.get_by_role('dialog').evaluate('dialog => dialog.scrollWidth <= dialog.clientWidth')


def test_buttons_are_large_enough_for_a_finger(site: Site, visit: Visit) -> None:
    page = visit('alice', viewport={'width': 360, 'height': 640})
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
    page = visit(None, viewport={'width': 360, 'height': 640})
    page.goto(site.page_of(site.run_id + 1))

    for name in ('Attempts', 'Tests that did not pass each time'):
        region = page.get_by_role('region', name=name)
        box = region.bounding_box()
        assert box is not None and box['x'] >= 0 and box['x'] + box['width'] <= 360
        region.evaluate('region => { region.scrollLeft = 10_000; }')
        last = region.locator('tr').last.locator('> *').last.bounding_box()
        assert last is not None and last['x'] + last['width'] <= box['x'] + box['width'] + 1


def test_the_grid_and_the_table_need_no_script(site: Site, visit: Visit) -> None:
    retry_three_times(site)
    page = visit(None, java_script_enabled=False)
    page.goto(site.page_of(site.run_id + 1))

    assert page.get_by_role('rowheader', name='2 -autoprogram -out=ttxt -utf8 fails each time').is_visible()
    page.get_by_role('link', name='an output is missing').click()
    page.wait_for_url(site.page)
    page.get_by_role('link', name='8', exact=True).first.click()
    page.wait_for_url(f'{site.address}/regression/test/8/view')
