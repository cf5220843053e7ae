"""The attempts on the console's page of a run: live, what they prove, and why a run ended early."""

import pytest
from on_platform.protocol import CRASH, MISSING, Outcome, differs

from .conftest import asked

#: The names of the two tables.
ATTEMPTS, GRID = 'Attempts, newest first', 'Tests that did not always pass'

#: Milliseconds after which the page has certainly asked again.
LATER = 61_000


def row_of(page, table, name):
    """Return the row of a table whose head begins with a name."""
    return page.get_by_role('region', name=table).get_by_role('row').filter(
        has=page.get_by_role('rowheader', name=str(name))).first


def cells(page, table, name):
    """Return the texts in a row of a table."""
    return [' '.join(text.split()) for text in row_of(page, table, name).locator('th, td').all_inner_texts()]


def test_what_the_attempts_prove(story, visit):
    tests = story.tests(6)
    better, same, missing = tests[1:4]
    first = story.complete(story.push(tests), {better: Outcome(exit_code=1), same: differs('else'), missing: MISSING})
    second = story.complete(story.retry(first), {same: differs('else'), missing: CRASH})
    story.rows.set('test', first, built_commit='c0ffee1' + '1' * 33)
    story.rows.set('test', second, built_commit='decade2' + '2' * 33)
    page = visit(f'/runs/{second}')

    page.get_by_text(story.verdict(second)['meta']['sentence'], exact=True).wait_for()
    page.get_by_text('Carried over from other attempts: 3 results, among them 3 results of build c0ffee11.').wait_for()
    assert cells(page, ATTEMPTS, 2)[:6] == ['2', f'run {second} (this run)', 'Failed', '2 of 6', '3', 'adam']
    assert cells(page, ATTEMPTS, 1)[:6] == ['1', f'run {first}', 'Failed', '3 of 6', '', '']
    command = story.rows.one('regression_test', id=better)['command']
    assert cells(page, GRID, f'#{better}') == [f'#{better} {command} build changed', 'pass', 'fail']
    assert cells(page, GRID, f'#{same}')[1:] == ['fail', 'fail']
    assert cells(page, GRID, f'#{missing}')[1:] == ['missing output'] * 2
    assert page.get_by_role('region', name=GRID).get_by_role('rowheader').count() == 3


def test_attempts_whose_root_run_is_gone(story, visit):
    tests = story.tests(2)
    first = story.complete(story.push(tests), {tests[0]: CRASH})
    second = story.complete(story.retry(first, failed_only=False))
    table = story.rows.metadata.tables['test']
    with story.rows.engine.begin() as connection:
        connection.execute(table.delete().where(table.c.id == first))

    page = visit(f'/runs/{second}')
    row_of(page, ATTEMPTS, 1).get_by_text(f'run {second} (this run)').wait_for()


def test_a_retry_is_watched_from_queued_to_whole(story, visit):
    tests = story.tests(5)
    first = story.complete(story.push(tests), {tests[0]: CRASH, tests[1]: CRASH})
    story.rows.set('regression_test', tests[4], active=False)
    second = story.retry(first)
    page = visit(f'/runs/{second}', clock=True)
    status = row_of(page, ATTEMPTS, 2).get_by_text
    status('Queued').wait_for()
    row_of(page, GRID, f'#{tests[0]}').get_by_role('cell', name='missing output').wait_for()
    # An attempt that has not ended has no numbers yet, not zeros.
    assert cells(page, ATTEMPTS, 2)[3] == ''
    assert cells(page, GRID, f'#{tests[0]}')[1:] == ['', 'missing output']
    # The inactive one is not.
    page.get_by_text('When this run completes, 2 results of other tests are carried over into it.').wait_for()
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
    page.get_by_text('Over 2 attempts 1 test is flaky').wait_for()
    page.get_by_text('Carried over from other attempts: 2 results.').wait_for()
    page.get_by_role('button', name='Cancel run').wait_for(state='detached')


def test_the_page_of_an_older_attempt_leads_to_the_newest_and_says_how_it_stands(story, visit):
    from playwright.sync_api import expect
    tests = story.tests(2)
    first = story.complete(story.push(tests), {tests[0]: CRASH})
    second = story.retry(first)
    page = visit(f'/runs/{first}', clock=True, viewport={'width': 1280, 'height': 400})
    place = page.get_by_text('Attempt 1 of 2.')
    place.wait_for()
    assert ' '.join(place.inner_text().split()) == f'Attempt 1 of 2. Newest: run {second}, Queued. All attempts'
    # It is the first on the page.
    assert place.locator('xpath=preceding-sibling::*').count() == 0

    story.complete(second)
    page.clock.fast_forward(LATER)
    place.get_by_text('Passed').wait_for()
    place.get_by_role('link', name='All attempts').click()
    expect(page.get_by_role('heading', name='Attempts', exact=True)).to_be_in_viewport()
    place.get_by_role('link', name=f'run {second}').click()
    page.get_by_role('heading', name=f'Run {second}', exact=True).wait_for()
    row_of(page, ATTEMPTS, 2).get_by_text(f'run {second} (this run)').wait_for()
    assert page.get_by_text('Newest:').count() == 0


