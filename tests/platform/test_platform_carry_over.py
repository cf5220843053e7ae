"""
What the platform says once a failed-only retry has completed (docs/api.rst, "An attempt ends whole").

Every run goes through the platform's own protocol: the scheduled job, the reports of its worker, and its end.
"""

from __future__ import annotations

import re

import pytest
from protocol import CRASH, Said, Story, differs

pytestmark = pytest.mark.platform

CATEGORY = re.compile(r'<h4 class="category-header [^>]*>(.*?)</h4>')


def test_the_scheduled_job_starts_a_retry_with_the_tests_that_did_not_pass(story: Story) -> None:
    tests = story.tests(4)
    source = story.complete(story.push(tests), {tests[1]: CRASH, tests[3]: CRASH})
    worker = story.worker(story.retry(source))
    # Which is why a retry writes no progress.
    noted = story.rows.run(tests, stages=['preparation'])

    worker.start()

    assert worker.tests == story.selection(worker.run_id) == [tests[1], tests[3]]
    assert not story.worker(noted).has_machine


# The report on a pull request, the status, the badge


def test_a_retry_on_master_acquits_no_pull_request_of_its_regression(story: Story) -> None:
    tests = story.tests(6)
    master = story.complete(story.push(tests), dict.fromkeys(tests[:3], CRASH))
    story.complete(story.retry(master))

    pull = story.complete(story.open_pull(tests), {tests[5]: CRASH})

    report = story.report(pull)
    assert '<li><b>1</b> pass there and fail here</li>' in report
    assert 'This branch changes the behaviour of 1 test(s) relative to the tip of master.' in report
    assert 'have no result in that run' not in report


def test_a_pull_request_is_compared_with_all_results_of_a_retry_on_master(story: Story) -> None:
    tests = story.tests(4)
    outcomes = {tests[0]: CRASH, tests[1]: differs('as on master')}
    master = story.complete(story.push(tests), outcomes)
    story.complete(story.retry(master), {tests[1]: differs('as on master')})

    pull = story.complete(story.open_pull(tests), outcomes)

    report = story.report(pull)
    assert '<li><b>1</b> pass there and fail here</li>' in report
    assert '<li><b>1</b> fail on both, byte for byte the same</li>' in report
    assert 'have no result in that run' not in report
    # Whoever is about to retry it is told the same of master.
    hint = story.ask('GET', f'/runs/{pull}/retry')['failed_only']['hint']
    assert re.search(r'\b1 of the 2 fails? in the same way in run \d+, the newest of master\b', hint or ''), hint


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
    assert story.said(retry) == Said('pass', tests=7, passed=7, failed=0, not_run=0)
    assert story.categories(retry) == {'General': dict.fromkeys(general, True),
                                       'Teletext': dict.fromkeys(teletext, True)}
    page = story.page(retry)
    assert CATEGORY.findall(page) == ['General - Pass', 'Teletext - Pass']
    assert 'There are no tests executed in this category.' not in page


@pytest.mark.parametrize('again', [True, False], ids=['fails again', 'carried over'])
def test_report_status_page_and_summary_agree_on_a_retry_that_fails(story: Story, again: bool) -> None:
    general, teletext = story.tests(2), story.tests(2, 'Teletext')
    pull = story.complete(story.open_pull(general + teletext), {general[0]: CRASH})
    retry, full = story.retry(pull), story.retry(pull, failed_only=False)
    if again:
        story.complete(retry, {general[0]: CRASH})
    else:
        story.complete(full, {teletext[1]: differs('a lost line')})
        story.complete(retry)

    assert '3/4 tests matched the approved output' in story.report(pull)
    assert story.commit_status(pull)['state'] == 'failure'
    assert story.said(retry) == Said('fail', tests=4, passed=3, failed=1, not_run=0)
    failed_ones = [test_id for tests in story.categories(retry).values() for test_id, passed in tests.items()
                   if not passed]
    assert failed_ones == ([general[0]] if again else [teletext[1]])


