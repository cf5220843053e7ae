"""What is said of the ends that the platform writes itself (docs/api.rst, "Causes")."""

from __future__ import annotations

from typing import Any

import pytest
from protocol import TOO_LONG, Story, Worker

from mod_runs_api.causes import NOT_VISIBLE, OUT_OF_ORDER, TIME_LIMIT

pytestmark = pytest.mark.platform


def cause(story: Story, run_id: int) -> tuple[str, str] | None:
    """Return the cause of a run and its detail."""
    (attempt,) = story.attempts(run_id)
    return (attempt['cause'], attempt['cause_detail']) if attempt['cause'] else None


@pytest.fixture
def worker(story: Story) -> Worker:
    """Return the worker of a pull request's run that has got half-way: the first of its two tests has run."""
    tests = story.tests(2)
    worker = story.worker(story.open_pull(tests))
    worker.start()
    worker.run(tests[0])
    return worker


def finish(worker: Worker) -> None:
    """Run the rest, and complete."""
    worker.run_all({}, but=worker.story.origins(worker.run_id))
    worker.end()


def report(story: Story, event: str, action: str, run_id: int, **facts: Any) -> None:
    """Have GitHub report an event about the commit or the pull request of a run."""
    run = story.run(run_id)
    subject = {'pull_request': {'number': run['pr_nr'], 'head': {'sha': run['commit']}},
               'workflow_run': {'name': 'Build CCExtractor on Linux', 'head_sha': run['commit'],
                                'event': 'pull_request', 'head_branch': 'fix'}}[event]
    assert story.process.call('deliver', event=event, payload={
        'action': action, 'sender': {'login': 'someone'}, event: subject}) == 200


# A machine


def test_a_run_that_is_whole_has_none(story: Story, worker: Worker) -> None:
    assert cause(story, worker.run_id) is None
    finish(worker)
    assert cause(story, worker.run_id) is None


def test_the_time_limit_at_two_ticks_is_infrastructure(story: Story, worker: Worker) -> None:
    story.process.call('keep_machines')
    story.process.call('let_pass', machine=worker.machine, minutes=TOO_LONG)

    story.run_scheduled_job()
    story.run_scheduled_job()

    assert story.rows.values('test_progress', 'message', test_id=worker.run_id).count(TIME_LIMIT) == 2
    assert cause(story, worker.run_id) == ('infrastructure', TIME_LIMIT)


def test_the_time_limit_after_a_test_that_hung_is_the_code(story: Story, worker: Worker) -> None:
    (_, hanging) = worker.tests
    worker.post('finish', test_id=str(hanging), runTime='600000', exitCode='-1')
    story.process.call('let_pass', machine=worker.machine, minutes=TOO_LONG)

    story.run_scheduled_job()

    assert cause(story, worker.run_id) == ('code', TIME_LIMIT)


def test_a_slow_machine_that_completes_after_the_time_limit_has_none(story: Story, worker: Worker) -> None:
    story.process.call('let_pass', machine=worker.machine, minutes=TOO_LONG)
    story.run_scheduled_job()

    finish(worker)

    assert cause(story, worker.run_id) is None


def test_the_time_limit_after_a_run_has_completed_is_none(story: Story, worker: Worker) -> None:
    story.process.call('keep_machines')
    finish(worker)
    story.process.call('let_pass', machine=worker.machine, minutes=TOO_LONG)

    story.run_scheduled_job()

    assert story.rows.of('test_progress', test_id=worker.run_id)[-1]['message'] == TIME_LIMIT
    assert cause(story, worker.run_id) is None


@pytest.mark.parametrize('status', ['preparation', 'canceled'])
def test_a_machine_that_rebooted_or_a_worker_that_gave_up_is_infrastructure(
        story: Story, worker: Worker, status: str) -> None:
    worker.post('progress', status=status, message='')

    assert cause(story, worker.run_id) == ('infrastructure', OUT_OF_ORDER)


def test_a_machine_that_reboots_after_its_run_has_completed_is_none(story: Story, worker: Worker) -> None:
    finish(worker)

    worker.post('progress', status='preparation', message='')

    assert story.rows.of('test_progress', test_id=worker.run_id)[-1]['status'] == 'canceled'
    assert cause(story, worker.run_id) is None


def test_a_machine_that_completes_without_some_results_is_infrastructure(story: Story, worker: Worker) -> None:
    worker.end()

    assert cause(story, worker.run_id) == ('infrastructure', '1 of 2 results are missing')


def test_a_worker_without_a_build_on_its_machine_is_infrastructure(story: Story) -> None:
    worker = story.worker(story.open_pull(story.tests(2)))

    worker.post('progress', status='canceled', message='artifact')

    assert cause(story, worker.run_id) == ('infrastructure', 'artifact')


@pytest.mark.parametrize('code', ['RESOURCE_NOT_FOUND', 'RESOURCE_ALREADY_EXISTS', 'TIMEOUT', 'SOMETHING_NEW'])
def test_a_machine_that_cannot_be_had_is_infrastructure(story: Story, code: str) -> None:
    run_id = story.open_pull(story.tests(2))
    story.process.call('refuse_machines', code=code)

    story.run_scheduled_job()

    (row,) = story.rows.of('test_progress', test_id=run_id)
    assert cause(story, run_id) == ('infrastructure', row['message'])


@pytest.mark.parametrize('code', ['ZONE_RESOURCE_POOL_EXHAUSTED', 'QUOTA_EXCEEDED'])
def test_a_run_that_waits_for_a_machine_has_not_ended(story: Story, code: str) -> None:
    run_id = story.open_pull(story.tests(2))
    story.process.call('refuse_machines', code=code)

    story.run_scheduled_job()

    assert cause(story, run_id) is None


