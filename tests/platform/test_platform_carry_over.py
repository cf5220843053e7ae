"""
What the platform says once a failed-only retry has ended (contract section 4, "An attempt ends whole").

Every run goes through the platform's own protocol: the scheduled job, the reports of its worker, and its end.
"""

from __future__ import annotations

import re

import pytest
from protocol import CRASH, Said, Story, differs

pytestmark = pytest.mark.platform

CATEGORY = re.compile(r'<h4 class="category-header [^>]*>(.*?)</h4>')

#: Columns that say which run a row belongs to, and no more.
RUN = ('id', 'test_id')


# The report on a pull request


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

    report = story.report(story.complete(story.open_pull(tests), outcomes))

    assert '<li><b>1</b> pass there and fail here</li>' in report
    assert '<li><b>1</b> fail on both, byte for byte the same</li>' in report
    assert 'have no result in that run' not in report


def test_the_report_on_a_failed_only_retry_counts_all_tests(story: Story) -> None:
    tests = story.tests(5) + story.tests(2, 'Teletext')
    story.complete(story.push(tests))
    pull = story.complete(story.open_pull(tests), {tests[0]: CRASH, tests[6]: CRASH})
    assert '5/7 tests matched the approved output' in story.report(pull)

    story.complete(story.retry(pull))

    report = story.report(pull)
    assert '7/7 tests matched the approved output' in report
    assert '<td> General </td> <td> 5/5 </td>' in report
    assert '<td> Teletext </td> <td> 2/2 </td>' in report


def test_report_status_and_summary_agree_on_a_retry_that_passes(story: Story) -> None:
    tests = story.tests(5)
    pull = story.complete(story.open_pull(tests), {tests[0]: CRASH, tests[1]: CRASH})

    retry = story.complete(story.retry(pull))

    assert '5/5 tests matched the approved output' in story.report(pull)
    status = story.commit_status(pull)
    assert (status['state'], status['description']) == ('success', 'All tests passed')
    assert status['target_url'] == f'http://localhost/test/{retry}'
    assert story.said(retry) == Said('pass', tests=5, passed=5, failed=0, not_run=0)


def test_report_status_and_summary_agree_on_a_retry_that_fails_again(story: Story) -> None:
    tests = story.tests(5)
    pull = story.complete(story.open_pull(tests), {tests[0]: CRASH, tests[1]: CRASH})

    retry = story.complete(story.retry(pull), {tests[1]: CRASH})

    assert '4/5 tests matched the approved output' in story.report(pull)
    assert story.commit_status(pull)['state'] == 'failure'
    assert story.said(retry) == Said('fail', tests=5, passed=4, failed=1, not_run=0)


def test_a_failure_that_is_carried_over_keeps_the_status_red(story: Story) -> None:
    tests = story.tests(3)
    pull = story.complete(story.open_pull(tests), {tests[0]: CRASH})
    partial, full = story.retry(pull), story.retry(pull, failed_only=False)
    story.complete(full, {tests[1]: CRASH})

    story.complete(partial)

    assert '2/3 tests matched the approved output' in story.report(pull)
    assert story.commit_status(pull)['state'] == 'failure'
    assert story.said(partial) == Said('fail', tests=3, passed=2, failed=1, not_run=0)


def test_a_failure_that_is_carried_over_keeps_the_badge_red(story: Story) -> None:
    tests = story.tests(3)
    master = story.complete(story.push(tests), {tests[0]: CRASH})
    partial, full = story.retry(master), story.retry(master, failed_only=False)
    story.complete(full, {tests[1]: CRASH})

    story.complete(partial)

    assert story.badge() == 'FAILURE'


def test_every_test_that_passed_has_last_passed_in_the_retry(story: Story) -> None:
    tests = story.tests(3)
    master = story.complete(story.push(tests), {tests[0]: CRASH})

    retry = story.complete(story.retry(master))

    assert story.badge() == 'SUCCESS'
    assert story.rows.values('regression_test', 'last_passed_on_linux') == [retry] * 3


# The page


