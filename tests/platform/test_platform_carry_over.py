"""
What the platform says once a failed-only retry has completed (docs/api.rst, "An attempt ends whole").

Every run goes through the platform's own protocol: the scheduled job, the reports of its worker, and its end.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from protocol import BOTH, CRASH, Outcome, Said, Story, differs
from sqlalchemy import text

pytestmark = pytest.mark.platform

CATEGORY = re.compile(r'<h4 class="category-header [^>]*>(.*?)</h4>')


def passed(tests: int) -> Said:
    """Return what is said of a run of which every test passed."""
    return Said('pass', tests, passed=tests, failed=0, not_run=0)


def test_the_scheduled_job_starts_a_retry_with_the_tests_that_did_not_pass(story: Story) -> None:
    tests = story.tests(4)
    source = story.complete(story.push(tests), {tests[1]: CRASH, tests[3]: CRASH})
    worker = story.worker(story.retry(source))
    # Which is why a retry writes no progress.
    noted = story.rows.run(tests, stages=['preparation'])

    worker.start()

    assert worker.tests == story.selection(worker.run_id) == [tests[1], tests[3]]
    assert not story.worker(noted).is_running


# The report on a pull request, the status, the badge


def test_a_pull_request_is_compared_with_all_results_of_a_retry_on_master(story: Story) -> None:
    tests = story.tests(5)
    as_on_master = {tests[1]: differs('as on master')}
    master = story.complete(story.push(tests), {tests[0]: CRASH, **as_on_master})
    story.complete(story.retry(master), as_on_master)

    pull = story.complete(story.open_pull(tests), {tests[0]: CRASH, tests[4]: CRASH, **as_on_master})

    report = story.report(pull)
    assert '<li><b>2</b> pass there and fail here</li>' in report
    assert '<li><b>1</b> fail on both, byte for byte the same</li>' in report
    assert 'This branch changes the behaviour of 2 test(s) relative to the tip of master.' in report
    assert 'have no result in that run' not in report
    # Whoever is about to retry it is told the same of master.
    hint = story.ask('GET', f'/runs/{pull}/retry')['failed_only']['hint']
    assert re.search(r'\b1 of the 3 fails? in the same way in run \d+, the newest of master\b', hint or ''), hint


@BOTH
def test_report_status_page_and_summary_agree_on_a_retry_that_passes(story: Story) -> None:
    general, teletext = story.tests(5), story.tests(2, 'Teletext')
    pull = story.complete(story.open_pull(general + teletext), {general[0]: CRASH, teletext[1]: CRASH})
    assert '5/7 tests matched the approved output' in story.report(pull)

    retry = story.complete(story.retry(pull))

    report = story.report(pull)
    assert '7/7 tests matched the approved output' in report
    assert '<td> General </td> <td> 5/5 </td>' in report
    assert '<td> Teletext </td> <td> 2/2 </td>' in report
    status = story.commit_status(pull)
    assert (status['state'], status['description']) == ('success', 'All tests passed')
    assert status['target_url'] == f'http://localhost/test/{retry}'
    assert story.said(retry) == story.listed(retry) == passed(7)
    assert story.categories(retry) == {'General': dict.fromkeys(general, True),
                                       'Teletext': dict.fromkeys(teletext, True)}
    assert CATEGORY.findall(story.page(retry)) == ['General - Pass', 'Teletext - Pass']


@BOTH
@pytest.mark.parametrize('again', [True, False], ids=['fails again', 'carried over'])
def test_report_status_page_and_summary_agree_on_a_retry_that_fails(story: Story, again: bool) -> None:
    general, teletext = story.tests(2), story.tests(2, 'Teletext')
    pull = story.complete(story.open_pull(general + teletext), {general[0]: CRASH})
    retry, full = story.retry(pull), story.retry(pull, failed_only=False)
    if not again:
        story.complete(full, {teletext[1]: differs('a lost line')})
    story.complete(retry, {general[0]: CRASH} if again else {})

    assert '3/4 tests matched the approved output' in story.report(pull)
    assert story.commit_status(pull)['state'] == 'failure'
    assert story.said(retry) == story.listed(retry) == Said('fail', tests=4, passed=3, failed=1, not_run=0)
    failed = [test_id for tests in story.categories(retry).values() for test_id, ok in tests.items() if not ok]
    assert failed == ([general[0]] if again else [teletext[1]])


def test_the_badge_and_what_has_last_passed_follow_the_whole(story: Story) -> None:
    tests = story.tests(3)
    master = story.complete(story.push(tests), {tests[0]: CRASH})
    red, green = story.retry(master), story.retry(master)

    images = story.platform.path / 'static'
    for run_id, outcomes, expected in ((red, {tests[0]: CRASH}, 'FAILURE'), (green, {}, 'SUCCESS')):
        story.complete(run_id, outcomes)

        shown = (images / 'img' / 'status' / 'build-linux.svg').read_bytes()
        assert [image.name for image in (images / 'svg').glob('*-linux.svg') if image.read_bytes() == shown] == [
            f'{expected}-linux.svg']
    assert story.rows.values('regression_test', 'last_passed_on_linux') == [green] * 3


# What happens in between, and afterwards


@BOTH
def test_a_retry_that_is_restarted_runs_every_test_and_has_nothing_carried_over(story: Story) -> None:
    tests = story.tests(3)
    source = story.complete(story.push(tests), {tests[0]: CRASH})
    restarted = story.complete(story.retry(source))
    assert [attempt['carried_over'] for attempt in story.attempts(source)] == [0, 2]

    story.restart(restarted)
    assert [attempt['carried_over'] for attempt in story.attempts(source)] == [0, 0]
    story.complete(restarted, {tests[1]: CRASH})

    assert [attempt['carried_over'] for attempt in story.attempts(source)] == [0, 0]
    assert story.origins(restarted) == dict.fromkeys(tests, restarted)
    assert story.said(restarted) == Said('fail', tests=3, passed=2, failed=1, not_run=0)
    # What it ran then is carried on.
    last = story.complete(story.retry(restarted))
    assert story.origins(last) == {tests[0]: restarted, tests[1]: last, tests[2]: restarted}


def test_an_output_that_was_reported_without_a_result_is_in_the_way_of_nothing(story: Story) -> None:
    tests = story.tests(4)
    source = story.complete(story.push(tests), {tests[0]: CRASH, tests[1]: Outcome(1, 'another')})
    worker = story.worker(story.retry(source))
    worker.start()
    worker.run(tests[0])
    (output,) = story.rows.of('regression_test_output', regression_id=tests[1])
    worker.post('equality', test_id=str(tests[1]), test_file_id=str(output['id']))

    worker.end()

    assert story.origins(worker.run_id) == {**dict.fromkeys(tests, source), tests[0]: worker.run_id}
    assert story.said(worker.run_id) == Said('fail', tests=4, passed=3, failed=1, not_run=0)


def test_a_badge_that_is_updated_at_the_same_moment_costs_nothing_of_an_end(story: Story) -> None:
    tests = story.tests(5)
    pull = story.complete(story.open_pull(tests), {tests[0]: CRASH})
    worker = story.worker(story.retry(pull))
    worker.start()
    worker.run_all({})

    # What the report of a run of master does to the tests that passed. The foreign keys of results wait for it.
    with ThreadPoolExecutor(1) as elsewhere, story.rows.engine.connect() as badge:
        badge.execute(text('UPDATE regression_test SET last_passed_on_windows = :run_id'), {'run_id': pull})
        end = elsewhere.submit(worker.end)
        # Time enough for it to come to the lock.
        wait([end], timeout=3)
        badge.commit()
        assert end.result() == 'OK'

    assert story.rows.values('regression_test', 'last_passed_on_windows') == [pull] * 5
    assert '5/5 tests matched the approved output' in story.report(pull)
    assert story.said(worker.run_id) == passed(5)
