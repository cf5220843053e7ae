"""
What is said of the attempts is true when ends come late, twice or empty (docs/api.rst).

Ends are written by the platform's own functions, in orders in which the runs' ids, the ends and their times disagree:
the scheduled job and the webhooks write some times in local time, which is hours ahead of the others here.
"""

from __future__ import annotations

from typing import Any

import pytest
from protocol import CRASH, Outcome, Said, Story, differs
from rows import now

pytestmark = pytest.mark.platform

A, B = 'a' * 40, 'b' * 40

PULL = 1342


def passed(tests: int) -> Said:
    """Return what is said of a run of which every test passed."""
    return Said('pass', tests, passed=tests, failed=0, not_run=0)


def failed(tests: int, *failures: int) -> Said:
    """Return what is said of a completed run in which some tests failed."""
    return Said('fail', tests, passed=tests - len(failures), failed=len(failures), not_run=0)


# The newest run of the head commit


def run_pull(story: Story, commit: str) -> int:
    """Open a pull request that is built, and return its queued run, which has the rows of its tests."""
    story.open_pull_by_event(commit, PULL)
    story.report_build(commit)
    return story.runs_of(commit)[-1]


def reopen(story: Story, commit: str) -> int:
    """Close the pull request and reopen it, and return the new run, in which the platform runs everything."""
    for call, action in (('close_pull', 'closed'), ('reopen_pull', 'reopened')):
        story.process.call(call, number=PULL)
        story.report_pull(PULL, commit, action)
    return story.runs_of(commit)[-1]


def push(story: Story, commit: str) -> int:
    """Make a commit the head of the pull request, have GitHub report it, and return its new run."""
    story.process.call('push_to_pull', number=PULL, commit=commit)
    story.report_pull(PULL, commit, 'synchronize')
    return story.runs_of(commit)[-1]


def test_retry_failed_after_a_pull_request_is_reopened_mends_its_second_run(story: Story) -> None:
    tests = story.tests(5)
    story.complete(run_pull(story, A), {tests[0]: CRASH})
    second = story.complete(reopen(story, A), {tests[1]: CRASH, tests[2]: CRASH})

    source, retry = story.retry_by_comment(PULL, '/retry linux failed')

    assert (source, story.selection(retry)) == (second, tests[1:3])
    story.complete(retry, {tests[1]: CRASH})
    assert '4/5 tests matched the approved output' in story.report(retry)
    assert story.commit_status(retry)['state'] == 'failure'


def test_a_branch_that_is_pushed_back_is_retried_by_its_newest_run(story: Story) -> None:
    tests = story.tests(2)
    story.complete(run_pull(story, A), {tests[0]: CRASH})
    story.complete(push(story, B), {tests[0]: CRASH})
    back = story.complete(push(story, A), {tests[1]: CRASH})

    assert story.retry_by_comment(PULL, '/retry linux')[0] == back


def test_a_late_delivery_of_an_older_push_does_not_turn_it_round(story: Story) -> None:
    tests = story.tests(2)
    story.complete(run_pull(story, A), {tests[0]: CRASH})
    head = story.complete(push(story, B), {tests[0]: CRASH})
    story.report_pull(PULL, A, 'synchronize')
    story.complete(story.runs_of(A)[-1], {tests[1]: CRASH})

    assert story.retry_by_comment(PULL, '/retry linux')[0] == head


# A selected test that was not run keeps its last result


@pytest.mark.parametrize('ran', [0, 2])
def test_a_selected_test_that_was_not_run_keeps_its_last_failure(story: Story, ran: int) -> None:
    tests = story.tests(5)
    pull = story.complete(story.open_pull(tests), dict.fromkeys(tests[:3], CRASH))
    worker = story.worker(story.retry(pull))
    worker.start()
    worker.run_all({}, but=tests[ran:])

    worker.end()

    assert story.said(worker.run_id) == failed(5, *tests[ran:3])
    assert story.origins(worker.run_id) == {
        **dict.fromkeys(tests[:ran], worker.run_id), **dict.fromkeys(tests[ran:], pull)}
    assert f'{2 + ran}/5 tests matched the approved output' in story.report(pull)
    assert story.commit_status(pull)['state'] == 'failure'
    # What is proved, and what is to be run again, is the same.
    assert story.verdicts(pull)[tests[2]] == 'failed_once'
    assert story.selection(story.retry(worker.run_id)) == tests[ran:3]


