"""A limit that several processes count together (docs/settings.rst, "Where requests are counted")."""

import os
import signal
import time
from collections import Counter
from functools import partial

import pytest

from .server import Client, together

REQUESTS = 64
THREADS = 8
NAMES = {'X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset'}


@pytest.fixture
def serve_limited(serve, database, scenario, redis):
    """Serve the scenario with a limit whose requests are counted in Redis."""
    return lambda limit, **options: serve(
        database.uri, RUNS_API_RATE_LIMIT=limit, RUNS_API_RATE_LIMIT_STORAGE_URI=redis.url, **options)


@pytest.mark.parametrize('workers, threads', [(4, 1), (2, THREADS)])
def test_all_workers_together_accept_as_many_requests_as_the_limit_says(scenario, serve_limited, workers, threads):
    answers = serve_limited('20 per hour', workers=workers, threads=threads).retry_often(
        scenario.token, scenario.run_id, REQUESTS)

    assert Counter(answer.status for answer in answers) == {202: 20, 429: REQUESTS - 20}
    assert len({answer.worker for answer in answers}) == workers
    left = [int(answer.headers['X-RateLimit-Remaining']) for answer in answers if answer.status == 202]
    assert min(left) == 0 and max(left) <= 19


OUTAGES = {
    'frozen': lambda server: os.kill(server.process_id, signal.SIGSTOP),
    'killed': lambda server: server.stop(signal.SIGKILL),
    'restarted': lambda server: server.restart(),
    'out of memory': lambda server: server.ask('CONFIG', 'SET', 'maxmemory', '1')}


@pytest.mark.parametrize('outage', OUTAGES.values(), ids=OUTAGES)
def test_whatever_happens_to_redis_no_request_of_eight_threads_fails_or_waits_long(
        redis, scenario, serve_limited, outage):
    server = serve_limited('1000000 per minute', workers=1, threads=THREADS)
    client = Client(server.address, scenario.token)
    ask = [lambda: client.retry(scenario.run_id)] * THREADS
    assert {answer.status for answer in together(ask)} == {202}

    outage(redis)
    started = time.monotonic()
    answers = [answer for _ in range(4) for answer in together(ask)]
    seconds = time.monotonic() - started

    assert {answer.status for answer in answers} == {202}
    # If Redis is frozen, the first requests wait a second each to send and to read. Its client would wait five.
    assert seconds < 8
    not_counted = [answer for answer in answers if not NAMES & set(answer.headers)]
    assert len(not_counted) == server.log.count('Failed to rate limit. Swallowing error')
    assert all(NAMES <= set(answer.headers) for answer in answers if answer not in not_counted)
    # The first to notice has the others count in the memory of the process.
    assert len(not_counted) < THREADS + 4


@pytest.mark.parametrize('was_there', [True, False])
def test_without_redis_no_request_fails_each_process_limits_by_itself_and_warns_once(
        redis, scenario, serve_limited, was_there):
    if not was_there:
        redis.stop()
    server = serve_limited('5 per hour')
    ask = partial(server.retry_often, scenario.token, scenario.run_id)
    if was_there:
        assert {answer.status for answer in ask(4)} == {202}
        redis.stop()

    answers = ask(REQUESTS)

    assert {answer.status for answer in answers} == {202, 429}
    asked = Counter(answer.worker for answer in answers)
    accepted = Counter(answer.worker for answer in answers if answer.status == 202)
    assert len(asked) == 4
    assert accepted == {worker: min(5, number) for worker, number in asked.items()}
    for answer in answers:
        assert answer.headers['X-RateLimit-Limit'] == '5'
        assert all(answer.headers[name].isdigit() for name in NAMES)
    warnings = Counter(int(line.split()[0]) for line in server.log.splitlines() if 'falling back' in line)
    assert warnings == dict.fromkeys(asked, 1)
