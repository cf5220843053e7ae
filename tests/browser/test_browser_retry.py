"""A user retries a run from its page, and from the list of runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import seed
from conftest import Visit, open_dialog
from served import Site

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route


def choices(page: Page) -> list[str]:
    """Return what the dialog offers to run again."""
    return [label.strip() for label in page.get_by_role('dialog').locator('fieldset label:visible').all_inner_texts()]


def own_row(page: Page) -> list[str]:
    """Return what the table of attempts says of the run that is looked at."""
    return [cell.strip() for cell in page.locator('.runs-api-history [aria-current] > *').all_inner_texts()]


def test_a_retry_leads_to_the_new_run_and_its_history(site: Site, page: Page) -> None:
    open_dialog(page)
    dialog = page.get_by_role('dialog', name=f'Retry run {site.run_id}')
    assert choices(page) == ['all 9 tests', 'only the 3 that did not pass']
    assert dialog.get_by_label('all 9 tests').is_checked()
    dialog.get_by_label('only the 3 that did not pass').check()
    dialog.get_by_label('Reason').fill('flaky VM')
    dialog.get_by_role('button', name=f'Retry run {site.run_id}').click()

    new = site.run_id + 1
    page.wait_for_url(site.page_of(new))
    *cells, when, why = own_row(page)
    assert (cells, why) == (['2', f'{new} (this run)', 'queued', '', '', 'alice'], 'flaky VM')
    assert re.fullmatch(r'\d{4}-\d\d-\d\d \d\d:\d\d', when)
    history = page.get_by_role('region', name='Retries')
    assert history.get_by_text('This run runs 3 of 9 tests.').is_visible()
    history.get_by_role('link', name=str(site.run_id)).click()
    page.wait_for_url(site.page)
    page.get_by_role('region', name='Retries').get_by_role('link', name=str(new)).click()
    page.wait_for_url(site.page_of(new))
    assert site.runs == 2


def test_all_tests_and_no_reason_are_the_default(site: Site, dialog: Page) -> None:
    dialog.get_by_role('button', name=f'Retry run {site.run_id}').click()

    dialog.wait_for_url(site.page_of(site.run_id + 1))
    assert own_row(dialog)[-1] == ''
    assert dialog.get_by_text('that did not pass').count() == 0


def test_a_reason_is_counted_as_the_server_counts_it(site: Site, dialog: Page) -> None:
    reason = dialog.get_by_label('Reason')
    reason.fill('\U0001f480' * 255)
    assert dialog.get_by_text('255 of 255 characters').is_visible()
    assert dialog.get_by_role('status').inner_text() == 'At most 20 characters left.'

    dialog.get_by_role('button', name=f'Retry run {site.run_id}').click()

    dialog.wait_for_url(site.page_of(site.run_id + 1))
    assert own_row(dialog)[-1] == '\U0001f480' * 255


def test_a_reason_that_is_too_long_is_not_sent(site: Site, dialog: Page) -> None:
    reason = dialog.get_by_label('Reason')
    reason.fill('x' * 257)
    assert dialog.get_by_text('2 characters too many').is_visible()
    assert reason.get_attribute('aria-invalid') == 'true'

    dialog.get_by_role('button', name=f'Retry run {site.run_id}').click()

    assert dialog.get_by_role('alert').inner_text() == 'The reason is too long: it may have 255 characters.'
    assert reason.input_value() == 'x' * 257
    assert reason.evaluate('element => element === document.activeElement')
    assert site.runs == 1


def test_a_run_without_failures_offers_all_tests_and_says_why(site: Site, visit: Visit) -> None:
    run_id = site.add_run()
    page = visit('alice')
    page.goto(site.page_of(run_id))

    open_dialog(page)

    assert choices(page) == ['its only test']
    assert page.get_by_text('Running only the failed tests is not possible. '
                            f'Run {run_id} has not finished: it has no failed tests yet.').is_visible()


def test_the_dialog_says_what_is_known_of_the_failed_tests(site: Site, visit: Visit) -> None:
    new = site.retry(site.run_id, failed_only=True)
    site.work(2)
    page = visit('alice')

    page.goto(site.page)
    open_dialog(page)
    assert page.get_by_text('1 of the 3 failed in every attempt so far, in the same way: '
                            'running it again will hardly change that.').is_visible()
    page.goto(site.page_of(new))
    open_dialog(page)
    assert choices(page) == ['all 9 tests', 'only the one that did not pass']
    assert page.get_by_text('This test failed in every attempt so far, in the same way').is_visible()


def test_every_row_of_the_list_has_its_button(site: Site, visit: Visit) -> None:
    second = site.add_run(*seed.COMPLETED)
    page = visit('alice')
    page.goto(f'{site.address}/test/')
    page.get_by_role('button', name=f'Retry run {site.run_id}').click()
    page.get_by_role('button', name='Cancel').click()

    open_dialog(page, f'Retry run {second}')
    assert choices(page) == ['its only test', 'only the one that did not pass']
    page.get_by_label('only the one that did not pass').check()
    page.get_by_role('dialog').get_by_role('button', name=f'Retry run {second}').click()

    page.wait_for_url(site.page_of(second + 1))
    assert own_row(page)[:3] == ['2', f'{second + 1} (this run)', 'queued']


def test_a_row_that_is_filtered_out_takes_no_dialog_with_it(site: Site, visit: Visit) -> None:
    newest = site.add_run()
    page = visit('alice')
    page.goto(f'{site.address}/test/')
    page.get_by_role('row').filter(has_text=f'{newest} ').first.evaluate('row => { row.style.display = "none"; }')

    page.get_by_role('button', name=f'Retry run {site.run_id}').click()

    assert page.get_by_role('dialog', name=f'Retry run {site.run_id}').is_visible()


@pytest.mark.parametrize('way', ['double click', 'Enter twice'])
def test_sending_shows_and_happens_once(site: Site, dialog: Page, way: str) -> None:
    held: list[Route] = []
    dialog.route('**/retry', lambda route: held.append(route))
    submit = dialog.get_by_role('dialog').get_by_role('button', name=f'Retry run {site.run_id}')

    if way == 'double click':
        submit.dblclick()
    else:
        dialog.keyboard.press('Enter')
        dialog.keyboard.press('Enter')

    working = dialog.get_by_role('button', name='Sending…')
    working.wait_for()
    assert working.get_attribute('aria-disabled') == 'true'
    assert dialog.get_by_role('button', name='Cancel').is_disabled()
    working.click(force=True)
    dialog.keyboard.press('Escape')
    assert dialog.get_by_role('dialog').is_visible()
    dialog.wait_for_function('() => document.querySelector("[role=status]").textContent === "Sending…"')
    route, = held
    route.continue_()
    dialog.wait_for_url(site.page_of(site.run_id + 1))
    assert site.runs == 2


def test_back_leads_to_a_page_that_is_not_sending(site: Site, dialog: Page) -> None:
    dialog.get_by_role('dialog').get_by_role('button', name=f'Retry run {site.run_id}').click()
    dialog.wait_for_url(site.page_of(site.run_id + 1))

    # A page that is shown as it was left is not loaded again.
    dialog.go_back(wait_until='commit')

    assert dialog.url == site.page
    assert not dialog.get_by_role('dialog').is_visible()
    dialog.get_by_role('button', name='Retry this run').click()
    assert dialog.get_by_role('dialog').get_by_role('button', name=f'Retry run {site.run_id}').is_enabled()


def test_without_scripts_nothing_pretends_to_work(site: Site, visit: Visit) -> None:
    page = visit('alice', java_script_enabled=False)

    for address in (site.page, f'{site.address}/test/'):
        page.goto(address)
        assert page.locator('.runs-api-retry').first.is_hidden()
        assert page.locator('dialog').is_hidden()
