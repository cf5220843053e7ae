"""A run that a person cancels in the real platform: the patch ``cancel-status``, and what the package makes of it."""

import pytest

from .protocol import BOTH, CRASH, Story
from .statuses import CANCELED, GREEN, MASTER_GREEN, QUEUED, RED, RUNNING, STARTING, news, statuses
from .test_sweep import let_pass, sweep

CLIENTS = pytest.mark.parametrize('cancel', [Story.stop, Story.cancel], ids=['page', 'API'])


def cancel_again(story, run_id):
    """Cancel a canceled run by the platform's API, and return the answer's status."""
    return story.ask('POST', f'/runs/{run_id}/cancel')['status']


def test_a_cancel_takes_the_status_back_and_lasts_until_the_run_is_restarted(story, red):
    worker = story.start(story.retry(red))
    retry = worker.run_id

    story.stop(retry)
    story.stop(retry)
    worker.run_all({})
    assert worker.end() == 'FAIL'
    assert (worker.is_running, story.reported(retry).status) == (False, 'canceled')
    story.ask('POST', f'/runs/{retry}/restart')
    story.complete(retry)

    assert statuses(story, red)[2:] == [
        (*RED, red), (*QUEUED, retry), (*STARTING, retry), (*RUNNING, retry), (*RED, red),
        (*STARTING, retry), (*RUNNING, retry), (*GREEN, retry)]


@BOTH
def test_a_cancel_lasts_although_the_build_of_the_other_platform_fails_later(story):
    worker = story.start(story.open_pull(story.tests(1)))
    run_id = worker.run_id
    story.stop(run_id)

    story.end_build(story.run(run_id)['commit'], 'windows', 'failure', 'octocat')
    worker.run_all({})
    assert worker.end() == 'FAIL'

    failed = 'Cancelling tests as Github Action(s) failed'
    assert (worker.is_running, worker.ends) == (False, ['Canceled by admin', failed])
    assert story.reported(run_id).status == 'canceled'
    assert statuses(story, run_id) == [
        (*STARTING, run_id), (*RUNNING, run_id), (*CANCELED, run_id), ('failure', failed, None)]
    let_pass(story)
    assert sweep(story) == []


@CLIENTS
def test_what_a_machine_reports_while_github_is_asked_decides(story, red, cancel):
    retry = story.retry(red)
    story.start(retry)
    before = statuses(story, red)
    story.process.call('end_meanwhile', run_id=retry)

    cancel(story, retry)

    assert news(story, red, before) == []


@BOTH
@CLIENTS
def test_a_second_cancel_takes_back_what_github_did_not_take_and_a_third_posts_nothing(story, red, cancel):
    retry = story.retry(red)
    story.start(retry)
    before = statuses(story, red)
    story.process.call('have_github_fail', questions=['statuses'])
    cancel(story, retry)
    story.process.call('have_github_fail')
    assert news(story, red, before) == []

    for _ in range(2):
        assert cancel_again(story, retry) == 'no_op'
        assert news(story, red, before) == [(*RED, red)]

    assert len(story.worker(retry).ends) == 1


@BOTH
def test_a_restarted_run_gets_no_older_green_back_although_its_build_failed_since(story):
    run_id = story.complete(story.open_pull(story.tests(1)))
    other = story.complete(story.repeat(run_id))
    story.ask('POST', f'/runs/{run_id}/restart')
    story.start(run_id)
    before = statuses(story, run_id)
    assert before[-3:] == [(*GREEN, other), (*STARTING, run_id), (*RUNNING, run_id)]
    story.process.call('have_github_fail', questions=['statuses', 'status'], status=502)
    story.stop(run_id)
    story.end_build(story.run(run_id)['commit'], 'windows', 'failure', 'octocat')
    story.process.call('have_github_fail')
    assert story.worker(run_id).ends == ['Canceled by admin', 'Cancelling tests as Github Action(s) failed']

    for _ in range(2):
        assert cancel_again(story, run_id) == 'no_op'
        assert news(story, run_id, before) == [(*CANCELED, run_id)]


# With the package

@CLIENTS
def test_a_retry_that_is_canceled_in_the_queue_was_pending_until_then(story, red, cancel):
    retry = story.retry(red)

    cancel(story, retry)

    assert statuses(story, red)[2:] == [(*RED, red), (*QUEUED, retry), (*RED, red)]


def test_a_canceled_run_is_left_to_people_although_its_machine_gives_up(story):
    worker = story.start(story.open_pull(story.tests(1)))
    story.cancel(worker.run_id)
    assert worker.end('canceled') == 'FAIL'
    let_pass(story)

    assert sweep(story) == []

    (attempt,) = story.attempts(worker.run_id)
    assert (attempt['cause'], attempt['cause_detail']) == ('decision', 'Canceled by adam via API')


def test_a_canceled_retry_of_master_is_no_reference_although_its_machine_finishes(story, green):
    worker = story.start(story.retry(green, failed_only=False))
    retry = worker.run_id
    (failed,) = worker.tests

    story.stop(retry)
    worker.run(failed, CRASH)
    assert worker.end() == 'FAIL'

    assert story.reported(retry).status == 'canceled'
    assert statuses(story, green)[2:] == [
        (*MASTER_GREEN, green), (*QUEUED, retry), (*STARTING, retry), (*RUNNING, retry), (*MASTER_GREEN, green)]
    pull = story.complete(story.open_pull([failed]), {failed: CRASH})
    assert f'the tip of master</b> — <a href="http://localhost/test/{green}">' in story.report(pull)
