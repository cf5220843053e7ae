"""What is said of the ends that the platform writes itself (docs/api.rst, "Causes")."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from protocol import Story, Worker

pytestmark = pytest.mark.platform

TIME_LIMIT = 'Could not complete test, time limit exceeded'

Happens = Callable[[Worker], object]


def cause(story: Story, run_id: int) -> tuple[str, str] | None:
    """Return the cause of a run and its detail."""
    (attempt,) = story.attempts(run_id)
    return (attempt['cause'], attempt['cause_detail']) if attempt['cause'] else None


@pytest.fixture
def queued(story: Story) -> Worker:
    """The worker of the queued run of a pull request, of two tests."""
    return story.worker(story.open_pull(story.tests(2)))


@pytest.fixture
def worker(queued: Worker) -> Worker:
    """The same worker when it has got half-way: the first of its tests has run. Its machine takes time to stop."""
    queued.start()
    queued.run(queued.tests[0])
    queued.story.process.call('keep_machines')
    return queued


# What happens to a run


def tick(worker: Worker) -> None:
    """Let the scheduled job run."""
    worker.story.run_scheduled_job()


def report_build(worker: Worker) -> None:
    """Report that the build of the commit is through."""
    worker.story.report_build(worker.commit)


def given(then: Happens, *functions: str, **arguments: Any) -> Happens:
    """Call functions of the stand-ins, without arguments with the commit of the run, and go on."""
    def happen(worker: Worker) -> None:
        for function in functions:
            worker.story.process.call(function, **(arguments or {'commit': worker.commit}))
        then(worker)

    return happen


def finish(worker: Worker) -> None:
    """Run the rest, and complete."""
    worker.run_all({}, but=worker.story.origins(worker.run_id))
    worker.end()


def cancel(worker: Worker) -> None:
    """Cancel the run by the API."""
    worker.story.cancel(worker.run_id)


def stop(worker: Worker) -> None:
    """Cancel the run on its page."""
    worker.story.stop(worker.run_id)


def run_out_of_time_twice(worker: Worker) -> None:
    """Have the scheduled job give the machine up, at two ticks."""
    worker.run_out_of_time()
    worker.story.run_scheduled_job()
    assert worker.story.rows.values('test_progress', 'message', test_id=worker.run_id).count(TIME_LIMIT) == 2


def hang(worker: Worker) -> None:
    """Have the second test hang for ten minutes, and the machine run out of time."""
    worker.post('finish', test_id=str(worker.tests[1]), runTime='600000', exitCode='-1')
    worker.run_out_of_time()


def reboot(worker: Worker) -> None:
    """Have the machine begin anew."""
    worker.post('progress', status='preparation', message='')


def give_up(worker: Worker, message: str = '') -> None:
    """Have the worker give up."""
    worker.post('progress', status='canceled', message=message)


def hide(worker: Worker) -> None:
    """Have the code under test say with the worker's token what a collation takes for a person's words."""
    give_up(worker, 'canceled by admin')
    give_up(worker)


def find_closed(worker: Worker) -> None:
    """Have the scheduled job find the pull request closed."""
    given(tick, 'close_pull', number=worker.pr_nr)(worker)


def report_closed(worker: Worker) -> None:
    """Have GitHub report that the pull request is closed."""
    worker.story.report_pull(worker.pr_nr, worker.commit, 'closed')


def supersede(worker: Worker) -> None:
    """Push another commit while the first is built, and report that build."""
    worker.story.process.call('push_to_pull', number=worker.pr_nr, commit='f' * 40)
    given(report_build, 'run_workflows')(worker)


@pytest.mark.parametrize('happens', [run_out_of_time_twice, reboot, stop, given(report_build, 'fail_workflows')])
def test_a_run_that_completed_whole_has_none_whatever_comes_after(
        story: Story, worker: Worker, happens: Happens) -> None:
    finish(worker)

    happens(worker)

    assert story.rows.of('test_progress', test_id=worker.run_id)[-1]['status'] == 'canceled'
    assert cause(story, worker.run_id) is None


@pytest.mark.parametrize('happens', [Worker.run_out_of_time, cancel])
def test_a_run_that_completes_after_all_has_none(story: Story, worker: Worker, happens: Happens) -> None:
    happens(worker)

    finish(worker)

    assert cause(story, worker.run_id) is None


@pytest.mark.parametrize(('happens', 'expected'), [
    (run_out_of_time_twice, ('infrastructure', TIME_LIMIT)), (hang, ('code', TIME_LIMIT)),
    (reboot, ('infrastructure', 'Duplicate Entries')), (give_up, ('infrastructure', 'Duplicate Entries')),
    (Worker.end, ('infrastructure', '1 of 2 results are missing'))])
def test_an_end_half_way(story: Story, worker: Worker, happens: Happens, expected: tuple[str, str]) -> None:
    happens(worker)

    assert cause(story, worker.run_id) == expected


def refused(code: str) -> Happens:
    """Have the cloud refuse a machine with an error of this code."""
    return given(tick, 'refuse_machines', code=code)


#: What happens to a run in the queue, its cause, and how the detail begins. Without a cause it waits on.
IN_THE_QUEUE: dict[str, tuple[Happens, str | None, str]] = {
    'no zone': (refused('ZONE_RESOURCE_POOL_EXHAUSTED'), None, ''),
    'no quota': (refused('QUOTA_EXCEEDED'), None, ''),
    'no machine': (refused('RESOURCE_NOT_FOUND'), 'infrastructure', 'Required GCP resource'),
    'a machine twice': (refused('RESOURCE_ALREADY_EXISTS'), 'infrastructure', 'A VM with this name'),
    'a slow cloud': (refused('TIMEOUT'), 'infrastructure', 'GCP '),
    'a new error': (refused('SOMETHING_NEW'), 'infrastructure', 'VM creation failed'),
    'no build on the machine': (lambda worker: give_up(worker, 'artifact'), 'infrastructure', 'artifact'),
    'an invisible build': (given(report_build, 'run_workflows', 'lose_build'), 'infrastructure',
                           'Build succeeded but artifact not yet available - please retry'),
    'a failed build': (given(report_build, 'fail_workflows'), 'build', 'Cancelling tests as Github Action(s) failed'),
    'a build found failed': (given(tick, 'lose_build', 'fail_workflows'), 'build', 'Build failed'),
    'a build found lost': (given(tick, 'lose_build', 'run_workflows'), 'build', 'Artifact not found'),
    'no build': (given(tick, 'lose_build'), 'build', 'No build available'),
    **{f'HTTP {status}': (given(tick, 'set_download_status', status=status), expected,
                          f'Artifact download failed: HTTP {status}')
       for status, expected in ((404, 'build'), (410, 'build'), (502, 'infrastructure'))},
    'reported closed': (report_closed, 'decision', 'PR closed'),
    'found closed': (find_closed, 'decision', 'PR is closed'),
    'superseded': (supersede, 'decision', 'Tests canceled'),
    # Neither workflow has run.
    'no code changes': (report_build, 'decision', 'Not ran - no code changes'),
}


@pytest.mark.parametrize('what', IN_THE_QUEUE)
def test_an_end_in_the_queue(story: Story, queued: Worker, what: str) -> None:
    happens, expected, beginning = IN_THE_QUEUE[what]

    happens(queued)

    found, detail = cause(story, queued.run_id) or (None, '')
    assert (found, detail[:len(beginning)]) == (expected, beginning)
    # It is the platform's own message.
    assert not found or detail in story.rows.values('test_progress', 'message', test_id=queued.run_id)


@pytest.mark.parametrize(('decide', 'detail'), [(cancel, 'Canceled by adam via API'), (stop, 'Canceled by admin')])
@pytest.mark.parametrize('happens', [lambda worker: None, give_up, Worker.run_out_of_time, hide],
                         ids=['nothing more', 'its worker gives up', 'its time is over', 'its worker says so too'])
def test_a_run_that_a_person_canceled_is_a_decision_whatever_its_machine_does(
        story: Story, worker: Worker, decide: Happens, detail: str, happens: Happens) -> None:
    decide(worker)

    happens(worker)

    assert cause(story, worker.run_id) == ('decision', detail)
