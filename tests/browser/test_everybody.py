"""The pages for everybody: what axe finds, small screens, light and dark, little motion."""

import pytest
import seed
from database import db
from mod_customized.models import CustomizedTest
from support.changes import add_retries
from support.github import SETTINGS

from .chromium import SMALL, fits, open_dialog, scrolls_inside, serious


def retry_three_times(site):
    """
    Retry the run three times, with a word that does not fit on a small screen.

    Two tests are flaky, and one fails each time. The last retry is still queued.
    """
    second = site.retry(site.run_id, failed_only=True, reason='x' * 200)
    site.work(2)
    site.retry(second, failed_only=True, reason='flaky VM')
    site.work(2)
    site.retry(second)


def visit_in(scheme, visit, **options):
    """Open a page for alice in a colour scheme."""
    page = visit('alice', color_scheme='dark' if scheme == 'dark' else 'light', **options)
    if scheme == 'the dark of the platform':
        # Nothing but the attribute: the platform's pages do not say what scheme they have.
        page.add_init_script('addEventListener("DOMContentLoaded", () => { '
                             'document.documentElement.style.colorScheme = "normal"; '
                             'document.documentElement.toggleAttribute("dark"); })')
    return page


in_each_scheme = pytest.mark.parametrize('scheme', ['light', 'dark', 'the dark of the platform'])


@in_each_scheme
def test_axe_finds_nothing_serious_in_light_and_dark(site, visit, scheme):
    retry_three_times(site)
    page = visit_in(scheme, visit)
    page.goto(site.page_of(site.run_id + 1))
    assert page.get_by_text('Over 3 attempts 2 tests are flaky').is_visible()
    # The sign beside it is not for a screen reader.
    assert page.get_by_role('link', name='an output is missing', exact=True).is_visible()
    assert serious(page) == []

    for address in (site.page, f'{site.address}/test/'):
        page.goto(address)
        assert serious(page) == []
        page.locator('.runs-api-retry').first.click()
        dialog = page.get_by_role('dialog')
        assert dialog.evaluate('dialog => getComputedStyle(dialog).backgroundColor') == (
            'rgb(254, 254, 254)' if scheme == 'light' else 'rgb(25, 27, 28)')
        assert serious(page) == []
        page.get_by_label('Reason').fill('x' * 300)
        page.locator('[type=submit]').click()
        page.get_by_role('alert').get_by_text('The reason is too long').wait_for()
        assert serious(page) == []
    if scheme == 'the dark of the platform':
        page.goto(site.page)
        schemes = page.locator('.runs-api-dialog, .runs-api-history, .runs-api-retry').evaluate_all(
            'found => found.map((element) => getComputedStyle(element).colorScheme)')
        assert schemes == ['dark'] * 4


def test_axe_finds_a_button_without_a_name(page):
    page.evaluate('() => document.querySelector(".runs-api-retry").replaceChildren()')

    assert [found.partition(':')[0] for found in serious(page)] == ['button-name']


def test_a_small_screen_scrolls_in_one_direction_and_shows_attempts_as_cards(site, visit):
    retry_three_times(site)
    with site.app.app_context():
        first, *retries = seed.bulk_runs(10, 2, 2)
        add_retries(first, retries)
    page = visit('alice', viewport=SMALL)

    for address in (f'{site.address}/test/', site.page, site.page_of(first), site.page_of(site.run_id + 1)):
        page.goto(address)
        assert page.evaluate('() => document.documentElement.scrollWidth') <= 360, address
        button = page.locator('.runs-api-retry').first
        box = button.bounding_box()
        assert box is not None and min(box['width'], box['height']) >= 24, 'too small for a finger'
        button.click()
        page.get_by_label('Reason').fill('x' * 300)
        page.locator('[type=submit]').click()
        assert fits(page.get_by_role('dialog'))
        assert page.get_by_role('dialog').evaluate('dialog => dialog.scrollWidth <= dialog.clientWidth')
    page.keyboard.press('Escape')
    attempts = page.get_by_role('table', name='Attempts, newest first')
    assert all(fits(cell, 'x') for cell in attempts.locator('td:not(:empty)').all())
    # To the eye and to a screen reader each cell says what it is, once.
    assert attempts.locator('[data-label="By"]').first.evaluate(
        'cell => getComputedStyle(cell, "::before").content') == '"By" / ""'
    assert attempts.get_by_role('columnheader').all_inner_texts()[-3:] == ['By', 'When (UTC)', 'Why']
    assert attempts.get_by_role('cell', name='flaky VM', exact=True).count() == 1
    grid = page.get_by_role('region', name='Tests that did not always pass')
    assert scrolls_inside(grid)
    grid.evaluate('region => { region.scrollLeft = 0; }')
    # By keyboard too: Tab leads there.
    assert grid.get_attribute('tabindex') == '0'
    grid.press('ArrowRight')
    page.wait_for_function('() => document.activeElement.scrollLeft > 0')
    # If the attempts have columns, a long reason does not make the page scroll either.
    page.set_viewport_size({'width': 1200, 'height': 800})
    assert page.evaluate('() => document.documentElement.scrollWidth') <= 1200


