"""
Make the pictures of the console anew: `python tests/console/screenshots.py`, with the variables of its tests.

They are of the built console before a copy of the platform, in `docs/images`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

if __name__ == '__main__':
    sys.path[1:1] = [str(Path(__file__).parents[1] / folder) for folder in ('', 'miniature', 'platform', 'browser')]

from checkout import copy_as_documented, prepare
from chromium import running as running_chromium
from conftest import context, keep_session
from front import serving_console
from playwright.sync_api import Page
from protocol import Outcome, Story, differs, running
from rows import Rows, fresh_database

FOLDER = Path(__file__).parents[2] / 'docs' / 'images'


def tell(story: Story) -> tuple[int, int]:
    """Have a run of twenty tests fail in three, retry it twice, and return the first run and the last."""
    tests = story.tests(20)
    crash, other = Outcome(exit_code=139), differs('else')
    first = story.complete(story.push(tests), {tests[3]: crash, tests[8]: other, tests[12]: crash})
    last = first
    for reason, failing in (('flaky VM', {tests[8]: other, tests[12]: crash}), ('once more', {tests[8]: other})):
        answer = story.ask('POST', f'/runs/{last}/retry', json_body={'failed_only': True, 'reason': reason})
        last = story.complete(answer['new_run_id'], failing)
    return first, last


def picture(page: Page, selector: str, name: str) -> None:
    """Write a part of the page to a file."""
    page.wait_for_function('() => document.getAnimations().length === 0')
    page.locator(selector).screenshot(path=FOLDER / f'{name}.png')


def main() -> None:
    """Make the pictures."""
    with tempfile.TemporaryDirectory() as name, running_chromium() as browser:
        folder = Path(name)
        platform = copy_as_documented(prepare(Path(os.environ['SAMPLE_PLATFORM']), folder))
        with fresh_database('sqlite', folder) as database:
            platform.inside('create_tables', database)
            rows = Rows(database)
            with running(platform, database, folder) as process:
                story = Story(process, rows, platform)
                first, last = tell(story)
                with serving_console(Path(os.environ['SAMPLE_PLATFORM_CONSOLE']), process.call('serve')) as front:
                    session = keep_session(story)
                    light, dark = (browser.new_page(**context(front, session, dark=is_dark),
                                                    viewport={'width': 900, 'height': 1100})
                                   for is_dark in (False, True))
                    light.goto(f'{front.address}/runs/{first}')
                    light.get_by_role('button', name='Run again').click()
                    light.get_by_label('Only the 3 that did not pass').check()
                    light.get_by_label('Reason').fill('flaky VM')
                    picture(light, '[role=dialog]', 'console-dialog')
                    dark.goto(f'{front.address}/runs/{last}')
                    dark.get_by_text('Over 3 attempts').wait_for()
                    picture(dark, 'section[aria-labelledby=attempts]', 'console-attempts')


if __name__ == '__main__':
    main()
