"""Ends that the platform writes late, again or after the end, and what is said then (docs/api.rst)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from protocol import BOTH, CRASH, Outcome, Said, Story, Worker

pytestmark = [pytest.mark.platform, BOTH]

WHOLE = Said('pass', tests=4, passed=4, failed=0, not_run=0)


def run_out_of_time(worker: Worker) -> None:
    """Have the scheduled job give the machine up, which takes its time to stop."""
    worker.story.process.call('keep_machines')
    worker.run_out_of_time()


def reboot(worker: Worker) -> None:
    """Have the machine begin anew."""
    worker.post('progress', status='preparation', message='once more')


def give_up(worker: Worker) -> None:
    """Have the worker give up."""
    worker.end('canceled')


def fail_to_build(worker: Worker) -> None:
    """Have the workflow fail that builds the commit."""
    worker.story.process.call('fail_workflows', commit=worker.commit)
    worker.story.report_build(worker.commit)


def stop(worker: Worker) -> None:
    """Cancel the run on its page."""
    worker.story.stop(worker.run_id)


def tick(worker: Worker) -> None:
    """Have the scheduled job find once more that the time of the machine is over."""
    worker.story.run_scheduled_job()


@pytest.mark.parametrize('cancel', [run_out_of_time, reboot, give_up, stop])
def test_a_retry_that_is_canceled_half_way_is_whole_when_it_completes_after_all(
        story: Story, cancel: Callable[[Worker], None]) -> None:
    tests = story.tests(4)
    source = story.complete(story.open_pull(tests), dict.fromkeys(tests[:2], CRASH))
    worker = story.worker(story.retry(source))
    worker.start()
    worker.run(tests[0])
    cancel(worker)
    assert story.said(worker.run_id) == Said('canceled', tests=2, passed=1, failed=0, not_run=1)
    assert story.origins(worker.run_id) == {tests[0]: worker.run_id}
    assert set(story.categories(worker.run_id)['General']) == set(tests[:2])
    assert 'An error occurred' in story.page(worker.run_id)

    # Nothing of this stops a machine that goes on.
    worker.run(tests[1])
    worker.end()

    assert story.said(worker.run_id) == WHOLE
    assert '4/4 tests matched the approved output' in story.report(worker.run_id)


@pytest.mark.parametrize('end, again', [
    (run_out_of_time, tick), (Worker.end, Worker.end), (Worker.end, fail_to_build), (Worker.end, stop)])
def test_what_is_written_after_an_end_is_no_newer_end(
        story: Story, end: Callable[[Worker], object], again: Callable[[Worker], object]) -> None:
    tests = story.tests(4)
    worker = story.worker(story.open_pull(tests))
    worker.start()
    worker.run_all({tests[0]: CRASH}, but=tests[3:])
    end(worker)
    healed = story.complete(story.retry(worker.run_id), {tests[3]: CRASH})

    again(worker)

    assert {entry['regression_test_id']: entry['latest'] for entry in story.verdict(healed)['data']} == {
        **dict.fromkeys(tests[:3], 'pass'), tests[3]: 'missing_output'}
    last = story.complete(story.retry(healed))
    assert story.origins(last) == {**dict.fromkeys(tests[1:3], worker.run_id), tests[0]: healed, tests[3]: last}
    assert story.said(last) == WHOLE
    assert '4/4 tests matched the approved output' in story.report(last)


def test_a_completed_retry_that_is_canceled_or_completes_again_stays_as_it_is(story: Story) -> None:
    tests = story.tests(4)
    worker = story.worker(story.complete(story.open_pull(tests), {tests[0]: CRASH}))
    retry = story.worker(story.complete(story.retry(worker.run_id)))
    whole = story.rows_of(retry.run_id)

    # The platform takes it, and writes a second row.
    assert retry.end() == 'OK'
    stop(retry)

    again = story.rows_of(retry.run_id)
    assert len(again.pop('test_progress')) == len(whole.pop('test_progress')) + 2
    assert again == whole
    assert [attempt['carried_over'] for attempt in story.attempts(retry.run_id)] == [0, 3]
    assert story.verdict(retry.run_id)['meta']['overall'] == 'unstable'


def test_a_test_that_passed_and_failed_but_never_under_one_expectation_is_not_judged(story: Story) -> None:
    tests = story.tests(2)
    first = story.complete(story.push(tests), {tests[0]: Outcome(10)})
    # As a person changes the exit code that is expected.
    story.visit(f'/regression/test/{tests[0]}/edit', form={
        'sample_id': '1', 'command': 'changed', 'category_id': '1', 'expected_rc': '10', 'input_type': 'file',
        'output_type': 'file', 'description': 'changed', 'submit': 'Edit Regression Test'})
    assert story.rows.one('regression_test', id=tests[0])['expected_rc'] == 10
    story.rows.add('regression_test_output', regression_id=tests[1], correct='another', correct_extension='.srt',
                   expected_filename='another', ignore=False)
    story.complete(story.retry(first), {tests[0]: Outcome(10)})

    assert story.verdicts(first) == dict.fromkeys(tests, 'expectation_changed')
