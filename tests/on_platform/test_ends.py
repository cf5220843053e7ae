"""Ends as the platform writes them, late, again and after the end, and what is said of them (docs/api.rst)."""

from typing import Any

import pytest
from support.github import MAX_DESCRIPTION_LENGTH

from .protocol import BOTH, CRASH, Reported, Worker
from .statuses import statuses

TIME_LIMIT = 'Could not complete test, time limit exceeded'

WHOLE = Reported('pass', tests=4, passed=4, failed=0, not_run=0)


@pytest.fixture
def worker(story):
    """A worker that has got half-way: the first of two tests of a pull request has run. Its machine is slow to stop."""
    worker = story.worker(story.open_pull(story.tests(2)))
    worker.start()
    worker.run(worker.tests[0])
    story.process.call('keep_machines')
    return worker


# What happens to a run


def run_out_of_time(worker):
    """Have the scheduled job give the machine up, and once more, for it is slow to stop: a run ends once."""
    worker.story.process.call('keep_machines')
    worker.run_out_of_time()
    worker.story.run_scheduled_job()
    assert worker.ends.count(TIME_LIMIT) <= 1


def hang(worker):
    """Have the second test hang for ten minutes, and the machine run out of time."""
    worker.post('finish', test_id=str(worker.tests[1]), runTime='600000', exitCode='-1')
    worker.run_out_of_time()


def reboot(worker):
    """Have the machine begin anew."""
    worker.post('progress', status='preparation', message='once more')


def give_up(worker):
    """Have the worker give up."""
    worker.post('progress', status='canceled', message='')


def cancel(worker):
    """Cancel the run by the API."""
    worker.story.cancel(worker.run_id)


def stop(worker):
    """Cancel the run on its page."""
    worker.story.stop(worker.run_id)


def finish(worker):
    """Run the rest, and complete."""
    worker.run_all({}, but=worker.story.origins(worker.run_id))
    worker.end()


# Causes

#: By a case its cause and its detail, and what happens to a run that has got half-way, in this order.
CAUSES: dict[str, Any] = {
    'whole, then out of time': (None, None, [finish, run_out_of_time]),
    'whole, then a reboot': (None, None, [finish, reboot]),
    'whole, then canceled on its page': (None, None, [finish, stop]),
    'the time limit': ('infrastructure', TIME_LIMIT, [run_out_of_time]),
    'a test that hangs': ('code', TIME_LIMIT, [hang]),
    'a reboot': ('infrastructure', 'Duplicate Entries', [reboot]),
    'the worker gives up': ('infrastructure', 'Duplicate Entries', [give_up]),
    'completed half-way': ('infrastructure', '1 of 2 results are missing', [Worker.end]),
    'canceled by the API, then out of time': ('decision', 'Canceled by adam via API', [cancel, run_out_of_time]),
    'canceled on its page, then out of time': ('decision', 'Canceled by admin', [stop, run_out_of_time]),
}


@pytest.mark.parametrize('case', CAUSES)
def test_an_end_has_the_cause_that_the_platforms_own_rows_tell(worker, case):
    cause, detail, happenings = CAUSES[case]
    for happens in happenings:
        happens(worker)

    last = worker.story.rows.of('test_progress', test_id=worker.run_id)[-1]
    has_completed = case in ('completed half-way', 'whole, then out of time')
    assert last['status'] == ('completed' if has_completed else 'canceled')
    (attempt,) = worker.story.attempts(worker.run_id)
    assert (attempt['cause'], attempt['cause_detail']) == (cause, detail)


def test_a_reason_that_is_too_long_for_github_leaves_no_commit_pending(story):
    worker = story.worker(story.open_pull(story.tests(1)))
    story.process.call('lose_build', commit=story.run(worker.run_id)['commit'])

    story.run_scheduled_job()

    (reason,) = worker.ends
    assert len(reason) > MAX_DESCRIPTION_LENGTH
    assert statuses(story, worker.run_id) == [('error', reason[:MAX_DESCRIPTION_LENGTH], worker.run_id)]


# An end is not final, and what is said again is no newer end


@BOTH
@pytest.mark.parametrize('cancel', [run_out_of_time, reboot, give_up])
def test_a_retry_that_is_canceled_half_way_is_whole_when_it_completes_after_all(story, cancel):
    tests = story.tests(4)
    source = story.complete(story.open_pull(tests), dict.fromkeys(tests[:2], CRASH))
    worker = story.worker(story.retry(source))
    worker.start()
    worker.run(tests[0])
    cancel(worker)
    assert story.reported(worker.run_id) == Reported('canceled', tests=2, passed=1, failed=0, not_run=1)
    assert story.origins(worker.run_id) == {tests[0]: worker.run_id}
    assert 'An error occurred' in story.page(worker.run_id)

    # Nothing of this stops a machine that goes on.
    finish(worker)

    assert story.reported(worker.run_id) == WHOLE
    assert '4/4 tests matched the approved output' in story.report(worker.run_id)


@BOTH
@pytest.mark.parametrize('again', [Worker.end, stop])
def test_what_is_written_after_an_end_is_no_newer_end(story, again):
    tests = story.tests(4)
    worker = story.worker(story.open_pull(tests))
    worker.start()
    worker.run_all({tests[0]: CRASH}, but=tests[3:])
    worker.end()
    healed = story.complete(story.retry(worker.run_id), {tests[3]: CRASH})

    again(worker)

    assert {entry['regression_test_id']: entry['latest'] for entry in story.verdict(healed)['data']} == {
        **dict.fromkeys(tests[:3], 'pass'), tests[3]: 'missing_output'}
    last = story.complete(story.retry(healed))
    assert story.origins(last) == {**dict.fromkeys(tests[1:3], worker.run_id), tests[0]: healed, tests[3]: last}
    assert story.reported(last) == WHOLE
    assert '4/4 tests matched the approved output' in story.report(last)
