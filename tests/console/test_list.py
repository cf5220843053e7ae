"""The console's list of runs and its home page after a retry."""

from typing import Any

import pytest
from on_platform.protocol import CRASH, Outcome

from .conftest import asked

COMMIT = '5eed' * 10

FAILS = Outcome(exit_code=1)


def entry(page):
    """Return the entry of the commit."""
    return page.get_by_role('button').filter(has_text=COMMIT[:9])


def dot(entry):
    """Return the colour of the dot of an entry."""
    classes: str = entry.locator('xpath=../preceding-sibling::span[1]').get_attribute('class') or ''
    (colour,) = {'bg-destructive', 'bg-success', 'bg-faint'} & set(classes.split())
    return colour


def test_a_retried_commit_is_one_entry_a_platform(story, visit):
    tests = story.tests(3)
    # A run that is alone on its commit and platform costs no request.
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


def test_a_later_run_of_one_test_hides_no_red_full_run(story, visit):
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


def test_a_row_stays_unfolded_when_a_retry_arrives(story, visit):
    tests = story.tests(2)
    first = story.complete(story.push(tests, commit=COMMIT), {tests[0]: CRASH})
    # After 40 newer runs it is not listed any more.
    for _ in range(40):
        story.rows.run(tests[:1])
    second = story.retry(first)
    page = visit('/runs', clock=True)
    entry(page).click()
    page.get_by_role('link', name=f'linux run {second} →').wait_for()
    assert entry(page).get_by_text('attempts').count() == 0

    third = story.retry(second, failed_only=False)
    page.clock.fast_forward(31_000)
    page.get_by_role('link', name=f'run {third} Queued').wait_for()
    entry(page).get_by_text('3 attempts').wait_for()


@pytest.mark.parametrize('end', ['queued', 'canceled', 'canceled after a test that passed'])
def test_a_retry_without_a_result_hides_no_red_run(story, visit, end):
    tests = story.tests(2)
    first = story.complete(story.push(tests, commit=COMMIT), {tests[0]: FAILS, tests[1]: CRASH})
    second = story.retry(first)
    if end != 'queued':
        worker = story.worker(second)
        worker.start()
        if end != 'canceled':
            worker.run(tests[0])
        story.cancel(second)
    newest = 'Queued' if end == 'queued' else 'Canceled'
    page = visit('/runs')
    found = entry(page)

    found.get_by_text('2 attempts, newest').get_by_text(newest, exact=True).wait_for()
    assert found.get_by_text('Failed', exact=True).count() == 1
    assert dot(found) == 'bg-destructive'
    found.click()
    page.get_by_role('link', name=f'linux run {first} →').wait_for()
    page.get_by_role('link', name=f'run {second} {newest}').wait_for()
    page.get_by_title('Home').click()
    card = page.get_by_role('button').filter(has_text='finished with failures on linux')
    card.get_by_text('2 attempts, newest').get_by_text(newest, exact=True).wait_for()
    page.get_by_text(f'run {first}', exact=True).wait_for()
    page.get_by_title(f'linux · fail · newest attempt {newest.lower()}').wait_for()
    assert page.get_by_text('Nothing to triage').count() == 0


def test_attempts_are_asked_for_again_if_one_of_them_has_moved_on(story, visit):
    (test,) = story.tests(1)
    first = story.complete(story.push([test], commit=COMMIT), {test: CRASH})
    second = story.retry(first)
    page = visit('/status', clock=True)
    paths = asked(page)
    page.get_by_title('Test results').click()
    entry(page).get_by_text('newest').get_by_text('Queued').wait_for()

    story.complete(second)
    page.clock.fast_forward(31_000)
    entry(page).get_by_text('Passed').wait_for()
    assert dot(entry(page)) == 'bg-success'
    assert entry(page).get_by_text('newest').count() == 0
    assert sum('retries' in path for path in paths) == 2


