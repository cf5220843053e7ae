"""One key makes one run (docs/api.rst, "Idempotency"), whoever asks at the same moment."""

from __future__ import annotations

import secrets
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Callable, Iterator

import pytest

from .databases import Database
from .load import Client, together
from .runs import Scenario, expected_run, read_runs
from .servers import Server, serving

pytestmark = pytest.mark.service

REQUESTS = 48


@pytest.fixture(scope='module')
def server(shared_database: Database, shared_scenario: Scenario, folders: Callable[[], Path]) -> Iterator[Server]:
    """Serve it with four workers."""
    with serving(folders(), shared_database.uri()) as started:
        yield started


@pytest.fixture
def key() -> str:
    """Return a key that nobody has used."""
    return f'key-{secrets.token_hex(8)}'


def test_simultaneous_requests_with_one_key_make_one_run(
        server: Server, shared_database: Database, shared_scenario: Scenario, alice: Client, key: str) -> None:
    before = read_runs(shared_database)
    meet = server.meeting()

    answers = together([lambda: alice.retry(shared_scenario.run_id, key=key, meet=meet)] * REQUESTS)

    assert Counter(answer.status for answer in answers) == {202: REQUESTS}
    made = read_runs(shared_database).keys() - before.keys()
    assert made == {answers[0].new_run_id}
    run = read_runs(shared_database)[answers[0].new_run_id]
    assert run == expected_run(run, before[shared_scenario.run_id], shared_scenario)
    assert {answer.new_run_id for answer in answers} == made
    assert Counter(answer.replayed for answer in answers) == {True: REQUESTS - 1, False: 1}
    assert len({answer.worker for answer in answers}) == server.workers


def test_simultaneous_requests_with_one_key_and_two_bodies_make_the_run_of_one_of_them(
        server: Server, shared_database: Database, shared_scenario: Scenario, alice: Client, key: str) -> None:
    before = read_runs(shared_database)
    meet = server.meeting()
    bodies = [False, True] * (REQUESTS // 2)

    answers = together([partial(alice.retry, shared_scenario.run_id, key=key, meet=meet, failed_only=failed_only)
                        for failed_only in bodies])

    runs = read_runs(shared_database)
    new_run_id, = runs.keys() - before.keys()
    kept = runs[new_run_id].test_ids == shared_scenario.failed_ids
    assert [answer.status for answer in answers] == [202 if body == kept else 422 for body in bodies]
    assert {answer.new_run_id for answer in answers if answer.status == 202} == {new_run_id}


@pytest.mark.parametrize('requested_by', ['alice', None])
def test_simultaneous_calls_in_process_with_one_key_make_one_run(
        server: Server, shared_database: Database, shared_scenario: Scenario, alice: Client, key: str,
        requested_by: str | None) -> None:
    before = read_runs(shared_database)
    meet = server.meeting()

    answers = together([lambda: alice.call(
        shared_scenario.run_id, meet=meet, requested_by=requested_by, idempotency_key=key)] * REQUESTS)

    runs = read_runs(shared_database)
    new_run_id, = runs.keys() - before.keys()
    assert Counter((answer.new_run_id, answer.body['replayed']) for answer in answers) == {
        (new_run_id, False): 1, (new_run_id, True): REQUESTS - 1}
    assert runs[new_run_id] == expected_run(
        runs[new_run_id], runs[shared_scenario.run_id], shared_scenario, person=requested_by)


def test_keys_that_differ_in_case_or_in_their_end_are_different(
        shared_database: Database, shared_scenario: Scenario, alice: Client, key: str) -> None:
    keys = [key, key.upper(), key.capitalize(), f'{key}.', f'{key}-', f'{key}_', f"{key}'", f'{key}%',
            *(f'{key.ljust(254, ".")}{last}' for last in 'aAbB')]

    answers = [alice.retry(shared_scenario.run_id, key=one) for one in keys]

    assert [(answer.status, answer.replayed) for answer in answers] == [(202, False)] * len(keys)
    assert len({answer.new_run_id for answer in answers}) == len(keys)
