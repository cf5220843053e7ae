"""One connection at a time: what a full pool does to the package, whose host holds a connection in each request."""

from __future__ import annotations

import secrets
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Callable, Iterator

import pytest

from .databases import Database
from .load import Client, session_cookie, together
from .runs import Scenario, read_runs
from .servers import serving

pytestmark = pytest.mark.service

SECRET_KEY = secrets.token_hex(16)
THREADS = 20


@pytest.fixture(scope='module')
def client(shared_database: Database, shared_scenario: Scenario, folders: Callable[[], Path]) -> Iterator[Client]:
    """Return a client of a process with twenty threads and one connection."""
    with serving(folders(), shared_database.uri(), workers=1, threads=THREADS, SECRET_KEY=SECRET_KEY,
                 SQLALCHEMY_ENGINE_OPTIONS={'pool_size': 1, 'max_overflow': 0}) as server:
        yield server.client(shared_scenario.tokens['alice'])


def test_twenty_retries_at_once_are_accepted(client: Client, shared_scenario: Scenario) -> None:
    # With alice logged in as well, the host's session holds a connection in each request.
    cookie = session_cookie(SECRET_KEY, shared_scenario.people['alice'])

    answers = together([lambda: client.retry(shared_scenario.run_id, failed_only=True, cookie=cookie)] * THREADS)

    assert Counter(answer.status for answer in answers) == {202: THREADS}


def test_twenty_ends_of_failed_only_retries_at_once_are_whole(
        client: Client, shared_scenario: Scenario, shared_database: Database) -> None:
    run_ids = [client.retry(shared_scenario.run_id, failed_only=True).new_run_id for _ in range(THREADS)]

    answers = together([partial(client.end, run_id) for run_id in run_ids])

    assert Counter(answer.status for answer in answers) == {204: THREADS}
    runs = read_runs(shared_database)
    assert {runs[run_id].carried_over for run_id in run_ids} == {shared_scenario.test_ids}
