"""Sweeps on a server: two at once, one that is killed, and one that needs evidence."""

import secrets
from datetime import datetime, timedelta
from http.client import HTTPException

import pytest
import seed
from application import create_app, dispose
from database import db
from mod_ci.models import GcpInstance
from mod_test.models import TestProgress, TestStatus
from sqlalchemy import update
from support.github import SETTINGS
from support.histories import LOST_MACHINE, TIME_LIMIT
from support.rows import Rows

from .server import together

#: As many automatic retries in flight as there are runs.
SERVER = {'workers': 2, 'RUNS_API_AUTOMATIC_RETRIES': 2, 'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE': 1000, **SETTINGS}
ROUNDS = 10


@pytest.fixture(scope='module')
def rows(database):
    """Yield the rows of the server's database, in a context of the miniature on it."""
    app = create_app(database.uri)
    with app.app_context():
        yield Rows(db.engine)
        db.session.remove()
    dispose(app)


def seed_ends():
    """
    Write a run that ran out of time, and one whose machine was lost, and return them.

    All that came before is of long ago.
    """
    db.session.execute(update(TestProgress).values(timestamp=datetime(2020, 1, 1)))
    tests = seed.regression_tests(5)
    # Each is the newest of its branch.
    stopped, lost = (seed.run(tests, branch=secrets.token_hex(4)).id for _ in range(2))
    for run_id, ago in ((stopped, timedelta(hours=1)), (lost, timedelta(hours=5))):
        for status in (TestStatus.preparation, TestStatus.testing):
            seed.add(TestProgress(run_id, status, '', datetime.now() - ago))
    end(stopped, TestStatus.canceled, TIME_LIMIT)
    seed.add(GcpInstance(f'linux-{lost}', lost, datetime.now() - timedelta(hours=5)))
    db.session.commit()
    return stopped, lost


def end(run_id, status, message=''):
    """Write that a run ended an hour ago."""
    seed.add(TestProgress(run_id, status, message, datetime.now() - timedelta(hours=1)))
    db.session.commit()


def assert_done_once(rows, stopped, lost):
    """Check that one run was retried once and whole, and the other ended once, and return the retry."""
    retry, = rows.of('run_retry', source_run_id=stopped)
    assert len(rows.selection(retry['run_id'])) == retry['test_count'] == 5
    assert [row['message'] for row in rows.of('test_progress', test_id=lost)][2:] == [LOST_MACHINE]
    return int(retry['run_id'])


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
            alice.ask('POST', '/sweep', Dies=f'{number}!')

        assert alice.ask('POST', '/sweep').status == 200

        assert_done_once(rows, stopped, lost)


def test_a_second_automatic_retry_waits_until_a_run_of_the_platform_has_completed(rows, alice):
    stopped, _ = seed_ends()
    completed, running = (seed.run(branch=secrets.token_hex(4), stages=stages).id
                          for stages in (seed.COMPLETED, seed.COMPLETED[:-1]))
    db.session.commit()

    def swept(run_id):
        (step,) = [(what, new) for found, what, new in alice.ask('POST', '/sweep').body if found == run_id]
        return step

    _, first = swept(stopped)
    assert first
    end(first, TestStatus.canceled, TIME_LIMIT)
    end(completed, TestStatus.completed)  # A repeated row is not a completion.
    assert swept(first) == ('waiting', None)
    end(running, TestStatus.completed)
    what, second = swept(first)
    assert (what, rows.ids('run_retry', 'run_id', source_run_id=first)) == ('retried', [second])
