"""A user retries a run from its page, with the keyboard alone, and from the list of runs."""

import re

import pytest
import seed
from database import db

from .chromium import focused, hold, landed, open_dialog, send, tab_to


def own_row(page):
    """Return the filled cells of the table of attempts for the run of the page, by their labels."""
    cells = page.locator('.runs-api-history [aria-current] > *').evaluate_all(
        'cells => cells.map((cell) => [cell.dataset.label, cell.innerText.trim()])')
    return {label: text for label, text in cells if text}


def choices(page):
    """Return what the dialog offers to run again."""
    return [label.strip() for label in page.get_by_role('dialog').locator('fieldset label:visible').all_inner_texts()]


def test_the_keyboard_leads_from_the_button_to_the_new_run_and_its_history(site, page):
    tab_to(page, 'Retry this run')
    page.keyboard.press('Enter')
    page.get_by_label('all 9 tests').wait_for()
    assert focused(page) == 'only the 3 that did not pass'
    assert choices(page) == ['all 9 tests', 'only the 3 that did not pass']
    page.keyboard.press('ArrowUp')
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

    new = site.run_id + 1
    page.wait_for_url(site.page_of(new))
    row = own_row(page)
    assert re.fullmatch(r'\d{4}-\d\d-\d\d \d\d:\d\d', row.pop('When (UTC)'))
    assert row == {'Attempt': '2', 'Run': f'{new} (this run)', 'Status': 'queued', 'By': 'alice', 'Why': 'flaky VM'}
    assert page.get_by_role('region', name='Retries').get_by_text('This run runs 3 of 9 tests.').is_visible()
    history = page.get_by_role('region', name='Retry history')
    history.get_by_role('link', name=str(site.run_id)).click()
    page.wait_for_url(site.page)
    history.get_by_role('link', name=str(new)).click()
    page.wait_for_url(site.page_of(new))
    assert site.runs == 2


@pytest.mark.parametrize('way', ['Escape', 'Cancel', 'no focus'])
def test_the_dialog_can_be_left_and_makes_nothing(site, page, way):
    if way == 'no focus':
        # As in Safari, where a pressed button gets no focus, and with some screen readers.
        page.get_by_role('button', name='Retry this run').dispatch_event('click')
    else:
        tab_to(page, 'Retry this run')
        page.keyboard.press('Enter')
    page.get_by_label('Reason').fill('flaky VM')
    if way == 'Cancel':
        tab_to(page, 'Cancel')
        page.keyboard.press('Enter')
    else:
        page.keyboard.press('Escape')

    page.get_by_role('dialog').wait_for(state='hidden')
    page.wait_for_function('() => document.activeElement.matches(".runs-api-retry")')
    assert site.runs == 1
    page.keyboard.press('Enter')
    assert page.get_by_label('Reason').input_value() == ''


def test_a_reason_is_counted_as_the_server_counts_it_and_not_sent_when_it_is_too_long(site, dialog):
    reason = dialog.get_by_label('Reason')
    reason.fill('x' * 257)
    assert dialog.get_by_text('2 characters too many').is_visible()
    assert reason.get_attribute('aria-invalid') == 'true'
    send(dialog)
    assert dialog.get_by_role('alert').inner_text() == 'The reason is too long: it may have 255 characters.'
    assert reason.input_value() == 'x' * 257
    assert reason.evaluate('element => element === document.activeElement')
    assert site.runs == 1

    reason.fill('\U0001f480' * 255)
    assert dialog.get_by_text('255 of 255 characters').is_visible()
    assert dialog.get_by_role('status').inner_text() == 'At most 20 characters left.'
    send(dialog)

    landed(dialog, site)
    assert own_row(dialog)['Why'] == '\U0001f480' * 255


