"""A mishap at any step of a request: its connection dies, its worker does, or rows change under it."""

from __future__ import annotations

import secrets
from http.client import HTTPException

import pytest

from .runs import Scenario, expected_run, read_runs
from .server import Client, Server
from .services import Database, missing

pytestmark = pytest.mark.service

SERVER = {'workers': 1}


@pytest.fixture(params=['stranger', 'carol'])
def cookie(request: pytest.FixtureRequest, alice: Client) -> str | None:
    """Return the session cookie of nobody, or of a user whom the platform looks up before the route is asked."""
    return None if request.param == 'stranger' else alice.log_in(request.param)


def steps_of(client: Client, scenario: Scenario, cookie: str | None) -> tuple[list[str], int]:
    """Return the steps of a failed-only retry, and how many of them, the first ones, are the host's."""
    of_host = client.ask('GET', '/no/such/page', Cookie=cookie).steps
    steps = client.retry(scenario.run_id, failed_only=True, cookie=cookie).steps
    assert steps[:len(of_host)] == of_host
    return steps, len(of_host)


def test_a_connection_that_dies_before_a_step_of_the_package_costs_nothing(
        database: Database, scenario: Scenario, alice: Client, cookie: str | None) -> None:
    steps, of_host = steps_of(alice, scenario, cookie)
    before = read_runs(database)

    answers = {f'{number} {step}': alice.retry(scenario.run_id, failed_only=True, cookie=cookie, dies=str(number))
               for number, step in enumerate(steps, 1) if number > of_host}

    assert {step: answer.text for step, answer in answers.items() if answer.status != 202} == {}
    runs = read_runs(database)
    made = runs.keys() - before.keys()
    assert len(made) == len(answers) > 5
    assert made == {answer.new_run_id for answer in answers.values()}
    for run_id in made:
        assert runs[run_id] == expected_run(runs[run_id], runs[scenario.run_id], scenario, failed_only=True)


def test_a_connection_that_dies_before_a_step_of_the_hosts_hooks_costs_one_answer(
        database: Database, scenario: Scenario, alice: Client, cookie: str | None) -> None:
    steps, of_host = steps_of(alice, scenario, cookie)
    # As it gives its connection back, the host has all that it needs.
    numbers = [number for number, step in enumerate(steps[:of_host], 1) if step not in ('ROLLBACK', 'COMMIT')]
    assert numbers
    before = read_runs(database)

    for number in numbers:
        answer = alice.retry(scenario.run_id, cookie=cookie, dies=str(number))
        assert (answer.status, answer.body['code']) == (503, 'service_unavailable')
        assert int(answer.headers['Retry-After']) > 0
        assert alice.retry(scenario.run_id, cookie=cookie).status == 202
    assert len(read_runs(database).keys() - before.keys()) == len(numbers)


@pytest.mark.parametrize('has_key', [False, True])
def test_a_connection_that_dies_after_the_commit_costs_nothing_and_makes_no_second_run(
        database: Database, scenario: Scenario, alice: Client, cookie: str | None, has_key: bool) -> None:
    keys = [secrets.token_hex(8) if has_key else None for _ in range(2)]
    steps = alice.retry(scenario.run_id, cookie=cookie, key=keys[0]).steps
    before = read_runs(database)
    last_commit = len(steps) - steps[::-1].index('COMMIT')

    answer = alice.retry(scenario.run_id, cookie=cookie, key=keys[1], dies=f'{last_commit}+')

    assert (answer.status, answer.replayed) == (202, False)
    assert read_runs(database).keys() - before.keys() == {answer.new_run_id}


def test_a_worker_that_is_killed_before_any_step_leaves_nothing(
        database: Database, scenario: Scenario, alice: Client) -> None:
    steps = alice.retry(scenario.run_id, failed_only=True).steps
    before = read_runs(database)
    assert [step for step in steps if step.startswith('INSERT')] == [
        'INSERT test', 'INSERT run_retry', 'INSERT customized_test', 'INSERT test_fork']

    for number in range(1, len(steps) + 1):
        with pytest.raises((OSError, HTTPException)):
            alice.retry(scenario.run_id, failed_only=True, dies=f'{number}!')

    assert alice.retry(scenario.run_id, failed_only=True).status == 202
    assert len(read_runs(database).keys() - before.keys()) == 1


@pytest.fixture
def isolated(database: Database) -> None:
    """Go on with snapshot isolation only: without, MariaDB does not give way."""
    if not database.query("SHOW VARIABLES WHERE variable_name = 'innodb_snapshot_isolation' AND value = 'ON'"):
        missing('MariaDB has no snapshot isolation, or it is off')


@pytest.mark.usefixtures('isolated')
def test_a_retry_of_a_run_that_changes_meanwhile_is_tried_again_and_whole(
        database: Database, scenario: Scenario, alice: Client) -> None:
    before = read_runs(database)

    answer = alice.retry(scenario.run_id, changes=4)

    assert answer.status == 202
    assert answer.steps.count('INSERT test') == 5
    runs = read_runs(database)
    assert runs.keys() - before.keys() == {answer.new_run_id}
    assert runs[answer.new_run_id] == expected_run(runs[answer.new_run_id], runs[scenario.run_id], scenario)


@pytest.mark.usefixtures('isolated')
def test_a_retry_of_a_run_that_does_not_stop_changing_is_refused_with_503_and_leaves_nothing(
        database: Database, scenario: Scenario, alice: Client, server: Server) -> None:
    before = read_runs(database)

    answer = alice.retry(scenario.run_id, changes=1000)

    assert (answer.status, answer.body['code']) == (503, 'service_unavailable')
    assert int(answer.headers['Retry-After']) > 0
    assert read_runs(database).keys() == before.keys()
    assert '1020' in server.log
