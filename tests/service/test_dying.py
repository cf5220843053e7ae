"""A connection that dies in the middle of a request, while the database is there."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Callable, Iterator

import pytest

from .databases import Database, fresh_database
from .load import Client, session_cookie
from .runs import Scenario, expected_run, read_runs
from .servers import PrivateMariaDB, Server, serving

pytestmark = pytest.mark.service

SECRET_KEY = secrets.token_hex(16)


@pytest.fixture(scope='module')
def shared_database(private_mariadb: PrivateMariaDB) -> Iterator[Database]:
    """Return a database on a server whose connections may be killed."""
    private_mariadb.start()
    with fresh_database(private_mariadb.admin_url) as made:
        yield made


@pytest.fixture(scope='module')
def server(shared_database: Database, shared_scenario: Scenario, folders: Callable[[], Path]) -> Iterator[Server]:
    """Serve it."""
    with serving(folders(), shared_database.uri(), workers=1, SECRET_KEY=SECRET_KEY) as started:
        yield started


@pytest.fixture(params=['stranger', 'carol'])
def cookie(request: pytest.FixtureRequest, shared_scenario: Scenario) -> str | None:
    """Return the session cookie of nobody, or of a user whom the platform looks up before the route is asked."""
    if request.param == 'stranger':
        return None
    return session_cookie(SECRET_KEY, shared_scenario.people[request.param])


def test_a_connection_that_dies_before_a_step_of_the_package_costs_nothing(
        shared_database: Database, shared_scenario: Scenario, alice: Client, cookie: str | None) -> None:
    steps, of_host = steps_of(alice, shared_scenario, cookie)
    before = read_runs(shared_database)

    answers = {
        f'{number} {step}': alice.retry(shared_scenario.run_id, failed_only=True, cookie=cookie, dies=str(number))
        for number, step in enumerate(steps, 1) if number > of_host}

    assert {step: answer.text for step, answer in answers.items() if answer.status != 202} == {}
    runs, source_id = read_runs(shared_database), shared_scenario.run_id
    made = runs.keys() - before.keys()
    assert len(made) == len(answers) > 5
    assert made == {answer.new_run_id for answer in answers.values()}
    for run_id in made:
        assert runs[run_id] == expected_run(runs[run_id], runs[source_id], shared_scenario, failed_only=True)


def test_a_connection_that_dies_before_a_step_of_the_hosts_hooks_costs_one_answer(
        shared_database: Database, shared_scenario: Scenario, alice: Client, cookie: str | None) -> None:
    steps, of_host = steps_of(alice, shared_scenario, cookie)
    before = read_runs(shared_database)

    for number in range(1, of_host + 1):
        answer = alice.retry(shared_scenario.run_id, cookie=cookie, dies=str(number))
        # As it gives its connection back, the host has all that it needs.
        if steps[number - 1] != 'ROLLBACK':
            assert (answer.status, answer.body['code']) == (503, 'service_unavailable')
            assert int(answer.headers['Retry-After']) > 0
            assert alice.retry(shared_scenario.run_id, cookie=cookie).status == 202

    statements = [step for step in steps[:of_host] if step not in ('ROLLBACK', 'COMMIT')]
    assert len(read_runs(shared_database).keys() - before.keys()) >= len(statements) > 0


def steps_of(client: Client, scenario: Scenario, cookie: str | None) -> tuple[list[str], int]:
    """Return the steps of a failed-only retry, and how many of them, the first ones, are the host's."""
    of_host = client.ask('GET', '/no/such/page', **({} if cookie is None else {'Cookie': cookie})).steps
    steps = client.retry(scenario.run_id, failed_only=True, cookie=cookie).steps
    assert steps[:len(of_host)] == of_host
    return steps, len(of_host)


@pytest.mark.parametrize('has_key', [False, True])
def test_a_connection_that_dies_after_the_commit_costs_nothing_and_makes_no_second_run(
        shared_database: Database, shared_scenario: Scenario, alice: Client, cookie: str | None, has_key: bool) -> None:
    keys = [secrets.token_hex(8) if has_key else None for _ in range(2)]
    steps = alice.retry(shared_scenario.run_id, cookie=cookie, key=keys[0]).steps
    before = read_runs(shared_database)
    last_commit = len(steps) - steps[::-1].index('COMMIT')

    answer = alice.retry(shared_scenario.run_id, cookie=cookie, key=keys[1], dies=f'{last_commit}+')

    assert (answer.status, answer.replayed) == (202, False)
    assert read_runs(shared_database).keys() - before.keys() == {answer.new_run_id}
