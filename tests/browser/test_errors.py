"""Each error of the API (docs/api.rst, "Errors"), as the dialog shows it."""

import json
import re

import pytest
from database import db
from mod_auth.models import Role, User
from mod_regression.models import RegressionTest
from sqlalchemy import update

from .chromium import TIMEOUTS, focused, hold, landed, open_dialog, send
from .served import CHECKED

AGAIN = ('No answer came from the server. '
         'Send it again unchanged: only one run is created, even if the first request arrived.')
TOO_OLD = 'This page is too old, or you were logged out. Reload this page, and log in if asked.'


@pytest.fixture
def filled(dialog):
    """The dialog, filled in, with the choice that it does not begin with."""
    dialog.get_by_label('all 9 tests').check()
    dialog.get_by_label('Reason').fill('flaky VM')
    return dialog


@pytest.fixture
def keys(page):
    """Record the idempotency keys that the page sends."""
    sent: list[str] = []

    def record(request):
        if request.method == 'POST':
            sent.append(request.headers['idempotency-key'])

    page.on('request', record)
    return sent


def refused(page):
    """Return what the dialog says about the refusal. The input must be as it was, and the button ready and in focus."""
    page.wait_for_function('() => document.querySelector("dialog [role=alert]").textContent')
    dialog = page.get_by_role('dialog')
    assert dialog.get_by_label('all 9 tests').is_checked()
    assert dialog.get_by_label('Reason').input_value() == 'flaky VM'
    assert dialog.locator('[type=submit]:focus').get_attribute('aria-disabled') == 'false'
    assert dialog.get_by_role('button', name='Cancel').is_enabled()
    return dialog.get_by_role('alert').inner_text()


def update_rows(site, statement):
    """Change rows while the page is open."""
    with site.app.app_context():
        db.session.execute(statement)
        db.session.commit()


def lose_the_answer(route):
    """Let the request reach the server, and not the answer the page."""
    route.fetch()
    route.abort()


@pytest.mark.parametrize('arrives', [False, True])
def test_without_an_answer_it_can_be_sent_again_and_makes_one_run(site, filled, keys, arrives):
    filled.route('**/retry', lose_the_answer if arrives else lambda route: route.abort(), times=1)
    send(filled)
    assert refused(filled) == AGAIN
    assert site.runs == 1 + arrives

    shown: list[str] = []
    filled.expose_function('note', lambda text: shown.append(text))
    filled.locator('[type=submit]').evaluate('button => new MutationObserver(() => note(button.textContent)).observe('
                                             'button, {childList: true})')
    send(filled)

    landed(filled, site)
    assert shown == ['Sending…', f'Opening run 2{" of your earlier request" if arrives else ""}…']
    assert len(keys) == 2 and len(set(keys)) == 1


def test_an_answer_that_does_not_come_in_time_is_given_up(filled):
    filled.clock.install()
    filled.evaluate(TIMEOUTS)
    hold(filled)
    send(filled)
    filled.get_by_role('button', name='Sending…').wait_for()

    filled.clock.fast_forward(31_000)

    assert refused(filled) == AGAIN


def lose_an_answer(page):
    """Send a retry that arrives, and whose answer does not."""
    page.route('**/retry', lose_the_answer, times=1)
    send(page)
    assert refused(page) == AGAIN


def cancel(page):
    """Leave the dialog after an answer was lost."""
    lose_an_answer(page)
    page.get_by_role('button', name='Cancel').click()


def escape_while_it_sends(page):
    """Leave the dialog before the answer to a retry that arrives."""
    page.route('**/retry', lambda route: route.fetch(), times=1)
    with page.expect_request('**/retry'):
        send(page)
    page.keyboard.press('Escape')


@pytest.mark.parametrize('leave', [cancel, escape_while_it_sends])
def test_a_request_without_an_answer_is_kept_when_its_dialog_is_left(site, filled, keys, leave):
    from playwright.sync_api import expect
    leave(filled)

    open_dialog(filled)
    assert filled.locator('[value=all]:focus').is_checked()
    assert filled.get_by_label('Reason').input_value() == 'flaky VM'
    expect(filled.get_by_role('dialog')).to_have_accessible_description(
        'It is queued again as a new run. This run and its results stay as they are. '
        'The dialog begins with your earlier request. If you send it unchanged, only one run is created.')
    send(filled)
    landed(filled, site)
    assert len(set(keys)) == 1


@pytest.mark.parametrize('change', [
    lambda page: page.get_by_label('Reason').fill('another VM'),
    lambda page: page.get_by_label('only the 3 that did not pass').check()], ids=['reason', 'choice'])
def test_with_a_changed_reason_or_choice_it_is_another_request(site, filled, keys, change):
    lose_an_answer(filled)
    change(filled)

    send(filled)

    landed(filled, site, 2)
    assert len(set(keys)) == 2


