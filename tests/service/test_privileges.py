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
from .runs import Scenario, create_scenario, expected_run, read_runs
from .servers import Server, serving

pytestmark = pytest.mark.service


@pytest.fixture(scope='module')
def database(mariadb: str) -> Iterator[Database]:
    """Return a database for all tests here."""
    with fresh_database(mariadb) as made:
        yield made


@pytest.fixture(scope='module')
def scenario(database: Database) -> Scenario:
    """Make the tables, as an administrator would, and tell what is in them."""
    return create_scenario(database)


@pytest.fixture(scope='module')
def restricted(database: Database) -> Iterator[Account]:
    """Return an account that may read and add."""
    with account(database, 'SELECT, INSERT') as made:
        yield made


@pytest.fixture(scope='module')
def server(database: Database, scenario: Scenario, restricted: Account,
           folders: Callable[[], Path]) -> Iterator[Server]:
    """Serve the database through that account."""
    with serving(folders(), database.uri(restricted), workers=2) as started:
        yield started


@pytest.fixture
def alice(server: Server, scenario: Scenario) -> Client:
    """Return a client of alice's."""
    return server.client(scenario.tokens['alice'])


@pytest.mark.parametrize('statement', [
    'UPDATE test SET pr_nr = 1', 'DELETE FROM test_progress', 'CREATE TABLE more (id INT)',
    'ALTER TABLE test ADD more INT', 'DROP TABLE run_retry'])
def test_the_account_may_do_no_more(
        database: Database, scenario: Scenario, restricted: Account, statement: str) -> None:
    with pytest.raises(OperationalError, match='command denied'):
        execute(database.uri(restricted), statement)


@pytest.mark.parametrize('failed_only', [False, True], ids=['all tests', 'failed tests'])
def test_a_retry_works(database: Database, scenario: Scenario, alice: Client, failed_only: bool) -> None:
    answer = alice.retry(scenario.run_id, failed_only=failed_only, reason='flaky VM')

    assert answer.status == 202
    runs = read_runs(database)
    run = runs[answer.new_run_id]
    assert run == expected_run(run, runs[scenario.run_id], scenario, failed_only=failed_only)


def test_a_replay_works(scenario: Scenario, alice: Client) -> None:
    key = secrets.token_hex(8)

    first, second = (alice.retry(scenario.run_id, key=key) for _ in range(2))

    assert (first.status, first.replayed) == (202, False)
    assert (second.status, second.replayed, second.body) == (202, True, first.body)


def test_the_attempts_of_a_run_are_listed(scenario: Scenario, alice: Client) -> None:
    made = alice.retry(scenario.run_id, reason='flaky VM')

    answer = alice.attempts(made.new_run_id)

    assert answer.status == 200
    attempt = answer.body['data'][-1]
    assert (answer.body['meta']['root_run_id'], attempt['run_id']) == (scenario.run_id, made.new_run_id)
    assert (attempt['requested_by'], attempt['reason']) == ('alice', 'flaky VM')


def test_the_other_results_are_carried_over_when_a_failed_only_retry_ends(
        database: Database, scenario: Scenario, alice: Client) -> None:
    made = alice.retry(scenario.run_id, failed_only=True)

    assert alice.end(made.new_run_id).status == 204

    runs = read_runs(database)
    run = runs[made.new_run_id]
    assert run == expected_run(run, runs[scenario.run_id], scenario, failed_only=True, ended=True)
    assert len(run.carried_over) == 3


def test_an_unknown_run_is_not_found(alice: Client) -> None:
    answer = alice.retry(2 ** 31 - 1)

    assert (answer.status, answer.body['code']) == (404, 'not_found')


def test_a_run_without_failures_is_refused(database: Database, scenario: Scenario, alice: Client) -> None:
    before = read_runs(database)

    answer = alice.retry(scenario.passed_run_id, failed_only=True)

    assert (answer.status, answer.body['code']) == (422, 'unprocessable')
    assert read_runs(database) == before


def test_a_retry_sends_select_and_insert_only(scenario: Scenario, server: Server, alice: Client) -> None:
    assert alice.retry(scenario.run_id).status == 202

    sent = [statement.split() for statement in recorder.statements(server.folder)]

    # Beside these two, the host looks whether its tables are there.
    assert {words[0] for words in sent} - {'DESCRIBE', 'SHOW'} == {'SELECT', 'INSERT'}
    assert {words[2] for words in sent if words[0] == 'INSERT'} <= recorder.WRITTEN
