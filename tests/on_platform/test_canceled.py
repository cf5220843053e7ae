"""What GitHub says of a run that a person cancels in the real platform, with the patch ``cancel-status``."""

import pytest

from .protocol import Story
from .statuses import CANCELED, GREEN, MASTER_GREEN, QUEUED, RED, RUNNING, STARTING, WAITING, news, statuses
from .test_builds import NEWCOMER, end, push, runs_of

CLIENTS = pytest.mark.parametrize('cancel', [Story.stop, Story.cancel], ids=['page', 'API'])


# A retry

@CLIENTS
def test_a_red_commit_whose_retry_is_canceled_in_the_queue_leads_to_its_failures_again(story, red, cancel):
    retry = story.retry(red)

    cancel(story, retry)

    assert statuses(story, red)[2:] == [(*RED, red), (*QUEUED, retry), (*RED, red)]


@CLIENTS
def test_a_red_commit_whose_retry_is_canceled_while_it_runs_leads_to_its_failures_again(story, red, cancel):
    retry = story.retry(red)
    story.start(retry)

    cancel(story, retry)

    assert statuses(story, red)[3:] == [(*QUEUED, retry), (*STARTING, retry), (*RUNNING, retry), (*RED, red)]


@pytest.mark.parametrize('is_started', [False, True])
def test_a_green_commit_of_master_whose_retry_is_canceled_stays_green(story, green, is_started):
    retry = story.retry(green, failed_only=False)
    if is_started:
        story.start(retry)

    story.stop(retry)

    assert statuses(story, green)[2] == (*MASTER_GREEN, green)
    assert statuses(story, green)[-1] == (*MASTER_GREEN, green)


def test_a_retry_that_is_canceled_twice_posts_once(story, red):
    retry = story.retry(red)
    story.stop(retry)
    before = statuses(story, red)

    story.stop(retry)

    assert news(story, red, before) == []


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


# A first run

def test_a_first_run_that_is_canceled_before_its_build_is_an_error_with_its_page(story):
    story.tests(1)
    commit = push(story, 'opened')
    linux, windows = runs_of(story, commit)

    story.stop(linux)

    assert statuses(story, linux) == [*WAITING, (*CANCELED, linux)]
    assert statuses(story, windows) == WAITING


@pytest.mark.parametrize('is_started', [False, True])
@CLIENTS
def test_a_first_run_that_is_canceled_is_an_error_with_its_page(story, cancel, is_started):
    story.tests(1)
    commit = push(story, 'opened')
    linux, windows = runs_of(story, commit)
    end(story, commit, 'success', NEWCOMER)
    if is_started:
        story.start(linux)

    cancel(story, linux)
    story.stop(linux)

    running = [(*STARTING, linux), (*RUNNING, linux)] if is_started else []
    assert statuses(story, linux) == [*WAITING, (*QUEUED, linux), *running, (*CANCELED, linux)]
    assert (*CANCELED, windows) not in statuses(story, windows)


def test_a_run_that_is_stopped_after_its_end_keeps_its_status(story, green):
    before = statuses(story, green)

    story.stop(green)

    assert news(story, green, before) == []


@pytest.mark.parametrize('is_started', [False, True])
@CLIENTS
def test_a_restarted_run_that_is_canceled_does_not_get_its_green_back(story, green, cancel, is_started):
    retry = story.complete(story.retry(green, failed_only=False))
    story.ask('POST', f'/runs/{retry}/restart')
    if is_started:
        story.start(retry)
    before = statuses(story, green)
    assert before[-1] == ((*RUNNING, retry) if is_started else (*MASTER_GREEN, retry))

    cancel(story, retry)
    story.stop(retry)

    assert news(story, green, before) == [(*CANCELED, retry)]


# Two runs of a commit

def test_the_second_of_two_runs_that_wait_is_canceled_without_a_word(story):
    story.tests(1)
    commit = push(story, 'opened')
    push_again(story, commit)
    end(story, commit, 'success', NEWCOMER)
    first, second = (run_id for run_id, platform in runs_of(story, commit).items() if platform == 'linux')
    before = statuses(story, first)
    assert before == [*WAITING, (*QUEUED, first)]

    story.stop(second)
    assert news(story, first, before) == []

    story.stop(first)
    assert news(story, first, before) == [(*CANCELED, first)]


def test_the_first_of_two_runs_that_wait_leaves_the_commit_to_the_second(story):
    story.tests(1)
    commit = push(story, 'opened')
    push_again(story, commit)
    first, second = (run_id for run_id, platform in runs_of(story, commit).items() if platform == 'linux')

    story.stop(first)
    assert statuses(story, first) == WAITING
    story.stop(second)

    assert statuses(story, first) == [*WAITING, (*CANCELED, second)]


def push_again(story, commit):
    """Close a pull request, and open it again: two more runs."""
    story.deliver('pull_request', {'action': 'reopened', 'sender': {'login': NEWCOMER}, 'pull_request': {
        'number': 77, 'head': {'sha': commit}, 'user': {'id': 1}}})
    assert len(runs_of(story, commit)) == 4


@pytest.mark.parametrize('happens', ['waits', 'runs', 'is green'])
@CLIENTS
def test_an_old_run_that_is_canceled_leaves_the_status_to_a_newer_one(story, red, cancel, happens):
    old = story.retry(red)
    worker = story.start(old)
    newer = story.repeat(red)
    if happens != 'waits':
        newer_worker = story.start(newer)
        assert worker.is_running
    if happens == 'is green':
        newer_worker.run_all({})
        newer_worker.end()
    before = statuses(story, red)

    cancel(story, old)

    # The one that waits has told GitHub nothing yet.
    assert news(story, red, before) == ([(*RED, red)] if happens == 'waits' else [])
    assert before[-1] == {'waits': (*RUNNING, old), 'runs': (*RUNNING, newer), 'is green': (*GREEN, newer)}[happens]


def test_a_newer_run_that_is_canceled_gives_the_status_back_to_one_that_runs(story, red):
    older = story.retry(red)
    story.start(older)
    newer = story.repeat(red)
    story.start(newer)

    story.stop(newer)

    assert statuses(story, red)[-2:] == [(*RUNNING, newer), (*RUNNING, older)]


# GitHub

@pytest.mark.parametrize('status', [None, 422])
@pytest.mark.parametrize('question', ['statuses', 'status'])
def test_a_run_is_canceled_although_github_is_silent_or_refuses(story, red, question, status):
    retry = story.retry(red)
    before = statuses(story, red)
    story.process.call('have_github_fail', questions=[question], status=status)

    story.cancel(retry)

    assert story.reported(retry).status == 'canceled'
    assert news(story, red, before) == []

    # Whoever presses again takes it back.
    story.process.call('have_github_fail')
    story.stop(retry)
    assert news(story, red, before) == [(*RED, red)]


@CLIENTS
def test_what_a_machine_reports_while_github_is_asked_decides(story, red, cancel):
    retry = story.retry(red)
    story.start(retry)
    before = statuses(story, red)
    story.process.call('end_meanwhile', run_id=retry)

    cancel(story, retry)

    assert news(story, red, before) == []