def test_a_text_for_screen_readers_is_written_only_if_it_changes(dialog):
    reason = dialog.get_by_label('Reason')
    reason.fill('x' * 240)
    assert dialog.get_by_role('status').inner_text() == 'At most 20 characters left.'
    dialog.evaluate('''() => {
        window.written = [];
        new MutationObserver((records) => written.push(...records.map(({ target }) => target.className))).observe(
            document.querySelector('dialog'), {subtree: true, childList: true, characterData: true});
    }''')

    # The server does not count a space at the end.
    reason.press('End')
    reason.press('Space')

    assert reason.input_value() == 'x' * 240 + ' '
    assert dialog.evaluate('() => written') == []


def test_that_the_numbers_of_tests_have_arrived_is_announced(dialog):
    assert dialog.get_by_role('status').inner_text() == 'The numbers of tests are loaded.'


def test_the_dialog_says_what_is_known_of_the_failed_tests(site, visit):
    new = site.retry(site.run_id, failed_only=True)
    site.work(2)
    page = visit('alice')

    page.goto(site.page)
    open_dialog(page)
    assert page.get_by_text('1 of the 3 failed each time, in the same way: running it again will hardly change that.'
                            ).is_visible()
    page.goto(site.page_of(new))
    open_dialog(page)
    assert choices(page) == ['all 9 tests', 'only the one that did not pass']
    assert page.get_by_text('This test failed each time, in the same way').is_visible()


@pytest.mark.parametrize('settings', [{'RUNS_API_INACTIVE_TESTS': 'drop'}])
def test_each_choice_says_how_many_inactive_tests_it_leaves_out(site, page):
    site.retire_two_tests()

    open_dialog(page)

    assert choices(page) == ['all 7 tests, without 2 inactive ones',
                             'only the 2 that did not pass, without 1 inactive one']


def refuse(kind, site):
    """Add a run whose retry is refused for all tests, or for those that failed, and return it."""
    if kind == 'failed':
        return site.add_run(*seed.COMPLETED[:2])
    with site.app.app_context():
        active, inactive = seed.regression_tests(2)
        run = seed.run([active, inactive], stages=seed.COMPLETED)
        seed.result(run, inactive)
        inactive.active = False
        db.session.commit()
        return run.id


@pytest.mark.parametrize('kind, begins, words', [
    (None, 'only the 3 that did not pass', 'The numbers of tests are loaded.'),
    ('all', 'only the one that did not pass', 'The numbers of tests are loaded.'),
    ('failed', 'its only test', 'Run 2 is still running: it has no failed tests yet. All tests are selected.')])
def test_the_dialog_begins_with_the_failed_tests_unless_they_cannot_be_run(site, visit, kind, begins, words):
    page = visit('alice')
    page.goto(site.page_of(refuse(kind, site) if kind else site.run_id))

    open_dialog(page)

    assert focused(page) == begins
    assert page.get_by_role('dialog').get_by_label(begins).is_checked()
    assert page.get_by_role('status').inner_text().endswith(words)
    with page.expect_request(lambda request: request.method == 'POST') as request:
        send(page)
    assert request.value.post_data_json == {'failed_only': kind != 'failed'}


@pytest.mark.parametrize('kind', [None, 'failed'])
def test_a_preview_that_arrives_late_leaves_the_announcement_that_it_is_sending(site, visit, kind):
    page = visit('alice')
    page.goto(site.page_of(refuse(kind, site) if kind else site.run_id))
    # With times=2, Playwright would let the second request go.
    held = hold(page, times=3)
    page.get_by_role('button', name='Retry this run').click()
    with page.expect_request(lambda request: request.method == 'POST'):
        send(page)
    held[0].continue_()
    page.get_by_text('Loading the numbers of tests…').wait_for(state='hidden')

    assert page.get_by_role('status').inner_text() == 'Sending…'


@pytest.mark.parametrize('chosen', ['all 9 tests', 'only the 3 that did not pass'])
def test_a_preview_that_arrives_late_changes_no_choice_of_the_user(page, chosen):
    held = hold(page)
    page.get_by_role('button', name='Retry this run').click()
    page.get_by_role('dialog').locator('label').filter(has_text=chosen.partition(' ')[0]).click()
    held[0].continue_()
    page.get_by_label('all 9 tests').wait_for()

    assert page.get_by_label(chosen).is_checked()
    assert focused(page) == chosen