def test_an_empty_retry_on_master_acquits_no_pull_request_of_another_failure(story: Story) -> None:
    tests = story.tests(3)
    master = story.complete(story.push(tests), {tests[0]: differs('as on master')})
    empty = story.worker(story.retry(master))
    empty.start()
    empty.end()

    report = story.report(story.complete(story.open_pull(tests), {tests[0]: CRASH}))

    assert '<li><b>0</b> fail on both, byte for byte the same</li>' in report
    assert '<li><b>1</b> fail on both, with different output</li>' in report


@pytest.mark.parametrize('by', ['its end', 'the command'])
def test_a_restarted_retry_that_completes_without_a_result_keeps_the_last_one(story: Story, by: str) -> None:
    tests = story.tests(4)
    source = story.complete(story.push(tests), dict.fromkeys(tests[:2], CRASH))
    worker = story.worker(story.complete(story.retry(source)))
    story.restart(worker.run_id)
    worker.start()
    worker.run_all({}, but=[tests[1]])

    if by == 'its end':
        worker.end()
    else:
        # The process that wrote the end died before it carried anything over.
        story.rows.add('test_progress', test_id=worker.run_id, status='completed', message='', timestamp=now())
        assert story.flask('carry-over').returncode == 0

    assert story.origins(worker.run_id) == {**dict.fromkeys(tests, worker.run_id), tests[1]: source}
    assert story.said(worker.run_id) == failed(4, tests[1])


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
    assert story.said(worker.run_id) == failed(4, tests[1])


def test_what_is_written_after_a_completion_does_not_make_the_run_the_latest(story: Story) -> None:
    tests = story.tests(3)
    source = story.complete(run_pull(story, A), {tests[0]: CRASH, tests[1]: CRASH})
    full = story.complete(story.retry(source, failed_only=False), {tests[0]: CRASH})
    story.process.call('fail_workflows', commit=A)
    story.report_build(A)
    assert story.rows.of('test_progress', test_id=source)[-1]['status'] == 'canceled'

    retry = story.complete(story.retry(full))

    assert story.origins(retry) == {tests[0]: retry, tests[1]: full, tests[2]: full}
    assert story.said(retry) == passed(3)
    assert {entry['latest'] for entry in story.verdict(source)['data']} == {'pass'}


@pytest.mark.parametrize('again', ['the time limit', 'completed'])
def test_an_end_that_is_written_again_is_no_newer_end(story: Story, again: str) -> None:
    tests = story.tests(4)
    pull = story.worker(story.open_pull(tests))
    pull.start()
    story.process.call('keep_machines')
    pull.run_all({tests[0]: CRASH}, but=tests[3:])
    # The scheduled job says the first of these at every tick until the machine has gone.
    end = story.run_scheduled_job if again == 'the time limit' else pull.end
    if again == 'the time limit':
        pull.run_out_of_time()
    end()
    healed = story.complete(story.retry(pull.run_id), {tests[3]: CRASH})

    end()

    assert {entry['regression_test_id']: entry['latest'] for entry in story.verdict(healed)['data']} == {
        **dict.fromkeys(tests[:3], 'pass'), tests[3]: 'missing_output'}
    last = story.complete(story.retry(healed))
    assert story.origins(last) == {tests[0]: healed, tests[1]: pull.run_id, tests[2]: pull.run_id, tests[3]: last}
    assert story.said(last) == passed(4)
    assert '4/4 tests matched the approved output' in story.report(last)


# Attempts that ran nothing prove nothing


def test_an_attempt_that_ran_nothing_is_not_counted(story: Story) -> None:
    tests = story.tests(3)
    source = story.complete(story.open_pull(tests))
    story.stop(story.retry(source, failed_only=False))

    printed = story.flask('verdict', source)

    assert 'Over 2 attempts' not in printed.stdout
    assert 'Over 2 attempts' not in story.page(source)


def test_only_attempts_that_ran_something_are_counted(story: Story) -> None:
    tests = story.tests(3)
    source = story.complete(story.open_pull(tests), {tests[0]: CRASH})
    story.cancel(story.retry(source))
    retry = story.complete(story.retry(source))

    for said in (story.flask('verdict', source).stdout, story.page(retry)):
        assert 'Over 2 attempts 1 test is flaky.' in said


# Expectations


