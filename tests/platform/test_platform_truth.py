"""
What is said of the attempts is true when ends come late, twice or empty (docs/api.rst).

Ends are written by the platform's own functions, in orders in which the runs' ids, the ends and their times disagree:
the scheduled job and the webhooks write some times in local time, which is hours ahead of the others here.
"""

from __future__ import annotations

from typing import Any

import pytest
from protocol import CRASH, Outcome, Said, Story, differs
from rows import Rows, now

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


def test_a_failure_of_the_second_run_of_a_commit_is_not_reported_as_a_pass(story: Story) -> None:
    tests = story.tests(5)
    story.complete(run_pull(story, A), {tests[0]: CRASH})
    story.complete(reopen(story, A), {tests[1]: CRASH, tests[2]: CRASH})
    _, retry = story.retry_by_comment(PULL, '/retry linux failed')

    story.complete(retry, {test: CRASH for test in story.selection(retry) if test == tests[1]})

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


def test_the_newest_run_counts_where_github_does_not_answer(story: Story) -> None:
    tests = story.tests(2)
    story.complete(run_pull(story, A), {tests[0]: CRASH})
    newest = story.complete(reopen(story, A), {tests[1]: CRASH})
    story.process.call('set_answers', answers=False)

    assert story.retry_by_comment(PULL, '/retry linux')[0] == newest


def test_the_newest_run_counts_where_the_head_has_none(story: Story) -> None:
    tests = story.tests(2)
    run_id = story.complete(run_pull(story, A), {tests[0]: CRASH})
    story.process.call('push_to_pull', number=PULL, commit=B)

    assert story.retry_by_comment(PULL, '/retry linux')[0] == run_id


def test_a_second_run_that_is_still_queued_is_waited_for(story: Story) -> None:
    tests = story.tests(2)
    story.complete(run_pull(story, A), {tests[0]: CRASH})
    queued = reopen(story, A)

    assert story.comment(PULL, '/retry linux') == [
        f'- linux: run {queued} is not retried. Run {queued} is still queued.']


# A selected test that was not run keeps its last result


def test_a_retry_without_a_single_result_is_as_red_as_what_it_was_to_mend(story: Story) -> None:
    tests = story.tests(5)
    pull = story.complete(story.open_pull(tests), dict.fromkeys(tests[:3], CRASH))
    worker = story.worker(story.retry(pull))
    worker.start()

    worker.end()

    assert story.said(worker.run_id) == failed(5, *tests[:3])
    assert '2/5 tests matched the approved output' in story.report(pull)
    assert story.commit_status(pull)['state'] == 'failure'


def test_a_selected_test_that_was_not_run_keeps_its_last_failure(story: Story) -> None:
    tests = story.tests(5)
    pull = story.complete(story.open_pull(tests), dict.fromkeys(tests[:3], CRASH))
    worker = story.worker(story.retry(pull))
    worker.start()
    worker.run_all({}, but=[tests[2]])

    worker.end()

    assert story.said(worker.run_id) == failed(5, tests[2])
    assert story.origins(worker.run_id) == {**dict.fromkeys(tests[:2], worker.run_id), **dict.fromkeys(tests[2:], pull)}
    assert '4/5 tests matched the approved output' in story.report(pull)
    # What is proved, and what is to be run again, is the same.
    assert story.verdicts(pull)[tests[2]] == 'failed_once'
    assert story.selection(story.retry(worker.run_id)) == [tests[2]]


def test_an_empty_retry_on_master_acquits_no_pull_request_of_another_failure(story: Story) -> None:
    tests = story.tests(3)
    master = story.complete(story.push(tests), {tests[0]: differs('as on master')})
    empty = story.worker(story.retry(master))
    empty.start()
    empty.end()

    report = story.report(story.complete(story.open_pull(tests), {tests[0]: CRASH}))

    assert '<li><b>0</b> fail on both, byte for byte the same</li>' in report
    assert '<li><b>1</b> fail on both, with different output</li>' in report


