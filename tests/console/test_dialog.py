"""The console's "Run again": press, choose, land."""

import re

import pytest
from browser.chromium import focused, hold, tab_to
from on_platform.protocol import CRASH, PASSWORD, differs

from .conftest import check_closes_only, open_dialog, serve

#: The choices. Their numbers follow once they are known, unless the choice is refused.
ALL, FAILED = 'All tests', 'Only those that did not pass'


@pytest.fixture
def people(story):
    """Cora and Dora, who may run tests, and Una, who may not."""
    story.process.call('add_people', people={'cora': 'contributor', 'dora': 'contributor', 'una': 'user'},
                       password=PASSWORD)


@pytest.fixture
def red(story):
    """A run of five tests that has completed: two of them did not pass."""
    tests = story.tests(5)
    return story.complete(story.open_pull(tests), {tests[1]: CRASH, tests[3]: differs('else')})


@pytest.fixture
def page(visit, red):
    """The page of the red run."""
    return visit(f'/runs/{red}')


def sign_in(page, name):
    """Sign in as a person of the platform."""
    page.get_by_label('Email').fill(f'{name}@example.com')
    page.get_by_label('Password').fill(PASSWORD)
    page.get_by_role('button', name='Sign in').click()


def submit(dialog):
    """Run again."""
    dialog.get_by_role('button', name='Run again').click()


def landed(page, story, source, number=1):
    """Wait until the browser has gone to the newest of so many retries of a run, and return it."""
    page.wait_for_url(lambda url: not url.endswith(f'/runs/{source}'))
    made: list[int] = [attempt['run_id'] for attempt in story.attempts(source)[1:]]
    assert len(made) == number
    page.get_by_role('heading', name=f'Run {made[-1]}', exact=True).wait_for()
    return made[-1]


def description(page):
    """Return the description of the element that has the focus."""
    return page.evaluate('() => document.getElementById(document.activeElement.getAttribute'
                         '("aria-describedby")).textContent')


def answer_posts(page, answer):
    """Let each POST arrive, and answer it in the place of the platform."""
    page.route('**/retry', lambda route: [route.fetch(), answer(route)] if route.request.method == 'POST'
               else route.continue_())


def test_sign_in_press_choose_and_land(story, red, visit, people):
    before = story.rows.of('test_result', test_id=red)
    page = visit(f'/runs/{red}', signed_in=False)
    sign_in(page, 'cora')

    dialog = open_dialog(page)
    dialog.get_by_role('radio', name=f'{FAILED} — 2 would run').check()
    dialog.get_by_label('Reason').fill('flaky VM')
    # One, however often one clicks.
    dialog.get_by_role('button', name='Run again').dblclick()

    made = landed(page, story, red)
    assert story.rows.selection(made) == [story.rows.selection(red)[1], story.rows.selection(red)[3]]
    _, own = story.attempts(red)
    assert (own['failed_only'], own['reason'], own['requested_by']) == (True, 'flaky VM', 'cora')
    # The restart would have deleted them.
    assert story.rows.of('test_result', test_id=red) == before


def test_who_may_not_sees_no_button(red, visit, people):
    page = visit(f'/runs/{red}', signed_in=False)
    sign_in(page, 'una')

    page.get_by_text('General — 2 failed').wait_for()
    assert page.get_by_role('button', name='Run again').count() == 0


@pytest.mark.parametrize('answer', [
    None, {'status': 202, 'body': '{"new_run'}, {'status': 504, 'body': '<h1>504 Gateway Time-out</h1>'}],
    ids=['none', 'a part', 'of a proxy'])