def test_every_category_on_the_page_has_its_tests(story: Story) -> None:
    general, teletext = story.tests(3), story.tests(2, 'Teletext')
    source = story.complete(story.push(general + teletext), {general[0]: CRASH})

    retry = story.complete(story.retry(source))

    assert story.categories(retry) == {'General': dict.fromkeys(general, True),
                                       'Teletext': dict.fromkeys(teletext, True)}
    page = story.page(retry)
    assert CATEGORY.findall(page) == ['General - Pass', 'Teletext - Pass']
    assert 'There are no tests executed in this category.' not in page


def test_the_page_shows_a_failure_that_is_carried_over(story: Story) -> None:
    general, teletext = story.tests(2), story.tests(2, 'Teletext')
    source = story.complete(story.push(general + teletext), {general[0]: CRASH})
    partial, full = story.retry(source), story.retry(source, failed_only=False)
    story.complete(full, {teletext[1]: differs('a lost line')})

    story.complete(partial)

    assert story.categories(partial)['Teletext'] == {teletext[0]: True, teletext[1]: False}
    assert CATEGORY.findall(story.page(partial)) == ['General - Pass', 'Teletext - Fail']


# Which results


def test_a_retry_still_runs_only_what_failed(story: Story) -> None:
    tests = story.tests(4)
    source = story.complete(story.push(tests), {tests[1]: CRASH, tests[3]: CRASH})
    worker = story.worker(story.retry(source))

    worker.start()

    assert worker.tests == story.selection(worker.run_id) == [tests[1], tests[3]]


def test_a_result_is_carried_over_as_it_is(story: Story) -> None:
    tests = story.tests(3)
    source = story.complete(story.push(tests), {tests[0]: CRASH})
    partial, full = story.retry(source), story.retry(source, failed_only=False)
    story.complete(full, {tests[1]: differs('a lost line')})

    story.complete(partial)

    for table in ('test_result', 'test_result_file'):
        carried, original = ([{name: value for name, value in row.items() if name not in RUN}
                              for row in story.rows.of(table, test_id=run_id)
                              if row['regression_test_id'] != tests[0]] for run_id in (partial, full))
        assert carried == original != []


def test_each_test_is_listed_once(story: Story) -> None:
    tests = story.tests(3)
    # Two events of one commit write every test twice.
    source = story.complete(story.push(tests + tests), {tests[0]: CRASH})

    retry = story.complete(story.retry(source))

    assert story.selection(retry) == tests
    assert story.said(retry) == Said('pass', tests=3, passed=3, failed=0, not_run=0)


def test_a_run_of_every_test_lends_its_results(story: Story) -> None:
    tests = story.tests(3)
    # No rows at all means every test.
    source = story.complete(story.push([]), {tests[0]: CRASH})

    retry = story.complete(story.retry(source))

    assert story.origins(retry) == {tests[0]: retry, tests[1]: source, tests[2]: source}
    assert story.said(retry) == Said('pass', tests=3, passed=3, failed=0, not_run=0)


def test_each_of_three_attempts_ends_whole(story: Story) -> None:
    tests = story.tests(4)
    first = story.complete(story.push(tests), {tests[0]: CRASH, tests[1]: CRASH})
    second = story.complete(story.retry(first), {tests[1]: CRASH})

    third = story.complete(story.retry(second))

    assert story.origins(second) == {tests[0]: second, tests[1]: second, tests[2]: first, tests[3]: first}
    assert story.origins(third) == {tests[0]: second, tests[1]: third, tests[2]: first, tests[3]: first}
    assert [story.said(run_id) for run_id in (first, second, third)] == [
        Said('fail', 4, 2, 2, 0), Said('fail', 4, 3, 1, 0), Said('pass', 4, 4, 0, 0)]


def test_two_attempts_that_overlap_both_end_whole(story: Story) -> None:
    tests = story.tests(4)
    source = story.complete(story.push(tests), {tests[0]: CRASH, tests[1]: CRASH})
    one, other = (story.worker(story.retry(source)) for _ in range(2))
    one.start()
    other.start()
    one.run_all({tests[0]: CRASH})
    other.run_all({tests[1]: CRASH})

    other.end()
    one.end()

    for worker in (one, other):
        assert story.origins(worker.run_id) == {tests[0]: worker.run_id, tests[1]: worker.run_id,
                                                tests[2]: source, tests[3]: source}
        assert story.said(worker.run_id) == Said('fail', tests=4, passed=3, failed=1, not_run=0)


