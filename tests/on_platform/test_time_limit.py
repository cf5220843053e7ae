"""
What the patch ``time-limit`` shows on a server and beside the package.

The tests of the patch have the rest.
"""

from concurrent.futures import ThreadPoolExecutor, wait

from sqlalchemy import text

from .protocol import BOTH, TOO_LONG
from .rows import now
from .statuses import RUNNING, news, statuses

TIME_LIMIT = 'Could not complete test, time limit exceeded'


@BOTH
def test_the_time_limit_ends_a_run_once_and_a_restart_starts_it(story):
    worker = story.start(story.open_pull(story.tests(1)))
    story.process.call('keep_machines')
    worker.run_out_of_time()
    story.run_scheduled_job()

    assert worker.ends == [TIME_LIMIT]
    assert statuses(story, worker.run_id)[-2:] == [(*RUNNING, worker.run_id), ('error', TIME_LIMIT, worker.run_id)]
    # With the machine, its entry goes.
    story.process.call('lose_machine', machine=worker.machine)
    story.run_scheduled_job()
    story.ask('POST', f'/runs/{worker.run_id}/restart')
    story.run_scheduled_job()
    story.run_scheduled_job()
    assert worker.is_running and worker.ends == []


def test_a_run_that_ends_while_the_machines_are_listed_keeps_its_end(story):
    worker = story.start(story.open_pull(story.tests(1)))
    before = statuses(story, worker.run_id)
    story.process.call('end_meanwhile', run_id=worker.run_id, asked='cloud')

    worker.run_out_of_time()

    assert (worker.ends, news(story, worker.run_id, before)) == ([], [])


def test_a_job_waits_for_another_one_at_the_time_limit_of_the_same_run(story):
    worker = story.start(story.open_pull(story.tests(1)))
    before = statuses(story, worker.run_id)
    with ThreadPoolExecutor() as executor:
        with story.rows.engine.begin() as another:
            another.execute(text(f'SELECT id FROM test WHERE id = {worker.run_id} FOR UPDATE'))
            job = executor.submit(worker.run_out_of_time)
            assert not wait([job], timeout=2).done
            another.execute(story.rows.metadata.tables['test_progress'].insert().values(
                test_id=worker.run_id, status='canceled', message=TIME_LIMIT, timestamp=now()))
        job.result(timeout=30)

    assert (worker.ends, news(story, worker.run_id, before)) == ([TIME_LIMIT], [])


def test_a_restart_that_holds_the_lock_of_a_run_stops_no_other_time_limit(story):
    worker, other = (story.start(story.open_pull(story.tests(1))) for _ in range(2))
    queued = story.worker(story.open_pull(story.tests(1)))
    story.process.call('let_pass', machine=worker.machine, minutes=TOO_LONG)
    with story.rows.engine.begin() as another:
        another.execute(text(f'SELECT id FROM test WHERE id = {worker.run_id} FOR UPDATE'))
        other.run_out_of_time()

    assert (worker.ends, other.ends) == ([], [TIME_LIMIT])
    assert [run.is_running for run in (worker, other, queued)] == [True, False, True]
    assert statuses(story, worker.run_id)[-1] == (*RUNNING, worker.run_id)
    story.run_scheduled_job()
    assert (worker.ends, worker.is_running) == ([TIME_LIMIT], False)
    assert statuses(story, worker.run_id)[-1] == ('error', TIME_LIMIT, worker.run_id)
