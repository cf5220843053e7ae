"""The database gives way while results are carried over (contract section 4, "An attempt ends whole")."""

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

FAULTS = {
    'sqlite': """CREATE TRIGGER {name} BEFORE INSERT ON {table}
                 WHEN NEW.test_id = {run_id} AND NEW.{column} = {test_id} BEGIN SELECT RAISE(ABORT, 'fault'); END""",
    'mysql': """CREATE TRIGGER {name} BEFORE INSERT ON {table} FOR EACH ROW
                IF NEW.test_id = {run_id} AND NEW.{column} = {test_id}
                THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'fault'; END IF""",
}


@contextmanager
def fault(story: Story, table: str, column: str, run_id: int, test_id: int) -> Iterator[None]:
    """Have the database refuse the row of one test of one run while the block lasts."""
    # A connection that has seen a trigger of SQLite's believes in it after another one has dropped it.
    name = f'fault_{token_hex(4)}'
    statement = FAULTS[story.rows.engine.dialect.name]
    with story.rows.engine.begin() as connection:
        connection.execute(text(statement.format(name=name, table=table, column=column, run_id=run_id,
                                                 test_id=test_id)))
    try:
        yield
    finally:
        with story.rows.engine.begin() as connection:
            connection.execute(text(f'DROP TRIGGER {name}'))


def carry_over(story: Story, *arguments: str) -> None:
    """Carry over by the command line what was missed."""
    done = story.platform.flask('runs-api', 'carry-over', *arguments, database=story.rows.address)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize('table, column', [
    ('test_result', 'regression_test_id'),
    ('test_result_file', 'regression_test_id'),
    ('customized_test', 'regression_id'),
])
def test_what_fails_in_the_middle_leaves_the_end_of_the_run_and_nothing_else(story: Story, table: str,
                                                                             column: str) -> None:
    tests = story.tests(5)
    source = story.complete(story.push(tests), {tests[0]: CRASH})
    worker = story.worker(story.retry(source))
    worker.start()
    worker.run_all({})
    told = len(story.process.log)

    with fault(story, table, column, worker.run_id, tests[3]):
        assert worker.end() == 'OK'

    assert story.rows.of('test_progress', test_id=worker.run_id)[-1]['status'] == 'completed'
    assert story.origins(worker.run_id) == {tests[0]: worker.run_id}
    assert story.selection(worker.run_id) == [tests[0]]
    assert len(story.rows.of('test_result_file', test_id=worker.run_id)) == 1
    # Which run it is that lacks them stands in the log.
    assert re.search(rf'(?i)carr(y|ied).*\b{worker.run_id}\b|\b{worker.run_id}\b.*carr(y|ied)',
                     story.process.log[told:])


def test_the_command_carries_over_what_was_missed(story: Story) -> None:
    tests = story.tests(4)
    source = story.complete(story.push(tests), {tests[0]: CRASH})
    retry = story.retry(source)
    with fault(story, 'test_result', 'regression_test_id', retry, tests[2]):
        story.complete(retry)
    assert story.origins(retry) == {tests[0]: retry}

    carry_over(story, str(retry))

    assert story.origins(retry) == {tests[0]: retry, **dict.fromkeys(tests[1:], source)}
    assert story.said(retry) == Said('pass', tests=4, passed=4, failed=0, not_run=0)


def test_the_command_finds_the_runs_that_lack_something(story: Story) -> None:
    tests = story.tests(3)
    source = story.complete(story.push(tests), {tests[0]: CRASH})
    retries = [story.retry(source), story.retry(source)]
    for retry in retries:
        with fault(story, 'test_result', 'regression_test_id', retry, tests[2]):
            story.complete(retry)
    running = story.worker(story.retry(source))
    running.start()

    carry_over(story)

    assert [story.origins(retry).keys() for retry in retries] == [set(tests)] * 2
    assert story.origins(running.run_id) == {}


def test_the_command_may_be_given_as_often_as_one_likes(story: Story) -> None:
    tests = story.tests(3)
    source = story.complete(story.push(tests), {tests[0]: CRASH})
    retry = story.complete(story.retry(source))
    assert story.origins(retry).keys() == set(tests)
    before = story.rows.snapshot()

    carry_over(story, str(retry))
    carry_over(story)

    assert story.rows.snapshot() == before


def test_the_command_carries_over_where_the_end_was_written_past_the_models(story: Story) -> None:
    tests = story.tests(3)
    source = story.complete(story.push(tests), {tests[0]: CRASH})
    (last,) = (row for row in story.rows.of('test_progress', test_id=source) if row['status'] == 'completed')
    retry = story.retry(source)
    del last['id']
    story.rows.add('test_progress', **{**last, 'test_id': retry})
    assert story.origins(retry) == {}

    carry_over(story, str(retry))

    assert story.origins(retry) == dict.fromkeys(tests[1:], source)


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