def test_an_answer_that_is_lost_is_asked_for_again(story, page, red, answer):
    answer_posts(page, lambda route: route.fulfill(**answer) if answer else route.abort())
    dialog = open_dialog(page)
    submit(dialog)
    dialog.get_by_role('alert').get_by_text('The platform did not answer. Press again: unless').wait_for()
    assert focused(page) == 'Run again'
    page.unroute('**/retry')

    # Another reason is another request.
    dialog.get_by_label('Reason').fill('flaky VM')
    submit(dialog)
    landed(page, story, red, 2)
    assert page.get_by_text('your earlier request').count() == 0
    # The same is the same, in another dialog too. Hours may have passed, so the page says so, to everybody.
    page.go_back()
    submit(open_dialog(page))
    page.wait_for_url(f"**/runs/{story.attempts(red)[1]['run_id']}")
    page.get_by_text('This is the run of your earlier request').wait_for()
    assert 'your earlier request' in description(page)
    assert len(story.attempts(red)) == 3


def test_an_error_of_the_api_itself_is_no_lost_answer(page):
    answer_posts(page, lambda route: route.fulfill(
        status=500, json={'code': 'internal_error', 'message': 'A fault.', 'details': {}}))
    dialog = open_dialog(page)
    submit(dialog)

    alert = dialog.get_by_role('alert')
    alert.get_by_text('The platform hit an internal error. Try again shortly.', exact=True).wait_for()


def lose(page, status=None):
    """Send a retry of all tests with a reason. It arrives, but its answer is lost, or is another one."""
    answer_posts(page, lambda route: route.fulfill(status=status, json={}) if status else route.abort())
    dialog = open_dialog(page)
    dialog.get_by_role('radio', name=f'{ALL} — 5 would run').check()
    dialog.get_by_label('Reason').fill('flaky VM')
    submit(dialog)
    if status != 401:
        dialog.get_by_role('alert').get_by_text(re.compile('did not answer|Rate limited')).wait_for()
    return dialog


def leave(page, dialog):
    """Leave the dialog. Requests are answered by the platform from now on."""
    page.keyboard.press('Escape')
    dialog.wait_for(state='detached')
    page.unroute('**/retry')


def begins_anew(page):
    """Open the dialog, which knows nothing of an earlier request, and return it."""
    dialog = open_dialog(page)
    dialog.get_by_role('radio', name=f'{FAILED} — 2 would run', checked=True).wait_for()
    assert dialog.get_by_text('your earlier request').count() == 0
    return dialog


@pytest.mark.parametrize('status', [None, 429])
def test_a_request_that_may_have_made_a_run_is_kept_when_its_dialog_is_left(story, page, red, status):
    leave(page, lose(page, status))

    dialog = open_dialog(page)
    dialog.get_by_text('This is your earlier request. If you send it again, only one run is made.').wait_for()
    assert dialog.get_by_role('radio', name=f'{ALL} — 5 would run').is_checked()
    assert focused(page) == f'{ALL} — 5 would run'
    assert dialog.get_by_label('Reason').input_value() == 'flaky VM'
    submit(dialog)

    landed(page, story, red)
    page.get_by_text('This is the run of your earlier request').wait_for()


def test_a_session_that_ends_takes_its_requests_with_it(red, visit, people):
    page = visit(f'/runs/{red}', signed_in=False)
    sign_in(page, 'cora')
    lose(page, 401)
    page.get_by_label('Email').wait_for()
    page.unroute('**/retry')
    sign_in(page, 'cora')

    assert begins_anew(page).get_by_label('Reason').input_value() == ''


def test_signing_out_in_another_tab_forgets_requests_in_this_one(page, people, built):
    leave(page, lose(page))
    with page.context.new_page() as other:
        serve(other, built)
        other.goto(page.url)
        other.get_by_role('complementary').hover()
        other.get_by_title('Sign out').click()
        sign_in(other, 'dora')
        other.get_by_role('button', name='Run again').wait_for()

    begins_anew(page)


def test_a_page_from_the_back_cache_remembers_neither_request_nor_reason(page):
    dialog = lose(page)
    page.evaluate('() => { window.isKept = true; }')
    page.goto(page.url.rpartition('/')[0])
    page.go_back(wait_until='commit')

    assert page.evaluate('() => window.isKept')
    dialog.wait_for(state='detached')
    page.unroute('**/retry')
    assert begins_anew(page).get_by_label('Reason').input_value() == ''


