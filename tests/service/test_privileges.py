"""An account with only SELECT and INSERT is enough for all of this (docs/operations.rst, "The database")."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Callable, Iterator

import pytest
from sqlalchemy.exc import OperationalError

from .databases import Account, Database, account, execute
from .load import Client
from .runs import Scenario, expected_run, read_runs
from .servers import Server, serving

pytestmark = pytest.mark.service


@pytest.fixture(scope='module')
def restricted(shared_database: Database) -> Iterator[Account]:
    """Return an account that may read and add."""
    with account(shared_database, 'SELECT, INSERT') as made:
        yield made


@pytest.fixture(scope='module')
def server(shared_database: Database, shared_scenario: Scenario, restricted: Account,
           folders: Callable[[], Path]) -> Iterator[Server]:
    """Serve the database through that account."""
    with serving(folders(), shared_database.uri(restricted), workers=2) as started:
        yield started


def test_the_account_may_do_no_more(
        shared_database: Database, shared_scenario: Scenario, restricted: Account) -> None:
    for statement in ('UPDATE test SET pr_nr = 1', 'DELETE FROM test_progress', 'CREATE TABLE more (id INT)',
                      'ALTER TABLE test ADD more INT', 'DROP TABLE run_retry'):
        with pytest.raises(OperationalError, match='command denied'):
            execute(shared_database.uri(restricted), statement)


@pytest.mark.parametrize('failed_only', [False, True], ids=['all tests', 'failed tests'])
def test_a_retry_works(shared_database: Database, shared_scenario: Scenario, alice: Client, failed_only: bool) -> None:
    answer = alice.retry(shared_scenario.run_id, failed_only=failed_only, reason='flaky VM')

    assert answer.status == 202
    runs = read_runs(shared_database)
    run = runs[answer.new_run_id]
    assert run == expected_run(run, runs[shared_scenario.run_id], shared_scenario, failed_only=failed_only)


def test_a_replay_works(shared_scenario: Scenario, alice: Client) -> None:
    key = secrets.token_hex(8)

    first, second = (alice.retry(shared_scenario.run_id, key=key) for _ in range(2))

    assert (first.status, first.replayed) == (202, False)
    assert (second.status, second.replayed, second.body) == (202, True, first.body)


def test_the_attempts_of_a_run_are_listed(shared_scenario: Scenario, alice: Client) -> None:
    made = alice.retry(shared_scenario.run_id)

    assert alice.attempts(made.new_run_id).body['data'][-1]['run_id'] == made.new_run_id


def test_the_other_results_are_carried_over_when_a_failed_only_retry_ends(
        shared_database: Database, shared_scenario: Scenario, alice: Client) -> None:
    made = alice.retry(shared_scenario.run_id, failed_only=True)

    assert alice.end(made.new_run_id).status == 204

    runs = read_runs(shared_database)
    run = runs[made.new_run_id]
    assert run == expected_run(run, runs[shared_scenario.run_id], shared_scenario, failed_only=True, ended=True)
    assert len(run.carried_over) == 5
