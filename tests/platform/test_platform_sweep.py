"""What the sweep does about runs that the platform's own job, workers and webhooks have left behind."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from checkout import Platform, copy_as_documented
from protocol import BOTH, CRASH, TOO_LONG, Said, Story, Worker
from rows import now
from support.github import AUTHOR

pytestmark = [pytest.mark.platform, BOTH]

#: So long ago that it is long ago in local time and in UTC.
LONG = timedelta(hours=12)


@pytest.fixture(scope='session')
def telling(unmounted: Platform) -> Platform:
    """A copy of the platform with automatic retries, and all that the docs offer."""
    return replace(copy_as_documented(unmounted, 'sweeping'), settings={
        'RUNS_API_AUTOMATIC_RETRIES': 1, 'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE': 3})


def let_hours_pass(story: Story) -> None:
    """Make all that has just been written some hours older."""
    for table, key in (('test_progress', 'id'), ('gcp_instance', 'name')):
        rows = story.rows.tables[table]
        with story.rows.engine.begin() as connection:
            for row in story.rows.of(table):
                if row['timestamp'] > now() - timedelta(hours=1):
                    connection.execute(rows.update().where(rows.c[key] == row[key])
                                       .values(timestamp=row['timestamp'] - LONG))


def sweep(story: Story) -> list[tuple[int, str, int | None]]:
    """Sweep after some hours, and return each run, what was done, and the new run."""
    let_hours_pass(story)
    return sweep_now(story)


def sweep_now(story: Story) -> list[tuple[int, str, int | None]]:
    """Sweep, and return each run, what was done, and the new run."""
    lines = map(json.loads, story.command('sweep', '--json').splitlines())
    return [(line['run_id'], line['what'], line['new_run_id']) for line in lines]


def test_a_run_that_ran_out_of_time_after_12_of_20_tests_is_resumed_and_ends_whole(story: Story) -> None:
    tests = story.tests(20)
    worker = story.worker(story.open_pull(tests))
    worker.start()
    for test_id in tests[:12]:
        worker.run(test_id)
    worker.run_out_of_time()

    ((run_id, what, retry),) = sweep(story)

    assert (run_id, what) == (worker.run_id, 'retried')
    assert story.selection(retry) == tests[12:]
    story.complete(retry)
    assert '20/20 tests matched the approved output' in story.report(retry)
    assert story.commit_status(retry)['state'] == 'success'
    assert story.said(retry) == Said('pass', tests=20, passed=20, failed=0, not_run=0)
    assert story.origins(retry) == {**dict.fromkeys(tests[:12], run_id), **dict.fromkeys(tests[12:], retry)}
    assert sweep(story) == []


def test_a_machine_that_vanished_ends_its_run_and_another_finishes_it(story: Story) -> None:
    tests = story.tests(3)
    worker = story.worker(story.open_pull(tests))
    worker.start()
    worker.run(tests[0])
    story.process.call('lose_machine', machine=worker.machine)
    story.run_scheduled_job()

    assert sweep(story) == [(worker.run_id, 'ended', None)]

    status = story.commit_status(worker.run_id)
    assert (status['state'], status['description']) == ('error', 'The machine of this run has vanished.')
    assert story.said(worker.run_id).status == 'canceled'
    ((_, what, retry),) = sweep(story)
    assert what == 'retried'
    story.complete(retry)
    assert story.said(retry) == Said('pass', tests=3, passed=3, failed=0, not_run=0)


def test_a_build_that_was_not_visible_is_tested_once_it_is(story: Story) -> None:
    run_id = story.open_pull(story.tests(2))
    run = story.run(run_id)
    story.process.call('run_workflows', commit=run['commit'])
    story.process.call('lose_build', commit=run['commit'])
    story.report_build(run['commit'])
    assert story.commit_status(run_id)['state'] == 'success'
    assert story.attempts(run_id)[0]['cause_detail'] == (
        'Build succeeded but artifact not yet available - please retry')
    assert sweep(story) == [(run_id, 'waiting', None)]

    story.process.call('build', commit=run['commit'])
    ((_, what, retry),) = sweep(story)

    assert what == 'retried'
    story.complete(retry, {story.selection(retry)[0]: CRASH})
    assert story.commit_status(run_id)['state'] == 'failure'


def test_an_end_that_was_not_noticed_is_completed_and_the_platforms_report_speaks_of_the_whole(story: Story) -> None:
    tests = story.tests(4)
    master = story.complete(story.push(tests), dict.fromkeys(tests[:2], CRASH))
    worker = story.worker(story.retry(master))
    worker.start()
    worker.run_all({tests[0]: CRASH})
    story.rows.add('test_progress', test_id=worker.run_id, status='completed', message='', timestamp=now())
    assert story.said(worker.run_id) == Said('fail', tests=2, passed=1, failed=1, not_run=0)

    assert sweep_now(story) == [(worker.run_id, 'carried over', None)]

    assert story.said(worker.run_id) == Said('fail', tests=4, passed=3, failed=1, not_run=0)
    report = story.report(story.complete(story.open_pull(tests), {tests[0]: CRASH, tests[3]: CRASH}))
    assert '<li><b>1</b> pass there and fail here</li>' in report
    assert 'have no result in that run' not in report
    assert sweep_now(story) == []


def test_what_is_nobodys_to_retry_is_never_touched(story: Story) -> None:
    tests = story.tests(2)
    canceled, stopped, completed, closed = (story.worker(story.open_pull(tests)) for _ in range(4))
    story.process.call('close_pull', number=story.run(closed.run_id)['pr_nr'])
    for worker in (canceled, stopped, completed):
        worker.start()
    story.cancel(canceled.run_id)
    canceled.end('canceled')
    story.stop(stopped.run_id)
    # The code under test has the worker's token.
    for message in ('canceled by admin', ''):
        stopped.post('progress', status='canceled', message=message)
    # Given up, but it completes after all, and its machine reboots.
    completed.run_out_of_time()
    completed.run_all({})
    completed.end()
    completed.post('progress', status='preparation', message='')
    let_hours_pass(story)
    alive = story.worker(story.open_pull(tests))
    alive.start()
    queued = story.open_pull(tests)
    runs = [canceled.run_id, stopped.run_id, completed.run_id, closed.run_id, alive.run_id, queued]
    before = story.rows_of(*runs)

    assert sweep_now(story) == []

    assert story.rows_of(*runs) == before
    assert story.rows.of('run_retry') == []


# An end is its first row


def test_a_run_whose_machine_cannot_be_deleted_is_retried_all_the_same(story: Story) -> None:
    worker = story.worker(story.open_pull(story.tests(2)))
    worker.start()
    story.process.call('keep_machines')
    worker.run_out_of_time()
    let_hours_pass(story)
    story.run_scheduled_job()

    ((run_id, what, _),) = sweep_now(story)

    assert (run_id, what) == (worker.run_id, 'retried')


def run_out_of_time(story: Story, *run_ids: int) -> None:
    """Start runs, and have the scheduled job give all their machines up at once."""
    for run_id in run_ids:
        worker = story.worker(run_id)
        worker.start()
        story.process.call('let_pass', machine=worker.machine, minutes=TOO_LONG)
    story.run_scheduled_job()


def test_what_is_only_said_again_neither_opens_the_brake_nor_closes_it(story: Story) -> None:
    tests = story.tests(2)
    before = story.worker(story.complete(story.open_pull(tests)))
    run_out_of_time(story, *(story.open_pull(tests) for _ in range(3)))
    retries = [retry for _, _, retry in sweep(story) if retry]
    story.process.call('keep_machines')
    run_out_of_time(story, *retries)
    last = story.open_pull(tests)
    run_out_of_time(story, last)
    assert len(retries) == 3
    assert (last, 'waiting', None) in sweep(story)

    before.end()
    assert (last, 'waiting', None) in sweep_now(story)

    story.complete(story.open_pull(tests))
    # The machines of the retries are still there.
    story.run_scheduled_job()
    assert (last, 'retried') in [line[:2] for line in sweep_now(story)]


# What vanished


def vanished(story: Story, run_id: int) -> Worker:
    """Have the machine of a run disappear half-way, and some hours pass. Return its worker."""
    worker = story.worker(run_id)
    worker.start()
    worker.run(worker.tests[0])
    story.process.call('lose_machine', machine=worker.machine)
    let_hours_pass(story)
    return worker


def test_a_run_that_a_person_canceled_and_that_went_on_and_vanished_is_ended_and_stays_a_decision(story: Story) -> None:
    run_id = story.open_pull(story.tests(2))
    worker = story.worker(run_id)
    worker.start()
    story.stop(run_id)
    worker.post('progress', status='testing', message='still there')
    story.process.call('lose_machine', machine=worker.machine)

    assert sweep(story) == [(run_id, 'ended', None)]

    (attempt,) = story.attempts(run_id)
    assert (attempt['status'], attempt['cause']) == ('canceled', 'decision')
    assert sweep(story) == []


def test_history_is_not_revived(story: Story) -> None:
    run_id = vanished(story, story.open_pull(story.tests(2))).run_id
    for table in ('test_progress', 'gcp_instance'):
        with story.rows.engine.begin() as connection:
            connection.execute(story.rows.tables[table].update().values(timestamp=now() - timedelta(days=300)))
    before, status = story.rows_of(run_id), story.commit_status(run_id)

    assert sweep_now(story) == []

    assert (story.rows_of(run_id), story.commit_status(run_id)) == (before, status)


def test_an_error_does_not_cover_the_green_of_another_pull_request_with_the_same_commit(story: Story) -> None:
    tests = story.tests(2)
    run_id = story.open_pull(tests)
    other = story.rows.run(tests, stages=(), commit=story.run(run_id)['commit'])
    story.process.call('open_pull', number=story.run(other)['pr_nr'], commit=story.run(run_id)['commit'], author=AUTHOR)
    vanished(story, run_id)
    story.complete(other)
    green = story.commit_status(other)
    assert green['state'] == 'success'

    assert sweep_now(story) == [(run_id, 'ended', None)]

    assert story.commit_status(run_id) == green


def test_a_newer_run_of_the_commit_in_a_fork_is_in_nobodys_way(story: Story) -> None:
    worker = story.worker(story.open_pull(story.tests(2)))
    worker.start()
    worker.run_out_of_time()
    story.run_by_hand(worker.run_id, repository='una/ccextractor', branch='pull_request')

    assert [line[:2] for line in sweep(story)] == [(worker.run_id, 'retried')]


def test_a_failed_only_retry_that_died_without_a_result_is_retried_with_its_tests(story: Story) -> None:
    tests = story.tests(4)
    source = story.complete(story.open_pull(tests), {tests[1]: CRASH})
    worker = story.worker(story.retry(source))
    worker.start()
    worker.run_out_of_time()

    ((_, what, retry),) = sweep(story)

    assert (what, story.selection(retry)) == ('retried', tests[1:2])
    story.complete(retry)
    assert story.said(retry) == Said('pass', tests=4, passed=4, failed=0, not_run=0)
