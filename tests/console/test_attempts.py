"""The attempts on the console's page of a run: live, what they prove, and why a run ended early (docs/console.rst)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from on_platform.protocol import CRASH, MISSING, Outcome, Story, differs

from .conftest import Visit

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.console

#: The names of the two tables.
ATTEMPTS, GRID = 'Attempts, newest first', 'Tests that did not pass each time'

#: Milliseconds after which the page has certainly asked again.
LATER = 61_000

#: Builds, and an abbreviation as a binary prints it.
ONE, OTHER, SHORT = 'c0ffee1' + '1' * 33, 'decade2' + '2' * 33, 'C0FFEE1'


def row_of(page: Page, table: str, name: object) -> Locator:
    """Return the row of a table whose head begins with a name."""
    return page.get_by_role('region', name=table).get_by_role('row').filter(
        has=page.get_by_role('rowheader', name=str(name))).first


def cells(page: Page, table: str, name: object) -> list[str]:
    """Return the texts in a row of a table."""
    return [' '.join(text.split()) for text in row_of(page, table, name).locator('th, td').all_inner_texts()]


def visit_on_a_clock(visit: Visit, run_id: int) -> Page:
    """Open the page of a run, with a clock that can be moved."""
    page = visit('/runs')
    page.clock.install()
    page.goto(page.url.replace('/runs', f'/runs/{run_id}'))
    return page


def test_what_the_attempts_prove(story: Story, visit: Visit) -> None:
    tests = story.tests(6)
    flaky, same, missing = tests[1:4]
    first = story.complete(story.push(tests), {flaky: Outcome(exit_code=1), same: differs('else'), missing: MISSING})
    second = story.complete(story.retry(first), {same: differs('else'), missing: CRASH})
    page = visit(f'/runs/{second}')

    page.get_by_text('Over 2 attempts 1 test is flaky, 1 fails each time in the same way '
                     'and 1 fails each time but not in the same way.').wait_for()
    page.get_by_text('3 of the 6 results are carried over from other attempts.').wait_for()
    assert cells(page, ATTEMPTS, 2)[:6] == ['2', f'run {second} (this run)', 'Failed', '2 of 6', '3', 'adam']
    assert cells(page, ATTEMPTS, 1)[:6] == ['1', f'run {first}', 'Failed', '3 of 6', '', '']
    assert cells(page, GRID, f'#{flaky}')[1:] == ['passed', 'failed']
    assert cells(page, GRID, f'#{same}')[1:] == ['failed', 'failed']
    assert cells(page, GRID, f'#{missing}')[1:] == ['an output is missing'] * 2
    assert page.get_by_role('region', name=GRID).get_by_role('rowheader').count() == 3

    page.get_by_role('region', name=GRID).get_by_role('link', name=f'run {first}').click()
    page.get_by_role('heading', name=f'Run {first}', exact=True).wait_for()
    page.get_by_text('Over 2 attempts').wait_for()


def test_attempts_in_which_everything_passed(story: Story, visit: Visit) -> None:
    first = story.complete(story.push(story.tests(2)))
    # One that ran nothing proves nothing.
    story.cancel(story.retry(first, failed_only=False))
    page = visit(f'/runs/{story.complete(story.retry(first, failed_only=False))}')

    page.get_by_text('Over 2 attempts every test passed each time.').wait_for()
    assert page.get_by_role('region', name=GRID).count() == 0


@pytest.mark.parametrize(('builds', 'proven', 'other_builds'), [
    ((ONE, OTHER), 'passed and failed but only in different builds',
     '3 of the results carried over were built from c0ffee11.'),
    ((ONE, SHORT), 'is flaky', ''), ((None, OTHER), 'is flaky', '')])
def test_results_of_another_build_are_said_to_be(story: Story, visit: Visit, builds: tuple[str | None, str | None],
                                                 proven: str, other_builds: str) -> None:
    tests = story.tests(4)
    first = story.complete(story.push(tests), {tests[0]: CRASH})
    second = story.complete(story.retry(first))
    for run_id, build in zip((first, second), builds):
        story.rows.set('test', run_id, built_commit=build)
    page = visit(f'/runs/{second}')

    page.get_by_text(f'Over 2 attempts 1 test {proven}.').wait_for()
    said = f'3 of the 4 results are carried over from other attempts. {other_builds}'.strip()
    page.get_by_text(said, exact=True).wait_for()


def test_a_retry_is_watched_from_queued_to_whole(story: Story, visit: Visit) -> None:
    tests = story.tests(4)
    first = story.complete(story.push(tests), {tests[0]: CRASH, tests[1]: CRASH})
    second = story.retry(first)
    page = visit_on_a_clock(visit, second)
    page.evaluate('() => { window.stayed = true; }')
    status = row_of(page, ATTEMPTS, 2).get_by_text
    status('Queued').wait_for()
    page.get_by_text('This run runs 2 of 4 tests.').wait_for()
    assert page.get_by_text('Over 2 attempts').count() == 0

    worker = story.worker(second)
    worker.start()
    worker.run(tests[0])
    page.clock.fast_forward(LATER)
    status('Running').wait_for()
    page.get_by_text('1 tests').wait_for()

    worker.run(tests[1], CRASH)
    worker.end()
    page.clock.fast_forward(LATER)
    status('Failed').wait_for()
    page.get_by_text('4 tests').wait_for()
    page.get_by_text('General — 1 failed').wait_for()
    page.get_by_text('Over 2 attempts 1 test is flaky and 1 fails each time in the same way.').wait_for()
    page.get_by_text('2 of the 4 results are carried over from other attempts.').wait_for()
    page.get_by_role('button', name='Cancel run').wait_for(state='detached')
    assert page.evaluate('() => window.stayed')


# Why a run ended early

INFRASTRUCTURE = 'Infrastructure problem'


def test_a_cancellation_by_a_person_is_no_infrastructure_problem_and_need_not_be_final(
        story: Story, visit: Visit) -> None:
    (test,) = story.tests(1)
    run_id = story.push([test])
    worker = story.worker(run_id)
    worker.start()
    story.stop(run_id)
    page = visit_on_a_clock(visit, run_id)
    page.get_by_text('Canceled on purpose — this says nothing about the code').wait_for()
    page.wait_for_load_state('networkidle')
    assert page.get_by_text(INFRASTRUCTURE).count() == 0

    worker.run(test)
    worker.end()
    page.clock.fast_forward(LATER)
    page.get_by_text('General — Pass').wait_for()


def test_a_machine_that_takes_too_long_is_one(story: Story, visit: Visit) -> None:
    run_id = story.push(story.tests(2))
    worker = story.worker(run_id)
    worker.start()
    worker.run_out_of_time()
    page = visit(f'/runs/{run_id}')

    page.get_by_text('what is missing or failed here may not be caused by the code').wait_for()
    page.get_by_text('Could not complete test, time limit exceeded').first.wait_for()
    page.wait_for_load_state('networkidle')
    assert page.get_by_text(INFRASTRUCTURE).count() == 1


def test_a_run_that_ran_once_and_completed_has_neither_attempts_nor_a_cause(story: Story, visit: Visit) -> None:
    tests = story.tests(2)
    page = visit(f'/runs/{story.complete(story.push(tests), {tests[0]: CRASH})}')

    page.get_by_text('General — 1 failed').wait_for()
    for text in ('Attempts', 'on purpose', INFRASTRUCTURE):
        assert page.get_by_text(text).count() == 0, text
