"""
If a run is restarted or deleted between two statements of a reader, the answer is true, or a 404.

On SQLite each statement sees what was committed before it, as under READ COMMITTED.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import seed
from database import db
from flask import Flask
from mod_auth.models import User
from mod_regression.models import RegressionTest
from mod_test.models import TestProgress, TestStatus, TestType
from outcome import Outcome, passing
from sqlalchemy import Engine
from support.api import ApiCall, Command
from support.github import AUTHOR, COMMIT, PR, SETTINGS, GitHub, comment_payload
from support.histories import TIME_LIMIT, end, finish, report, retry_in_process
from support.rows import add_retries
from support.statements import watch_statements
from support.visitor import Visitor

from mod_runs_api.github import retry_from_comment

pytestmark = [pytest.mark.on_file, pytest.mark.once]


@pytest.fixture
def app_settings() -> dict[str, Any]:
    """The settings of a platform that allows a run one automatic retry."""
    return {**SETTINGS, 'RUNS_API_AUTOMATIC_RETRIES': 1}


#: What reads, by its name; each returns what it got.
Readers = dict[str, Callable[[], str]]

#: The last attempt that has ended, and the newest, which has not.
LAST, NEWEST = 4, 5


@pytest.fixture
def readers(app: Flask, alice: User, tests: list[RegressionTest], github: GitHub, ask: ApiCall,
            command: Command) -> Readers:
    """
    Return what reads a platform on which a run has been retried twice, and one of master.

    Two failed-only retries of the run of master did not complete: one ran out of time, and one was lost.
    """
    alice.github_login = 'alice-gh'
    pull: dict[str, Any] = {'test_type': TestType.pull_request, 'branch': 'pull_request'}
    github.open_pull(PR, COMMIT, AUTHOR)
    master = finish(seed.run(tests).id, tests, failed=tests)
    finish(retry_in_process(master, failed_only=True), tests, failed=tests)
    first = finish(seed.run(tests, commit=COMMIT, pr_nr=PR, **pull).id, tests, failed=tests)
    assert finish(retry_in_process(first, failed_only=True), tests, failed=tests[1:]) == LAST
    assert retry_in_process(first, failed_only=True) == NEWEST
    now = datetime.now(timezone.utc)
    for number, (status, message, ago) in enumerate([
            (TestStatus.canceled, TIME_LIMIT, timedelta(hours=1)), (TestStatus.testing, '', timedelta(hours=5))], 1):
        github.open_pull(PR + number, str(number), AUTHOR)
        run = seed.run(tests, commit=str(number), pr_nr=PR + number, **pull)
        seed.add(TestProgress(run.id, status, message, now - ago))
        add_retries(master, [run.id], failed_only=True)
    visitor = Visitor(app)

    def send(method: str, run_id: int, route: str, **request: Any) -> str:
        answer = ask(method, run_id, route, **request)
        assert answer.status_code in (200, 202, 404, 422)
        return answer.text

    def output(name: str) -> str:
        result = command(name)
        assert result.exit_code == 0
        return result.output

    return {
        'retries': lambda: send('GET', NEWEST, 'retries'), 'verdict': lambda: send('GET', NEWEST, 'verdict'),
        'preview': lambda: send('GET', LAST, 'retry'),
        'POST': lambda: send('POST', LAST, 'retry', json={'failed_only': True}),
        'page': lambda: visitor.client.get(f'/test/{NEWEST}').text,
        'comment': lambda: str(retry_from_comment(comment_payload('/retry linux failed'))),
        'causes': lambda: output('causes'), 'flaky': lambda: output('flaky'), 'sweep': lambda: output('sweep')}


#: Each step of these looks again. The page reads attempts, and then what they prove.
IN_STEPS = {'comment', 'flaky', 'page', 'sweep'}
#: The platform's restart of all runs, the deletion of the run that is read, and of the others.
RESTART = ('test_result_file', 'test_result', 'test_progress')
DELETION = ('customized_test', 'test_fork', *RESTART, 'test')


@pytest.mark.parametrize(('tables', 'of'), [
    (RESTART, '<> 0'), (DELETION, f'= {NEWEST}'), (DELETION, f'<> {NEWEST}')])
def test_what_happens_between_two_statements_has_happened_before_or_after_the_answer(
        readers: Readers, tmp_path: Path, caplog: pytest.LogCaptureFixture, tables: tuple[str, ...], of: str) -> None:
    db.session.commit()
    file = tmp_path / 'platform.db'
    stored = file.read_bytes()
    deletions = [f'DELETE FROM {table} WHERE {"id" if table == "test" else "test_id"} {of}' for table in tables]

    def begin() -> None:
        db.session.remove()
        db.engine.dispose()
        file.write_bytes(stored)

    def happen() -> None:
        with closing(sqlite3.connect(file, timeout=0)) as connection:
            connection.execute('PRAGMA foreign_keys = ON')
            for deletion in deletions:
                connection.execute(deletion)
            connection.commit()

    for name, read in readers.items():
        begin()
        before = read()
        begin()
        happen()
        after = read()
        for number in count(1):
            begin()
            sent = count(1)

            def interfere(*_: object) -> None:
                if next(sent) == number:
                    with suppress(sqlite3.OperationalError):  # The reader writes already.
                        happen()

            with watch_statements(Engine, interfere):
                answer = read()
            assert name in IN_STEPS or answer in (before, after), (name, number)
            # Whatever fails while a page is rendered is logged.
            assert all('RunNotFound' in line for line in caplog.messages if 'missing on its page' in line), caplog.text
            if next(sent) <= number:
                break


@pytest.mark.parametrize(('statuses', 'code'), [(['testing'], 200), (['testing', 'canceled'], 503)])
def test_messages_at_each_statement_do_not_keep_a_run_from_being_read_but_ends_do(
        readers: Readers, ask: ApiCall, tmp_path: Path, statuses: list[str], code: int) -> None:
    db.session.commit()

    def interfere(*_: object) -> None:
        with closing(sqlite3.connect(tmp_path / 'platform.db')) as connection, connection:
            for status in statuses:
                connection.execute('INSERT INTO test_progress (test_id, status, timestamp, message) SELECT '
                                   f"{NEWEST}, '{status}', '2026-11-27 12:00:00', MAX(id) FROM test_progress")

    interfere()
    with watch_statements(Engine, interfere):
        answers = [ask('GET', NEWEST, route) for route in ('retries', 'verdict')]
    assert [answer.status_code for answer in answers] == [code, code]
    if code == 503:
        assert {answer.json['message'] for answer in answers} == {
            'The run keeps changing while it is read. Try again later.'}


def test_a_result_carried_over_between_two_statements_is_read_as_a_whole_or_not_at_all(
        app: Flask, ask: ApiCall, command: Command, tests: list[RegressionTest], tmp_path: Path) -> None:
    first = seed.run(tests)
    for test in tests[:2]:
        seed.result(first, test, passing(test).exits(1))
    seed.result(first, tests[2], Outcome(0, {}))
    end(first.id)
    run_id = retry_in_process(first.id, failed_only=True)
    report(run_id, tests[1:2])
    file, complete = tmp_path / 'platform.db', tmp_path / 'complete.db'
    # In plain SQL, the package does not notice the end.
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("INSERT INTO test_progress (test_id, status, timestamp, message) "
                           f"VALUES ({run_id}, 'completed', '2026-11-27 12:00:00.000000', '')")
    stored = file.read_bytes()
    assert command('carry-over', run_id).exit_code == 0
    complete.write_bytes(file.read_bytes())

    def numbers() -> tuple[object, ...]:
        attempt = ask('GET', run_id, 'retries').json['data'][1]
        return attempt['status'], attempt['tests'], attempt['passed'], attempt['failed'], attempt['not_run']

    def happen() -> None:
        with closing(sqlite3.connect(file)) as connection:
            connection.execute(f"ATTACH '{complete}' AS complete")
            for table in ('run_carried_over', 'test_result_file', 'test_result', 'customized_test'):
                connection.execute(f'INSERT OR IGNORE INTO {table} SELECT * FROM complete.{table}')
            connection.commit()

    def begin() -> None:
        db.session.remove()
        db.engine.dispose()
        file.write_bytes(stored)

    for read in (numbers, lambda: ask('GET', run_id, 'verdict').json):
        begin()
        before = read()
        happen()
        after = read()
        assert before != after
        for number in count(1):
            begin()
            sent = count(1)

            def interfere(*_: object) -> None:
                if next(sent) == number:
                    happen()

            with watch_statements(Engine, interfere):
                assert read() in (before, after), number
            if next(sent) <= number:
                break