@pytest.mark.parametrize('settings', [{'RUNS_API_INACTIVE_TESTS': 'drop'}])
def test_the_second_line_of_a_choice_starts_under_the_first_one(site, visit):
    site.retire_two_tests()
    page = visit('alice', viewport=SMALL)
    page.goto(site.page)

    open_dialog(page)

    first, second = page.get_by_text('only the 2 that did not pass, without 1 inactive one').evaluate('''(text) => {
        const range = document.createRange();
        range.selectNodeContents(text);
        return [...range.getClientRects()].map((line) => line.left);
    }''')
    assert first == second


@pytest.fixture
def grid(site, visit, scheme):
    """The grid of ten attempts on a small screen, scrolled to its last cell. One test never ran."""
    with site.app.app_context():
        first, *retries = seed.bulk_runs(10, 20, 20)
        db.session.add(CustomizedTest(test_id=first, regression_id=seed.regression_test().id))
        add_retries(first, retries)
    page = visit_in(scheme, visit, viewport=SMALL)
    page.goto(site.page_of(first))
    grid = page.get_by_role('region', name='Tests that did not always pass')
    grid.scroll_into_view_if_needed()
    grid.evaluate('region => { region.scrollTo(10_000, 10_000); }')
    return grid


@in_each_scheme
def test_the_tests_stay_in_sight_while_the_attempts_scroll(grid):
    heads = grid.locator('tr > :first-child')

    assert heads.last.inner_text() == '1 test never ran'
    for place in (0, -2, -1):
        # The cells that scroll are under it, and do not show through it.
        assert heads.nth(place).evaluate('''(head) => {
            const { left, right, top, bottom } = head.getBoundingClientRect();
            const places = [left + 2, right - 2].flatMap((x) => [top + 2, bottom - 2].map((y) => [x, y]));
            return places.every(([x, y]) => head.contains(document.elementFromPoint(x, y)))
                && getComputedStyle(head).backgroundColor
                    === getComputedStyle(head.closest('.runs-api-history')).backgroundColor;
        }'''), place


@pytest.mark.parametrize('scheme', ['light'])
def test_the_keyboard_finds_no_attempt_under_the_tests(grid):
    links = grid.get_by_role('columnheader').get_by_role('link')
    links.last.focus()
    for _ in range(9):
        grid.page.keyboard.press('Shift+Tab')

    assert links.first.evaluate('''(link) => {
        const { left, top } = link.getBoundingClientRect();
        return link === document.activeElement && link === document.elementFromPoint(left + 1, top + 5);
    }''')


@pytest.mark.parametrize('settings', [{**SETTINGS, 'RUNS_API_AUTHOR_RETRIES': 2}])
def test_the_command_of_the_author_is_in_one_line_however_wide_the_page_is(site, visit):
    page = visit(None)
    page.goto(site.page)
    command = page.get_by_text('/retry linux failed', exact=True)

    for width in range(360, 720, 20):
        page.set_viewport_size({'width': width, 'height': 640})
        assert command.evaluate('(command) => command.getClientRects().length') == 1, width


@pytest.mark.parametrize('motion, animation', [('reduce', 'none'), ('no-preference', 'runs-api-working')])
def test_nothing_moves_for_users_who_do_not_want_it(site, visit, motion, animation):
    page = visit('alice', reduced_motion=motion)
    page.goto(site.page)
    page.route('**/retry', lambda route: None)
    page.get_by_role('button', name='Retry this run').click()
    page.locator('[type=submit]').click()

    name = page.get_by_role('button', name='Sending…').evaluate('button => getComputedStyle(button).animationName')

    assert name == animation
