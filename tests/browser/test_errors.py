"""Each error of the API (docs/api.rst, "Errors"), as the dialog shows it."""

import json

import pytest
from database import db
from mod_auth.models import Role, User
from mod_regression.models import RegressionTest
from sqlalchemy import update

from .chromium import TIMEOUTS, focused, hold, landed, open_dialog, send

AGAIN = 'No answer came from the server. Send it again: only one run is created, even if the first request arrived.'
TOO_OLD = 'This page is too old, or you were logged out. Reload this page, and log in if asked.'
KEPT = ' Your choice and reason are kept.'


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


def change(site, statement):
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


def test_another_retry_after_a_lost_answer_is_refused_once(site, filled):
    filled.route('**/retry', lose_the_answer, times=1)
    filled.get_by_label('Reason').fill('something else')
    send(filled)
    filled.get_by_text(AGAIN).wait_for()
    filled.get_by_label('Reason').fill('flaky VM')
    send(filled)
    filled.get_by_text('Your earlier request did arrive').wait_for()
    assert refused(filled) == (
        'Your earlier request did arrive, and created a run with the choices that you had made by then. '
        'Reload the page to see it, or send again to create another run.')
    assert site.runs == 2

    send(filled)

    landed(filled, site, 2)


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


def cancel_after_429_and_401(page):
    """Leave the dialog after an answer was lost and the same request was refused twice."""
    lose_an_answer(page)
    statuses = [401, 429]
    page.route('**/retry', lambda route: route.fulfill(status=statuses.pop()), times=2)
    while statuses:
        with page.expect_response('**/retry'):
            send(page)
        refused(page)
    page.get_by_role('button', name='Cancel').click()


def escape_while_it_sends(page):
    """Leave the dialog before the answer to a retry that arrives."""
    page.route('**/retry', lambda route: route.fetch(), times=1)
    with page.expect_request('**/retry'):
        send(page)
    page.keyboard.press('Escape')


def reload(page):
    """Leave the page after an answer was lost."""
    lose_an_answer(page)
    page.reload()


def assert_kept(site, page, keys):
    """Check that the dialog has the request again, which makes one run however often it is sent."""
    open_dialog(page)
    assert page.locator('[value=all]:focus').is_checked()
    assert page.get_by_label('Reason').input_value() == 'flaky VM'
    assert page.get_by_text('This is your earlier request. If you send it again, only one run is').is_visible()
    send(page)

    landed(page, site)
    assert len(set(keys)) == 1


def assert_not_kept(page):
    """Check that the dialog has nothing of an earlier request."""
    open_dialog(page)
    assert page.locator('[value=failed]:focus').is_checked()
    assert page.get_by_label('Reason').input_value() == ''
    assert page.get_by_text('This is your earlier request.').is_hidden()


@pytest.mark.parametrize('leave', [cancel, cancel_after_429_and_401, escape_while_it_sends, reload])
def test_a_request_without_an_answer_is_kept_when_its_dialog_is_left(site, filled, keys, leave):
    leave(filled)

    assert_kept(site, filled, keys)


@pytest.mark.parametrize('way', ['a link', 'the back cache'])
def test_a_request_belongs_to_its_user_whoever_logs_in_in_the_same_tab(site, filled, keys, way):
    lose_an_answer(filled)
    filled.goto(f'{site.address}/account/login?name=carol')
    if way == 'a link':
        filled.goto(site.page)
    else:
        filled.go_back(wait_until='commit')
        filled.get_by_text('carol').wait_for()
    assert_not_kept(filled)

    filled.goto(f'{site.address}/account/login?name=alice')
    filled.goto(site.page)
    assert_kept(site, filled, keys)


def test_a_page_from_the_back_cache_does_not_offer_a_request_that_was_answered_since(site, filled):
    lose_an_answer(filled)
    filled.evaluate('() => { window.isSame = true; }')
    filled.goto(f'{site.address}/test/')
    open_dialog(filled, f'Retry run {site.run_id}')
    send(filled)
    landed(filled, site)

    for address in (f'{site.address}/test/', site.page):
        filled.go_back(wait_until='commit')
        assert filled.url == address

    assert filled.evaluate('() => window.isSame')
    assert_not_kept(filled)


