"""
If a run is restarted or deleted between two statements of a reader, the answer is true, or a 404.

On SQLite each statement sees what was committed before it, as under READ COMMITTED.
"""

import shutil
import sqlite3
import time
from contextlib import closing, suppress
from datetime import timedelta
from itertools import count

import pytest
import seed
from database import db
from mod_test.models import TestType
from sqlalchemy import Engine
from support.changes import add_retries
from support.github import AUTHOR, COMMIT, PR, SETTINGS, comment_payload
from support.histories import TIME_LIMIT, end, finish, report, retry_in_process
from support.statements import before_statement, record_statements, watch_statements
from support.visitor import Visitor

from mod_runs_api.github import retry_from_comment

pytestmark = [pytest.mark.on_file, pytest.mark.once]

#: The last attempt that has ended, and the newest, which has not.
LAST, NEWEST = 4, 5


@pytest.fixture
def app_settings():
    """The settings of a platform that allows a run one automatic retry."""
    return {**SETTINGS, 'RUNS_API_AUTOMATIC_RETRIES': 1}


@pytest.fixture(autouse=True)
def impatience(monkeypatch):
    """Have nobody wait between two tries."""
    monkeypatch.setattr(time, 'sleep', lambda _: None)


@pytest.fixture(autouse=True)
def history(alice, tests, github):
    """
    Add a run that was retried twice, and one of master.

    Two failed-only retries of the run of master did not complete: one ran out of time, and one was lost.
    """
    alice.github_login = 'alice-gh'
    pull = {'test_type': TestType.pull_request, 'branch': 'pull_request'}
    github.open_pull(PR, COMMIT, AUTHOR)
    master = finish(seed.run(tests).id, tests, failed=tests)
    finish(retry_in_process(master, failed_only=True), tests, failed=tests)
    first = finish(seed.run(tests, commit=COMMIT, pr_nr=PR, **pull).id, tests, failed=tests)
    assert finish(retry_in_process(first, failed_only=True), tests, failed=tests[1:]) == LAST
    assert retry_in_process(first, failed_only=True) == NEWEST
    for number in (1, 2):
        github.open_pull(PR + number, str(number), AUTHOR)
    stopped = seed.run(tests, commit='1', pr_nr=PR + 1, **pull, stages=seed.CANCELED, message=TIME_LIMIT,
                       ago=timedelta(hours=1))
    lost = seed.run(tests, commit='2', pr_nr=PR + 2, **pull, stages=seed.STARTED, ago=timedelta(hours=5))
    add_retries(master, [stopped.id, lost.id], failed_only=True)
    db.session.commit()


@pytest.fixture
def file(tmp_path):
    """Return the file of the database."""
    return tmp_path / 'platform.db'


@pytest.fixture
def restore(history, file, tmp_path):
    """Return a function that makes the database what it is now."""
    stored = shutil.copy(file, tmp_path / 'stored.db')

    def restore():
        db.session.remove()
        db.engine.dispose()
        shutil.copy(stored, file)

    return restore


@pytest.fixture
def readers(app, token, ask, command):
    """Return what reads, by name. Each reader returns its answer."""
    visitor = Visitor(app)

    def send(method, run_id, route, **request):
        answer = ask(method, run_id, route, **request)
        assert answer.status_code in (200, 202, 404, 422)
        return answer.text

    def output(name):
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


#: The tables that the platform's restart deletes from, and an administrator who deletes runs.
RESTART = ('test_result_file', 'test_result', 'test_progress')
DELETION = ('customized_test', 'test_fork', *RESTART, 'test')


def restart_all_runs(file):
    """Restart all runs, as the platform does."""
    delete_rows(file, RESTART, '<> 0')


def delete_the_run(file):
    """Delete the run that is read."""
    delete_rows(file, DELETION, f'= {NEWEST}')


def delete_the_others(file):
    """Delete all runs but the one that is read."""
    delete_rows(file, DELETION, f'<> {NEWEST}')


def delete_all_runs(file):
    """Delete all runs."""
    delete_rows(file, DELETION, '<> 0')


def delete_a_regression_test(file):
    """Delete a regression test, and all that refers to it."""
    with closing(sqlite3.connect(file, timeout=0)) as connection:
        for table, column in (('customized_test', 'regression_id'), ('test_result_file', 'regression_test_id'),
                              ('test_result', 'regression_test_id'), ('regression_test_category', 'regression_id'),
                              ('regression_test_output', 'regression_id'), ('regression_test', 'id')):
            connection.execute(f'DELETE FROM {table} WHERE {column} = 1')
        connection.commit()


