"""
If a run is restarted or deleted between two statements of a reader, the answer is true, or a 404.

Each test calls a reader once for each of its statements, and just before that statement another connection commits a
change. On SQLite, the statements after the change see it, as under READ COMMITTED.
"""

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
import seed
from database import db
from mod_test.models import TestType
from sqlalchemy import Engine
from support.changes import DELETION, RESTART, add_retries, delete_rows
from support.github import AUTHOR, COMMIT, PR, SETTINGS, comment_payload
from support.histories import end_only, finish, report, retry_in_process
from support.messages import TIME_LIMIT
from support.statements import before_statement, record_statements, watch_statements

from mod_runs_api.github import retry_from_comment

pytestmark = [pytest.mark.once, pytest.mark.usefixtures('impatience')]

#: The last attempt that has ended, and the newest, which has not.
LAST, NEWEST = 4, 5


@pytest.fixture
def app_settings():
    """The settings of a platform that allows a run one automatic retry."""
    return {**SETTINGS, 'RUNS_API_AUTOMATIC_RETRIES': 1}


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


@pytest.fixture
def other(engine):
    """Yield a connection to the database that neither the package nor its host uses."""
    with closing(sqlite3.connect(engine.url.database, timeout=0, isolation_level=None)) as connection:
        connection.executescript('PRAGMA foreign_keys = ON; PRAGMA synchronous = OFF')
        yield connection


@pytest.fixture
def answers(other):
    """Return a function that returns what a reader answers before a change, after it, and if it happens in between."""
    def call(read, change):
        db.session.commit()
        with closing(sqlite3.connect(':memory:')) as saved:
            other.backup(saved)
            with record_statements(Engine) as sent:
                before = read()
            saved.backup(other)
            change()
            # Otherwise each answer would be true, whatever a reader does.
            assert list(other.iterdump()) != list(saved.iterdump())
            after = read()
            between = []
            for number in range(1, len(sent) + 1):
                saved.backup(other)
                with before_statement(number, change):
                    between.append(read())
            saved.backup(other)
        return before, after, between

    return call


@pytest.fixture
def execute(other):
    """Return a function that executes statements in a transaction, unless a reader has begun to write."""
    def execute_all(statements):
        try:
            other.executescript(';'.join(['BEGIN IMMEDIATE', *statements, 'COMMIT']))
        except sqlite3.OperationalError as error:
            assert str(error) == 'database is locked'
            other.rollback()

    return execute_all


RESTART_ALL, DELETE_ALL = delete_rows('> 0', RESTART), delete_rows('> 0', DELETION)
DELETE_NEWEST, DELETE_OTHERS = delete_rows(f'= {NEWEST}', DELETION), delete_rows(f'<> {NEWEST}', DELETION)
DELETE_A_REGRESSION_TEST = [f'DELETE FROM {table} WHERE {column} = 1' for table, column in (
    ('customized_test', 'regression_id'), ('test_result_file', 'regression_test_id'),
    ('test_result', 'regression_test_id'), ('regression_test_category', 'regression_id'),
    ('regression_test_output', 'regression_id'), ('regression_test', 'id'))]


@pytest.fixture
def readers(ask, command, visitor):
    """Return what reads, by name. Each reader but `page` returns its answer."""
    def send(method, run_id, route, **request):
        answer = ask(method, run_id, route, **request)
        assert answer.status_code in (200, 202, 404, 422), answer.text
        return answer.json

    def output(name):
        result = command(name)
        assert result.exit_code == 0
        return result.output

    def page():
        response = visitor.client.get(f'/test/{NEWEST}')
        assert response.status_code in (200, 404)

    return {
        'retries': lambda: send('GET', NEWEST, 'retries'), 'verdict': lambda: send('GET', NEWEST, 'verdict'),
        'preview': lambda: send('GET', LAST, 'retry'),
        'POST': lambda: send('POST', LAST, 'retry', json={'failed_only': True}),
        'causes': lambda: output('causes'), 'page': page, 'flaky': lambda: output('flaky'),
        'comment': lambda: retry_from_comment(comment_payload('/retry linux failed')), 'sweep': lambda: output('sweep')}


@pytest.mark.parametrize('statements', [RESTART_ALL, DELETE_NEWEST, DELETE_OTHERS], ids=[
    'all are restarted', 'the newest is deleted', 'the others are deleted'])
@pytest.mark.parametrize('name', ['retries', 'verdict', 'preview', 'POST', 'causes'])
def test_what_happens_between_two_statements_has_happened_before_or_after_the_answer(
        readers, answers, execute, name, statements):
    before, after, between = answers(readers[name], lambda: execute(statements))

    assert between and between[0] == after
    assert [number for number, answer in enumerate(between, 1) if answer not in (before, after)] == []


@pytest.mark.parametrize('statements', [RESTART_ALL, DELETE_ALL], ids=['all are restarted', 'all are deleted'])
@pytest.mark.parametrize('name', ['page', 'comment', 'flaky', 'sweep'])
def test_what_happens_between_two_steps_of_a_reader_is_no_error(
        readers, answers, execute, caplog, name, statements):
    # Each step looks again: the page reads the attempts, and then what they prove.
    answers(readers[name], lambda: execute(statements))

    # Whatever fails while a page is rendered is logged.
    assert [line for line in caplog.messages if 'missing on its page' in line and 'RunNotFound' not in line] == []


def test_a_regression_test_that_is_deleted_between_two_statements_is_no_error(readers, answers, execute):
    before, after, between = answers(readers['verdict'], lambda: execute(DELETE_A_REGRESSION_TEST))

    both = [[test['regression_test_id'] for test in answer['data']] for answer in (before, after)]
    assert both == [[1, 2, 3], [2, 3]]
    assert between and between[0] == after
    assert all([test['regression_test_id'] for test in answer['data']] in both for answer in between)


def test_a_result_carried_over_between_two_statements_is_read_as_a_whole_or_not_at_all(
        ask, answers, command, tests):
    source = finish(seed.run(tests).id, tests, failed=tests[1:])
    run_id = retry_in_process(source, failed_only=True)
    report(run_id, tests[1:2])
    end_only(run_id)

    # Not `carried_over`, which is counted after the results are read: here it may be ahead of them.
    def counts():
        attempt = ask('GET', run_id, 'retries').json['data'][1]
        return [attempt[name] for name in ('status', 'tests', 'passed', 'failed', 'not_run')]

    for read in (counts, lambda: ask('GET', run_id, 'verdict').json):
        before, after, between = answers(read, lambda: command('carry-over', run_id))
        assert between and between[0] == after != before
        assert [number for number, answer in enumerate(between, 1) if answer not in (before, after)] == []


@pytest.mark.parametrize(('statuses', 'code'), [(['testing'], 200), (['testing', 'canceled'], 503)])
def test_messages_at_each_statement_do_not_keep_a_run_from_being_read_but_ends_do(ask, other, statuses, code):
    db.session.commit()

    def report_progress(*_):
        for status in statuses:
            other.execute('INSERT INTO test_progress (test_id, status, timestamp, message) SELECT '
                          f"{NEWEST}, '{status}', '2026-11-27 12:00:00', MAX(id) FROM test_progress")

    report_progress()
    with watch_statements(Engine, report_progress):
        answers = [ask('GET', NEWEST, route) for route in ('retries', 'verdict')]

    assert [answer.status_code for answer in answers] == [code, code]
    if code == 503:
        assert {answer.json['message'] for answer in answers} == {
            'The run keeps changing while it is read. Try again later.'}