def test_another_attempt_that_moves_on_costs_no_results_of_this_one(story, visit):
    tests = story.tests(2)
    first = story.complete(story.push(tests), {tests[0]: CRASH})
    second = story.retry(first)
    page = visit(f'/runs/{first}', clock=True)
    row_of(page, ATTEMPTS, 2).get_by_text('Queued').wait_for()
    page.wait_for_load_state('networkidle')
    paths = asked(page)

    story.complete(second)
    page.clock.fast_forward(LATER)
    page.get_by_text('Over 2 attempts 1 test is flaky.').wait_for()
    cells(page, GRID, f'#{tests[0]}')
    assert {path.partition('?')[0] for path in paths} == {f'/runs/{first}/retries', f'/runs/{first}/verdict'}


def test_words_that_are_new_are_shown_as_they_are(story, visit):
    (test,) = story.tests(1)
    first = story.complete(story.push([test]), {test: CRASH})
    second = story.retry(first)
    attempts = story.ask('GET', f'/runs/{second}/retries')
    attempts['data'][1].update(status='paused', cause='eclipse', cause_sentence='The sun was gone: <b>dark</b>')
    page = visit(f'/runs/{second}', answers={'**/retries?*': attempts, '**/verdict?*': {
        'meta': {'attempts': [first, second], 'overall': 'cursed', 'sentence': '1 test is haunted.',
                 'counts': {'passed': 1, 'haunted': 1}}, 'pagination': {'total': 1},
        'data': [{'regression_test_id': test, 'command': '-test', 'verdict': 'haunted', 'attempts': [
            {'run_id': first, 'outcome': 'fail'}, {'run_id': second, 'outcome': 'spooked'}]}]}})

    page.get_by_text('1 test is haunted.').wait_for()
    assert cells(page, ATTEMPTS, 2)[2] == 'paused eclipse'
    assert cells(page, GRID, f'#{test}') == [f'#{test} -test haunted', 'spooked', 'fail']
    page.get_by_text('The sun was gone: <b>dark</b>', exact=True).wait_for()


def test_why_a_run_ended_is_said_in_the_words_of_the_api_and_need_not_be_final(story, visit):
    (test,) = story.tests(1)
    run_id = story.push([test])
    worker = story.worker(run_id)
    worker.start()
    worker.post('progress', status='canceled', message='')
    page = visit(f'/runs/{run_id}', clock=True)
    sentence = story.attempts(run_id)[0]['cause_sentence']
    page.get_by_text(sentence, exact=True).wait_for()

    worker.run(test)
    worker.end()
    page.clock.fast_forward(LATER)
    page.get_by_text('General — Pass').wait_for()
    page.get_by_text(sentence).wait_for(state='detached')
    # It was never retried.
    assert page.get_by_role('heading', name='Attempts').count() == 0


def test_nothing_is_said_of_an_end_before_the_cause_is_known(story, visit):
    run_id = story.push(story.tests(2))
    worker = story.worker(run_id)
    worker.start()
    page = visit(f'/runs/{run_id}', clock=True, answers={'**/retries?*': None})
    badge = page.get_by_role('heading', name=f'Run {run_id}').locator('xpath=..').get_by_text
    badge('Running').wait_for()
    page.clock.fast_forward(2_000)
    page.get_by_role('alert').get_by_text('The attempts and their verdict could not be loaded. The page').wait_for()
    worker.run_out_of_time()
    page.clock.fast_forward(16_000)
    page.get_by_text('Canceled').wait_for()
    assert page.get_by_text('Infrastructure').count() == page.get_by_text('time limit').count() == 0

    # The attempts are asked for again, and show that the run itself has changed.
    page.unroute('**/retries?*')
    page.clock.fast_forward(LATER)
    page.get_by_text(story.attempts(run_id)[0]['cause_sentence'], exact=True).wait_for()
    badge('Canceled').wait_for()
    page.get_by_role('alert').wait_for(state='detached')