@pytest.mark.parametrize('details', [
    {'refusal': 'key_reused'},
    # The message names them.
    {'refusal': 'inactive_tests', 'inactive_ids': [1]},
    # A refusal that is new.
    {'refusal': 'full_moon'}])
def test_a_refusal_is_shown_by_its_message_and_its_key_is_replaced(story, page, red, details):
    keys: list[str | None] = []
    page.on('request', lambda request: keys.append(request.headers.get('idempotency-key'))
            if request.method == 'POST' else None)
    page.route('**/retry', lambda route: route.fulfill(
        status=422, json={'message': 'It is refused.', 'details': details})
        if route.request.method == 'POST' else route.continue_())
    dialog = open_dialog(page)
    submit(dialog)
    dialog.get_by_role('alert').get_by_text('It is refused.', exact=True).wait_for()
    page.unroute('**/retry')

    submit(dialog)
    landed(page, story, red)
    assert len(set(keys)) == 2


def test_each_dialog_begins_anew_but_with_the_reason(story, page, red):
    dialog = open_dialog(page)
    dialog.get_by_role('radio', name=f'{ALL} — 5 would run').check()
    dialog.get_by_label('Reason').fill('flaky VM')
    page.keyboard.press('Escape')
    dialog.wait_for(state='detached')

    # Before its own preview has come, nothing is chosen, and the dialog says why.
    held = hold(page)
    dialog = open_dialog(page)
    dialog.get_by_role('status').get_by_text('Loading a preview…').wait_for()
    assert dialog.get_by_role('radio', checked=True).count() == 0
    assert dialog.get_by_role('button', name='Run again').is_disabled()
    held[0].continue_()
    dialog.get_by_role('radio', name=f'{FAILED} — 2 would run', checked=True).wait_for()
    dialog.get_by_role('status').get_by_text('The preview is loaded.').wait_for()
    assert dialog.get_by_label('Reason').input_value() == 'flaky VM'
    submit(dialog)
    landed(page, story, red)

    # What has been answered is done: the same once more is another retry.
    page.go_back()
    dialog = open_dialog(page)
    dialog.get_by_label('Reason').fill('flaky VM')
    submit(dialog)
    landed(page, story, red, 2)
    assert page.get_by_text('your earlier request').count() == 0


@pytest.mark.parametrize('takes_long', [False, True])
def test_without_a_preview_one_may_run_again_all_the_same(story, visit, red, takes_long):
    page = visit(f'/runs/{red}', clock=True)
    # Without an answer it takes long.
    page.route('**/retry', lambda route: None if takes_long else route.abort(), times=1)
    dialog = open_dialog(page)
    if takes_long:
        dialog.get_by_role('status').get_by_text('Loading a preview…').wait_for()
        page.clock.fast_forward(6_000)
    dialog.get_by_role('status').get_by_text('You can run it again without').wait_for()

    assert dialog.get_by_role('radio', name=FAILED, exact=True).is_checked()
    assert dialog.get_by_role('button', name='Run again').is_enabled()
    submit(dialog)
    assert len(story.rows.selection(landed(page, story, red))) == 2


@pytest.mark.parametrize(('chosen', 'known'), [(ALL, '5 would run'), (FAILED, '2 would run')])
def test_a_preview_changes_no_choice_of_the_user(page, chosen, known):
    held = hold(page)
    dialog = open_dialog(page)
    dialog.get_by_role('radio', name=chosen, exact=True).check()

    held[0].continue_()

    dialog.get_by_role('radio', name=f'{chosen} — {known}', checked=True).wait_for()
    assert focused(page) == f'{chosen} — {known}'