def test_the_badge_and_what_has_last_passed_follow_the_whole(story: Story) -> None:
    tests = story.tests(3)
    master = story.complete(story.push(tests), {tests[0]: CRASH})
    red, green = story.retry(master), story.retry(master)

    story.complete(red, {tests[0]: CRASH})
    assert story.badge() == 'FAILURE'
    story.complete(green)

    assert story.badge() == 'SUCCESS'
    assert story.rows.values('regression_test', 'last_passed_on_linux') == [green] * 3


# What happened in between


def test_an_output_that_was_accepted_while_the_retry_ran_passes(story: Story) -> None:
    tests = story.tests(3)
    source = story.complete(story.push(tests), {tests[0]: CRASH})
    partial, full = story.worker(story.retry(source)), story.retry(source, failed_only=False)
    story.complete(full, {tests[1]: differs('as good')})
    partial.start()
    (file,) = story.rows.of('test_result_file', test_id=full, regression_test_id=tests[1])
    story.rows.add('regression_test_output_files', file_hashes=file['got'],
                   regression_test_output_id=file['regression_test_output_id'])

    partial.run_all({})
    partial.end()

    assert story.origins(partial.run_id) == {tests[0]: partial.run_id, tests[1]: full, tests[2]: full}
    assert story.said(partial.run_id) == Said('pass', tests=3, passed=3, failed=0, not_run=0)


@pytest.mark.parametrize('path, form', [('delete', {'confirm': 'yes'}), ('toggle', None)])
def test_a_test_that_was_deleted_or_made_inactive_on_its_page_is_not_carried_over(
        story: Story, path: str, form: dict[str, str] | None) -> None:
    tests = story.tests(4)
    pull = story.complete(story.open_pull(tests), {tests[0]: CRASH})
    retry = story.retry(pull)
    story.visit(f'/regression/test/{tests[1]}/{path}', form=form)
    assert story.rows.of('regression_test', id=tests[1], active=True) == []

    story.complete(retry)

    assert story.origins(retry) == {tests[0]: retry, tests[2]: pull, tests[3]: pull}
    assert story.selection(retry) == [tests[0], tests[2], tests[3]]
    assert '3/3 tests matched the approved output' in story.report(pull)
    assert story.said(retry) == Said('pass', tests=3, passed=3, failed=0, not_run=0)


# Restarts in place, and ends that come twice


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
    assert story.selection(restarted) == tests
    assert story.said(restarted) == Said('fail', tests=3, passed=2, failed=1, not_run=0)
    # What it ran then is carried on.
    last = story.complete(story.retry(restarted))
    assert story.origins(last) == {tests[0]: restarted, tests[1]: last, tests[2]: restarted}


def test_a_source_that_was_restarted_lends_what_it_ran_then(story: Story) -> None:
    tests = story.tests(3)
    source = story.complete(story.push(tests), {tests[0]: CRASH})
    retry = story.retry(source)
    story.restart(source)
    story.complete(source, {tests[1]: CRASH})

    story.complete(retry)

    assert story.origins(retry) == {tests[0]: retry, tests[1]: source, tests[2]: source}
    assert story.said(retry) == Said('fail', tests=3, passed=2, failed=1, not_run=0)


def test_an_end_that_is_reported_twice_carries_over_once(story: Story) -> None:
    tests = story.tests(3)
    pull = story.complete(story.open_pull(tests), {tests[0]: CRASH})
    worker = story.worker(story.retry(pull))
    worker.start()
    worker.run_all({})
    worker.end()
    ended = story.rows_of(worker.run_id)

    # The platform takes it, and writes a second row.
    assert worker.end() == 'OK'

    again = story.rows_of(worker.run_id)
    assert len(again.pop('test_progress')) == len(ended.pop('test_progress')) + 1
    assert again == ended
    assert '3/3 tests matched the approved output' in story.report(pull)


def test_an_end_that_is_reported_again_later_brings_nothing_new(story: Story) -> None:
    tests = story.tests(3)
    source = story.complete(story.push(tests), {tests[0]: CRASH})
    full, partial = story.retry(source, failed_only=False), story.worker(story.retry(source))
    partial.start()
    partial.run_all({})
    partial.end()
    story.complete(full, {tests[1]: CRASH})

    partial.end()

    assert story.origins(partial.run_id) == {tests[0]: partial.run_id, tests[1]: source, tests[2]: source}
