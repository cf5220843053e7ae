"""Sweeps on a server: two at once, and one that is killed."""

import secrets
from datetime import datetime, timedelta
from http.client import HTTPException

import pytest
import seed
from application import hosted
from database import db
from mod_test.models import TestProgress
from sqlalchemy import text, update
from support.github import SETTINGS
from support.messages import LOST_MACHINE, TIME_LIMIT
from support.rows import Rows

from .server import together

#: As many automatic retries in flight as there are runs.
SERVER = {'workers': 2, 'RUNS_API_AUTOMATIC_RETRIES': 2, 'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE': 1000, **SETTINGS}
ROUNDS = 10
HOUR = timedelta(hours=1)


@pytest.fixture(scope='module')
def rows(database):
    """Yield the rows of the server's database, in a request of the miniature on it."""
    with hosted(database.uri):
        yield Rows(db.engine)


def seed_ends():
    """
    Write a run that ran out of time, and one whose machine was lost, and return them.

    All that came before is of long ago.
    """
    db.session.execute(update(TestProgress).values(timestamp=datetime(2020, 1, 1)))
    tests = seed.regression_tests(5)
    # Each is the newest of its branch.
    stopped = seed.run(tests, branch=secrets.token_hex(4), stages=seed.CANCELED, message=TIME_LIMIT, ago=HOUR)
    lost = seed.run(tests, branch=secrets.token_hex(4), stages=seed.STARTED, ago=5 * HOUR)
    seed.machine(lost.id, ago=5 * HOUR)
    run_ids = stopped.id, lost.id
    db.session.commit()
    return run_ids


def assert_done_once(rows, stopped, lost):
    """Check that one run was retried once and whole, and the other ended once, and return the retry."""
    retry, = rows.of('run_retry', source_run_id=stopped)
    assert len(rows.selection(retry['run_id'])) == retry['test_count'] == 5
    assert [row['message'] for row in rows.of('test_progress', test_id=lost)][2:] == [LOST_MACHINE]
    return retry['run_id']


def test_two_sweeps_at_once_make_one_retry_of_a_run_and_end_it_once(rows, server, alice):
    for _ in range(ROUNDS):
        stopped, lost = seed_ends()
        meet = server.meeting()

        swept = together([lambda: alice.ask('POST', '/sweep', Meet=meet)] * 2)

        new_run_id = assert_done_once(rows, stopped, lost)
        assert len({answer.worker for answer in swept}) == 2
        assert {new for answer in swept for run_id, what, new in answer.body
                if (run_id, what) == (stopped, 'retried')} == {new_run_id}


def test_a_sweep_that_is_killed_before_any_step_is_finished_by_the_next(rows, alice):
    seed_ends()
    steps = alice.ask('POST', '/sweep').steps
    assert {'INSERT test_progress', 'INSERT test', 'INSERT run_retry', 'INSERT customized_test'} <= set(steps)

    # Before a SELECT all is as before the step that follows, and the host's look for its tables changes nothing.
    for number in (number for number, step in enumerate(steps, 1) if step not in ('SELECT', 'DESCRIBE')):
        stopped, lost = seed_ends()
        with pytest.raises((OSError, HTTPException)):
            alice.ask('POST', '/sweep', Kill_Worker_Before=number)

        assert alice.ask('POST', '/sweep').status == 200

        assert_done_once(rows, stopped, lost)


def test_a_time_that_the_driver_cannot_read_keeps_no_other_run_from_being_swept(rows, alice):
    stopped, lost = seed_ends()
    unreadable = seed.run(stages=seed.STARTED)
    seed.machine(unreadable.id, ago=HOUR)
    db.session.commit()
    with rows.engine.begin() as connection:
        for statement in ("UPDATE IGNORE test_progress SET timestamp = '0000-00-00' WHERE test_id = :run_id",
                          "UPDATE IGNORE gcp_instance SET timestamp = '0000-00-00' WHERE test_id = :run_id"):
            assert connection.execute(text(statement), {'run_id': unreadable.id}).rowcount

    assert alice.ask('POST', '/sweep').status == 200

    assert_done_once(rows, stopped, lost)