def test_a_request_keeps_its_key_while_another_one_is_sent(site, filled, keys):
    lose_an_answer(filled)
    filled.get_by_label('only the 3 that did not pass').check()
    filled.route('**/retry', lambda route: route.abort(), times=1)
    with filled.expect_event('requestfailed'):
        send(filled)
    filled.get_by_role('button', name=f'Retry run {site.run_id}').wait_for()
    filled.get_by_label('all 9 tests').check()

    send(filled)

    landed(filled, site)
    first, other, last = keys
    assert first == last != other


def assert_empty(page):
    """Check that the dialog is as it begins, whether it is open or not."""
    assert page.locator('[value=failed]').is_checked()
    assert page.locator('textarea').input_value() == ''
    assert page.get_by_text('earlier request').locator('visible=true').count() == 0


def test_a_page_that_is_left_forgets_what_was_sent_and_written(site, filled):
    lose_an_answer(filled)
    filled.evaluate('() => { window.isSame = true; }')
    filled.goto(f'{site.address}/account/login?name=carol')

    filled.go_back(wait_until='commit')

    assert filled.evaluate('() => window.isSame'), 'The browser has loaded the page again.'
    assert filled.get_by_role('dialog').is_hidden()
    assert_empty(filled)
    open_dialog(filled)
    assert_empty(filled)


def test_after_a_reload_the_next_press_makes_a_second_run(site, filled):
    lose_an_answer(filled)

    filled.reload()

    open_dialog(filled)
    send(filled)
    landed(filled, site, 2)


#: Why run 2, which is queued, is not retried if the conditions are on.
QUEUED = ('Running all tests is not possible. Run 2 is still queued.',
          'Running only the failed tests is not possible. Run 2 is still queued: it has no failed tests yet.')


def assert_nothing_can_be_sent(page, *reasons):
    """Check that the open dialog says why, and has no more than the button that leaves it."""
    from playwright.sync_api import expect
    page.get_by_role('alert').get_by_text(reasons[0]).wait_for()
    dialog = page.get_by_role('dialog')
    heading, *words, button = [line for line in dialog.inner_text().split('\n') if line]
    assert re.fullmatch(r'Retry run \d', heading)
    assert (words, button) == ([*reasons], 'Close')
    assert page.get_by_role('status').inner_text() == ''
    expect(dialog).to_have_accessible_description('')


@pytest.mark.parametrize('settings', [CHECKED])
def test_if_conditions_are_on_the_preview_after_a_reload_names_the_run_that_was_made(site, filled):
    lose_an_answer(filled)

    filled.reload()

    filled.get_by_role('button', name='Retry this run').click()
    assert_nothing_can_be_sent(filled, f'Run {site.run_id + 1}, an attempt of the same run, is still queued.')


@pytest.mark.parametrize('settings', [CHECKED])
def test_if_the_two_kinds_are_refused_for_two_reasons_the_dialog_says_each_once(site, page):
    page.goto(site.page_of(site.add_run()))

    page.get_by_role('button', name='Retry this run').click()

    assert_nothing_can_be_sent(page, *QUEUED)


@pytest.mark.parametrize('settings', [CHECKED])
def test_an_earlier_request_may_be_sent_although_the_run_that_it_made_refuses_it(site, filled):
    cancel(filled)

    filled.get_by_role('button', name='Retry this run').click()
    text = (f'Running all tests is not possible. Run {site.run_id + 1}, an attempt of the same run, is still queued. '
            'Your earlier request may be the reason, and can be sent again unchanged.')
    filled.get_by_role('group').get_by_text(text).wait_for()
    assert filled.get_by_role('status').inner_text() == text
    assert filled.get_by_label('only those that did not pass').is_hidden()
    assert filled.get_by_label('Reason').input_value() == 'flaky VM'
    send(filled)

    landed(filled, site)


@pytest.mark.parametrize('settings', [CHECKED])
def test_an_earlier_request_that_is_refused_cannot_be_sent_again(site, filled, keys):
    filled.route('**/retry', lambda route: route.abort(), times=1)
    send(filled)
    assert refused(filled) == AGAIN
    filled.get_by_role('button', name='Cancel').click()
    site.retry(site.run_id)
    filled.get_by_role('button', name='Retry this run').click()
    filled.get_by_role('group').get_by_text('Your earlier request may be the reason').wait_for()
    send(filled)

    assert_nothing_can_be_sent(filled, f'Run {site.run_id + 1}, an attempt of the same run, is still queued.')
    filled.keyboard.press('Escape')
    site.work()
    open_dialog(filled)
    send(filled)
    landed(filled, site, 2)
    assert len(set(keys)) == 2


@pytest.mark.parametrize('settings', [CHECKED])
def test_after_the_refusal_of_an_earlier_request_that_refusal_is_the_reason(filled):
    cancel(filled)
    filled.get_by_role('button', name='Retry this run').click()
    filled.get_by_role('group').get_by_text('Your earlier request may be the reason').wait_for()
    filled.route('**/retry', lambda route: route.fulfill(status=422, body=error('unprocessable')), times=1)

    send(filled)

    assert_nothing_can_be_sent(filled, 'As the API says it.')