@pytest.mark.parametrize('kind, chosen, other', [
    ('all', 'all tests', 'only the one that did not pass'),
    ('failed', 'only those that did not pass', 'its only test')])
def test_a_choice_that_the_preview_refuses_is_deselected_and_never_sent(site, visit, kind, chosen, other):
    run_id = refuse(kind, site)
    page = visit('alice')
    page.goto(site.page_of(run_id))
    held = hold(page)
    page.get_by_role('button', name='Retry this run').click()
    # It may be the one that the dialog begins with.
    page.get_by_label(chosen).click()
    held[0].continue_()
    page.get_by_label(other).wait_for()

    assert choices(page) == [other]
    assert focused(page) == other
    assert 'is not possible' in page.get_by_role('status').inner_text()
    send(page)
    assert page.get_by_role('alert').inner_text() == 'Choose which tests to run again.'
    assert site.runs == 2
    page.keyboard.press('Space')
    with page.expect_request('**/retry') as request:
        send(page)
    assert request.value.post_data_json == {'failed_only': kind == 'all'}
    landed(page, site, 2)


def test_after_a_refusal_no_other_tests_are_selected_than_those_that_were_sent(site, visit):
    page = visit('alice')
    page.goto(site.page_of(refuse('failed', site)))
    held = hold(page, times=3)
    page.get_by_role('button', name='Retry this run').click()
    with page.expect_request(lambda request: request.method == 'POST'):
        send(page)
    held[0].continue_()
    page.get_by_text('Your earlier request may be the reason').wait_for()

    held[1].continue_()

    page.get_by_role('alert').get_by_text('is still running').wait_for()
    assert choices(page) == ['its only test']
    assert page.get_by_role('radio', checked=True).count() == 0


@pytest.mark.parametrize('chosen, status', [
    ('all tests', None), ('only those that did not pass', 429), ('only those that did not pass', 503)])
def test_a_retry_may_be_sent_without_the_preview(site, page, chosen, status):
    held = hold(page)
    page.get_by_role('button', name='Retry this run').click()
    assert page.get_by_text('Loading the numbers of tests…').is_visible()
    page.get_by_label(chosen).check()
    # Without a status, the preview is slow.
    if status:
        held[0].fulfill(status=status)
        page.get_by_text('The numbers of tests could not be loaded. You can send the retry all the same.').wait_for()

    with page.expect_request(lambda request: request.method == 'POST') as request:
        send(page)

    assert request.value.post_data_json == {'failed_only': chosen != 'all tests'}
    landed(page, site)


def test_every_row_of_the_list_has_its_button(site, visit):
    second, newest = site.add_run(*seed.COMPLETED), site.add_run()
    page = visit('alice')
    page.goto(f'{site.address}/test/')
    open_dialog(page, f'Retry run {newest}')
    assert choices(page) == ['its only test']
    text = f'Running only the failed tests is not possible. Run {newest} is still queued: it has no failed tests yet.'
    assert page.get_by_role('group').get_by_text(text).is_visible()
    page.get_by_role('button', name='Cancel').click()
    # A row that is filtered out takes no dialog with it.
    page.get_by_role('row').filter(has_text=f'{newest} ').first.evaluate('row => { row.style.display = "none"; }')

    open_dialog(page, f'Retry run {second}')
    assert choices(page) == ['its only test', 'only the one that did not pass']
    page.get_by_label('only the one that did not pass').check()
    send(page)

    landed(page, site, 3)
    assert own_row(page)['Run'] == f'{newest + 1} (this run)'


