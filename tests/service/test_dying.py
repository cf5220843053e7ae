"""A connection that dies in the middle of a request: the database is there, so that the request goes through."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Callable, Iterator

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface

from .databases import Database, fresh_database
from .load import Client
from .runs import Scenario, create_scenario, expected_run, read_runs
from .servers import PrivateMariaDB, Server, serving

pytestmark = pytest.mark.service

SECRET_KEY = secrets.token_hex(16)


@pytest.fixture(scope='module')
def database(private_mariadb: PrivateMariaDB) -> Iterator[Database]:
    """Return a database on a server whose connections may be killed."""
    private_mariadb.start()
    with fresh_database(private_mariadb.admin_url) as made:
        yield made


@pytest.fixture(scope='module')
def scenario(database: Database) -> Scenario:
    """Fill the database."""
    return create_scenario(database)


@pytest.fixture(scope='module')
def server(database: Database, scenario: Scenario, folders: Callable[[], Path]) -> Iterator[Server]:
    """Serve it."""
    with serving(folders(), database.uri(), workers=1, SECRET_KEY=SECRET_KEY) as started:
        yield started


@pytest.fixture
def alice(server: Server, scenario: Scenario) -> Client:
    """Return a client of alice's."""
    return server.client(scenario.tokens['alice'])


@pytest.fixture(params=['stranger', 'carol'])
def cookie(request: pytest.FixtureRequest, scenario: Scenario) -> str | None:
    """Return the session cookie of nobody, or of somebody, whom the platform then looks up before the route is asked."""
    if request.param == 'stranger':
        return None
    host = Flask('host')
    host.secret_key = SECRET_KEY
    signer = SecureCookieSessionInterface().get_signing_serializer(host)
    assert signer is not None
    return f'session={signer.dumps({"user_id": scenario.people[request.param]})}'


def test_a_connection_that_dies_before_any_step_of_a_request_costs_nothing(
        database: Database, scenario: Scenario, alice: Client, cookie: str | None) -> None:
    steps = alice.retry(scenario.run_id, failed_only=True, cookie=cookie).steps
    before = read_runs(database)

    answers = {f'{number} {step}': alice.retry(scenario.run_id, failed_only=True, cookie=cookie, dies=str(number))
               for number, step in enumerate(steps, 1)}

    assert {step: answer.text for step, answer in answers.items() if answer.status != 202} == {}
    runs = read_runs(database)
    made = runs.keys() - before.keys()
    assert len(made) == len(steps)
    assert made == {answer.new_run_id for answer in answers.values()}
    for run_id in made:
        assert runs[run_id] == expected_run(runs[run_id], runs[scenario.run_id], scenario, failed_only=True)


def test_a_connection_that_dies_after_the_commit_costs_nothing_and_makes_no_second_run(
        database: Database, scenario: Scenario, alice: Client, cookie: str | None) -> None:
    steps = alice.retry(scenario.run_id, cookie=cookie).steps
    before = read_runs(database)
    last_commit = len(steps) - steps[::-1].index('COMMIT')

    answer = alice.retry(scenario.run_id, cookie=cookie, dies=f'{last_commit}+')

    assert answer.status == 202
    assert read_runs(database).keys() - before.keys() == {answer.new_run_id}


def test_with_a_key_the_run_whose_commit_went_unanswered_is_no_replay(
        database: Database, scenario: Scenario, alice: Client, cookie: str | None) -> None:
    steps = alice.retry(scenario.run_id, cookie=cookie).steps
    before = read_runs(database)
    last_commit = len(steps) - steps[::-1].index('COMMIT')
    key = secrets.token_hex(8)

    first = alice.retry(scenario.run_id, cookie=cookie, key=key, dies=f'{last_commit}+')
    second = alice.retry(scenario.run_id, cookie=cookie, key=key)

    assert (first.status, first.replayed) == (202, False)
    assert (second.status, second.replayed, second.body) == (202, True, first.body)
    assert read_runs(database).keys() - before.keys() == {first.new_run_id}
