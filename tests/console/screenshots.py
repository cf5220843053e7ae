"""The pictures of the console in docs/images: `pytest tests/console/screenshots.py` makes them anew."""

from pathlib import Path

import pytest
from conftest import Visit, open_dialog
from protocol import Outcome, Story, differs

pytestmark = pytest.mark.console

FOLDER = Path(__file__).parents[2] / 'docs' / 'images'

#: The size of the window.
SIZE = {'width': 900, 'height': 1100}


def test_pictures(story: Story, visit: Visit) -> None:
    """Tell the story of the pictures, and take them."""
    tests = story.tests(20)
    crash, other = Outcome(exit_code=139), differs('else')
    first = last = story.complete(story.push(tests), {tests[3]: crash, tests[8]: other, tests[12]: crash})
    for reason, failing in (('flaky VM', {tests[8]: other, tests[12]: crash}), ('once more', {tests[8]: other})):
        answer = story.ask('POST', f'/runs/{last}/retry', json_body={'failed_only': True, 'reason': reason})
        last = story.complete(answer['new_run_id'], failing)

    dialog = open_dialog(visit(f'/runs/{first}', viewport=SIZE))
    dialog.get_by_label('Only the 3 that did not pass').check()
    dialog.get_by_label('Reason').fill('flaky VM')
    dialog.screenshot(path=FOLDER / 'console-dialog.png')

    page = visit(f'/runs/{last}', dark=True, viewport=SIZE)
    page.get_by_text('Over 3 attempts').wait_for()
    page.wait_for_function('() => document.getAnimations().length === 0')
    page.locator('section[aria-labelledby=attempts]').screenshot(path=FOLDER / 'console-attempts.png')
