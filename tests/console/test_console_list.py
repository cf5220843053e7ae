"""The console's list of runs and its home page after a retry (docs/console.rst)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from conftest import Visit
from front import Front
from protocol import CRASH, Outcome, Story

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.console


COMMIT = '5eed' * 10


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
    assert found.get_by_text('lnx').count() == found.get_by_text('win').count() == 1
    assert found.get_by_text('Passed').count() == 2
    assert dot(found) == 'bg-success'
    found.click()
    page.get_by_role('link', name=f'linux run {second} →').wait_for()
    page.get_by_role('link', name=f'windows run {windows} →').wait_for()
    earlier = page.get_by_role('link', name=f'run {first} Failed')
    earlier.click()
    page.get_by_role('heading', name=f'Run {first}', exact=True).wait_for()


def test_a_retry_that_is_queued_is_what_counts(story: Story, visit: Visit) -> None:
    tests = story.tests(2)
    first = story.complete(story.push(tests, commit=COMMIT), {tests[0]: CRASH})
    story.retry(first)
    page = visit('/runs')
    found = entry(page)

    found.get_by_text('Queued').wait_for()
    assert found.get_by_text('Failed').count() == 0
    assert dot(found) == 'bg-faint'


def test_the_list_asks_for_no_run(story: Story, visit: Visit, front: Front) -> None:
    tests = story.tests(2)
    for _ in range(3):
        first = story.complete(story.push(tests), {tests[0]: CRASH})
        story.complete(story.retry(first))
    page = visit('/runs')
    page.get_by_text('2 attempts').nth(2).wait_for()

    assert front.asked == ['GET /api/v1/runs?limit=40&sort=-created_at']


def test_what_was_carried_over_does_not_count_twice(story: Story, visit: Visit, front: Front) -> None:
    again, carried = story.tests(2)
    fails = Outcome(exit_code=1)
    first = story.complete(story.push([again, carried]), {again: fails, carried: fails})
    second = story.retry(first)
    worker = story.worker(second)
    worker.start()
    worker.run(again, fails)
    worker.end()
    # It keeps its failure, though the retry has not run it.
    assert story.origins(second) == {again: second, carried: first}
    page = visit('/')

    def results(test: int) -> str | None:
        """Return how many results the home page shows of a test that fails."""
        return page.get_by_role('link').filter(has_text=f'#{test}').get_by_title('last').get_attribute('title')

    assert (results(again), results(carried)) == ('last 2 runs', 'last 1 runs')
    # One request a run, as before.
    assert sorted(asked for asked in front.asked if 'samples?limit' in asked and '/runs/' in asked) == [
        f'GET /api/v1/runs/{run_id}/samples?limit=100&offset=0' for run_id in story.rows.values('test', 'id')]