# Carried over when the run completes, with what is known by then


def test_nothing_is_carried_into_a_retry_that_is_canceled(story: Story) -> None:
    tests = story.tests(3)
    source = story.complete(story.push(tests), {tests[0]: CRASH})
    retry = story.retry(source)

    story.cancel(retry)

    assert story.origins(retry) == {}
    assert story.selection(retry) == tests[:1]


def test_a_canceled_retry_that_completes_after_all_takes_what_is_known_by_then(story: Story) -> None:
    tests = story.tests(3)
    source = story.complete(story.push(tests), {tests[0]: CRASH})
    canceled = story.worker(story.retry(source))
    canceled.start()
    story.cancel(canceled.run_id)
    full = story.complete(story.retry(source, failed_only=False), dict.fromkeys(tests[1:], CRASH))

    canceled.run_all({})
    canceled.end()

    assert story.origins(canceled.run_id) == {tests[0]: canceled.run_id, tests[1]: full, tests[2]: full}
    assert story.said(canceled.run_id) == failed(3, *tests[1:])
    assert story.badge() == 'FAILURE'


def test_a_restarted_retry_that_completes_without_a_result_keeps_the_last_one(story: Story) -> None:
    tests = story.tests(4)
    source = story.complete(story.push(tests), dict.fromkeys(tests[:2], CRASH))
    worker = story.worker(story.complete(story.retry(source)))
    story.restart(worker.run_id)
    worker.start()
    worker.run_all({}, but=[tests[1]])

    worker.end()

    assert story.origins(worker.run_id) == {**dict.fromkeys(tests, worker.run_id), tests[1]: source}
    assert story.said(worker.run_id) == failed(4, tests[1])


def test_the_command_finds_a_restarted_retry_too(story: Story) -> None:
    tests = story.tests(4)
    source = story.complete(story.push(tests), dict.fromkeys(tests[:2], CRASH))
    worker = story.worker(story.complete(story.retry(source)))
    story.restart(worker.run_id)
    worker.start()
    worker.run_all({}, but=[tests[1]])
    # The process that wrote the end died before it carried anything over.
    story.rows.add('test_progress', test_id=worker.run_id, status='completed', message='', timestamp=now())

    assert story.flask('carry-over').returncode == 0

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


# The order of attempts is that of their ends


def test_a_full_retry_that_ends_last_has_the_last_word(story: Story) -> None:
    tests = story.tests(4)
    source = story.complete(story.open_pull(tests), {tests[0]: CRASH})
    full = story.worker(story.retry(source, failed_only=False))
    full.start()
    partial = story.complete(story.retry(source))
    full.run_all({tests[0]: CRASH, tests[1]: CRASH})
    full.end()

    answer = story.verdict(source)
    retried, again = story.retry_by_comment(story.run(source)['pr_nr'], '/retry linux failed')

    assert {entry['regression_test_id']: entry['latest'] for entry in answer['data']} == {
        tests[0]: 'missing_output', tests[1]: 'missing_output', tests[2]: 'pass', tests[3]: 'pass'}
    assert answer['meta']['attempts'] == [source, full.run_id, partial]
    assert answer['meta']['overall'] == 'fail'
    assert (retried, story.selection(again)) == (full.run_id, tests[:2])


def test_what_is_carried_over_comes_from_the_attempt_that_ended_last(story: Story) -> None:
    tests = story.tests(3)
    source = story.complete(story.push(tests), {tests[0]: CRASH})
    late, early = (story.worker(story.retry(source, failed_only=False)) for _ in range(2))
    late.start()
    early.start()
    early.run_all({})
    early.end()
    late.run_all({tests[1]: CRASH})
    late.end()

    retry = story.complete(story.retry(source))

    assert story.origins(retry) == {tests[0]: retry, tests[1]: late.run_id, tests[2]: late.run_id}
    assert story.said(retry) == failed(3, tests[1])


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


