"""The pages for everybody: what axe finds, small screens, light and dark, little motion."""

import pytest
import seed
from support.changes import add_retries

from .chromium import SMALL, fits, scrolls_inside, serious


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


@pytest.mark.parametrize('scheme', ['light', 'dark', 'the dark of the platform'])
def test_axe_finds_nothing_serious_in_light_and_dark(site, visit, scheme):
    retry_three_times(site)
    page = visit('alice', color_scheme='dark' if scheme == 'dark' else 'light')
    if scheme == 'the dark of the platform':
        # Nothing but the attribute: the platform's pages do not say what scheme they have.
        page.add_init_script('addEventListener("DOMContentLoaded", () => { '
                             'document.documentElement.style.colorScheme = "normal"; '
                             'document.documentElement.toggleAttribute("dark"); })')
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
    grid = page.get_by_role('region', name='Tests that did not pass each time')
    assert scrolls_inside(grid)
    grid.evaluate('region => { region.scrollLeft = 0; }')
    # By keyboard too: Tab leads there.
    assert grid.get_attribute('tabindex') == '0'
    grid.press('ArrowRight')
    page.wait_for_function('() => document.activeElement.scrollLeft > 0')
    # If the attempts have columns, a long reason does not make the page scroll either.
    page.set_viewport_size({'width': 1200, 'height': 800})
    assert page.evaluate('() => document.documentElement.scrollWidth') <= 1200


@pytest.mark.parametrize('motion, animation', [('reduce', 'none'), ('no-preference', 'runs-api-working')])
def test_nothing_moves_for_users_who_do_not_want_it(site, visit, motion, animation):
    page = visit('alice', reduced_motion=motion)
    page.goto(site.page)
    page.route('**/retry', lambda route: None)
    page.get_by_role('button', name='Retry this run').click()
    page.locator('[type=submit]').click()

    name = page.get_by_role('button', name='Sending…').evaluate('button => getComputedStyle(button).animationName')

    assert name == animation
