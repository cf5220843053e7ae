"""The console's list of runs and its home page after a retry (docs/console.rst)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from on_platform.protocol import CRASH, Outcome, Story

from .conftest import Visit, asked

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Route

pytestmark = pytest.mark.console

COMMIT = '5eed' * 10

FAILS = Outcome(exit_code=1)


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
    # Of a run that is alone on its commit and platform nobody asks for attempts.
    story.complete(story.push(tests))
    first = story.complete(story.push(tests, commit=COMMIT), {tests[0]: CRASH})
    windows = story.rows.run(tests[:1], test_type='commit', pr_nr=0, platform='windows', commit=COMMIT)
    story.rows.result(windows, tests[0])
    second = story.complete(story.retry(first))
    page = visit('/status', clock=True)
    paths = asked(page)
    page.get_by_title('Test results').click()
    found = entry(page)

    found.get_by_text('2 attempts').wait_for()
    assert found.get_by_text('lnx').count() == found.get_by_text('win').count() == 1
    assert found.get_by_text('Passed').count() == 2
    assert dot(found) == 'bg-success'
    found.click()
    page.get_by_role('link', name=f'linux run {second} →').wait_for()
    page.get_by_role('link', name=f'windows run {windows} →').wait_for()
    page.clock.fast_forward(31_000)
    page.wait_for_load_state('networkidle')
    assert [path for path in paths if 'retries' in path] == [f'/runs/{second}/retries?limit=100&offset=0']
    page.get_by_role('link', name=f'run {first} Failed').click()
    page.get_by_role('heading', name=f'Run {first}', exact=True).wait_for()


def test_a_later_run_of_one_test_hides_no_red_full_run(story: Story, visit: Visit) -> None:
    tests = story.tests(3)
    full = story.complete(story.push(tests, commit=COMMIT), {tests[0]: FAILS})
    story.complete(story.push(tests[1:2], commit=COMMIT))
    page = visit('/runs')
    found = entry(page)

    found.get_by_text('Failed').wait_for()
    assert found.get_by_text('Passed').count() == 1
    assert found.get_by_text('attempts').count() == 0
    assert dot(found) == 'bg-destructive'
    page.get_by_title('Home').click()
    page.get_by_text(f'run {full}', exact=True).wait_for()
    page.get_by_role('link').filter(has_text=f'#{tests[0]}').get_by_title('last 1 runs').wait_for()


def test_a_row_stays_unfolded_when_a_retry_arrives(story: Story, visit: Visit) -> None:
    tests = story.tests(2)
    first = story.complete(story.push(tests, commit=COMMIT), {tests[0]: CRASH})
    # So many newer runs that it is not listed any more.
    for _ in range(40):
        story.rows.run(tests[:1])
    second = story.retry(first)
    page = visit('/runs', clock=True)
    entry(page).click()
    page.get_by_role('link', name=f'linux run {second} →').wait_for()
    assert entry(page).get_by_text('attempts').count() == 0

    third = story.retry(second, failed_only=False)
    page.clock.fast_forward(31_000)
    page.get_by_role('link', name=f'linux run {third} →').wait_for()
    entry(page).get_by_text('3 attempts').wait_for()
    assert dot(entry(page)) == 'bg-faint'


def test_the_list_does_not_wait_long_for_the_attempts(story: Story, visit: Visit) -> None:
    story.complete(story.retry(story.complete(story.push(story.tests(1), commit=COMMIT)), failed_only=False))
    page = visit('/status', clock=True)
    held: list[Route] = []
    page.route('**/retries?*', lambda route: held.append(route))
    page.get_by_title('Test results').click()
    entry(page).get_by_text('Passed').nth(1).wait_for()

    # What comes later is in the next list.
    held[0].continue_()
    page.clock.fast_forward(31_000)
    entry(page).get_by_text('2 attempts').wait_for()
    assert len(held) == 1


def test_a_platform_without_retries_is_asked_once_for_a_run(story: Story, visit: Visit) -> None:
    second = story.complete(story.retry(story.complete(story.push(story.tests(1), commit=COMMIT)), failed_only=False))
    page = visit('/status', clock=True)
    page.route('**/retries?*', lambda route: route.fulfill(status=404, json={}))
    paths = asked(page)
    page.get_by_title('Test results').click()
    entry(page).get_by_text('Passed').nth(1).wait_for()

    story.retry(second, failed_only=False)
    page.clock.fast_forward(31_000)
    entry(page).get_by_text('Queued').wait_for()
    assert sum(f'/runs/{second}/retries' in path for path in paths) == 1


def test_the_home_page_counts_a_retried_commit_once_also_while_the_retry_is_under_way(
        story: Story, visit: Visit) -> None:
    failing, crashing = story.tests(2)
    first = story.complete(story.push([failing, crashing]), {failing: FAILS})
    again = story.complete(story.retry(first), {failing: FAILS})
    story.retry(story.complete(story.push([failing, crashing], commit=COMMIT), {crashing: CRASH}))
    page = visit('/')

    page.get_by_role('link').filter(has_text=f'#{failing}').get_by_title('last 2 runs').wait_for()
    assert page.get_by_text('finished with failures on linux').count() == 1
    page.get_by_text(f'run {again}', exact=True).wait_for()


def test_a_retry_of_an_older_commit_is_no_newer_result(story: Story, visit: Visit) -> None:
    (test,) = story.tests(1)
    older = story.complete(story.push([test]), {test: FAILS})
    story.complete(story.push([test], commit=COMMIT))
    story.complete(story.retry(older), {test: FAILS})
    history = visit('/').get_by_role('link').filter(has_text=f'#{test}').get_by_title('last 2 runs')

    assert 'bg-success' in (history.locator('span').last.get_attribute('class') or '')
