"""Sweeps on a server: two at once, and one that is killed."""

import secrets
from datetime import datetime, timedelta
from http.client import HTTPException

import pytest
import seed
from application import in_application
from database import db
from mod_test.models import TestProgress
from sqlalchemy import text, update
from support.github import SETTINGS
from support.messages import TIME_LIMIT
from support.rows import Rows

from .server import together

#: As many automatic retries in flight as there are runs.
SERVER = {'workers': 2, 'RUNS_API_AUTOMATIC_RETRIES': 2, 'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE': 1000, **SETTINGS}
ROUNDS = 10
HOUR = timedelta(hours=1)


@pytest.fixture(scope='module')
def rows(database):
    """Yield the rows of the server's database, in a request of the miniature on it."""
    with in_application(database.uri):
        yield Rows(db.engine)


def seed_end():
    """Write a run that ran out of time, and return it. All that came before is of long ago."""
    db.session.execute(update(TestProgress).values(timestamp=datetime(2020, 1, 1)))
    # It is the newest of its branch.
    run_id = seed.run(seed.regression_tests(5), branch=secrets.token_hex(4), stages=seed.CANCELED, message=TIME_LIMIT,
                      ago=HOUR).id
    db.session.commit()
    return run_id


def assert_retried_once(rows, run_id):
    """Check that a run was retried once and whole, and return the retry."""
    retry, = rows.of('run_retry', source_run_id=run_id)
    assert len(rows.selection(retry['run_id'])) == retry['test_count'] == 5
    return retry['run_id']


def test_two_sweeps_at_once_make_one_retry_of_a_run(rows, server, alice):
    for _ in range(ROUNDS):
        run_id = seed_end()
        meet = server.meeting()

        swept = together([lambda: alice.ask('POST', '/sweep', Meet=meet)] * 2)

        new_run_id = assert_retried_once(rows, run_id)
        assert len({answer.worker for answer in swept}) == 2
        assert {new for answer in swept for swept_id, what, new in answer.body
                if (swept_id, what) == (run_id, 'retried')} == {new_run_id}


def test_a_sweep_that_is_killed_before_any_step_is_finished_by_the_next(rows, alice):
    seed_end()
    steps = alice.ask('POST', '/sweep').steps
    assert {'INSERT test', 'INSERT run_retry', 'INSERT customized_test'} <= set(steps)

    # Before a SELECT all is as before the step that follows, and the platform's look for its tables changes nothing.
    for number in (number for number, step in enumerate(steps, 1) if step not in ('SELECT', 'DESCRIBE')):
        run_id = seed_end()
        with pytest.raises((OSError, HTTPException)):
            alice.ask('POST', '/sweep', Kill_Worker_Before=number)

        assert alice.ask('POST', '/sweep').status == 200

        assert_retried_once(rows, run_id)


def test_a_time_that_the_driver_cannot_read_keeps_no_other_run_from_being_swept(rows, alice):
    run_id = seed_end()
    unreadable = seed.run(stages=seed.CANCELED, message=TIME_LIMIT)
    db.session.commit()
    with rows.engine.begin() as connection:
        assert connection.execute(text("UPDATE IGNORE test_progress SET timestamp = '0000-00-00' WHERE test_id = :id"),
                                  {'id': unreadable.id}).rowcount

    assert alice.ask('POST', '/sweep').status == 200

    assert_retried_once(rows, run_id)
