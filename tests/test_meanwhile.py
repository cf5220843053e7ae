"""
If runs are restarted or deleted between two transactions of a request or a command, it is no error.

Each test repeats a call for each of its transactions. Just before that transaction begins, another connection changes
the rows. All reads of one transaction see one state.
"""

import sqlite3
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from itertools import count

import pytest
import seed
from database import db
from mod_test.models import TestType
from sqlalchemy import Engine, event
from support.changes import DELETION, RESTART, add_retries, delete_rows
from support.github import AUTHOR, COMMIT, OLD_COMMIT, PR, SETTINGS, comment_payload
from support.histories import finish, retry_in_process
from support.messages import TIME_LIMIT

from mod_runs_api.github import retry_from_comment

pytestmark = [pytest.mark.once, pytest.mark.usefixtures('impatience')]

#: The last attempt.
LAST = 4


@pytest.fixture
def app_settings():
    """The settings of a platform that allows a run one automatic retry, and one of its author."""
    return {**SETTINGS, 'RUNS_API_AUTOMATIC_RETRIES': 1, 'RUNS_API_AUTHOR_RETRIES': 1}


@pytest.fixture(autouse=True)
def history(alice, tests, github):
    """
    Add a run that was retried twice, and one of master.

    Two failed-only retries of the run of master did not complete: one ran out of time, and one was lost.
    """
    alice.github_login = 'alice-gh'
    github.open_pull(PR, COMMIT, AUTHOR)
    github.build(OLD_COMMIT)
    master = finish(seed.run(tests, commit=OLD_COMMIT).id, tests, failed=tests)
    finish(retry_in_process(master, failed_only=True), tests, failed=tests)
    first = finish(seed.run(tests, commit=COMMIT, pr_nr=PR, test_type=TestType.pull_request,
                            branch='pull_request').id, tests, failed=tests)
    assert finish(retry_in_process(first, failed_only=True), tests, failed=tests[1:]) == LAST
    lost = seed.run(tests, commit=OLD_COMMIT, stages=seed.STARTED, ago=timedelta(hours=5))
    stopped = seed.run(tests, commit=OLD_COMMIT, stages=seed.CANCELED, message=TIME_LIMIT, ago=timedelta(hours=1))
    add_retries(master, [lost.id, stopped.id], failed_only=True)


@pytest.fixture
def other(engine):
    """Yield a connection to the database that neither the package nor the platform uses."""
    with closing(sqlite3.connect(engine.url.database, timeout=0, isolation_level=None)) as connection:
        connection.executescript('PRAGMA foreign_keys = ON; PRAGMA synchronous = OFF')
        yield connection


@pytest.fixture
def calls(ask, command):
    """Return the calls that have several transactions, by name."""
    def post():
        answer = ask('POST', LAST, 'retry', json={'failed_only': True})
        assert answer.status_code in (202, 404, 422), answer.text

    def run(name):
        assert command(name).exit_code == 0

    def comment(**changes):
        retry_from_comment(comment_payload('/retry linux failed', changes))

    return {'POST': post, 'comment': comment, 'comment of the author': partial(comment, **{'comment.user.id': AUTHOR}),
            **{name: partial(run, name) for name in ('causes', 'flaky', 'sweep')}}


@contextmanager
def before_transaction(number, act):
    """Do something just before the transaction with a number begins, and yield the transactions that have begun."""
    begun: list[None] = []

    def begin(_connection):
        begun.append(None)
        if len(begun) == number:
            act()

    event.listen(Engine, 'begin', begin)
    try:
        yield begun
    finally:
        event.remove(Engine, 'begin', begin)


@pytest.mark.parametrize('tables', [RESTART, DELETION], ids=['restarted', 'deleted'])
@pytest.mark.parametrize('name', ['POST', 'comment', 'comment of the author', 'causes', 'flaky', 'sweep'])
def test_runs_that_vanish_between_two_transactions_are_no_error(calls, other, name, tables):
    change = partial(other.executescript, ';'.join(delete_rows('> 0', tables)))
    db.session.commit()
    with closing(sqlite3.connect(':memory:')) as saved:
        other.backup(saved)
        for number in count(1):
            saved.backup(other)
            with before_transaction(number, change) as begun:
                calls[name]()
            if len(begun) < number:
                break
    assert number > 2


def test_a_retry_that_the_same_key_has_created_since_the_refusal_is_the_answer(retry, other, tests):
    run_id = seed.run(tests, stages=seed.STARTED).id
    db.session.commit()
    made = []

    def end_and_retry():
        other.execute("INSERT INTO test_progress (test_id, status, timestamp, message) "
                      f"VALUES ({run_id}, 'completed', '2026-12-03 12:00:00', '')")
        made.append(retry(run_id, {'failed_only': True}, key='k'))

    # The platform and the check of the token have a transaction each, and the retry is refused in the third.
    with before_transaction(4, end_and_retry):
        answer = retry(run_id, {'failed_only': True}, key='k')

    assert (made[0].status_code, answer.json) == (202, made[0].json)
    assert answer.headers['Idempotent-Replayed'] == 'true'