# A build


def test_a_build_that_is_not_visible_yet_is_infrastructure_though_the_commit_is_green(story: Story) -> None:
    run_id = story.open_pull(story.tests(2))
    story.process.call('run_workflows', commit=story.run(run_id)['commit'])
    story.process.call('lose_build', commit=story.run(run_id)['commit'])

    report(story, 'workflow_run', 'completed', run_id)

    assert len(story.rows.of('test_progress', test_id=run_id)) == 2
    assert story.commit_status(run_id)['state'] == 'success'
    assert cause(story, run_id) == ('infrastructure', NOT_VISIBLE)


def test_a_build_that_failed_is_the_build(story: Story) -> None:
    run_id = story.open_pull(story.tests(2))
    story.process.call('fail_workflows', commit=story.run(run_id)['commit'])

    report(story, 'workflow_run', 'completed', run_id)

    assert cause(story, run_id) == ('build', 'Cancelling tests as Github Action(s) failed')


def test_a_build_that_fails_again_after_the_run_has_completed_is_none(story: Story, worker: Worker) -> None:
    finish(worker)
    story.process.call('fail_workflows', commit=story.run(worker.run_id)['commit'])

    report(story, 'workflow_run', 'completed', worker.run_id)

    assert story.rows.of('test_progress', test_id=worker.run_id)[-1]['status'] == 'canceled'
    assert cause(story, worker.run_id) is None


@pytest.mark.parametrize(('workflows', 'beginning'), [
    ('fail_workflows', 'Build failed'), ('run_workflows', 'Artifact not found'), (None, 'No build available')])
def test_a_build_that_the_scheduled_job_does_not_find_is_the_build(story: Story, workflows: str | None,
                                                                   beginning: str) -> None:
    run_id = story.open_pull(story.tests(2))
    commit = story.run(run_id)['commit']
    story.process.call('lose_build', commit=commit)
    if workflows:
        story.process.call(workflows, commit=commit)

    story.run_scheduled_job()

    name, detail = cause(story, run_id) or ('', '')
    assert (name, detail[:len(beginning)]) == ('build', beginning)


@pytest.mark.parametrize(('status', 'expected'), [(404, 'build'), (410, 'build'), (502, 'infrastructure')])
def test_a_build_that_cannot_be_downloaded_is_gone_or_is_not(story: Story, status: int, expected: str) -> None:
    run_id = story.open_pull(story.tests(2))
    story.process.call('set_download_status', status=status)

    story.run_scheduled_job()

    assert cause(story, run_id) == (expected, f'Artifact download failed: HTTP {status}')


# A decision


def test_a_run_that_is_canceled_by_the_api_is_a_decision(story: Story, worker: Worker) -> None:
    story.cancel(worker.run_id)

    assert cause(story, worker.run_id) == ('decision', 'Canceled by adam via API')


def test_a_run_that_is_canceled_on_its_page_is_a_decision(story: Story, worker: Worker) -> None:
    story.visit(f'/test/stop_test/{worker.run_id}')

    assert cause(story, worker.run_id) == ('decision', 'Canceled by admin')


def test_a_canceled_run_whose_machine_gives_up_is_a_decision(story: Story, worker: Worker) -> None:
    story.cancel(worker.run_id)

    worker.end('canceled')

    assert len(story.rows.of('test_progress', test_id=worker.run_id)) == 4
    assert cause(story, worker.run_id) == ('decision', 'Canceled by adam via API')


def test_a_canceled_run_whose_machine_runs_out_of_time_is_a_decision(story: Story, worker: Worker) -> None:
    story.cancel(worker.run_id)
    story.process.call('let_pass', machine=worker.machine, minutes=TOO_LONG)

    story.run_scheduled_job()

    assert story.rows.of('test_progress', test_id=worker.run_id)[-1]['message'] == TIME_LIMIT
    assert cause(story, worker.run_id) == ('decision', 'Canceled by adam via API')


def test_a_canceled_run_that_completes_after_all_has_none(story: Story, worker: Worker) -> None:
    story.cancel(worker.run_id)

    finish(worker)

    assert cause(story, worker.run_id) is None


def test_a_completed_run_that_is_canceled_has_none(story: Story, worker: Worker) -> None:
    finish(worker)

    story.visit(f'/test/stop_test/{worker.run_id}')

    assert cause(story, worker.run_id) is None


def test_a_run_of_a_pull_request_that_is_closed_is_a_decision(story: Story) -> None:
    run_id = story.open_pull(story.tests(2))

    report(story, 'pull_request', 'closed', run_id)

    assert cause(story, run_id) == ('decision', 'PR closed')


def test_a_run_that_the_scheduled_job_finds_closed_is_a_decision(story: Story) -> None:
    run_id = story.open_pull(story.tests(2))
    story.process.call('close_pull', number=story.run(run_id)['pr_nr'])

    story.run_scheduled_job()

    assert cause(story, run_id) == ('decision', 'PR is closed')


def test_a_run_that_was_superseded_while_it_was_built_is_a_decision(story: Story) -> None:
    run_id = story.open_pull(story.tests(2))
    run = story.run(run_id)
    story.process.call('run_workflows', commit=run['commit'])
    story.process.call('push_to_pull', number=run['pr_nr'], commit='f' * 40)

    report(story, 'workflow_run', 'completed', run_id)

    assert cause(story, run_id) == ('decision', 'Tests canceled')


def test_a_run_without_code_changes_is_a_decision(story: Story) -> None:
    run_id = story.open_pull(story.tests(2))

    # Neither workflow has run.
    report(story, 'workflow_run', 'completed', run_id)

    assert cause(story, run_id) == ('decision', 'Not ran - no code changes')