@pytest.mark.parametrize('late', [False, True])
def test_until_attempts_are_loaded_each_run_is_an_entry_that_says_so(story, visit, late):
    (test,) = story.tests(1)
    first = story.complete(story.push([test], commit=COMMIT), {test: CRASH})
    story.complete(story.retry(first))
    page = visit('/status', clock=True)
    held: list[Any] = []

    def hold(route):
        held.append(route)
        if not late:
            route.abort()

    page.route('**/retries?*', hold)
    page.get_by_title('Test results').click()
    entry(page).get_by_text('attempts not loaded').nth(1).wait_for()
    assert entry(page).get_by_text('Failed').count() == entry(page).get_by_text('Passed').count() == 1

    # A late answer is in the next list, and a failure is repeated.
    if late:
        with page.expect_response('**/retries?*'):
            held[0].continue_()
    else:
        page.unroute('**/retries?*')
    page.clock.fast_forward(31_000)
    entry(page).get_by_text('2 attempts').wait_for()
    assert entry(page).get_by_text('not loaded').count() == 0
    # No other attempt was asked about.
    assert len({route.request.url for route in held}) == 1


def test_a_platform_without_retries_is_asked_once_for_a_run(story, visit):
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


def test_the_home_page_counts_a_retried_commit_once(story, visit):
    failing, crashing = story.tests(2)
    first = story.complete(story.push([failing, crashing]), {failing: FAILS})
    again = story.complete(story.retry(first), {failing: FAILS})
    # A retry that is on its way has no result of each test yet.
    story.retry(story.complete(story.push([failing, crashing], commit=COMMIT), {crashing: CRASH}))
    page = visit('/')

    page.get_by_text('finished with failures on linux').nth(1).click()
    page.get_by_text(f'run {again}', exact=True).wait_for()
    page.get_by_role('link').filter(has_text=f'#{failing}').get_by_title('last 2 runs').wait_for()
    assert page.get_by_text('finished with failures on linux').count() == 2


def test_a_retry_of_an_older_commit_is_no_newer_result(story, visit):
    (test,) = story.tests(1)
    older = story.complete(story.push([test], commit='0' * 39 + '1'), {test: FAILS})
    story.complete(story.push([test], commit=COMMIT))
    story.complete(story.retry(older), {test: FAILS})
    page = visit('/')
    history = page.get_by_role('link').filter(has_text=f'#{test}').get_by_title('last 2 runs')

    assert 'bg-success' in (history.locator('span').last.get_attribute('class') or '')
    page.get_by_title('Platform status').click()
    page.get_by_text('Last master run').locator('xpath=..').get_by_text(COMMIT[:9]).wait_for()
    page.get_by_title('Test results').click()
    entry(page).wait_for()
    shown = page.get_by_role('button').locator('code').all_inner_texts()
    assert shown[:2] == [COMMIT[:9], '0' * 9]


@pytest.mark.parametrize(('path', 'name'), [('/runs', 'The list'), ('/', 'The list of runs')])
def test_a_list_that_cannot_be_loaded_is_no_empty_list(story, visit, path, name):
    (test,) = story.tests(1)
    story.complete(story.push([test], commit=COMMIT), {test: FAILS})
    page = visit(path, clock=True, answers={'**/runs?*': None})
    page.clock.fast_forward(2_000)
    page.get_by_role('alert').get_by_text(f'{name} could not be loaded.').wait_for()
    assert page.get_by_text('Nothing to triage').count() == 0

    page.unroute('**/runs?*')
    page.clock.fast_forward(31_000)
    page.get_by_text(COMMIT[:9]).first.wait_for()
    page.get_by_role('alert').wait_for(state='detached')


def test_histories_that_cannot_be_loaded_are_repeated(story, visit):
    (test,) = story.tests(1)
    story.complete(story.push([test], commit=COMMIT), {test: FAILS})
    page = visit('/', clock=True, answers={'**/samples?limit=*': None})
    page.clock.fast_forward(2_000)
    page.get_by_role('alert').get_by_text('The history of the tests could not be loaded.').wait_for()

    page.unroute('**/samples?limit=*')
    page.clock.fast_forward(16_000)
    page.get_by_title('last 1 runs').wait_for()
    page.get_by_role('alert').wait_for(state='detached')
