"""What is said of the ends that the platform writes itself (docs/api.rst, "Causes")."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from protocol import Story, Worker

from mod_runs_api.domain.causes import NOT_VISIBLE, OUT_OF_ORDER, TIME_LIMIT

pytestmark = pytest.mark.platform


def cause(story: Story, run_id: int) -> tuple[str, str] | None:
    """Return the cause of a run and its detail."""
    (attempt,) = story.attempts(run_id)
    return (attempt['cause'], attempt['cause_detail']) if attempt['cause'] else None


@pytest.fixture
def queued(story: Story) -> int:
    """Return the queued run of a pull request, of two tests."""
    return story.open_pull(story.tests(2))


@pytest.fixture
def worker(story: Story, queued: int) -> Worker:
    """Return the worker of that run when it has got half-way: the first of its tests has run."""
    worker = story.worker(queued)
    worker.start()
    worker.run(worker.tests[0])
    return worker


def finish(worker: Worker) -> None:
    """Run the rest, and complete."""
    worker.run_all({}, but=worker.story.origins(worker.run_id))
    worker.end()


def run_out_of_time(worker: Worker) -> None:
    """Have the scheduled job give the machine up; it takes its time to stop."""
    worker.story.process.call('keep_machines')
    worker.run_out_of_time()


def reboot(worker: Worker) -> None:
    """Have the machine begin anew."""
    worker.post('progress', status='preparation', message='')


def cancel(worker: Worker) -> None:
    """Cancel the run by the API."""
    worker.story.cancel(worker.run_id)


def hide(worker: Worker) -> None:
    """Have the code under test say with the worker's token what a collation takes for a person's words."""
    for message in ('canceled by admin', ''):
        worker.post('progress', status='canceled', message=message)


def stop(worker: Worker) -> None:
    """Cancel the run on its page."""
    worker.story.stop(worker.run_id)


def fail_to_build(worker: Worker) -> None:
    """Have the workflow that builds the commit fail."""
    commit = worker.story.run(worker.run_id)['commit']
    worker.story.process.call('fail_workflows', commit=commit)
    worker.story.report_build(commit)


# None: its results decide


@pytest.mark.parametrize('happens', [run_out_of_time, reboot, stop, fail_to_build])
def test_a_run_that_completed_whole_has_none_whatever_comes_after(
        story: Story, worker: Worker, happens: Callable[[Worker], None]) -> None:
    story.process.call('keep_machines')
    finish(worker)
    assert cause(story, worker.run_id) is None

    happens(worker)

    assert story.rows.of('test_progress', test_id=worker.run_id)[-1]['status'] == 'canceled'
    assert cause(story, worker.run_id) is None


@pytest.mark.parametrize('happens', [run_out_of_time, cancel])
def test_a_run_that_completes_after_all_has_none(
        story: Story, worker: Worker, happens: Callable[[Worker], None]) -> None:
    happens(worker)

    finish(worker)

    assert cause(story, worker.run_id) is None


@pytest.mark.parametrize('code', ['ZONE_RESOURCE_POOL_EXHAUSTED', 'QUOTA_EXCEEDED'])
def test_a_run_that_waits_for_a_machine_has_not_ended(story: Story, queued: int, code: str) -> None:
    story.process.call('refuse_machines', code=code)

    story.run_scheduled_job()

    assert cause(story, queued) is None


# A machine


def test_the_time_limit_at_two_ticks_is_infrastructure(story: Story, worker: Worker) -> None:
    run_out_of_time(worker)
    story.run_scheduled_job()

    assert story.rows.values('test_progress', 'message', test_id=worker.run_id).count(TIME_LIMIT) == 2
    assert cause(story, worker.run_id) == ('infrastructure', TIME_LIMIT)


def test_the_time_limit_after_a_test_that_hung_is_the_code(story: Story, worker: Worker) -> None:
    (_, hanging) = worker.tests
    worker.post('finish', test_id=str(hanging), runTime='600000', exitCode='-1')

    worker.run_out_of_time()

    assert cause(story, worker.run_id) == ('code', TIME_LIMIT)


@pytest.mark.parametrize('status', ['preparation', 'canceled'])
def test_a_machine_that_rebooted_or_a_worker_that_gave_up_is_infrastructure(
        story: Story, worker: Worker, status: str) -> None:
    worker.post('progress', status=status, message='')

    assert cause(story, worker.run_id) == ('infrastructure', OUT_OF_ORDER)


def test_a_machine_that_completes_without_some_results_is_infrastructure(story: Story, worker: Worker) -> None:
    worker.end()

    assert cause(story, worker.run_id) == ('infrastructure', '1 of 2 results are missing')


def test_a_worker_without_a_build_on_its_machine_is_infrastructure(story: Story, queued: int) -> None:
    story.worker(queued).post('progress', status='canceled', message='artifact')

    assert cause(story, queued) == ('infrastructure', 'artifact')


@pytest.mark.parametrize('code', ['RESOURCE_NOT_FOUND', 'RESOURCE_ALREADY_EXISTS', 'TIMEOUT', 'SOMETHING_NEW'])
def test_a_machine_that_cannot_be_had_is_infrastructure(story: Story, queued: int, code: str) -> None:
    story.process.call('refuse_machines', code=code)

    story.run_scheduled_job()

    (row,) = story.rows.of('test_progress', test_id=queued)
    assert cause(story, queued) == ('infrastructure', row['message'])


# A build


def test_a_build_that_is_not_visible_yet_is_infrastructure_though_the_commit_is_green(
        story: Story, queued: int) -> None:
    commit = story.run(queued)['commit']
    for call in ('run_workflows', 'lose_build'):
        story.process.call(call, commit=commit)

    story.report_build(commit)

    assert len(story.rows.of('test_progress', test_id=queued)) == 2
    assert story.commit_status(queued)['state'] == 'success'
    assert cause(story, queued) == ('infrastructure', NOT_VISIBLE)


def test_a_build_that_failed_is_the_build(story: Story, queued: int) -> None:
    fail_to_build(story.worker(queued))

    assert cause(story, queued) == ('build', 'Cancelling tests as Github Action(s) failed')


@pytest.mark.parametrize(('calls', 'beginning'), [
    (['lose_build', 'fail_workflows'], 'Build failed'), (['lose_build', 'run_workflows'], 'Artifact not found'),
    (['lose_build'], 'No build available')])
def test_a_build_that_the_scheduled_job_does_not_find_is_the_build(
        story: Story, queued: int, calls: list[str], beginning: str) -> None:
    for call in calls:
        story.process.call(call, commit=story.run(queued)['commit'])

    story.run_scheduled_job()

    name, detail = cause(story, queued) or ('', '')
    assert (name, detail[:len(beginning)]) == ('build', beginning)


@pytest.mark.parametrize(('status', 'expected'), [(404, 'build'), (410, 'build'), (502, 'infrastructure')])
def test_a_build_that_cannot_be_downloaded_is_gone_or_is_not(
        story: Story, queued: int, status: int, expected: str) -> None:
    story.process.call('set_download_status', status=status)

    story.run_scheduled_job()

    assert cause(story, queued) == (expected, f'Artifact download failed: HTTP {status}')


# A decision


@pytest.mark.parametrize(('decide', 'detail'), [(cancel, 'Canceled by adam via API'), (stop, 'Canceled by admin')])
@pytest.mark.parametrize('happens', [lambda worker: None, lambda worker: worker.end('canceled'), run_out_of_time, hide],
                         ids=['nothing more', 'its worker gives up', 'its time is over', 'its worker says so too'])
def test_a_run_that_a_person_canceled_is_a_decision_whatever_its_machine_does(
        story: Story, worker: Worker, decide: Callable[[Worker], None], detail: str,
        happens: Callable[[Worker], None]) -> None:
    decide(worker)

    happens(worker)

    assert cause(story, worker.run_id) == ('decision', detail)


def test_a_run_of_a_pull_request_that_is_closed_is_a_decision(story: Story, queued: int) -> None:
    run = story.run(queued)

    story.report_pull(run['pr_nr'], run['commit'], 'closed')

    assert cause(story, queued) == ('decision', 'PR closed')


def test_a_run_that_the_scheduled_job_finds_closed_is_a_decision(story: Story, queued: int) -> None:
    story.process.call('close_pull', number=story.run(queued)['pr_nr'])

    story.run_scheduled_job()

    assert cause(story, queued) == ('decision', 'PR is closed')


def test_a_run_that_was_superseded_while_it_was_built_is_a_decision(story: Story, queued: int) -> None:
    run = story.run(queued)
    story.process.call('run_workflows', commit=run['commit'])
    story.process.call('push_to_pull', number=run['pr_nr'], commit='f' * 40)

    story.report_build(run['commit'])

    assert cause(story, queued) == ('decision', 'Tests canceled')


def test_a_run_without_code_changes_is_a_decision(story: Story, queued: int) -> None:
    # Neither workflow has run.
    story.report_build(story.run(queued)['commit'])

    assert cause(story, queued) == ('decision', 'Not ran - no code changes')