def test_an_attempt_that_has_not_ended_lends_nothing(story: Story) -> None:
    tests = story.tests(3)
    source = story.complete(story.push(tests), {tests[0]: CRASH})
    partial, full = story.retry(source), story.worker(story.retry(source, failed_only=False))
    full.start()
    full.run(tests[1], CRASH)

    story.complete(partial)

    assert story.origins(partial) == {tests[0]: partial, tests[1]: source, tests[2]: source}
    assert story.said(partial).status == 'pass'


def test_an_attempt_that_was_canceled_lends_what_it_ran(story: Story) -> None:
    tests = story.tests(3)
    source = story.complete(story.push(tests), {tests[0]: CRASH})
    partial, full = story.retry(source), story.worker(story.retry(source, failed_only=False))
    full.start()
    full.run(tests[1], CRASH)
    full.end('canceled')

    story.complete(partial)

    assert story.origins(partial) == {tests[0]: partial, tests[1]: full.run_id, tests[2]: source}
    assert story.said(partial).status == 'fail'


def test_what_was_carried_over_is_never_carried_on(story: Story) -> None:
    tests = story.tests(3)
    source = story.complete(story.push(tests), {tests[0]: CRASH})
    full, early = story.retry(source, failed_only=False), story.retry(source)
    # While the full retry has not ended, the pass of the source is the newest there is.
    story.complete(early, {tests[0]: CRASH})
    story.complete(full, {tests[1]: CRASH})

    late = story.complete(story.retry(early))

    assert story.origins(early)[tests[1]] == source
    assert story.origins(late) == {tests[0]: late, tests[1]: full, tests[2]: full}
    assert story.said(late) == Said('fail', tests=3, passed=2, failed=1, not_run=0)


# What happened in between


def test_an_output_that_was_accepted_in_between_passes(story: Story) -> None:
    tests = story.tests(3)
    source = story.complete(story.push(tests), {tests[0]: CRASH, tests[1]: differs('as good')})
    (file,) = story.rows.of('test_result_file', test_id=source, regression_test_id=tests[1])
    story.rows.add('regression_test_output_files', file_hashes=file['got'],
                   regression_test_output_id=file['regression_test_output_id'])

    retry = story.complete(story.retry(source))

    assert story.origins(retry) == {tests[0]: retry, tests[1]: source, tests[2]: source}
    assert story.categories(retry) == {'General': dict.fromkeys(tests, True)}
    assert story.said(retry) == Said('pass', tests=3, passed=3, failed=0, not_run=0)


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


def test_a_test_that_was_deleted_in_between_is_not_carried_over(story: Story) -> None:
    tests = story.tests(4)
    source = story.complete(story.push(tests), {tests[0]: CRASH})
    retry = story.retry(source)
    story.visit(f'/regression/test/{tests[1]}/delete', form={'confirm': 'yes'})
    assert story.rows.of('regression_test', id=tests[1]) == []

    story.complete(retry)

    assert story.origins(retry) == {tests[0]: retry, tests[2]: source, tests[3]: source}
    assert story.selection(retry) == [tests[0], tests[2], tests[3]]
    assert story.said(retry) == Said('pass', tests=3, passed=3, failed=0, not_run=0)


def test_a_test_that_was_made_inactive_in_between_is_not_carried_over(story: Story) -> None:
    tests = story.tests(4)
    pull = story.complete(story.open_pull(tests), {tests[0]: CRASH})
    retry = story.retry(pull)
    story.visit(f'/regression/test/{tests[1]}/toggle')
    assert not story.rows.one('regression_test', id=tests[1])['active']

    story.complete(retry)

    assert story.origins(retry) == {tests[0]: retry, tests[2]: pull, tests[3]: pull}
    assert '3/3 tests matched the approved output' in story.report(pull)
    assert story.said(retry) == Said('pass', tests=3, passed=3, failed=0, not_run=0)


# Restarts in place, and ends that come twice


