"""The database gives way while results are carried over (docs/operations.rst, "An attempt ends whole")."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from secrets import token_hex

import pytest
from protocol import CRASH, Said, Story
from sqlalchemy import Connection, text

pytestmark = pytest.mark.platform

#: Seconds after which nothing is waited for any more.
PATIENCE = 30

#: Seconds between two looks at the locks: asked again within 0.1 seconds, the server shows what it showed before.
POLLING = 0.2

REFUSE = {
    'sqlite': """CREATE TRIGGER {name} BEFORE INSERT ON test_result
                 WHEN NEW.test_id = {run_id} AND NEW.regression_test_id = {test_id}
                 BEGIN SELECT RAISE(ABORT, 'fault'); END""",
    'mysql': """CREATE TRIGGER {name} BEFORE INSERT ON test_result FOR EACH ROW
                IF NEW.test_id = {run_id} AND NEW.regression_test_id = {test_id}
                THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'fault'; END IF""",
}


@contextmanager
def refused(story: Story, run_id: int, test_id: int) -> Iterator[None]:
    """Have the database refuse the result of one test in one run while the block lasts."""
    # A connection that has seen a trigger of SQLite's believes in it after another one has dropped it.
    name = f'refuse_{token_hex(4)}'
    statement = REFUSE[story.rows.engine.dialect.name].format(name=name, run_id=run_id, test_id=test_id)
    with story.rows.engine.begin() as connection:
        connection.execute(text(statement))
    try:
        yield
    finally:
        with story.rows.engine.begin() as connection:
            connection.execute(text(f'DROP TRIGGER {name}'))


def test_where_it_fails_the_end_stands_and_the_log_says_what_was_reported(story: Story) -> None:
    tests = story.tests(5)
    pull = story.complete(story.open_pull(tests), {tests[0]: CRASH})
    worker = story.worker(story.retry(pull))
    worker.start()
    worker.run_all({})
    told = len(story.process.log)

    with refused(story, worker.run_id, tests[3]):
        assert worker.end() == 'OK'

    assert story.said(worker.run_id) == Said('pass', tests=1, passed=1, failed=0, not_run=0)
    assert story.selection(worker.run_id) == [tests[0]]
    assert '1/1 tests matched the approved output' in story.report(pull)
    (line,) = (line for line in story.process.log[told:].splitlines()
               if f'run {worker.run_id} ' in line and 'carr' in line)
    assert re.search(r'report\w* .*\b1 test\b', line), line

    # A later command, or a sweep, completes it, although the report stays.
    assert story.flask('carry-over').returncode == 0

    assert story.said(worker.run_id) == Said('pass', tests=5, passed=5, failed=0, not_run=0)
    assert story.origins(worker.run_id) == {tests[0]: worker.run_id, **dict.fromkeys(tests[1:], pull)}


def waits_for_a_lock(connection: Connection, story: Story) -> bool:
    """Return whether a transaction on the story's database waits for somebody else's lock."""
    return bool(connection.scalar(text(
        "SELECT COUNT(*) FROM information_schema.innodb_trx AS trx JOIN information_schema.processlist AS process "
        "ON process.id = trx.trx_mysql_thread_id WHERE trx.trx_state = 'LOCK WAIT' AND process.db = :name"),
        {'name': story.rows.engine.url.database}))


@pytest.mark.parametrize('kind', ['mariadb'], indirect=True, scope='session')
def test_a_badge_that_is_updated_at_the_same_moment_costs_nothing_of_an_end(story: Story) -> None:
    tests = story.tests(5)
    pull = story.complete(story.open_pull(tests), {tests[0]: CRASH})
    worker = story.worker(story.retry(pull))
    worker.start()
    worker.run_all({})

    # What the report of a run of master does to the tests that passed. The foreign keys of results wait for it.
    with (ThreadPoolExecutor(1) as elsewhere, story.rows.engine.connect() as badge,
          story.rows.engine.connect().execution_options(isolation_level='AUTOCOMMIT') as watch):
        badge.execute(text('UPDATE regression_test SET last_passed_on_windows = :run_id'), {'run_id': pull})
        end = elsewhere.submit(worker.end)
        started = time.monotonic()
        while not (end.done() or waits_for_a_lock(watch, story)):
            assert time.monotonic() < started + PATIENCE
            time.sleep(POLLING)
        badge.commit()
        assert end.result() == 'OK'

    assert story.rows.of('test_progress', test_id=worker.run_id)[-1]['status'] == 'completed'
    assert story.rows.values('regression_test', 'last_passed_on_windows') == [pull] * 5
    assert '5/5 tests matched the approved output' in story.report(pull)
    assert story.said(worker.run_id) == Said('pass', tests=5, passed=5, failed=0, not_run=0)
