"""Ends as the platform writes them, late, again and after the end, and what is said of them (docs/api.rst)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from protocol import BOTH, CRASH, Said, Story, Worker

pytestmark = pytest.mark.platform

TIME_LIMIT = 'Could not complete test, time limit exceeded'

WHOLE = Said('pass', tests=4, passed=4, failed=0, not_run=0)

Happens = Callable[[Worker], object]


def cause(worker: Worker) -> tuple[str | None, str | None]:
    """Return the cause of the end of a run, and its detail."""
    (attempt,) = worker.story.attempts(worker.run_id)
    return attempt['cause'], attempt['cause_detail']


@pytest.fixture
def worker(story: Story) -> Worker:
    """A worker that has got half-way: the first of two tests of a pull request has run. Its machine is slow to stop."""
    worker = story.worker(story.open_pull(story.tests(2)))
    worker.start()
    worker.run(worker.tests[0])
    story.process.call('keep_machines')
    return worker


# What happens to a run


def tick(worker: Worker) -> None:
    """Let the scheduled job run. A machine that it has given up and that is still there it gives up once more."""
    worker.story.run_scheduled_job()


def run_out_of_time(worker: Worker) -> None:
    """Have the scheduled job give the machine up, at two ticks."""
    worker.story.process.call('keep_machines')
    worker.run_out_of_time()
    tick(worker)
    assert worker.story.rows.values('test_progress', 'message', test_id=worker.run_id).count(TIME_LIMIT) == 2


def hang(worker: Worker) -> None:
    """Have the second test hang for ten minutes, and the machine run out of time."""
    worker.post('finish', test_id=str(worker.tests[1]), runTime='600000', exitCode='-1')
    worker.run_out_of_time()


def reboot(worker: Worker) -> None:
    """Have the machine begin anew."""
    worker.post('progress', status='preparation', message='once more')


def give_up(worker: Worker, message: str = '') -> None:
    """Have the worker give up."""
    worker.post('progress', status='canceled', message=message)


def hide(worker: Worker) -> None:
    """Have the code under test say with the worker's token what a collation takes for a person's words."""
    give_up(worker, 'canceled by admin')
    give_up(worker)


def cancel(worker: Worker) -> None:
    """Cancel the run by the API."""
    worker.story.cancel(worker.run_id)


def stop(worker: Worker) -> None:
    """Cancel the run on its page."""
    worker.story.stop(worker.run_id)


def fail_to_build(worker: Worker) -> None:
    """Have the workflow fail that builds the commit."""
    worker.story.process.call('fail_workflows', commit=worker.commit)
    worker.story.report_build(worker.commit)


def finish(worker: Worker) -> None:
    """Run the rest, and complete."""
    worker.run_all({}, but=worker.story.origins(worker.run_id))
    worker.end()


# Causes


@pytest.mark.parametrize('happens', [run_out_of_time, reboot, stop, fail_to_build])
def test_a_run_that_completed_whole_has_no_cause_whatever_comes_after(worker: Worker, happens: Happens) -> None:
    finish(worker)

    happens(worker)

    assert worker.story.rows.of('test_progress', test_id=worker.run_id)[-1]['status'] == 'canceled'
    assert cause(worker) == (None, None)


@pytest.mark.parametrize(('happens', 'expected'), [
    (run_out_of_time, ('infrastructure', TIME_LIMIT)), (hang, ('code', TIME_LIMIT)),
    (reboot, ('infrastructure', 'Duplicate Entries')), (give_up, ('infrastructure', 'Duplicate Entries')),
    (Worker.end, ('infrastructure', '1 of 2 results are missing'))])
def test_an_end_half_way_has_a_cause(worker: Worker, happens: Happens, expected: tuple[str, str]) -> None:
    happens(worker)

    assert cause(worker) == expected


@pytest.mark.parametrize(('decide', 'detail'), [(cancel, 'Canceled by adam via API'), (stop, 'Canceled by admin')])
@pytest.mark.parametrize('happens', [run_out_of_time, hide])
def test_a_run_that_a_person_canceled_is_a_decision_whatever_its_machine_does(
        worker: Worker, decide: Happens, detail: str, happens: Happens) -> None:
    decide(worker)

    happens(worker)

    assert cause(worker) == ('decision', detail)


# An end is not final, and what is said again is no newer end


@BOTH
@pytest.mark.parametrize('cancel', [run_out_of_time, reboot, give_up, stop])
def test_a_retry_that_is_canceled_half_way_is_whole_when_it_completes_after_all(story: Story, cancel: Happens) -> None:
    tests = story.tests(4)
    source = story.complete(story.open_pull(tests), dict.fromkeys(tests[:2], CRASH))
    worker = story.worker(story.retry(source))
    worker.start()
    worker.run(tests[0])
    cancel(worker)
    assert story.said(worker.run_id) == Said('canceled', tests=2, passed=1, failed=0, not_run=1)
    assert story.origins(worker.run_id) == {tests[0]: worker.run_id}
    assert 'An error occurred' in story.page(worker.run_id)

    # Nothing of this stops a machine that goes on.
    finish(worker)

    assert story.said(worker.run_id) == WHOLE
    assert '4/4 tests matched the approved output' in story.report(worker.run_id)


@BOTH
@pytest.mark.parametrize(('end', 'again'), [
    (run_out_of_time, tick), (Worker.end, Worker.end), (Worker.end, fail_to_build), (Worker.end, stop)])
def test_what_is_written_after_an_end_is_no_newer_end(story: Story, end: Happens, again: Happens) -> None:
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
