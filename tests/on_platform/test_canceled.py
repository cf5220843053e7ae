"""What GitHub says of a run that a person cancels in the real platform, with the patch ``cancel-status``."""

import pytest

from .protocol import CRASH, Story

FACES = pytest.mark.parametrize('cancel', [Story.stop, Story.cancel], ids=['page', 'API'])


@FACES
def test_a_run_that_is_canceled_in_the_queue_is_an_error_with_its_page(story, cancel):
    run_id = story.open_pull(story.tests(1))

    cancel(story, run_id)

    status = story.commit_status(run_id)
    assert (status['context'], status['state'], status['description']) == ('CI - linux', 'error', 'Canceled')
    assert status['target_url'].endswith(f'/test/{run_id}')


def test_a_run_that_is_stopped_after_its_end_keeps_its_status(story):
    run_id = story.complete(story.open_pull(story.tests(1)))
    before = story.commit_status(run_id)

    story.stop(run_id)

    assert before['state'] == 'success' and story.commit_status(run_id) == before


@FACES
def test_a_run_that_is_canceled_leaves_the_status_to_a_newer_run_of_the_commit(story, cancel):
    failed, = story.tests(1)
    source = story.complete(story.open_pull([failed]), {failed: CRASH})
    first = story.retry(source)
    worker = story.worker(first)
    worker.start()
    story.rows.run([failed], stages=(), **{name: story.run(source)[name] for name in ('commit', 'pr_nr')})
    before = story.commit_status(source)

    cancel(story, first)

    assert story.commit_status(source) == before