@pytest.mark.parametrize('way', ['double click', 'Enter twice'])
def test_sending_shows_and_happens_once(site, dialog, way):
    held = hold(dialog, times=2)

    # What is shown may be seen before Playwright hears of the request.
    with dialog.expect_request('**/retry'):
        if way == 'double click':
            dialog.get_by_role('button', name=f'Retry run {site.run_id}').dblclick()
        else:
            dialog.keyboard.press('Enter')
            dialog.keyboard.press('Enter')

    working = dialog.get_by_role('button', name='Sending…')
    working.wait_for()
    assert working.get_attribute('aria-disabled') == 'true'
    working.click(force=True)
    dialog.wait_for_function('() => document.querySelector("[role=status]").textContent === "Sending…"')
    # Some screen readers do not announce it in a busy element.
    assert dialog.locator('[aria-busy=true]').count() == 0
    route, = held
    route.continue_()
    landed(dialog, site)
    # Without a reason there is no row for it.
    assert 'Why' not in own_row(dialog)


def let_answer(page, held, **answer):
    """Answer a request that was held, and wait until the page has seen the answer."""
    with page.expect_response('**/retry') as response:
        held[0].fulfill(**answer)
    response.value.finished()
    page.evaluate('() => new Promise((done) => setTimeout(done, 100))')


@pytest.mark.parametrize('way', ['Escape', 'Close'])
def test_the_dialog_can_be_left_while_it_sends(site, dialog, way):
    held = hold(dialog)
    with dialog.expect_request('**/retry'):
        send(dialog)
    # The request goes on, so leaving cancels nothing.
    tab_to(dialog, 'Close')
    dialog.keyboard.press('Enter' if way == 'Close' else 'Escape')

    dialog.get_by_role('dialog').wait_for(state='hidden')
    assert focused(dialog) == 'Retry this run'
    let_answer(dialog, held, status=202, json={'new_run_id': site.run_id})
    assert dialog.locator('[type=submit]').text_content() == 'Sending…'


@pytest.mark.parametrize('keys', [['Escape'], ['Shift+Tab', 'Enter']])
def test_the_dialog_can_be_left_while_the_new_page_is_opening(site, dialog, keys):
    new_page = site.page_of(site.run_id + 1)
    hold(dialog, new_page)
    with dialog.expect_request(new_page):
        send(dialog)

    # Playwright finds no elements before the browser has given up the new page.
    with dialog.expect_event('requestfailed', lambda request: request.url == new_page):
        for key in keys:
            dialog.keyboard.press(key)

    dialog.get_by_role('dialog').wait_for(state='hidden')
    assert dialog.url == site.page


@pytest.mark.parametrize('status', [202, 422])
def test_a_late_answer_for_one_run_does_nothing_to_the_dialog_of_another(site, visit, status):
    other = site.add_run(*seed.COMPLETED)
    page = visit('alice')
    page.goto(f'{site.address}/test/')
    open_dialog(page, f'Retry run {site.run_id}')
    held = hold(page)
    with page.expect_request('**/retry'):
        send(page)
    # A browser closes a dialog at one of several presses, even if the page prevents it.
    while page.get_by_role('dialog').is_visible():
        page.keyboard.press('Escape')
    open_dialog(page, f'Retry run {other}')
    page.get_by_label('Reason').fill('flaky VM')

    let_answer(page, held, status=status, json={'new_run_id': other, 'message': 'The build is gone.'})

    assert page.url == f'{site.address}/test/'
    assert page.get_by_role('alert').inner_text() == ''
    assert page.get_by_label('Reason').input_value() == 'flaky VM'
    assert page.locator('[type=submit]').inner_text() == f'Retry run {other}'


def test_back_leads_to_a_page_that_is_not_sending(site, dialog):
    send(dialog)
    landed(dialog, site)

    # A page that is shown as it was left is not loaded again.
    dialog.go_back(wait_until='commit')

    assert dialog.url == site.page
    assert not dialog.get_by_role('dialog').is_visible()
    dialog.get_by_role('button', name='Retry this run').click()
    assert dialog.get_by_role('dialog').get_by_role('button', name=f'Retry run {site.run_id}').is_enabled()


def test_without_scripts_nothing_pretends_to_work(site, visit):
    page = visit('alice', java_script_enabled=False)

    for address in (site.page, f'{site.address}/test/'):
        page.goto(address)
        assert page.locator('.runs-api-retry').first.is_hidden()
        assert page.locator('dialog').is_hidden()
