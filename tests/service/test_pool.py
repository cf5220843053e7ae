"""One connection at a time: what a full pool does to the package, whose host holds a connection in each request."""

from __future__ import annotations

import secrets
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from .databases import Database
from .load import Answer, Client, session_cookie, together
from .runs import Scenario, read_runs
from .servers import serving

pytestmark = pytest.mark.service

SECRET_KEY = secrets.token_hex(16)
THREADS = 20

#: SQLAlchemy's own pool, which the platform has, and the smallest one there is.
POOLS = {'5 and 10 more': {'pool_size': 5, 'max_overflow': 10}, 'one': {'pool_size': 1, 'max_overflow': 0}}


@pytest.fixture(scope='module', params=POOLS.values(), ids=POOLS)
def client(request: pytest.FixtureRequest, shared_database: Database, shared_scenario: Scenario,
           folders: Callable[[], Path]) -> Iterator[Client]:
    """Return a client of a process with twenty threads and this pool."""
    with serving(folders(), shared_database.uri(), workers=1, threads=THREADS, SECRET_KEY=SECRET_KEY,
                 SQLALCHEMY_ENGINE_OPTIONS=request.param) as server:
        yield server.client(shared_scenario.tokens['alice'])


@pytest.fixture
def cookie(shared_scenario: Scenario) -> str:
    """Return the cookie of alice's session: the host's session then holds a connection in each request."""
    return session_cookie(SECRET_KEY, shared_scenario.people['alice'])


def test_twenty_retries_at_once_are_accepted(client: Client, shared_scenario: Scenario, cookie: str) -> None:
    answers = at_once(lambda: client.retry(shared_scenario.run_id, failed_only=True, cookie=cookie))

    assert Counter(answer.status for answer in answers) == {202: THREADS}


def test_twenty_lists_of_attempts_at_once_are_answered(client: Client, shared_scenario: Scenario, cookie: str) -> None:
    answers = at_once(lambda: client.ask('GET', f'/api/v1/runs/{shared_scenario.run_id}/retries', Cookie=cookie))

    assert Counter(answer.status for answer in answers) == {200: THREADS}


def test_twenty_pages_at_once_have_their_button_and_history(
        client: Client, shared_scenario: Scenario, cookie: str) -> None:
    client.retry(shared_scenario.run_id)

    answers = at_once(lambda: client.ask('GET', f'/test/{shared_scenario.run_id}', Cookie=cookie))

    assert Counter(answer.status for answer in answers) == {200: THREADS}
    assert all('data-url=' in answer.text and 'runs-api-history' in answer.text for answer in answers)


def test_twenty_ends_of_failed_only_retries_at_once_are_whole(
        client: Client, shared_scenario: Scenario, cookie: str, shared_database: Database) -> None:
    run_ids = [client.retry(shared_scenario.run_id, failed_only=True).new_run_id for _ in range(THREADS)]

    answers = together([lambda run_id=run_id: client.end(run_id) for run_id in run_ids])  # type: ignore[misc]

    assert Counter(answer.status for answer in answers) == {204: THREADS}
    runs = read_runs(shared_database)
    assert {runs[run_id].carried_over for run_id in run_ids} == {shared_scenario.test_ids}


def at_once(call: Callable[[], Any]) -> list[Answer]:
    """Return what twenty calls at the same moment return."""
    return together([call] * THREADS)
