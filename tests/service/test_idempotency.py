"""One key makes one run (docs/api.rst, "Idempotency"), whoever asks at the same moment."""

import secrets
from collections import Counter
from functools import partial

import pytest

from .runs import assert_whole, read_runs
from .server import together

REQUESTS = 48


@pytest.fixture
def key():
    """Return a key that nobody has used."""
    return f'key-{secrets.token_hex(8)}'


@pytest.mark.parametrize('in_process, person', [(False, 'alice'), (True, 'alice'), (True, None)])
def test_simultaneous_requests_or_calls_with_one_key_make_one_run(
        server, database, scenario, alice, key, in_process, person):
    before = read_runs(database)
    meet = server.meeting()

    def ask():
        if not in_process:
            return alice.retry(scenario.run_id, key=key, headers={'Meet': meet})
        arguments = {'requested_by': person, 'idempotency_key': key}
        return alice.ask('POST', f'/call/{scenario.run_id}', arguments, Meet=meet)

    answers = together([ask] * REQUESTS)

    runs = read_runs(database)
    new_run_id, = runs.keys() - before.keys()
    assert Counter((answer.status, answer.new_run_id, answer.replayed) for answer in answers) == {
        (202, new_run_id, True): REQUESTS - 1, (202, new_run_id, False): 1}
    assert_whole(before, runs, new_run_id, scenario, person=person)
    assert len({answer.worker for answer in answers}) == server.workers


def test_simultaneous_requests_with_one_key_and_two_bodies_make_the_run_of_one_of_them(
        server, database, scenario, alice, key):
    before = read_runs(database)
    meet = server.meeting()
    bodies = [False, True] * (REQUESTS // 2)

    answers = together([partial(alice.retry, scenario.run_id, key=key, headers={'Meet': meet}, failed_only=failed_only)
                        for failed_only in bodies])

    runs = read_runs(database)
    new_run_id, = runs.keys() - before.keys()
    kept = runs[new_run_id].failed_only
    assert [answer.status for answer in answers] == [202 if body == kept else 422 for body in bodies]
    assert {answer.new_run_id for answer in answers if answer.status == 202} == {new_run_id}


def test_keys_that_differ_in_case_or_in_their_end_are_different(scenario, alice, key):
    keys = [key, key.upper(), key.capitalize(), f'{key}.', f'{key}-', f'{key}_', f"{key}'", f'{key}%',
            *(f'{key.ljust(254, ".")}{last}' for last in 'aAbB')]

    answers = [alice.retry(scenario.run_id, key=one) for one in keys]

    assert [(answer.status, answer.replayed) for answer in answers] == [(202, False)] * len(keys)
    assert len({answer.new_run_id for answer in answers}) == len(keys)
