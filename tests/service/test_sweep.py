"""Sweeps on MariaDB: two at once, and none that reads the history."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest
import seed
from application import create_app, dispose
from database import db
from flask import Flask
from mod_ci.models import GcpInstance
from mod_test.models import TestProgress, TestStatus
from support.rows import Rows
from support.statements import record_statements

from mod_runs_api.causes import TIME_LIMIT, VANISHED
from mod_runs_api.sweeper import Step, Sweep

from .databases import Database

pytestmark = pytest.mark.service

ROUNDS = 10


@pytest.fixture(scope='module')
def app(shared_database: Database) -> Iterator[Flask]:
    """Return the miniature on MariaDB, with as many automatic retries as there are runs."""
    app = create_app(shared_database.uri(), LOOKS_FOR_TABLES=False, RUNS_API_AUTOMATIC_RETRIES=1,
                     RUNS_API_AUTOMATIC_RETRIES_AT_ONCE=1000)
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


def test_no_table_of_the_history_is_read_as_a_whole(app: Flask, rows: Rows) -> None:
    with app.app_context():
        seed.bulk_runs(200, 20)
        db.session.execute(db.text("UPDATE test_progress SET timestamp = '2020-01-01'"))
        db.session.commit()
    with record_statements(rows.engine) as sent:
        sweep(app)
    selects = [statement for statement in sent if statement.startswith('SELECT')]

    with rows.engine.connect() as connection:
        plans = [row for statement in selects
                 for row in connection.exec_driver_sql(f'EXPLAIN {statement}', statement.parameters)]

    # The machines that are listed are few: a row goes when its run ends. The retries are looked at one by one.
    read_whole = {str(row.table) for row in plans if row.type in ('ALL', 'index') and row.key != 'PRIMARY'}
    assert {table for table in read_whole if not table.startswith('<')} <= {'gcp_instance', 'run_retry'}
