"""
What the patch ``lost-machines`` shows on a server and beside the package.

The tests of the patch have the rest, and ``test_sweep.py`` retries a lost run.
"""

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from .protocol import BOTH
from .rows import now
from .statuses import GREEN, QUEUED, RED, RUNNING, news, statuses

VANISHED = 'The machine of this run has vanished.'


@pytest.fixture
def worker(story):
    """A worker that has got half-way: the first of two tests of a pull request has run."""
    worker = story.start(story.open_pull(story.tests(2)))
    worker.run(worker.tests[0])
    return worker


def age(worker, minutes=20):
    """Let minutes pass since the machine of a worker was started, by the platform's entry of it."""
    table = worker.story.rows.metadata.tables['gcp_instance']
    with worker.story.rows.engine.begin() as connection:
        started = connection.execute(select(table.c.timestamp).where(table.c.test_id == worker.run_id)).scalar_one()
        connection.execute(update(table).where(table.c.test_id == worker.run_id).values(
            timestamp=started - timedelta(minutes=minutes)))


def lose(worker):
    """Have the machine of a worker vanish, and the job notice it some minutes after it was started."""
    worker.story.process.call('lose_machine', machine=worker.machine)
    age(worker)
    worker.story.run_scheduled_job()


def restart(worker):
    """Restart a run, and check that it starts once and completes."""
    worker.story.ask('POST', f'/runs/{worker.run_id}/restart')
    worker.story.run_scheduled_job()
    worker.story.run_scheduled_job()
    assert worker.is_running
    worker.story.complete(worker.run_id)
    assert worker.ends == []
    assert statuses(worker.story, worker.run_id)[-1] == (*GREEN, worker.run_id)


@BOTH
def test_a_lost_run_ends_with_its_cause_and_starts_when_it_is_restarted(worker):
    lose(worker)
    worker.story.run_scheduled_job()

    assert worker.ends == [VANISHED]
    assert statuses(worker.story, worker.run_id)[-2:] == [
        (*RUNNING, worker.run_id), ('error', VANISHED, worker.run_id)]
    (attempt,) = worker.story.attempts(worker.run_id)
    assert (attempt['status'], attempt['cause']) == ('canceled', 'infrastructure')
    restart(worker)


@BOTH
def test_a_restarted_run_meets_no_machine_of_its_name_that_is_off_but_listed(worker):
    worker.story.process.call('turn_off', machine=worker.machine)
    age(worker)
    worker.story.run_scheduled_job()
    assert (worker.is_running, worker.ends) == (False, [])

    worker.story.run_scheduled_job()

    assert worker.ends == [VANISHED]
    restart(worker)


def lose_unnoticed(worker):
    """Have the machine of a worker vanish before the job looks."""
    worker.story.process.call('lose_machine', machine=worker.machine)


def lose_canceled(worker):
    """Cancel a run, and have its machine vanish before the job looks."""
    worker.story.stop(worker.run_id)
    lose_unnoticed(worker)


def run_out_of_time(worker):
    """Have the job end a run at the time limit; its machine is gone some time later."""
    worker.story.process.call('keep_machines')
    worker.run_out_of_time()
    lose_unnoticed(worker)


@BOTH
@pytest.mark.parametrize('end', [lose_unnoticed, lose_canceled, run_out_of_time])
def test_a_run_that_is_restarted_before_the_next_tick_starts_in_it(worker, end):
    end(worker)
    age(worker)
    before = statuses(worker.story, worker.run_id)
    worker.story.ask('POST', f'/runs/{worker.run_id}/restart')

    worker.story.run_scheduled_job()

    assert (worker.is_running, worker.ends, news(worker.story, worker.run_id, before)) == (True, [], [])
    worker.story.complete(worker.run_id)
    assert statuses(worker.story, worker.run_id)[-1] == (*GREEN, worker.run_id)


@BOTH
def test_a_retry_that_is_lost_before_it_reports_is_pending_no_longer(story, red):
    worker = story.worker(story.retry(red))
    story.run_scheduled_job()

    lose(worker)

    assert statuses(story, red)[-3:] == [
        (*RED, red), (*QUEUED, worker.run_id), ('error', VANISHED, worker.run_id)]


def test_a_run_that_ends_while_github_is_asked_is_not_lost(worker):
    before = statuses(worker.story, worker.run_id)
    worker.story.process.call('end_meanwhile', run_id=worker.run_id)

    lose(worker)

    assert (worker.ends, news(worker.story, worker.run_id, before)) == ([], [])


def test_a_job_waits_for_another_one_that_ends_the_same_run(worker):
    before = statuses(worker.story, worker.run_id)
    worker.story.process.call('lose_machine', machine=worker.machine)
    age(worker)
    tables = worker.story.rows.metadata.tables
    with ThreadPoolExecutor() as executor:
        with worker.story.rows.engine.begin() as another:
            another.execute(text(f'SELECT id FROM test WHERE id = {worker.run_id} FOR UPDATE'))
            job = executor.submit(worker.story.run_scheduled_job)
            assert not wait([job], timeout=2).done
            another.execute(tables['test_progress'].insert().values(
                test_id=worker.run_id, status='canceled', message=VANISHED, timestamp=now()))
        job.result(timeout=30)

    assert (worker.ends, news(worker.story, worker.run_id, before)) == ([VANISHED], [])


def test_a_restart_that_holds_the_lock_of_a_run_keeps_no_other_one_waiting(worker):
    story = worker.story
    other = story.start(story.open_pull(story.tests(1)))
    lose_canceled(worker)
    lose_unnoticed(other)
    age(other)
    queued = story.worker(story.open_pull(story.tests(1)))
    with story.rows.engine.begin() as another:
        another.execute(text(f'SELECT id FROM test WHERE id = {worker.run_id} FOR UPDATE'))
        story.run_scheduled_job()

    assert (other.ends, queued.is_running, worker.is_running) == ([VANISHED], True, False)
    assert statuses(story, other.run_id)[-1] == ('error', VANISHED, other.run_id)
    restart(worker)