def test_a_proven_flake_stays_one_when_the_expectation_changes(story: Story) -> None:
    tests = story.tests(2)
    first = story.complete(story.push(tests), {tests[0]: Outcome(1)})
    second = story.complete(story.retry(first))
    expect(story, tests[0], 10)
    story.complete(story.retry(second, failed_only=False), {tests[0]: Outcome(10)})

    assert story.verdicts(first)[tests[0]] == 'flaky'


def test_a_test_that_passed_and_failed_but_never_under_one_expectation_is_not_judged(story: Story) -> None:
    tests = story.tests(2)
    first = story.complete(story.push(tests), {tests[0]: Outcome(10)})
    expect(story, tests[0], 10)
    story.complete(story.retry(first), {tests[0]: Outcome(10)})

    assert story.verdicts(first)[tests[0]] == 'expectation_changed'


def add_output(story: Story, test_id: int) -> None:
    """Have another output expected of a test."""
    story.rows.add('regression_test_output', regression_id=test_id, correct='another', correct_extension='.srt',
                   expected_filename='another', ignore=False)


def test_an_output_that_was_added_is_a_new_expectation(story: Story) -> None:
    tests = story.tests(2)
    first = story.complete(story.push(tests))
    add_output(story, tests[0])
    story.complete(story.retry(first))

    assert story.verdicts(first)[tests[0]] == 'expectation_changed'


def test_a_crash_that_wrote_no_output_is_no_new_expectation(story: Story) -> None:
    tests = story.tests(2)
    first = story.complete(story.push(tests), {tests[0]: CRASH})
    story.complete(story.retry(first))

    assert story.verdicts(first)[tests[0]] == 'flaky'


# Repeated rows


def test_tests_that_two_events_have_selected_count_once(story: Story) -> None:
    tests = story.tests(4)
    run_id = run_pull(story, A)
    story.report_build(A)
    assert len(story.selection(run_id)) == 2 * len(tests)
    story.complete(run_id, {tests[0]: CRASH})

    (listed,) = story.attempts(run_id)

    assert Said(**{name: listed[name] for name in Said._fields}) == failed(4, tests[0])


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


def not_passed(story: Story, run_id: int) -> dict[str, Any]:
    """Return what each says of a run that has ended, the only attempt: how many did not pass, or which tests."""
    (listed,) = story.attempts(run_id)
    proved = {entry['regression_test_id'] for entry in story.verdict(run_id)['data']
              if entry['attempts'][0]['outcome'] != 'pass'}
    return {'counted': listed['failed'] + listed['not_run'], 'proved': sorted(proved),
            'run again': story.selection(story.retry(run_id))}


def test_a_result_that_is_missing_did_not_pass(story: Story) -> None:
    tests = story.tests(3)
    worker = story.worker(story.push(tests))
    worker.start()
    worker.run_all({}, but=[tests[1]])
    worker.end()

    assert not_passed(story, worker.run_id) == {'counted': 1, 'proved': [tests[1]], 'run again': [tests[1]]}


def test_a_result_without_any_exit_code_did_not_pass(story: Story, own_rows: Rows) -> None:
    tests = story.tests(3)
    run_id = story.complete(story.push(tests))
    # As older versions of the platform left them.
    result = own_rows.tables['test_result']
    with own_rows.engine.begin() as connection:
        connection.execute(result.update().where(result.c.regression_test_id == tests[1])
                           .values(exit_code=None, expected_rc=None))

    assert not_passed(story, run_id) == {'counted': 1, 'proved': [tests[1]], 'run again': [tests[1]]}


def test_a_failure_of_a_test_that_was_not_selected_hides_no_selected_test_without_a_result(story: Story) -> None:
    one, without, stray = story.tests(3)
    worker = story.worker(story.push([one, without]))
    worker.start()
    worker.run(one)
    worker.run(stray, CRASH)
    worker.end()

    (listed,) = story.attempts(worker.run_id)

    assert Said(**{name: listed[name] for name in Said._fields}) == Said('fail', 3, passed=1, failed=1, not_run=1)
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
