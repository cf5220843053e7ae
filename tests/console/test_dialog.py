"""The console's "Run again": press, choose, land (docs/console.rst)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from browser.chromium import focused, tab_to
from on_platform.protocol import CRASH, PASSWORD, Story, differs

from .conftest import Visit, open_dialog

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Route

pytestmark = pytest.mark.console


@pytest.fixture
def red(story: Story) -> int:
    """A run of five tests that has completed: two of them did not pass."""
    tests = story.tests(5)
    return story.complete(story.open_pull(tests), {tests[1]: CRASH, tests[3]: differs('else')})


@pytest.fixture
def page(visit: Visit, red: int) -> Page:
    """The page of the red run."""
    return visit(f'/runs/{red}')


def sign_in(story: Story, page: Page, name: str, role: str) -> None:
    """Add a person to the platform, and sign in as that person."""
    story.process.call('add_people', people={name: role}, password=PASSWORD)
    page.get_by_label('Email').fill(f'{name}@example.com')
    page.get_by_label('Password').fill(PASSWORD)
    page.get_by_role('button', name='Sign in').click()


def submit(dialog: Locator) -> None:
    """Run again."""
    dialog.get_by_role('button', name='Run again').click()


def retries(story: Story, run_id: int) -> list[int]:
    """Return the retries of a run."""
    return [attempt['run_id'] for attempt in story.attempts(run_id) if attempt['source_run_id'] == run_id]


def landed(page: Page, story: Story, source: int) -> int:
    """Wait until the browser has left the page of a run for that of its only retry, and return the retry."""
    page.wait_for_url(re.compile(rf'/runs/(?!{source}$)\d+$'))
    (made,) = retries(story, source)
    page.get_by_role('heading', name=f'Run {made}', exact=True).wait_for()
    assert page.url.endswith(f'/runs/{made}')
    return made


def test_sign_in_press_choose_and_land(story: Story, red: int, visit: Visit) -> None:
    before = story.rows_of(red)
    page = visit(f'/runs/{red}', signed_in=False)
    sign_in(story, page, 'cora', 'contributor')

    dialog = open_dialog(page)
    dialog.get_by_text('This run and its results stay as they are.').wait_for()
    dialog.get_by_role('radio', name='Only the 2 that did not pass').check()
    dialog.get_by_label('Reason').fill('flaky VM')
    submit(dialog)

    made = landed(page, story, red)
    assert story.selection(made) == [story.selection(red)[1], story.selection(red)[3]]
    _, own = story.attempts(red)
    assert (own['failed_only'], own['reason'], own['requested_by']) == (True, 'flaky VM', 'cora')
    assert story.rows_of(red) == before


def test_who_may_not_sees_no_button(story: Story, red: int, visit: Visit) -> None:
    page = visit(f'/runs/{red}', signed_in=False)
    sign_in(story, page, 'una', 'user')

    page.get_by_role('heading', name='Test results').wait_for()
    page.get_by_text('General — 2 failed').wait_for()
    assert page.get_by_role('button', name='Run again').count() == 0


def test_a_double_click_makes_one_run_of_all_tests(story: Story, page: Page, red: int) -> None:
    dialog = open_dialog(page)
    dialog.get_by_role('radio', name='All 5 tests').wait_for()
    dialog.get_by_role('button', name='Run again').dblclick()

    assert story.selection(landed(page, story, red)) == story.selection(red)


def test_an_answer_that_is_lost_is_asked_for_again(story: Story, page: Page, red: int) -> None:
    def lose(route: Route) -> None:
        if route.request.method == 'POST':
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route('**/retry', lose)
    dialog = open_dialog(page)
    submit(dialog)
    dialog.get_by_role('alert').get_by_text('Failed to fetch').wait_for()
    assert len(retries(story, red)) == 1
    page.unroute('**/retry')

    submit(dialog)

    assert landed(page, story, red)


def test_each_dialog_begins_anew(story: Story, page: Page, red: int) -> None:
    dialog = open_dialog(page)
    dialog.get_by_role('radio', name='Only the 2 that did not pass').check()
    dialog.get_by_label('Reason').fill('flaky VM')
    dialog.get_by_role('button', name='Cancel').click()
    dialog.wait_for(state='detached')

    dialog = open_dialog(page)
    assert dialog.get_by_role('radio', name='All 5 tests').is_checked()
    assert dialog.get_by_label('Reason').input_value() == ''
    submit(dialog)
    made = landed(page, story, red)

    # A key of its own, too: the second is no repetition of the first.
    page.go_back()
    page.get_by_role('heading', name=f'Run {red}', exact=True).wait_for()
    submit(open_dialog(page))
    page.wait_for_url(re.compile(rf'/runs/(?!({red}|{made})$)\d+$'))
    assert len(retries(story, red)) == 2


# The choices, in the words of the preview

ALL, FAILED = 'All tests', 'Only those that did not pass'


def run_of(story: Story, state: str) -> int:
    """Return a run of three tests in a state: where it is red, one of them did not pass."""
    tests = story.tests(3)
    run_id = story.open_pull(tests)
    if state == 'queued':
        return run_id
    failing = {} if state == 'green' else {tests[0]: CRASH}
    story.complete(run_id, failing)
    if state == 'red twice':
        return story.complete(story.retry(run_id), failing)
    if state == 'a test is inactive':
        story.rows.set('regression_test', tests[2], active=False)
    if state == 'the build is gone':
        story.process.call('lose_build', commit=story.run(run_id)['commit'])
    return run_id


@pytest.mark.parametrize(('state', 'offered', 'refused', 'word'), [
    ('red', ['All 3 tests', 'Only the one that did not pass'], [], 'stay as they are'),
    ('red twice', ['All 3 tests', 'Only the one that did not pass'], [], 'in the same way'),
    ('green', ['All 3 tests'], [FAILED], 'did not pass'),
    ('queued', ['All 3 tests'], [FAILED], 'has not finished'),
    ('a test is inactive', ['Only the one that did not pass'], [ALL], 'inactive'),
    ('the build is gone', [], [ALL, FAILED], 'build')])
def test_the_dialog_offers_and_refuses_as_the_preview_does(
        story: Story, visit: Visit, state: str, offered: list[str], refused: list[str], word: str) -> None:
    run_id = run_of(story, state)
    preview = story.ask('GET', f'/runs/{run_id}/retry')
    dialog = open_dialog(visit(f'/runs/{run_id}'))

    for name in [*offered, *refused]:
        radio = dialog.get_by_role('radio', name=name, exact=True)
        radio.wait_for()
        assert radio.is_enabled() == (name in offered), name
        # The first that is possible is chosen.
        assert radio.is_checked() == (name == (offered or [ALL])[0]), name
    assert dialog.get_by_role('button', name='Run again').is_enabled() == bool(offered)
    shown = dialog.inner_text()
    assert word in shown
    for choice in (preview['all'], preview['failed_only']):
        refusal = choice['refusal'] or {'message': choice.get('hint') or '', 'details': {}}
        assert refusal['message'] in shown
        assert all(f'({regression_test})' in shown for regression_test in refusal['details'].get('inactive_ids', ()))


def test_a_reason_has_a_limit(story: Story, page: Page, red: int) -> None:
    dialog = open_dialog(page)
    reason = dialog.get_by_label('Reason')
    reason.fill('🦀' * 256)
    dialog.get_by_text('1 character too many').wait_for()
    assert dialog.get_by_role('button', name='Run again').is_disabled()

    reason.fill('🦀' * 255 + ' ')
    dialog.get_by_text('255 of 255 characters').wait_for()
    submit(dialog)
    landed(page, story, red)
    assert story.attempts(red)[1]['reason'] == '🦀' * 255


# Errors

def test_a_refusal_that_the_preview_did_not_know_is_shown(story: Story, page: Page, red: int) -> None:
    dialog = open_dialog(page)
    dialog.get_by_role('radio', name='All 5 tests').wait_for()
    story.process.call('lose_build', commit=story.run(red)['commit'])
    submit(dialog)

    dialog.get_by_role('alert').get_by_text('build').wait_for()
    assert dialog.get_by_role('button', name='Run again').is_enabled()
    assert retries(story, red) == []


@pytest.mark.parametrize(('status', 'words'), [
    (403, "You don't have permission to do that."),
    (429, 'Rate limited — give it a minute.'),
    (503, 'The platform hit an internal error. Try again shortly.'),
])
def test_errors_are_shown_as_the_console_shows_them(page: Page, status: int, words: str) -> None:
    page.route('**/retry', lambda route: route.continue_() if route.request.method == 'GET' else route.fulfill(
        status=status, json={'code': 'some', 'message': 'Internals.', 'details': {}}))
    dialog = open_dialog(page)
    submit(dialog)

    dialog.get_by_role('alert').get_by_text(words).wait_for()
    assert dialog.get_by_role('button', name='Run again').is_enabled()


def test_the_api_is_away_when_the_dialog_opens(page: Page) -> None:
    page.get_by_role('button', name='Run again').wait_for()
    page.route('**/api/**', lambda route: route.abort())
    dialog = open_dialog(page)
    dialog.get_by_role('alert').get_by_text('Failed to fetch').wait_for()
    assert dialog.get_by_role('button', name='Run again').is_disabled()

    page.unroute('**/api/**')
    dialog.get_by_role('button', name='Try again').click()
    dialog.get_by_role('radio', name='All 5 tests').wait_for()
    assert dialog.get_by_role('button', name='Run again').is_enabled()


# The keyboard

def test_the_keyboard_alone_is_enough(story: Story, page: Page, red: int) -> None:
    page.get_by_role('button', name='Run again').wait_for()
    tab_to(page, 'Run again')
    page.keyboard.press('Enter')
    dialog = page.get_by_role('dialog')
    dialog.get_by_role('radio', name='All 5 tests').wait_for()
    page.keyboard.press('Escape')
    dialog.wait_for(state='detached')
    assert focused(page) == 'Run again'

    page.keyboard.press('Enter')
    dialog.get_by_role('radio', name='All 5 tests').wait_for()
    assert focused(page) == 'All 5 tests'
    page.keyboard.press('ArrowDown')
    assert focused(page) == 'Only the 2 that did not pass'
    page.keyboard.press('Tab')
    page.keyboard.type('flaky VM')
    tab_to(page, 'Run again')
    page.keyboard.press('Enter')

    assert len(story.selection(landed(page, story, red))) == 2
    assert story.attempts(red)[1]['reason'] == 'flaky VM'
