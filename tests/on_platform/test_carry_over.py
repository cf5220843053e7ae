"""
What the platform says once a failed-only retry has completed (docs/how-it-works.rst, "Results are carried over").

Every run goes through the platform's own protocol: the scheduled job, the reports of its worker, and its end.
"""

import re
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from sqlalchemy import text

from .protocol import BOTH, CRASH, Reported, differs

CATEGORY = re.compile(r'<h4 class="category-header [^>]*>(.*?)</h4>')


def test_the_scheduled_job_starts_a_retry_with_the_tests_that_did_not_pass(story):
    tests = story.tests(4)
    source = story.complete(story.push(tests), {tests[1]: CRASH, tests[3]: CRASH})
    worker = story.worker(story.retry(source))
    # A retry writes no progress, because the job passes over such a run.
    noted = story.rows.run(tests, stages=['preparation'])

    worker.start()

    assert worker.tests == story.rows.selection(worker.run_id) == [tests[1], tests[3]]
    assert not story.worker(noted).is_running


# The report on a pull request, the status, the badge


def test_a_pull_request_is_compared_with_all_results_of_a_retry_on_master(story):
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
@pytest.mark.parametrize('failing', ['nothing', 'what was run again', 'what was carried over'])
def test_report_status_page_and_summary_agree_on_a_retry(story, failing):
    general, teletext = story.tests(5), story.tests(2, 'Teletext')
    pull = story.complete(story.open_pull(general + teletext), {general[0]: CRASH, teletext[1]: CRASH})
    assert '5/7 tests matched the approved output' in story.report(pull)
    retry, full = story.retry(pull), story.retry(pull, failed_only=False)
    if failing == 'what was carried over':
        story.complete(full, {general[1]: differs('a lost line')})

    story.complete(retry, {general[0]: CRASH} if failing == 'what was run again' else {})

    failed = {'nothing': [], 'what was run again': general[:1], 'what was carried over': general[1:2]}[failing]
    report, status = story.report(pull), story.commit_status(pull)
    assert f'{7 - len(failed)}/7 tests matched the approved output' in report
    assert re.search(rf'<td> General </td> <td> (<b> )?{5 - len(failed)}/5 ', report)
    assert '<td> Teletext </td> <td> 2/2 </td>' in report
    assert (status['state'], status['target_url']) == (
        'failure' if failed else 'success', f'http://localhost/test/{retry}')
    assert story.reported(retry) == story.listed(retry) == Reported(
        'fail' if failed else 'pass', tests=7, passed=7 - len(failed), failed=len(failed), not_run=0)
    assert story.categories(retry) == {'General': {test_id: test_id not in failed for test_id in general},
                                       'Teletext': dict.fromkeys(teletext, True)}
    assert CATEGORY.findall(story.page(retry)) == [f'General - {"Fail" if failed else "Pass"}', 'Teletext - Pass']


def test_the_badge_and_what_has_last_passed_follow_the_whole(story):
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


def test_a_badge_that_is_updated_at_the_same_moment_costs_nothing_of_an_end(story):
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
    assert story.reported(worker.run_id) == Reported('pass', tests=5, passed=5, failed=0, not_run=0)