def test_a_retry_that_is_restarted_runs_every_test(story: Story) -> None:
    tests = story.tests(3)
    source = story.complete(story.push(tests), {tests[0]: CRASH})
    retry = story.complete(story.retry(source))

    story.restart(retry)
    story.complete(retry, {tests[1]: CRASH})

    assert story.origins(retry) == dict.fromkeys(tests, retry)
    assert story.selection(retry) == tests
    assert story.said(retry) == Said('fail', tests=3, passed=2, failed=1, not_run=0)


def test_a_retry_that_is_restarted_has_nothing_carried_over(story: Story) -> None:
    tests = story.tests(3)
    source = story.complete(story.push(tests), {tests[0]: CRASH})
    retry = story.complete(story.retry(source))
    assert [attempt['carried_over'] for attempt in story.attempts(source)] == [0, 2]

    story.restart(retry)
    assert [attempt['carried_over'] for attempt in story.attempts(source)] == [0, 0]
    story.complete(retry)

    assert [attempt['carried_over'] for attempt in story.attempts(source)] == [0, 0]


def test_what_a_restarted_retry_ran_is_carried_on(story: Story) -> None:
    tests = story.tests(3)
    source = story.complete(story.push(tests), {tests[0]: CRASH})
    restarted = story.complete(story.retry(source))
    story.restart(restarted)
    story.complete(restarted, {tests[1]: CRASH})

    last = story.complete(story.retry(restarted))

    assert story.origins(last) == {tests[0]: restarted, tests[1]: last, tests[2]: restarted}


def test_a_restarted_source_lends_what_it_ran_then(story: Story) -> None:
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
    assert story.origins(worker.run_id) == {tests[0]: worker.run_id, tests[1]: pull, tests[2]: pull}
    assert '3/3 tests matched the approved output' in story.report(pull)


def test_an_end_that_is_reported_later_again_brings_nothing_new(story: Story) -> None:
    tests = story.tests(3)
    source = story.complete(story.push(tests), {tests[0]: CRASH})
    full, partial = story.retry(source, failed_only=False), story.worker(story.retry(source))
    partial.start()
    partial.run_all({})
    partial.end()
    story.complete(full, {tests[1]: CRASH})

    partial.end()

    assert story.origins(partial.run_id) == {tests[0]: partial.run_id, tests[1]: source, tests[2]: source}


# What is not touched


def test_a_full_retry_is_not_touched(story: Story) -> None:
    tests = story.tests(3)
    source = story.complete(story.push(tests), {tests[0]: CRASH})
    worker = story.worker(story.retry(source, failed_only=False))
    worker.start()
    worker.run(tests[0])

    worker.end('canceled')

    assert story.origins(worker.run_id) == {tests[0]: worker.run_id}
    assert story.selection(worker.run_id) == tests
    assert story.said(worker.run_id) == Said('canceled', tests=3, passed=1, failed=0, not_run=2)


def test_a_first_run_is_not_touched(story: Story) -> None:
    tests = story.tests(3)
    story.complete(story.push(tests))
    worker = story.worker(story.push(tests))
    worker.start()
    worker.run(tests[0])

    worker.end('canceled')

    assert story.origins(worker.run_id) == {tests[0]: worker.run_id}
    assert story.said(worker.run_id) == Said('canceled', tests=3, passed=1, failed=0, not_run=2)


def test_a_run_that_has_retries_is_not_touched_when_it_ends_again(story: Story) -> None:
    tests = story.tests(3)
    worker = story.worker(story.push(tests))
    worker.start()
    worker.run(tests[0], CRASH)
    worker.end('canceled')
    story.complete(story.retry(worker.run_id))

    worker.end('canceled')

    assert story.origins(worker.run_id) == {tests[0]: worker.run_id}


def test_every_row_of_the_earlier_runs_is_as_it_was(story: Story) -> None:
    tests = story.tests(4)
    first = story.complete(story.open_pull(tests), {tests[0]: CRASH, tests[1]: differs('a lost line')})
    full = story.complete(story.retry(first, failed_only=False), {tests[2]: CRASH})
    second = story.complete(story.retry(first), {tests[1]: CRASH})
    worker = story.worker(story.retry(second))
    before = story.rows_of(first, full, second)

    worker.start()
    worker.run_all({})
    worker.end()

    assert story.origins(worker.run_id).keys() == set(tests)
    assert story.rows_of(first, full, second) == before