def delete_rows(file, tables, condition):
    """Delete the rows of runs from tables, on a connection of its own, unless another one writes at the moment."""
    with closing(sqlite3.connect(file, timeout=0)) as connection, suppress(sqlite3.OperationalError):
        connection.execute('PRAGMA foreign_keys = ON')
        for table in tables:
            connection.execute(f'DELETE FROM {table} WHERE {"id" if table == "test" else "test_id"} {condition}')
        connection.commit()


@pytest.mark.parametrize('happen', [restart_all_runs, delete_the_run, delete_the_others])
def test_what_happens_between_two_statements_has_happened_before_or_after_the_answer(readers, restore, file, happen):
    for name in ('retries', 'verdict', 'preview', 'POST', 'causes'):
        with record_statements(Engine) as sent:
            before = readers[name]()
        restore()
        happen(file)
        after = readers[name]()
        for number in range(1, len(sent) + 1):
            restore()
            with before_statement(number, lambda: happen(file)):
                assert readers[name]() in (before, after), (name, number)
        restore()


@pytest.mark.parametrize('happen', [restart_all_runs, delete_all_runs])
@pytest.mark.parametrize('name', ['page', 'comment', 'flaky', 'sweep'])
def test_what_happens_between_two_steps_of_a_reader_is_no_error(readers, restore, file, caplog, name, happen):
    # Each step looks again: the page reads the attempts, and then what they prove.
    with record_statements(Engine) as sent:
        readers[name]()
    for number in range(1, len(sent) + 1):
        restore()
        with before_statement(number, lambda: happen(file)):
            readers[name]()
        # Whatever fails while a page is rendered is logged.
        assert all('RunNotFound' in line for line in caplog.messages if 'missing on its page' in line), number


def test_a_regression_test_that_is_deleted_between_two_statements_is_no_error(ask, restore, file):
    with record_statements(Engine) as sent:
        ask('GET', NEWEST, 'verdict')
    for number in range(1, len(sent) + 1):
        restore()
        with before_statement(number, lambda: delete_a_regression_test(file)):
            tests = ask('GET', NEWEST, 'verdict').json['data']
        assert [test['regression_test_id'] for test in tests] in ([1, 2, 3], [2, 3]), number


@pytest.mark.parametrize(('statuses', 'code'), [(['testing'], 200), (['testing', 'canceled'], 503)])
def test_messages_at_each_statement_do_not_keep_a_run_from_being_read_but_ends_do(ask, file, statuses, code):
    def report(*_):
        with closing(sqlite3.connect(file)) as connection, connection:
            for status in statuses:
                connection.execute('INSERT INTO test_progress (test_id, status, timestamp, message) SELECT '
                                   f"{NEWEST}, '{status}', '2026-11-27 12:00:00', MAX(id) FROM test_progress")

    report()
    with watch_statements(Engine, report):
        answers = [ask('GET', NEWEST, route) for route in ('retries', 'verdict')]
    assert [answer.status_code for answer in answers] == [code, code]
    if code == 503:
        assert {answer.json['message'] for answer in answers} == {
            'The run keeps changing while it is read. Try again later.'}


def test_a_result_carried_over_between_two_statements_is_read_as_a_whole_or_not_at_all(
        app, ask, command, tests, tmp_path):
    first = seed.run(tests)
    for test in tests[:2]:
        seed.result(first, test, exit_code=1)
    seed.result(first, tests[2], {})
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

    def numbers():
        attempt = ask('GET', run_id, 'retries').json['data'][1]
        return attempt['status'], attempt['tests'], attempt['passed'], attempt['failed'], attempt['not_run']

    def happen():
        with closing(sqlite3.connect(file)) as connection:
            connection.execute(f"ATTACH '{complete}' AS complete")
            for table in ('run_carried_over', 'test_result_file', 'test_result', 'customized_test'):
                connection.execute(f'INSERT OR IGNORE INTO {table} SELECT * FROM complete.{table}')
            connection.commit()

    def begin():
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

            def interfere(*_):
                if next(sent) == number:
                    happen()

            with watch_statements(Engine, interfere):
                assert read() in (before, after), number
            if next(sent) <= number:
                break
