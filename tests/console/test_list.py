"""The console's list of runs and its home page after a retry (docs/console.rst)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from on_platform.protocol import CRASH, Outcome, Story

from .conftest import Visit

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.console

COMMIT = '5eed' * 10

#: How many requests to the API a page has made.
API_REQUESTS = '() => performance.getEntriesByType("resource").filter((it) => it.name.includes("/api/")).length'


def entry(page: Page) -> Locator:
    """Return the entry of the commit."""
    return page.get_by_role('button').filter(has_text=COMMIT[:9])


def dot(entry: Locator) -> str:
    """Return the colour of the dot of an entry."""
    classes: str = entry.locator('xpath=../preceding-sibling::span[1]').get_attribute('class') or ''
    (colour,) = {'bg-destructive', 'bg-success', 'bg-faint'} & set(classes.split())
    return colour


def test_a_retried_commit_is_one_entry_a_platform(story: Story, visit: Visit) -> None:
    tests = story.tests(3)
    first = story.complete(story.push(tests, commit=COMMIT), {tests[0]: CRASH})
    windows = story.rows.run(tests, stages=('preparation', 'testing', 'completed'), test_type='commit',
                             branch='master', pr_nr=0, platform='windows', commit=COMMIT)
    for test in tests:
        story.rows.result(windows, test)
    second = story.complete(story.retry(first))
    page = visit('/runs')
    found = entry(page)

    found.get_by_text('2 attempts').wait_for()
    # No run is asked for.
    assert page.evaluate(API_REQUESTS) == 1
    assert found.get_by_text('lnx').count() == found.get_by_text('win').count() == 1
    assert found.get_by_text('Passed').count() == 2
    assert dot(found) == 'bg-success'
    found.click()
    page.get_by_role('link', name=f'linux run {second} →').wait_for()
    page.get_by_role('link', name=f'windows run {windows} →').wait_for()
    page.get_by_role('link', name=f'run {first} Failed').click()
    page.get_by_role('heading', name=f'Run {first}', exact=True).wait_for()


def test_a_queued_retry_is_the_newest_attempt(story: Story, visit: Visit) -> None:
    tests = story.tests(2)
    story.retry(story.complete(story.push(tests, commit=COMMIT), {tests[0]: CRASH}))
    found = entry(visit('/runs'))

    found.get_by_text('Queued').wait_for()
    assert found.get_by_text('Failed').count() == 0
    assert dot(found) == 'bg-faint'


def test_the_home_page_counts_a_retried_commit_once(story: Story, visit: Visit) -> None:
    again, carried = story.tests(2)
    fails = Outcome(exit_code=1)
    first = story.complete(story.push([again, carried]), {again: fails})
    second = story.complete(story.retry(first), {again: fails})
    page = visit('/')

    failing = page.get_by_role('link').filter(has_text=f'#{again}')
    assert failing.get_by_title('last').get_attribute('title') == 'last 1 runs'
    assert page.get_by_text('finished with failures on linux').count() == 1
    page.get_by_text(f'run {second}', exact=True).wait_for()
