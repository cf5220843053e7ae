"""Sweeps on a server: two at once, and one that is killed."""

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.client import HTTPException

import pytest
import seed
from application import create_app, dispose
from database import db
from mod_ci.models import GcpInstance
from mod_test.models import TestProgress, TestStatus
from sqlalchemy import update
from support.databases import Database
from support.github import SETTINGS
from support.histories import LOST_MACHINE, TIME_LIMIT
from support.rows import Rows

from .server import Client, Server, together

#: As many automatic retries as there are runs.
SERVER = {'workers': 2, 'RUNS_API_AUTOMATIC_RETRIES': 1, 'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE': 1000, **SETTINGS}
ROUNDS = 10


@pytest.fixture(scope='module')
def rows(database: Database) -> Iterator[Rows]:
    """Yield the rows of the server's database, in a context of the miniature on it."""
    app = create_app(database.uri)
    with app.app_context():
        yield Rows(db.engine)
        db.session.remove()
    dispose(app)


def seed_ends() -> tuple[int, int]:
    """
    Write a run that ran out of time, and one whose machine has vanished, and return them.

    All that came before is of long ago.
    """
    db.session.execute(update(TestProgress).values(timestamp=datetime(2020, 1, 1)))
    tests = seed.regression_tests(5)
    # Each is the newest of its branch.
    stopped, vanished = (seed.run(tests, branch=secrets.token_hex(4)).id for _ in range(2))
    for run_id, ago in ((stopped, timedelta(hours=1)), (vanished, timedelta(hours=5))):
        for status in (TestStatus.preparation, TestStatus.testing):
            seed.add(TestProgress(run_id, status, '', datetime.now() - ago))
    seed.add(TestProgress(stopped, TestStatus.canceled, TIME_LIMIT, datetime.now() - timedelta(hours=1)))
    seed.add(GcpInstance(f'linux-{vanished}', vanished, datetime.now() - timedelta(hours=5)))
    db.session.commit()
    return stopped, vanished


def assert_done_once(rows: Rows, stopped: int, vanished: int) -> int:
    """Check that one run was retried once and whole, and the other ended once, and return the retry."""
    retry, = rows.of('run_retry', source_run_id=stopped)
    assert len(rows.selection(retry['run_id'])) == retry['test_count'] == 5
    assert [row['message'] for row in rows.of('test_progress', test_id=vanished)][2:] == [LOST_MACHINE]
    return int(retry['run_id'])


def test_two_sweeps_at_once_make_one_retry_of_a_run_and_end_it_once(rows: Rows, server: Server, alice: Client) -> None:
    for _ in range(ROUNDS):
        stopped, vanished = seed_ends()
        meet = server.meeting()

        swept = together([lambda: alice.ask('POST', '/sweep', Meet=meet)] * 2)

        new_run_id = assert_done_once(rows, stopped, vanished)
        assert len({answer.worker for answer in swept}) == 2
        assert {new for answer in swept for run_id, what, new in answer.body
                if (run_id, what) == (stopped, 'retried')} == {new_run_id}


def test_a_sweep_that_is_killed_before_any_step_is_finished_by_the_next(rows: Rows, alice: Client) -> None:
    seed_ends()
    steps = alice.ask('POST', '/sweep').steps
    assert {'INSERT test_progress', 'INSERT test', 'INSERT run_retry', 'INSERT customized_test'} <= set(steps)

    # Before a SELECT all is as before the step that follows, and the host's look for its tables changes nothing.
    for number in (number for number, step in enumerate(steps, 1) if step not in ('SELECT', 'DESCRIBE')):
        stopped, vanished = seed_ends()
        with pytest.raises((OSError, HTTPException)):
            alice.ask('POST', '/sweep', Dies=f'{number}!')

        assert alice.ask('POST', '/sweep').status == 200

        assert_done_once(rows, stopped, vanished)
