"""
A run that does not start in the real platform's job, and the others: the patch ``refused-start``.

The tests of the patch have the rest.
"""

import pytest
from on_platform.protocol import BOTH
from on_platform.statuses import statuses


@pytest.fixture
def queued(story):
    """The runs of three commits in the queue: the first two are for linux, the last one is for windows."""
    tests = story.tests(1)
    return [*(story.open_pull(tests) for _ in range(2)), story.push(tests, platform='windows')]


def running(story, runs):
    """Return which of some runs have a machine."""
    return [run_id for run_id in runs if story.worker(run_id).is_running]


@BOTH
def test_a_run_whose_old_machine_is_still_there_waits_and_the_others_start(story, queued):
    first, *others = queued
    story.process.call('start_machine', machine=story.worker(first).machine)
    story.process.call('keep_machines')

    story.run_scheduled_job()

    assert running(story, others) == others
    assert (story.reported(first).status, statuses(story, first)) == ('queued', [])
    story.process.call('lose_machine', machine=story.worker(first).machine)
    story.complete(first)
    assert story.reported(first).status == 'pass'


@BOTH
def test_another_refusal_is_about_the_runs_of_one_system(story, queued):
    *waiting, windows = queued
    story.process.call('refuse_machines', name='linux', status=403)

    story.run_scheduled_job()

    assert running(story, queued) == [windows]
    assert [story.reported(run_id).status for run_id in waiting] == ['queued'] * 2
    assert [statuses(story, run_id) for run_id in waiting] == [[], []]
    assert story.process.call('refused') == 1


@BOTH
def test_a_build_that_is_no_zip_file_ends_its_run_and_the_others_start(story, queued):
    first, *others = queued
    story.process.call('break_build')

    story.run_scheduled_job()

    message = 'Artifact download failed: File is not a zip file'
    assert story.worker(first).ends == [message]
    assert statuses(story, first) == [('error', message, first)]
    assert running(story, others) == others
    (attempt,) = story.attempts(first)
    assert attempt['cause'] == 'infrastructure'
