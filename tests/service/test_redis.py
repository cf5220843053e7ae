"""A limit that several processes count together (docs/settings.rst, "Where requests are counted")."""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Callable

import pytest

from .databases import Database, fresh_database
from .load import Answer, together
from .runs import Scenario, create_scenario
from .servers import PrivateRedis, Server, serving
from .waiting import wait_for

pytestmark = pytest.mark.service

REQUESTS = 64
THREADS = 8
NAMES = {'X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset'}
WARNING = 'falling back to in-memory storage'


@pytest.fixture
def scenario(database: Database) -> Scenario:
    """Fill the database."""
    scenario = create_scenario(database)
    # Redis outlives the database: the same id again would go on counting where the last one stopped.
    database.query('UPDATE api_token SET id = :new', new=secrets.randbelow(2 ** 30) + 1000)
    return scenario


def ask_often(server: Server, scenario: Scenario, requests: int = REQUESTS) -> list[Answer]:
    """Ask for retries at the same moment; every worker gets at least one of the requests."""
    client, meet = server.client(scenario.tokens['alice']), server.meeting()
    return together([lambda: client.retry(scenario.run_id, meet=meet)] * requests)


def test_four_workers_accept_as_many_requests_as_the_limit_says_and_tell_of_one_window(
        redis: str, database: Database, scenario: Scenario, serve: Callable[..., Server]) -> None:
    server = serve(database.uri(), RUNS_API_RATE_LIMIT='20 per hour', RUNS_API_RATE_LIMIT_STORAGE_URI=redis)

    answers = ask_often(server, scenario)

    assert Counter(answer.status for answer in answers) == {202: 20, 429: REQUESTS - 20}
    assert len({answer.worker for answer in answers}) == 4
    left = [int(answer.headers['X-RateLimit-Remaining']) for answer in answers if answer.status == 202]
    assert min(left) == 0 and max(left) <= 19


def test_two_workers_of_eight_threads_accept_as_many_requests_as_the_limit_says(
        redis: str, database: Database, scenario: Scenario, serve: Callable[..., Server]) -> None:
    server = serve(database.uri(), workers=2, threads=THREADS, RUNS_API_RATE_LIMIT='20 per hour',
                   RUNS_API_RATE_LIMIT_STORAGE_URI=redis)
    client = server.client(scenario.tokens['alice'])

    # They do not meet: one worker may have all the requests.
    answers = together([lambda: client.retry(scenario.run_id)] * REQUESTS)

    assert Counter(answer.status for answer in answers) == {202: 20, 429: REQUESTS - 20}


OUTAGES: dict[str, Callable[[PrivateRedis], None]] = {
    'frozen': PrivateRedis.freeze, 'killed': PrivateRedis.kill, 'restarted': PrivateRedis.restart,
    'out of memory': PrivateRedis.run_out_of_memory}


@pytest.mark.parametrize('outage', OUTAGES.values(), ids=OUTAGES)
def test_whatever_happens_to_redis_no_request_of_eight_threads_fails(
        private_redis: PrivateRedis, database: Database, scenario: Scenario, serve: Callable[..., Server],
        outage: Callable[[PrivateRedis], None]) -> None:
    server = serve(database.uri(), workers=1, threads=THREADS, RUNS_API_RATE_LIMIT_STORAGE_URI=private_redis.url)
    client = server.client(scenario.tokens['alice'])
    ask = [lambda: client.retry(scenario.run_id)] * THREADS
    assert {answer.status for answer in together(ask)} == {202}

    outage(private_redis)
    answers = [answer for _ in range(4) for answer in together(ask)]

    assert {answer.status for answer in answers} == {202}
    not_counted = [answer for answer in answers if not NAMES & set(answer.headers)]
    assert len(not_counted) == server.log.count('Failed to rate limit. Swallowing error')
    assert all(NAMES <= set(answer.headers) for answer in answers if answer not in not_counted)
    # The first to notice has the others count in the memory of the process.
    assert len(not_counted) < THREADS + 4


@dataclass(frozen=True)
class Alone:
    """What four workers answered and logged while Redis was away, with a limit of five requests."""

    answers: list[Answer]
    log: str


@pytest.fixture(scope='module')
def alone(private_redis_process: PrivateRedis, mariadb: str, folders: Callable[[], Path]) -> Alone:
    """Stop Redis under a server that has used it, and ask often then."""
    private_redis_process.restart()
    with fresh_database(mariadb) as made:
        scenario = create_scenario(made)
        with serving(folders(), made.uri(), RUNS_API_RATE_LIMIT='5 per hour',
                     RUNS_API_RATE_LIMIT_STORAGE_URI=private_redis_process.url) as server:
            assert {answer.status for answer in ask_often(server, scenario, 4)} == {202}
            private_redis_process.stop()
            return Alone(ask_often(server, scenario), server.log)


def test_without_redis_no_request_fails(alone: Alone) -> None:
    assert {answer.status for answer in alone.answers} == {202, 429}


def test_without_redis_each_process_limits_by_itself(alone: Alone) -> None:
    asked = Counter(answer.worker for answer in alone.answers)
    accepted = Counter(answer.worker for answer in alone.answers if answer.status == 202)
    assert len(asked) == 4
    assert accepted == {worker: min(5, number) for worker, number in asked.items()}


def test_without_redis_every_answer_says_how_many_requests_are_left(alone: Alone) -> None:
    assert {answer.headers['X-RateLimit-Limit'] for answer in alone.answers} == {'5'}
    assert all(answer.headers['X-RateLimit-Remaining'].isdigit() for answer in alone.answers)
    assert all(answer.headers['X-RateLimit-Reset'].isdigit() for answer in alone.answers)


def test_each_process_warns_once_that_redis_is_away(alone: Alone) -> None:
    warnings = Counter(int(line.split()[0]) for line in alone.log.splitlines() if WARNING in line)
    assert warnings == {worker: 1 for worker in {answer.worker for answer in alone.answers}}


def test_redis_is_used_again_when_it_is_back(
        private_redis: PrivateRedis, database: Database, scenario: Scenario, serve: Callable[..., Server]) -> None:
    server = serve(database.uri(), RUNS_API_RATE_LIMIT_STORAGE_URI=private_redis.url)
    client = server.client(scenario.tokens['alice'])
    ask_often(server, scenario, 4)
    private_redis.stop()
    assert {answer.status for answer in ask_often(server, scenario, 4)} == {202}
    private_redis.start()
    assert private_redis.count() == 0

    asked = count()

    def every_worker_counts_there() -> bool:
        assert next(asked) < 500
        assert client.retry(scenario.run_id).status == 202
        return server.log.count('storage recovered') == server.workers

    wait_for('a recovered storage in every worker', every_worker_counts_there, pause=0.2)
    assert private_redis.count() > 0


def test_a_server_that_starts_without_redis_answers(
        private_redis: PrivateRedis, database: Database, scenario: Scenario, serve: Callable[..., Server]) -> None:
    private_redis.stop()
    server = serve(database.uri(), RUNS_API_RATE_LIMIT='5 per hour', RUNS_API_RATE_LIMIT_STORAGE_URI=private_redis.url,
                   workers=1)

    answers = ask_often(server, scenario, 8)

    assert Counter(answer.status for answer in answers) == {202: 5, 429: 3}
