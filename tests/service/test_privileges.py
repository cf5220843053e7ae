"""An account with only SELECT and INSERT is enough for all of this (contract section 4)."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Callable, Iterator

import pytest
from sqlalchemy.exc import OperationalError

from . import recorder
from .databases import Account, Database, account, execute, fresh_database
from .load import Client
from .runs import Story, read_runs, tell, whole
from .servers import Server, serving

pytestmark = pytest.mark.service


@pytest.fixture(scope='module')
def database(mariadb: str) -> Iterator[Database]:
    """Give a database for all tests here."""
    with fresh_database(mariadb) as made:
        yield made


@pytest.fixture(scope='module')
def story(database: Database) -> Story:
    """Make the tables, as an administrator would, and tell what is in them."""
    return tell(database)


@pytest.fixture(scope='module')
def clerk(database: Database) -> Iterator[Account]:
    """Give an account that may read and add."""
    with account(database, 'SELECT, INSERT') as made:
        yield made


@pytest.fixture(scope='module')
def server(database: Database, story: Story, clerk: Account, folders: Callable[[], Path]) -> Iterator[Server]:
    """Serve the database through that account."""
    with serving(folders(), database.uri(clerk), workers=2) as started:
        yield started


@pytest.fixture
def alice(server: Server, story: Story) -> Client:
    """Give a client of alice's."""
    return server.client(story.tokens['alice'])


@pytest.mark.parametrize('statement', [
    'UPDATE test SET pr_nr = 1', 'DELETE FROM test_progress', 'CREATE TABLE more (id INT)',
    'ALTER TABLE test ADD more INT', 'DROP TABLE run_retry'])
def test_the_account_may_do_no_more(database: Database, story: Story, clerk: Account, statement: str) -> None:
    with pytest.raises(OperationalError, match='command denied'):
        execute(database.uri(clerk), statement)


@pytest.mark.parametrize('failed_only', [False, True], ids=['all tests', 'failed tests'])
def test_a_retry_works(database: Database, story: Story, alice: Client, failed_only: bool) -> None:
    answer = alice.retry(story.run_id, failed_only=failed_only, reason='flaky VM')

    assert answer.status == 202
    runs = read_runs(database)
    run = runs[answer.new_run_id]
    assert run == whole(run, runs[story.run_id], story, failed_only=failed_only)


def test_a_replay_works(story: Story, alice: Client) -> None:
    key = secrets.token_hex(8)

    first, second = (alice.retry(story.run_id, key=key) for _ in range(2))

    assert (first.status, first.replayed) == (202, False)
    assert (second.status, second.replayed, second.body) == (202, True, first.body)


def test_the_family_of_a_run_is_shown(story: Story, alice: Client) -> None:
    made = alice.retry(story.run_id, reason='flaky VM')

    answer = alice.family(made.new_run_id)

    assert answer.status == 200
    attempt = answer.body['attempts'][-1]
    assert (answer.body['root_run_id'], attempt['run_id']) == (story.run_id, made.new_run_id)
    assert (attempt['requested_by'], attempt['reason']) == ('alice', 'flaky VM')


def test_an_unknown_run_is_not_found(alice: Client) -> None:
    answer = alice.retry(2 ** 31 - 1)

    assert (answer.status, answer.body['code']) == (404, 'not_found')


def test_a_run_without_failures_is_refused(database: Database, story: Story, alice: Client) -> None:
    before = read_runs(database)

    answer = alice.retry(story.passed_run_id, failed_only=True)

    assert (answer.status, answer.body['code']) == (422, 'unprocessable')
    assert read_runs(database) == before


def test_a_retry_sends_select_and_insert_only(story: Story, server: Server, alice: Client) -> None:
    assert alice.retry(story.run_id).status == 202

    sent = [statement.split() for statement in recorder.statements(server.folder)]

    # Beside these two, the host looks whether its tables are there.
    assert {words[0] for words in sent} - {'DESCRIBE', 'SHOW'} == {'SELECT', 'INSERT'}
    assert {words[2] for words in sent if words[0] == 'INSERT'} == {
        'test', 'run_retry', 'customized_test', 'test_fork'}