@pytest.mark.parametrize('happens, sentence', [
    (lambda page: page.context.clear_cookies(), TOO_OLD),
    (lambda page: page.route('**/retry', lambda route: route.fulfill(
        status=404, body=error('not_found', 'Run 1 not found.'))), 'Run 1 not found.')])
def test_after_a_final_answer_to_the_preview_nothing_can_be_sent(page, happens, sentence):
    happens(page)
    page.get_by_role('button', name='Retry this run').click()

    assert_nothing_can_be_sent(page, sentence)


def test_a_request_can_be_sent_again_if_the_preview_failed_for_good_in_between(site, page):
    held = hold(page, times=3)
    page.get_by_role('button', name='Retry this run').click()
    with page.expect_request(lambda request: request.method == 'POST'):
        send(page)
    held[0].fulfill(status=404, body=error('not_found', 'Run 1 not found.'))
    page.get_by_text('Loading the numbers of tests…').wait_for(state='hidden')
    held[1].abort()

    page.get_by_role('alert').get_by_text(AGAIN).wait_for()
    send(page)
    held[2].continue_()
    landed(page, site)


@pytest.mark.parametrize('settings', [CHECKED])
def test_on_a_queued_run_a_key_that_was_for_the_reason_does_nothing(site, page):
    page.goto(site.page_of(site.add_run()))
    held = hold(page)
    page.get_by_role('button', name='Retry this run').click()
    page.get_by_label('Reason').press_sequentially('flaky')
    held[0].continue_()
    page.get_by_role('alert').get_by_text(QUEUED[0]).wait_for()

    for key in ('Space', 'Enter'):
        page.keyboard.press(key)

    assert_nothing_can_be_sent(page, *QUEUED)
    assert focused(page) == 'Retry run 2'
    page.keyboard.press('Tab')
    assert focused(page) == 'Close'
    page.keyboard.press('Enter')
    page.get_by_role('dialog').wait_for(state='hidden')
    assert focused(page) == 'Retry this run'


def test_a_page_that_is_too_old_is_mended_by_a_reload(site, filled):
    filled.evaluate('() => { document.querySelector("dialog").dataset.csrfToken = "too old"; }')
    send(filled)
    assert refused(filled) == TOO_OLD

    filled.reload()

    open_dialog(filled)
    send(filled)
    landed(filled, site)


@pytest.mark.parametrize('happens, sentence', [
    (lambda site, page: page.context.clear_cookies(), TOO_OLD),
    (lambda site, page: update_rows(site, update(User).where(User.name == 'alice').values(role=Role.user)),
     'Your role does not have permission to run tests.'),
    (lambda site, page: update_rows(site, update(RegressionTest).values(active=False)),
     'Some of the tests to run are inactive now: 1, 2, 3, 4, 5, 6, 7, 8, 9.'),
])
def test_a_refusal_of_the_server_is_a_sentence(site, filled, happens, sentence):
    happens(site, filled)

    send(filled)

    assert refused(filled) == sentence
    assert site.runs == 1


def error(code, message='As the API says it.', **details):
    """Write an error of the API."""
    return json.dumps({'code': code, 'message': message, 'details': details})


NOT_OF_THE_API = 'The server did not answer as expected ({}). '
TRY_AGAIN = 'Try again, or tell an administrator.'
SEND_AGAIN = AGAIN.removeprefix('No answer came from the server. ')


@pytest.mark.parametrize('status, body, sentence', [
    (404, error('not_found', resource='run', id=1), 'As the API says it.'),
    (429, error('rate_limited', retry_after=59), 'As the API says it.'),
    (503, error('service_unavailable'), 'As the API says it.'),
    (422, error('unprocessable', refusal='inactive_tests', inactive_ids=[1, 2]), 'As the API says it.'),
    (422, error('unprocessable', fields={'reason': ['Must not contain NUL.']}),
     'As the API says it. reason: Must not contain NUL.'),
    (422, error('unprocessable', '<img src=x onerror=alert(1)>'), '<img src=x onerror=alert(1)>'),
    (413, '<h1>A proxy</h1>', NOT_OF_THE_API.format(413) + TRY_AGAIN),
    (502, 'null', NOT_OF_THE_API.format(502) + SEND_AGAIN),
    (504, '{"message": "The upstream server timed out."}', NOT_OF_THE_API.format(504) + SEND_AGAIN),
    (401, '<h1>A proxy</h1>', TOO_OLD),
    (202, '<h1>A proxy</h1>', AGAIN),
])
def test_every_answer_has_its_sentence_and_may_be_sent_again(site, filled, keys, status, body, sentence):
    filled.route('**/retry', lambda route: route.fulfill(status=status, body=body), times=1)
    send(filled)
    assert refused(filled) == sentence

    send(filled)

    landed(filled, site)
    # A refused request is done with its key.
    assert len(set(keys)) == (2 if status == 422 else 1)