def test_a_verdict_that_cannot_be_loaded_again_is_marked_until_it_is(story, visit):
    tests = story.tests(2)
    first = story.complete(story.push(tests), {tests[0]: CRASH})
    second = story.complete(story.retry(first), {tests[0]: CRASH})
    third = story.retry(second)
    page = visit(f'/runs/{first}', clock=True)
    page.get_by_text('Over 2 attempts 1 test fails each time in the same way.').wait_for()

    # Answers that never come: each of the two requests ends.
    page.route('**/verdict?*', lambda route: None)
    story.complete(third)
    mark = page.get_by_role('alert').get_by_text('The verdict of the attempts could not be loaded again, and may be')
    for milliseconds in (LATER, 31_000):
        assert mark.count() == 0
        with page.expect_request('**/verdict?*'):
            page.clock.fast_forward(milliseconds)
    row_of(page, ATTEMPTS, 3).get_by_text('Passed').wait_for()
    page.clock.fast_forward(31_000)
    mark.wait_for()

    page.unroute('**/verdict?*')
    page.clock.fast_forward(16_000)
    page.get_by_text('Over 3 attempts 1 test is flaky.').wait_for()
    mark.wait_for(state='detached')


@pytest.mark.parametrize(('part', 'name'), [
    ('/runs/*', 'This run'), ('/progress', 'The progress'), ('/samples?*', 'The results'),
    ('/artifacts?*', 'The artifacts'), ('/retries?*', 'The attempts and their verdict')])
def test_a_part_that_cannot_be_loaded_is_named_until_it_is(story, visit, part, name):
    run_id = story.complete(story.push(story.tests(1)))
    page = visit(f'/runs/{run_id}', clock=True, answers={f'**/api/v1/**{part}': None})
    page.get_by_role('heading', name='Test results').wait_for()
    page.clock.fast_forward(2_000)
    page.get_by_role('alert').get_by_text(f'{name} could not be loaded. The page tries again.').wait_for()
    assert page.get_by_role('alert').count() == 1
    # Only a run that has been read can be run again: another may not exist.
    page.get_by_role('button', name='Run again').wait_for(state='detached' if part == '/runs/*' else 'visible')

    page.unroute(f'**/api/v1/**{part}')
    page.clock.fast_forward(16_000)
    page.get_by_role('alert').wait_for(state='detached')


def test_a_run_that_does_not_exist_is_refused_once_and_cannot_be_run_again(visit):
    page = visit('/runs/99999', clock=True)
    page.get_by_role('alert').get_by_text('Run 99999 not found.').wait_for()
    # Another part of the page may have been refused before the run itself.
    page.get_by_role('button', name='Run again').wait_for(state='detached')
    paths = asked(page)

    page.clock.fast_forward(LATER)
    page.wait_for_load_state('networkidle')

    assert paths == []
    assert page.get_by_role('alert').count() == 1
    assert page.get_by_text('tries again').count() == 0
    assert page.get_by_role('button', name='Run again').count() == 0


def test_nothing_is_said_of_tests_that_never_ran_while_a_retry_may_run_them(story, visit):
    tests = story.tests(3)
    first = story.push(tests)
    worker = story.worker(first)
    worker.start()
    worker.run(tests[0])
    worker.run_out_of_time()
    page = visit(f'/runs/{story.retry(first)}')
    row_of(page, ATTEMPTS, 2).get_by_text('Queued').wait_for()
    page.wait_for_load_state('networkidle')

    assert page.get_by_text('never ran').count() == 0
    assert page.get_by_text('are shown').count() == 0


def test_tests_that_never_ran_have_a_row_and_attempts_are_those_of_the_verdict(story, visit):
    tests = story.tests(4)
    first = story.push(tests)
    story.worker(first).start()
    story.cancel(first)
    # Eleven attempts: no test of theirs is listed.
    runs = [first]
    for _ in range(10):
        runs.append(story.retry(first, failed_only=False))
        story.cancel(runs[-1])
    page = visit(f'/runs/{first}')

    row_of(page, GRID, '4 tests never ran').wait_for()
    heads = page.get_by_role('region', name=GRID).get_by_role('columnheader').all_inner_texts()
    assert heads == ['Test', *(f'run {run_id}' for run_id in runs[:0:-1])]
    page.get_by_text('The newest 10 of 11 attempts are shown.', exact=True).wait_for()


def test_a_platform_without_retries_is_asked_once_and_the_page_is_as_before(story, visit):
    run_id = story.complete(story.push(story.tests(1)))
    page = visit('/status', clock=True, answers={})
    page.route('**/retries?*', lambda route: route.fulfill(status=404, json={'message': 'Not found.', 'details': {}}))
    paths = asked(page)
    page.get_by_title('Test results').click()
    page.get_by_role('button').filter(has_text='Passed').click()
    page.get_by_role('link', name=f'linux run {run_id} →').click()
    page.get_by_text('General — Pass').wait_for()
    page.clock.fast_forward(LATER)
    page.wait_for_load_state('networkidle')

    assert page.get_by_role('alert').count() == 0
    assert sum('/retries' in path for path in paths) == 1
