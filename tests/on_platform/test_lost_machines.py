"""What the real platform's job does about machines that are gone, with the patch ``lost-machines``."""

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from .rows import now
from .statuses import GREEN, RUNNING, news, statuses

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


def lose(worker, minutes=20):
    """Have the machine of a worker vanish, and the job notice it some minutes after it was started."""
    worker.story.process.call('lose_machine', machine=worker.machine)
    age(worker, minutes)
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


def test_a_lost_run_that_is_restarted_starts(worker):
    lose(worker)

    restart(worker)


def test_the_first_job_after_twenty_minutes_ends_a_lost_run_and_it_can_be_retried(worker):
    lose(worker, minutes=14)
    assert worker.ends == []

    age(worker, minutes=6)
    worker.story.run_scheduled_job()
    worker.story.run_scheduled_job()

    assert worker.ends == [VANISHED]
    assert statuses(worker.story, worker.run_id)[-2:] == [
        (*RUNNING, worker.run_id), ('error', VANISHED, worker.run_id)]
    (attempt,) = worker.story.attempts(worker.run_id)
    assert (attempt['status'], attempt['cause']) == ('canceled', 'infrastructure')
    healed = worker.story.complete(worker.story.retry(worker.run_id))
    assert statuses(worker.story, worker.run_id)[-1] == (*GREEN, healed)


def test_a_machine_that_never_reported_ends_its_run_too(story):
    worker = story.worker(story.open_pull(story.tests(1)))
    story.run_scheduled_job()

    lose(worker)

    assert worker.ends == [VANISHED]
    assert statuses(story, worker.run_id) == [('error', VANISHED, worker.run_id)]


def test_a_restarted_run_meets_no_machine_of_its_name_that_is_off_but_listed(worker):
    worker.story.process.call('turn_off', machine=worker.machine)
    age(worker)
    worker.story.run_scheduled_job()
    assert (worker.is_running, worker.ends) == (False, [])

    worker.story.run_scheduled_job()

    assert worker.ends == [VANISHED]
    restart(worker)


def test_a_machine_that_only_the_list_lacks_loses_nothing(worker):
    worker.story.process.call('hide', machine=worker.machine)
    age(worker)
    worker.story.run_scheduled_job()

    worker.story.process.call('show', machine=worker.machine)
    worker.run_all({}, but=worker.tests[:1])
    assert (worker.end(), worker.ends) == ('OK', [])
    assert statuses(worker.story, worker.run_id)[-1] == (*GREEN, worker.run_id)


def test_a_canceled_run_whose_machine_vanishes_stays_as_it_is(story, red):
    worker = story.start(story.retry(red))
    story.stop(worker.run_id)
    before = statuses(story, red)

    lose(worker)

    assert (worker.ends, news(story, red, before)) == (['Canceled by admin'], [])


def test_a_lost_run_leaves_the_status_to_a_newer_run_of_the_commit(story, red):
    worker = story.start(story.retry(red))
    newer = story.complete(story.repeat(red))
    before = statuses(story, red)
    assert before[-1] == (*GREEN, newer)

    lose(worker)

    assert (worker.ends, news(story, red, before)) == ([VANISHED], [])


def test_the_green_of_a_restarted_run_does_not_stay_if_it_is_lost(story, green):
    story.ask('POST', f'/runs/{green}/restart')
    worker = story.worker(green)
    story.run_scheduled_job()

    lose(worker)

    assert statuses(story, green)[-1] == ('error', VANISHED, green)


def test_the_first_job_after_the_deployment_ends_nothing_of_the_year_before(worker):
    before = statuses(worker.story, worker.run_id)

    lose(worker, minutes=365 * 24 * 60)

    assert (worker.ends, news(worker.story, worker.run_id, before)) == ([], [])


def test_a_list_of_machines_that_goes_on_on_a_second_page_ends_nothing(worker):
    worker.story.process.call('add_page')

    lose(worker)

    assert worker.ends == []


@pytest.mark.parametrize('status', [None, 403])
def test_a_lost_run_ends_once_github_answers(worker, status):
    before = statuses(worker.story, worker.run_id)
    worker.story.process.call('have_github_fail', questions=['statuses'], status=status)
    lose(worker)
    assert (worker.ends, news(worker.story, worker.run_id, before)) == ([], [])

    worker.story.process.call('have_github_fail')
    worker.story.run_scheduled_job()

    assert worker.ends == [VANISHED]
    assert news(worker.story, worker.run_id, before) == [('error', VANISHED, worker.run_id)]


def test_a_run_that_ends_while_github_is_asked_is_not_lost(worker):
    before = statuses(worker.story, worker.run_id)
    worker.story.process.call('end_meanwhile', run_id=worker.run_id)

    lose(worker)

    assert (worker.ends, news(worker.story, worker.run_id, before)) == ([], [])


def test_a_job_waits_for_another_one_that_ends_the_same_run(worker):
    before = statuses(worker.story, worker.run_id)
    worker.story.process.call('lose_machine', machine=worker.machine)
    age(worker)
    with ThreadPoolExecutor() as executor:
        with worker.story.rows.engine.begin() as another:
            another.execute(text(f'SELECT id FROM test WHERE id = {worker.run_id} FOR UPDATE'))
            job = executor.submit(worker.story.run_scheduled_job)
            assert not wait([job], timeout=2).done
            another.execute(worker.story.rows.metadata.tables['test_progress'].insert().values(
                test_id=worker.run_id, status='canceled', message=VANISHED, timestamp=now()))
        job.result(timeout=30)

    assert (worker.ends, news(worker.story, worker.run_id, before)) == ([VANISHED], [])
