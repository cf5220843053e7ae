"""What the sweep does about runs that the platform's own job, workers and webhooks have left behind."""

import json
from datetime import timedelta

from sqlalchemy import select, update

from .protocol import BOTH, Reported
from .rows import now

pytestmark = BOTH

#: So long ago that it is long ago in local time and in UTC.
LONG = timedelta(hours=12)


def let_pass(story):
    """Make all that has just been written some hours older."""
    for name, key in (('test_progress', 'id'), ('gcp_instance', 'name')):
        table = story.rows.metadata.tables[name]
        with story.rows.engine.begin() as connection:
            for row in connection.execute(select(table).where(table.c.timestamp > now() - timedelta(hours=1))).all():
                connection.execute(update(table).where(table.c[key] == getattr(row, key))
                                   .values(timestamp=row.timestamp - LONG))


def sweep(story):
    """Sweep, and return each run, what was done, and the new run."""
    lines = map(json.loads, story.command('sweep', '--json').splitlines())
    return [(line['run_id'], line['what'], line['new_run_id']) for line in lines]


def start(story, run_id, tests=0):
    """Have a run start, and pass some of its tests."""
    worker = story.worker(run_id)
    worker.start()
    for test_id in worker.tests[:tests]:
        worker.run(test_id)
    return worker


def vanish(story, worker):
    """Have a machine disappear without a word to anybody, and some hours pass."""
    story.process.call('lose_machine', machine=worker.machine)
    let_pass(story)
    story.run_scheduled_job()


def test_a_run_that_ran_out_of_time_after_12_of_20_tests_is_resumed_and_ends_whole(story):
    tests = story.tests(20)
    worker = start(story, story.open_pull(tests), tests=12)
    worker.run_out_of_time()

    let_pass(story)
    ((run_id, what, retry),) = sweep(story)

    assert (run_id, what, story.rows.selection(retry)) == (worker.run_id, 'retried', tests[12:])
    story.complete(retry)
    assert '20/20 tests matched the approved output' in story.report(worker.run_id)
    assert story.commit_status(worker.run_id)['state'] == 'success'
    assert story.reported(retry) == Reported('pass', tests=20, passed=20, failed=0, not_run=0)
    let_pass(story)
    assert sweep(story) == []


def test_another_machine_finishes_the_run_of_one_that_vanished(story):
    tests = story.tests(3)
    worker = start(story, story.open_pull(tests), tests=1)
    vanish(story, worker)
    status = story.commit_status(worker.run_id)
    assert (status['state'], status['description']) == ('error', 'The machine of this run has vanished.')

    let_pass(story)
    ((_, what, retry),) = sweep(story)
    assert (what, story.rows.selection(retry)) == ('retried', tests[1:])


def test_what_is_nobodys_to_retry_is_never_touched(story):
    tests = story.tests(2)
    closed = story.open_pull(tests)
    story.process.call('close_pull', number=story.run(closed)['pr_nr'])
    canceled, stopped, completed = (start(story, story.open_pull(tests)) for _ in range(3))
    story.cancel(canceled.run_id)
    canceled.run_out_of_time()
    story.stop(stopped.run_id)
    # Given up, but it completes after all, and its machine reboots.
    completed.run_out_of_time()
    completed.run_all({})
    completed.end()
    completed.post('progress', status='preparation', message='')
    let_pass(story)
    start(story, story.open_pull(tests))
    # This one stays queued.
    story.open_pull(tests)
    before = story.rows.snapshot()

    assert sweep(story) == []

    assert story.rows.snapshot() == before
    assert story.rows.of('run_retry') == []