@pytest.mark.parametrize('chosen', [ALL, FAILED])
def test_a_late_preview_takes_a_choice_away_but_makes_none(story, visit, red, chosen):
    page = visit(f'/runs/{red}', clock=True)
    held = hold(page)
    dialog = open_dialog(page)
    page.clock.fast_forward(6_000)
    # The failed tests are chosen already.
    dialog.get_by_role('radio', name=FAILED, exact=True, checked=True).wait_for()
    dialog.get_by_role('radio', name=chosen, exact=True).check()

    refused, possible = ('all', 'failed_only') if chosen == ALL else ('failed_only', 'all')
    held[0].fulfill(json={possible: {'test_count': 2, 'refusal': None},
                          refused: {'test_count': 0, 'refusal': {'message': 'The moon is full.', 'details': {}}}})
    dialog.get_by_text('The moon is full.').wait_for()
    dialog.get_by_role('status').get_by_text('Nothing is selected, because it would be refused.').wait_for()
    assert dialog.get_by_role('radio', checked=True).count() == 0
    assert dialog.get_by_role('button', name='Run again').is_disabled()


@pytest.mark.parametrize('way', ['Escape', 'Close', 'patience'])
def test_a_request_that_hangs_can_be_left_and_ends(story, visit, red, way):
    page = visit(f'/runs/{red}', clock=True)
    answer_posts(page, lambda route: None)
    dialog = open_dialog(page)
    submit(dialog)
    dialog.get_by_role('button', name='Sending…').wait_for()
    # Some screen readers announce nothing in an element that is busy.
    assert dialog.locator(':not([aria-busy=true] *)[role=status]').get_by_text('Sending…').count() == 1
    # The request goes on.
    assert dialog.get_by_role('button', name='Cancel').count() == 0
    page.unroute('**/retry')
    if way == 'patience':
        page.clock.fast_forward(31_000)
        dialog.get_by_role('alert').get_by_text('The platform did not answer.').wait_for()
        assert dialog.get_by_role('status').get_by_text('Sending…').count() == 0
        assert dialog.get_by_role('button', name='Cancel').is_visible()
    else:
        tab_to(page, 'Close')
        page.keyboard.press('Escape' if way == 'Escape' else 'Enter')
        dialog.wait_for(state='detached')

    assert focused(page) == 'Run again'
    submit(dialog if way == 'patience' else open_dialog(page))
    landed(page, story, red)


def run_of(story, state):
    """Return a run of three tests in a state: if it is red, one of them did not pass."""
    tests = story.tests(3)
    run_id = story.open_pull(tests)
    failing = {} if state == 'green' else {tests[0]: CRASH}
    if state != 'queued':
        story.complete(run_id, failing)
    if state == 'red twice':
        run_id = story.complete(story.retry(run_id), failing)
    if state == 'a test is inactive':
        story.rows.set('regression_test', tests[2], active=False)
    return run_id


@pytest.mark.parametrize(('state', 'offered', 'refused', 'words'), [
    ('red twice', [f'{ALL} — 3 would run', f'{FAILED} — 1 would run'], [], 'in the same way'),
    ('green', [f'{ALL} — 3 would run'], [FAILED], 'nothing to run again'),
    ('queued', [f'{ALL} — 3 would run'], [FAILED], 'is still queued'),
    ('a test is inactive', [f'{FAILED} — 1 would run'], [ALL], r'inactive now: \d+\.$')])
def test_the_dialog_offers_and_refuses_as_the_preview_does(story, visit, state, offered, refused, words):
    dialog = open_dialog(visit(f'/runs/{run_of(story, state)}'))

    dialog.get_by_text(re.compile(words)).first.wait_for()
    for name in [*offered, *refused]:
        radio = dialog.get_by_role('radio', name=name, exact=True)
        assert radio.is_enabled() == (name in offered), name
        # The failed tests are chosen, if that is possible.
        assert radio.is_checked() == (name in offered[-1:]), name
    assert dialog.get_by_role('button', name='Run again').is_enabled()