def expect(story: Story, test_id: int, exit_code: int) -> None:
    """Have a person change the exit code that is expected of a test."""
    test = story.rows.one('regression_test', id=test_id)
    story.visit(f'/regression/test/{test_id}/edit', form={
        'sample_id': '1', 'command': test['command'], 'category_id': '1', 'expected_rc': str(exit_code),
        'input_type': 'file', 'output_type': 'file', 'description': 'changed', 'submit': 'Edit Regression Test'})
    assert story.rows.one('regression_test', id=test_id)['expected_rc'] == exit_code


def test_a_test_that_passed_and_failed_but_never_under_one_expectation_is_not_judged(story: Story) -> None:
    tests = story.tests(2)
    first = story.complete(story.push(tests), {tests[0]: Outcome(10)})
    expect(story, tests[0], 10)
    story.complete(story.retry(first), {tests[0]: Outcome(10)})

    assert story.verdicts(first)[tests[0]] == 'expectation_changed'


def test_an_output_that_was_added_is_a_new_expectation(story: Story) -> None:
    tests = story.tests(2)
    first = story.complete(story.push(tests))
    story.rows.add('regression_test_output', regression_id=tests[0], correct='another', correct_extension='.srt',
                   expected_filename='another', ignore=False)
    story.complete(story.retry(first))

    assert story.verdicts(first)[tests[0]] == 'expectation_changed'


# Repeated rows


def test_tests_that_two_events_have_selected_count_once(story: Story) -> None:
    tests = story.tests(4)
    run_id = run_pull(story, A)
    story.report_build(A)
    assert len(story.selection(run_id)) == 2 * len(tests)
    story.complete(run_id, {tests[0]: CRASH})

    assert story.listed(run_id) == failed(4, tests[0])


# What the page says


def test_the_page_does_not_call_a_restarted_retry_a_part(story: Story) -> None:
    tests = story.tests(5)
    source = story.complete(story.push(tests), dict.fromkeys(tests[:2], CRASH))
    retry = story.complete(story.retry(source))

    story.restart(retry)
    queued = story.page(retry)
    worker = story.worker(retry)
    worker.start()

    assert worker.tests == tests
    for page in (queued, story.page(retry)):
        assert 'This run runs' not in page
        assert 'carried over from' not in page


def test_the_page_of_a_canceled_retry_that_goes_on_tells_what_it_runs(story: Story) -> None:
    tests = story.tests(5)
    source = story.complete(story.push(tests), dict.fromkeys(tests[:2], CRASH))
    worker = story.worker(story.retry(source))
    worker.start()
    story.stop(worker.run_id)

    worker.post('progress', status='testing', message='still there')

    assert story.attempts(source)[1]['status'] == 'running'
    page = story.page(worker.run_id)
    assert 'This run runs 2 of 5 tests.' in page
    assert 'carried over from' not in page


# One rule for all who ask


def test_a_failure_of_a_test_that_was_not_selected_hides_no_selected_test_without_a_result(story: Story) -> None:
    one, without, stray = story.tests(3)
    worker = story.worker(story.push([one, without]))
    worker.start()
    worker.run(one)
    worker.run(stray, CRASH)
    worker.end()

    assert story.listed(worker.run_id) == Said('error', 3, passed=1, failed=1, not_run=1)
    assert story.verdicts(worker.run_id) == {one: 'passed', without: 'never_ran', stray: 'failed_once'}
    assert story.selection(story.retry(worker.run_id)) == [without, stray]


# Verbs


@pytest.mark.parametrize('route', ['retry', 'retries', 'verdict'])
def test_a_verb_that_http_does_not_know_gets_one_answer_and_no_mixture(story: Story, route: str) -> None:
    run_id = story.push(story.tests(1))

    ours, answer = (story.request(method, f'/runs/{run_id}/{route}') for method in ('DELETE', 'FROBNICATE'))
    hosts = story.request('FROBNICATE', f'/runs/{run_id}')

    assert answer['status'] == ours['status'] == hosts['status'] == 405
    allowed = set(answer['headers']['allow'].split(', ')) - {'OPTIONS'}
    assert allowed == set(ours['headers']['allow'].split(', '))
    assert without_allow(answer) in (without_allow(ours), without_allow(hosts))


def without_allow(answer: Any) -> Any:
    """Return what two answers to verbs that are not allowed have in common if they are of one kind."""
    passing = ('allow', 'x-ratelimit-remaining', 'x-ratelimit-reset')
    return {**answer, 'headers': {name: value for name, value in answer['headers'].items() if name not in passing}}
