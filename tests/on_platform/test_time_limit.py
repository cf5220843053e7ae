"""What the real platform's job does about machines that take too long, with the patch ``time-limit``."""

import pytest

from .protocol import TOO_LONG
from .statuses import GREEN, news, statuses

TIME_LIMIT = 'Could not complete test, time limit exceeded'


@pytest.fixture
def worker(story):
    """A worker that has begun."""
    return story.start(story.open_pull(story.tests(1)))


def test_the_time_limit_changes_nothing_of_a_run_that_was_canceled_but_its_machine(story, red):
    worker = story.start(story.retry(red))
    story.stop(worker.run_id)
    before = statuses(story, red)

    worker.run_out_of_time()

    assert not worker.is_running
    assert (worker.ends, news(story, red, before)) == (['Canceled by admin'], [])


def test_the_time_limit_ends_a_run_once_although_its_machine_is_slow_to_stop(worker):
    worker.story.process.call('keep_machines')
    before = statuses(worker.story, worker.run_id)

    worker.run_out_of_time()
    worker.story.run_scheduled_job()

    assert worker.ends == [TIME_LIMIT]
    assert news(worker.story, worker.run_id, before) == [('error', TIME_LIMIT, worker.run_id)]


def test_the_time_limit_leaves_a_run_green_that_passed_in_time(worker):
    worker.story.process.call('keep_machines')
    worker.run_all({})
    worker.end()
    before = statuses(worker.story, worker.run_id)

    worker.run_out_of_time()

    assert (worker.ends, news(worker.story, worker.run_id, before)) == ([], [])


def test_the_time_limit_takes_no_newer_green_back(story, red):
    worker = story.start(story.retry(red))
    newer = story.complete(story.repeat(red))
    before = statuses(story, red)
    assert before[-1] == (*GREEN, newer)

    worker.run_out_of_time()

    assert (worker.ends, news(story, red, before)) == ([TIME_LIMIT], [])


def test_the_time_limit_is_posted_if_github_does_not_show_the_statuses(worker):
    before = statuses(worker.story, worker.run_id)
    worker.story.process.call('have_github_fail', questions=['statuses'])

    worker.run_out_of_time()

    assert not worker.is_running and worker.ends == [TIME_LIMIT]
    assert news(worker.story, worker.run_id, before) == [('error', TIME_LIMIT, worker.run_id)]


def test_the_time_limit_ends_a_run_although_github_is_silent(worker):
    before = statuses(worker.story, worker.run_id)
    worker.story.process.call('have_github_fail', questions=['statuses', 'status'])

    worker.run_out_of_time()

    assert not worker.is_running and worker.ends == [TIME_LIMIT]
    assert news(worker.story, worker.run_id, before) == []


def test_a_run_that_reached_its_time_limit_starts_when_it_is_restarted(worker):
    worker.run_out_of_time()
    worker.story.run_scheduled_job()

    worker.story.ask('POST', f'/runs/{worker.run_id}/restart')
    worker.story.run_scheduled_job()
    worker.story.run_scheduled_job()

    assert worker.is_running and worker.ends == []


def test_a_machine_whose_run_is_not_there_stops_no_job(worker):
    worker.story.process.call('start_machine', machine='linux-999999')
    worker.story.process.call('let_pass', machine='linux-999999', minutes=TOO_LONG)

    worker.run_out_of_time()

    assert worker.story.process.call('running') == [] and worker.ends == [TIME_LIMIT]
