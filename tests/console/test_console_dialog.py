"""The console's "Run again": press, choose, land (docs/console.rst)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from chromium import focused, tab_to
from conftest import Visit
from front import Front
from protocol import CRASH, PASSWORD, Story, differs

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


def open_dialog(page: Page) -> Locator:
    """Press the button, and return the dialog."""
    page.get_by_role('button', name='Run again').click()
    dialog = page.get_by_role('dialog')
    dialog.get_by_role('button', name='Run again').wait_for()
    return dialog


def submit(dialog: Locator) -> None:
    """Run again."""
    dialog.get_by_role('button', name='Run again').click()


def retries(story: Story, run_id: int) -> list[int]:
    """Return the retries of a run."""
    return [attempt['run_id'] for attempt in story.attempts(run_id) if attempt['source_run_id'] == run_id]


def landed(page: Page, story: Story, source: int) -> int:
    """Wait until the browser has left the page of a run for that of its one retry, and return the retry."""
    page.wait_for_url(re.compile(rf'/runs/(?!{source}$)\d+$'))
    (made,) = retries(story, source)
    page.get_by_role('heading', name=f'Run {made}', exact=True).wait_for()
    assert page.url.endswith(f'/runs/{made}')
    return made


def test_sign_in_press_choose_and_land(story: Story, red: int, visit: Visit) -> None:
    story.process.call('add_people', people={'cora': 'contributor'}, password=PASSWORD)
    before = story.rows_of(red)
    page = visit(f'/runs/{red}', signed_in=False)
    page.get_by_label('Email').fill('cora@example.com')
    page.get_by_label('Password').fill(PASSWORD)
    page.get_by_role('button', name='Sign in').click()

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


def test_all_tests_run_again(story: Story, page: Page, red: int) -> None:
    dialog = open_dialog(page)
    assert dialog.get_by_role('radio', name='All 5 tests').is_checked()
    submit(dialog)

    assert story.selection(landed(page, story, red)) == story.selection(red)


def test_a_double_click_makes_one_run(story: Story, page: Page, red: int) -> None:
    dialog = open_dialog(page)
    dialog.get_by_role('radio', name='All 5 tests').wait_for()
    dialog.get_by_role('button', name='Run again').dblclick()

    assert landed(page, story, red)


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
    keys: list[str | None] = []
    page.on('request', lambda request: request.method == 'POST' and keys.append(
        request.headers.get('idempotency-key')))
    dialog = open_dialog(page)
    dialog.get_by_role('radio', name='Only the 2 that did not pass').check()
    dialog.get_by_label('Reason').fill('flaky VM')
    dialog.get_by_role('button', name='Cancel').click()
    dialog.wait_for(state='detached')

    dialog = open_dialog(page)
    assert dialog.get_by_role('radio', name='All').is_checked()
    assert dialog.get_by_label('Reason').input_value() == ''
    submit(dialog)
    made = landed(page, story, red)

    dialog = open_dialog(page)
    dialog.get_by_role('heading', name=f'Run {made} again?').wait_for()
    submit(dialog)
    landed(page, story, made)
    assert len(keys) == len(set(keys)) == 2 and all(keys)


# What is refused

def test_a_run_in_which_nothing_failed(story: Story, visit: Visit) -> None:
    run_id = story.complete(story.open_pull(story.tests(3)))
    dialog = open_dialog(visit(f'/runs/{run_id}'))

    refused = dialog.get_by_role('radio', name='Only those that did not pass')
    dialog.get_by_text(preview(story, run_id)['failed_only']['refusal']['message']).wait_for()
    assert refused.is_disabled()
    assert dialog.get_by_role('radio', name='All 3 tests').is_checked()


def preview(story: Story, run_id: int) -> Any:
    """Return what the API says that a retry would do."""
    return story.ask('GET', f'/runs/{run_id}/retry')


def test_a_stuck_run_can_be_run_again_whole(story: Story, visit: Visit) -> None:
    run_id = story.open_pull(story.tests(3))
    page = visit(f'/runs/{run_id}')
    dialog = open_dialog(page)

    dialog.get_by_text('has not finished').wait_for()
    assert dialog.get_by_role('radio', name='Only those that did not pass').is_disabled()
    submit(dialog)
    assert story.selection(landed(page, story, run_id)) == story.selection(run_id)


def test_tests_that_are_inactive_are_named(story: Story, visit: Visit) -> None:
    tests = story.tests(3)
    run_id = story.complete(story.open_pull(tests), {tests[0]: CRASH})
    story.rows.set('regression_test', tests[2], active=False)
    page = visit(f'/runs/{run_id}')
    dialog = open_dialog(page)

    dialog.get_by_text(f'({tests[2]})').wait_for()
    assert dialog.get_by_role('radio', name='All tests').is_disabled()
    assert dialog.get_by_role('radio', name='Only the one that did not pass').is_checked()
    submit(dialog)
    assert story.selection(landed(page, story, run_id)) == [tests[0]]


def test_a_commit_without_a_build_cannot_be_run_again(story: Story, page: Page, red: int) -> None:
    story.process.call('lose_build', commit=story.run(red)['commit'])
    dialog = open_dialog(page)

    reasons = dialog.get_by_text('build')
    reasons.nth(1).wait_for()
    assert [radio.is_disabled() for radio in dialog.get_by_role('radio').all()] == [True, True]
    assert dialog.get_by_role('button', name='Run again').is_disabled()


def test_what_is_refused_only_when_it_is_sent_is_said_too(story: Story, page: Page, red: int) -> None:
    dialog = open_dialog(page)
    dialog.get_by_role('radio', name='All 5 tests').wait_for()
    story.process.call('lose_build', commit=story.run(red)['commit'])
    submit(dialog)

    dialog.get_by_role('alert').get_by_text('build').wait_for()
    assert dialog.get_by_role('button', name='Run again').is_enabled()
    assert retries(story, red) == []


def test_what_is_known_about_the_failures_is_said(story: Story, red: int, visit: Visit) -> None:
    first, second = story.selection(red)[1], story.selection(red)[3]
    story.complete(story.retry(red), {first: CRASH, second: differs('else')})
    hint = preview(story, red)['failed_only']['hint']
    assert 'in the same way' in hint

    open_dialog(visit(f'/runs/{red}')).get_by_text(hint).wait_for()


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


# Who may not, and what goes wrong

def test_who_may_not_sees_no_button(story: Story, red: int, visit: Visit) -> None:
    story.process.call('add_people', people={'una': 'user'}, password=PASSWORD)
    page = visit(f'/runs/{red}', signed_in=False)
    page.get_by_label('Email').fill('una@example.com')
    page.get_by_label('Password').fill(PASSWORD)
    page.get_by_role('button', name='Sign in').click()

    page.get_by_role('heading', name='Test results').wait_for()
    page.get_by_text('#').first.wait_for()
    assert page.get_by_role('button', name='Run again').count() == 0


def test_a_token_that_expires_in_the_dialog_leads_to_the_log_in(story: Story, page: Page, red: int) -> None:
    story.process.call('add_people', people={'cora': 'contributor'}, password=PASSWORD)
    dialog = open_dialog(page)
    dialog.get_by_role('radio', name='All 5 tests').wait_for()
    for token in story.rows.of('api_token', token_name='console'):
        story.rows.set('api_token', token['id'], expires_at=token['created_at'])
    submit(dialog)

    page.get_by_label('Email').fill('cora@example.com')
    page.get_by_label('Password').fill(PASSWORD)
    page.get_by_role('button', name='Sign in').click()
    page.get_by_role('heading', name=f'Run {red}', exact=True).wait_for()
    assert retries(story, red) == []


def test_the_api_is_away_when_the_dialog_opens(story: Story, page: Page, front: Front) -> None:
    page.get_by_role('button', name='Run again').wait_for()
    front.is_api_away = True
    dialog = open_dialog(page)
    dialog.get_by_role('alert').get_by_text('Failed to fetch').wait_for()
    assert dialog.get_by_role('button', name='Run again').is_disabled()

    front.is_api_away = False
    dialog.get_by_role('button', name='Try again').click()
    dialog.get_by_role('radio', name='All 5 tests').wait_for()
    assert dialog.get_by_role('button', name='Run again').is_enabled()


def test_the_api_goes_away_while_the_dialog_is_open(story: Story, page: Page, red: int, front: Front) -> None:
    dialog = open_dialog(page)
    dialog.get_by_role('radio', name='All 5 tests').wait_for()
    front.is_api_away = True
    submit(dialog)
    dialog.get_by_role('alert').get_by_text('Failed to fetch').wait_for()
    assert retries(story, red) == []

    front.is_api_away = False
    submit(dialog)
    assert landed(page, story, red)


@pytest.mark.parametrize('status, words', [
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