@pytest.mark.parametrize('too_old', ['token', 'session'])
def test_a_reload_mends_a_page_that_is_too_old_and_keeps_the_reason(site, filled, keys, too_old):
    if too_old == 'token':
        filled.evaluate('() => { document.querySelector("dialog").dataset.csrfToken = "too old"; }')
    else:
        filled.context.clear_cookies()
    send(filled)
    assert refused(filled) == TOO_OLD + KEPT

    filled.reload()

    if too_old == 'session':
        filled.goto(f'{site.address}/account/login?name=alice')
        filled.goto(site.page)
    assert_kept(site, filled, keys)


@pytest.fixture(params=['getItem', 'setItem'])
def broken_storage(request, page):
    """Break the browser's storage: it reads or writes nothing."""
    page.evaluate('(method) => { Storage.prototype[method] = () => { throw new DOMException("denied"); }; }',
                  request.param)


@pytest.mark.usefixtures('broken_storage')
def test_a_request_without_an_answer_is_kept_if_the_browser_stores_nothing(site, filled, keys):
    cancel(filled)

    assert_kept(site, filled, keys)


def test_a_request_is_forgotten_after_an_hour(site, filled, keys):
    filled.clock.install()
    cancel(filled)
    filled.clock.fast_forward(3_601_000)

    assert_not_kept(filled)
    send(filled)

    landed(filled, site, 2)
    assert len(set(keys)) == 2


def test_an_earlier_request_may_be_sent_although_the_preview_refuses_it(site, filled):
    cancel(filled)
    site.objections.append('A retry is queued.')

    filled.get_by_role('button', name='Retry this run').click()
    filled.get_by_text('Running all tests is not possible. A retry is queued. '
                       'Your earlier request may be the reason, and can be sent again.').wait_for()
    assert filled.get_by_label('only those that did not pass').is_hidden()
    send(filled)

    landed(filled, site)


def test_an_earlier_request_that_is_refused_cannot_be_sent_again(site, filled, keys):
    filled.route('**/retry', lambda route: route.abort(), times=1)
    send(filled)
    assert refused(filled) == AGAIN
    filled.get_by_role('button', name='Cancel').click()
    site.objections.append('The build is gone.')
    filled.get_by_role('button', name='Retry this run').click()
    filled.get_by_text('Your earlier request may be the reason').wait_for()
    send(filled)

    filled.get_by_role('alert').get_by_text('The build is gone.').wait_for()
    assert filled.locator('[type=submit]').is_disabled()
    assert focused(filled) == 'Cancel'
    assert filled.get_by_text('earlier request').locator('visible=true').count() == 0
    filled.keyboard.press('Enter')
    site.objections.clear()
    open_dialog(filled)
    send(filled)
    landed(filled, site)
    assert len(set(keys)) == 2


@pytest.mark.parametrize('happens, sentence', [
    (lambda page: page.context.clear_cookies(), TOO_OLD),
    (lambda page: page.route('**/retry', lambda route: route.fulfill(
        status=404, body=error('not_found', 'Run 1 not found.'))), 'Run 1 not found.')])
def test_after_a_final_answer_to_the_preview_nothing_can_be_sent(page, happens, sentence):
    happens(page)
    page.get_by_role('button', name='Retry this run').click()

    page.get_by_role('alert').get_by_text(sentence, exact=True).wait_for()
    assert page.locator('[type=submit]').is_disabled()
    assert page.get_by_text('could not be loaded').count() == 0


@pytest.mark.parametrize('happens, sentence', [
    (lambda site, page: page.context.clear_cookies(), TOO_OLD + KEPT),
    (lambda site, page: change(site, update(User).where(User.name == 'alice').values(role=Role.user)),
     'Your role does not have permission to run tests.'),
    (lambda site, page: change(site, update(RegressionTest).values(active=False)),
     'Some of the tests to run are inactive now: 1, 2, 3, 4, 5, 6, 7, 8, 9.'),
    (lambda site, page: site.objections.append('The build is gone.'), 'The build is gone.'),
])
def test_a_refusal_of_the_server_is_a_sentence(site, filled, happens, sentence):
    happens(site, filled)
    runs = site.runs

    send(filled)

    assert refused(filled) == sentence
    assert site.runs == runs


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
    (401, '<h1>A proxy</h1>', TOO_OLD + KEPT),
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
