"""The console's "Run again" on a platform with conditions: a retry waits for the attempts."""

import pytest
from browser.chromium import focused, hold
from on_platform.checkout import copy

from .conftest import check_closes_only, open_dialog
from .test_dialog import ALL, FAILED, landed, leave, lose, page, red, submit

# These fixtures are used as they are.
__all__ = ['page', 'red']


@pytest.fixture(scope='session')
def telling(telling):
    """A copy of the platform on which every retry must meet the conditions."""
    return copy(telling, 'conditions', config='RUNS_API_CHECKS = True\n')


def test_the_run_of_an_earlier_request_is_named_and_opened_by_the_same_press(story, page, red):
    leave(page, lose(page))
    dialog = open_dialog(page)
    made = story.attempts(red)[1]['run_id']

    dialog.get_by_text(f'Run {made}, an attempt of the same run, is still queued.', exact=True).nth(1).wait_for()
    dialog.get_by_role('status').get_by_text('The run that your earlier request made may be the reason.').wait_for()
    assert dialog.get_by_role('radio', name=ALL, checked=True).is_visible()
    # Another reason is another request, which the refusal is for.
    dialog.get_by_label('Reason').fill('another')
    assert dialog.get_by_role('button', name='Run again').is_disabled()
    dialog.get_by_label('Reason').fill('flaky VM')
    submit(dialog)
    landed(page, story, red)
    page.get_by_text('This is the run of your earlier request').wait_for()


def test_a_key_that_was_for_the_reason_does_nothing_when_it_is_gone(story, visit):
    run_id = story.open_pull(story.tests(3))
    page = visit(f'/runs/{run_id}')
    held = hold(page)
    dialog = open_dialog(page)
    dialog.get_by_label('Reason').press_sequentially('flaky')
    held[0].continue_()
    dialog.get_by_label('Reason').wait_for(state='detached')

    for key in ('Space', 'Enter'):
        page.keyboard.press(key)
    # Each choice is refused by a sentence of its own.
    check_closes_only(page, f'{ALL}: Run {run_id} is still queued.',
                      f'{FAILED}: Run {run_id} is still queued: it has no failed tests yet.')
    page.keyboard.press('Tab')
    assert focused(page) == 'Close'
    page.keyboard.press('Enter')
    dialog.wait_for(state='detached')
    assert focused(page) == 'Run again'
