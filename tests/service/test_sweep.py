"""Sweeps on MariaDB: two at once, and one that is killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from http.client import HTTPException
from threading import Barrier

import pytest
import seed
from application import create_app, dispose
from database import db
from flask import Flask
from mod_ci.models import GcpInstance
from mod_test.models import TestProgress, TestStatus
from sqlalchemy import update
from support.rows import Rows

from mod_runs_api.domain.causes import TIME_LIMIT, VANISHED
from mod_runs_api.service.sweep import Step, Sweep

from .databases import Database
from .servers import Server

pytestmark = pytest.mark.service

ROUNDS = 10

#: As many automatic retries as there are runs.
SETTINGS = {'RUNS_API_AUTOMATIC_RETRIES': 1, 'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE': 1000, 'LOOKS_FOR_TABLES': False}


@pytest.fixture(scope='module')
def app(shared_database: Database) -> Iterator[Flask]:
    """Return the miniature on MariaDB."""
    app = create_app(shared_database.uri(), **SETTINGS)
    with app.app_context():
        db.create_all()
    yield app
    dispose(app)


@pytest.fixture
def rows(app: Flask) -> Rows:
    """Return the rows of the database."""
    with app.app_context():
        return Rows(db.engine)


def sweep(app: Flask, barrier: Barrier | None = None) -> list[Step]:
    """Sweep as the crontab does; with a barrier when another is ready to."""
    with app.test_request_context():
        app.preprocess_request()
        swept = Sweep((), dry_run=False)
        if barrier is not None:
            barrier.wait(60)
        steps = list(swept.run())
        db.session.remove()
        return steps


def seed_ends(app: Flask) -> tuple[int, int]:
    """Write a run that ran out of time, and one whose machine has vanished."""
    with app.app_context():
        tests = [seed.regression_test() for _ in range(5)]
        stopped, vanished = seed.run(tests).id, seed.run(tests).id
        for run_id, ago in ((stopped, timedelta(hours=1)), (vanished, timedelta(hours=5))):
            for status in (TestStatus.preparation, TestStatus.testing):
                seed.add(TestProgress(run_id, status, '', datetime.now() - ago))
        seed.add(TestProgress(stopped, TestStatus.canceled, TIME_LIMIT, datetime.now() - timedelta(hours=1)))
        seed.add(GcpInstance(f'linux-{vanished}', vanished, datetime.now() - timedelta(hours=5)))
        db.session.commit()
        return stopped, vanished


def seed_ends_alone(app: Flask) -> tuple[int, int]:
    """Write the same, and have all that came before be of long ago."""
    with app.app_context():
        db.session.execute(update(TestProgress).values(timestamp=datetime(2020, 1, 1)))
        db.session.commit()
    return seed_ends(app)


def test_two_sweeps_at_once_make_one_retry_of_a_run_and_end_it_once(app: Flask, rows: Rows) -> None:
    with ThreadPoolExecutor(2) as pool:
        for _ in range(ROUNDS):
            stopped, vanished = seed_ends(app)
            barrier = Barrier(2)

            swept = [future.result() for future in [pool.submit(sweep, app, barrier) for _ in range(2)]]

            (retry,) = rows.of('run_retry', source_run_id=stopped)
            assert len(rows.selection(retry['run_id'])) == 5
            assert {step.new_run_id for steps in swept for step in steps
                    if step.run_id == stopped and step.what == 'retried'} == {retry['run_id']}
            assert [row['message'] for row in rows.of('test_progress', test_id=vanished)].count(VANISHED) == 1


def test_a_sweep_that_is_killed_before_any_step_is_finished_by_the_next(
        app: Flask, rows: Rows, shared_database: Database, serve: Callable[..., Server]) -> None:
    client = serve(shared_database.uri(), workers=1, preload=True, **SETTINGS).client('')
    seed_ends_alone(app)
    steps = client.sweep().steps
    assert {'INSERT test_progress', 'INSERT test', 'INSERT run_retry', 'INSERT customized_test'} <= set(steps)

    # Before a SELECT all is as before the step that follows.
    for number in (number for number, step in enumerate(steps, 1) if step != 'SELECT'):
        stopped, vanished = seed_ends_alone(app)
        with pytest.raises((OSError, HTTPException)):
            client.sweep(Dies=f'{number}!')

        assert client.sweep().status == 204

        (retry,) = rows.of('run_retry', source_run_id=stopped)
        assert len(rows.selection(retry['run_id'])) == retry['test_count'] == 5
        assert [row['message'] for row in rows.of('test_progress', test_id=vanished)][2:] == [VANISHED]