def test_the_dialog_says_how_many_tests_would_be_left_out(story, visit):
    tests = story.tests(3)
    # A run without selected tests runs every test. Its retries leave out those that are inactive by then.
    page = visit(f'/runs/{story.complete(story.open_pull([]), dict.fromkeys(tests, CRASH))}')

    for test, choice in zip(tests, ('2 would run, without 1 inactive one', '1 would run, without 2 inactive ones')):
        story.rows.set('regression_test', test, active=False)
        dialog = open_dialog(page)
        dialog.get_by_role('radio', name=f'{FAILED} — {choice}', exact=True).wait_for()
        page.keyboard.press('Escape')
        dialog.wait_for(state='detached')


def test_a_reason_has_a_limit(story, page, red):
    dialog = open_dialog(page)
    dialog.get_by_label('Reason').fill('🦀' * 256)
    dialog.get_by_text('1 character too many').wait_for()
    dialog.get_by_role('status').get_by_text('The reason is too long.').wait_for()
    assert dialog.get_by_role('button', name='Run again').is_disabled()

    dialog.get_by_label('Reason').fill('🦀' * 255 + ' ')
    submit(dialog)
    assert story.attempts(landed(page, story, red))[1]['reason'] == '🦀' * 255


@pytest.mark.parametrize(('status', 'details', 'words'), [
    (404, {'resource': 'run'}, 'Run 1 not found.'), (404, {}, 'This platform has no retries.'),
    (403, {}, "You don't have permission to do that.")])
def test_after_a_final_answer_to_the_preview_nothing_can_be_sent(page, status, details, words):
    page.route('**/retry', lambda route: route.fulfill(
        status=status, json={'message': 'Run 1 not found.', 'details': details}))
    page.get_by_role('button', name='Run again').click()

    check_closes_only(page, words)


@pytest.mark.parametrize('code', [429, 503])
def test_a_preview_that_may_work_later_can_be_loaded_again(page, code):
    page.route('**/retry', lambda route: route.fulfill(status=code, json={}), times=1)
    dialog = open_dialog(page)
    status = dialog.get_by_role('status').filter(has_text='You can run it again without a preview.')
    status.wait_for()
    assert dialog.get_by_role('button', name='Run again').is_enabled()

    # A screen reader does not read it out with the words.
    assert status.get_by_role('button').count() == 0
    dialog.get_by_role('button', name='Try again').click()
    dialog.get_by_role('radio', name=f'{ALL} — 5 would run').wait_for()


def test_the_keyboard_alone_is_enough(story, page, red):
    page.get_by_role('button', name='Run again').wait_for()
    tab_to(page, 'Run again')
    page.keyboard.press('Enter')
    page.get_by_role('dialog').get_by_role('radio', name=f'{FAILED} — 2 would run', checked=True).wait_for()
    assert focused(page) == f'{FAILED} — 2 would run'
    page.keyboard.press('ArrowUp')
    assert focused(page) == f'{ALL} — 5 would run'
    page.keyboard.press('ArrowDown')
    assert focused(page) == f'{FAILED} — 2 would run'
    page.keyboard.press('Tab')
    page.keyboard.type('flaky VM')
    tab_to(page, 'Run again')
    page.keyboard.press('Enter')

    made = landed(page, story, red)
    assert len(story.rows.selection(made)) == 2
    assert focused(page) == f'Run {made}'


def test_the_keyboard_reaches_why_a_choice_is_refused(story, visit):
    run_id = run_of(story, 'green')
    page = visit(f'/runs/{run_id}')
    open_dialog(page).get_by_role('radio', name=f'{ALL} — 3 would run').wait_for()
    page.keyboard.press('ArrowDown')

    assert focused(page) == FAILED
    assert description(page) == story.ask('GET', f'/runs/{run_id}/retry')['failed_only']['refusal']['message']
    assert page.get_by_role('radio', name=f'{ALL} — 3 would run').is_checked()
