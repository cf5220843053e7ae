"""A mishap at any step of a request: its connection dies, its worker does, or rows change under it."""

import secrets
from http.client import HTTPException

import pytest

from .runs import expected_run, read_runs

SERVER = {'workers': 1}


@pytest.fixture(params=['stranger', 'carol'])
def cookie(request, alice):
    """Return the session cookie of nobody, or of a user whom the platform looks up before the route is asked."""
    return None if request.param == 'stranger' else alice.log_in(request.param)


def test_a_connection_that_dies_before_a_step_costs_nothing_and_in_the_hosts_hooks_one_answer(
        database, scenario, alice, cookie):
    of_host = alice.ask('GET', '/no/such/page', Cookie=cookie).steps
    steps = alice.retry(scenario.run_id, failed_only=True, cookie=cookie).steps
    assert steps[:len(of_host)] == of_host
    before = read_runs(database)

    answers = [alice.retry(scenario.run_id, failed_only=True, cookie=cookie, dies=str(number))
               for number in range(1, len(steps) + 1)]

    # As it gives its connection back, the host has all that it needs.
    assert [(step, answer.status) for step, answer in zip(steps, answers)] == [
        (step, 503 if number < len(of_host) and step != 'ROLLBACK' else 202)
        for number, step in enumerate(steps)]
    accepted = [answer.new_run_id for answer in answers if answer.status == 202]
    assert 5 < len(accepted) < len(answers)
    assert {answer.body['code'] for answer in answers if answer.status == 503} == {'service_unavailable'}
    assert all(int(answer.headers['Retry-After']) > 0 for answer in answers if answer.status == 503)
    runs = read_runs(database)
    assert sorted(runs.keys() - before.keys()) == accepted
    for run_id in accepted:
        assert runs[run_id] == expected_run(runs[run_id], runs[scenario.run_id], scenario, failed_only=True)


@pytest.mark.parametrize('has_key', [False, True])
def test_a_connection_that_dies_after_the_commit_costs_nothing_and_makes_no_second_run(
        database, scenario, alice, cookie, has_key):
    keys = [secrets.token_hex(8) if has_key else None for _ in range(2)]
    steps = alice.retry(scenario.run_id, cookie=cookie, key=keys[0]).steps
    before = read_runs(database)
    last_commit = len(steps) - steps[::-1].index('COMMIT')

    answer = alice.retry(scenario.run_id, cookie=cookie, key=keys[1], dies=f'{last_commit}+')

    assert (answer.status, answer.replayed) == (202, False)
    assert read_runs(database).keys() - before.keys() == {answer.new_run_id}


def test_a_worker_that_is_killed_before_any_step_leaves_nothing(database, scenario, alice):
    steps = alice.retry(scenario.run_id, failed_only=True).steps
    before = read_runs(database)
    assert [step for step in steps if step.startswith('INSERT')] == [
        'INSERT test', 'INSERT run_retry', 'INSERT customized_test', 'INSERT test_fork']

    for number in range(1, len(steps) + 1):
        with pytest.raises((OSError, HTTPException)):
            alice.retry(scenario.run_id, failed_only=True, dies=f'{number}!')

    assert alice.retry(scenario.run_id, failed_only=True).status == 202
    assert len(read_runs(database).keys() - before.keys()) == 1


# MariaDB gives way with error 1020, from version 11.6 on or with `innodb_snapshot_isolation`. MySQL copies what is
# committed by then.
def test_a_retry_of_a_run_that_changes_meanwhile_is_whole_and_tried_again_where_the_server_gives_way(
        database, scenario, alice):
    before = read_runs(database)

    answer = alice.retry(scenario.run_id, changes=4)

    assert answer.status == 202
    assert answer.steps.count('INSERT test') == {'MariaDB': 5, 'MySQL': 1}[database.kind]
    runs = read_runs(database)
    assert runs.keys() - before.keys() == {answer.new_run_id}
    assert runs[answer.new_run_id] == expected_run(runs[answer.new_run_id], runs[scenario.run_id], scenario)


def test_a_retry_of_a_run_that_does_not_stop_changing_is_refused_with_503_and_leaves_nothing(
        database, scenario, alice, server):
    if database.kind == 'MySQL':
        pytest.skip('MySQL has no error 1020: nothing conflicts here')
    before = read_runs(database)

    answer = alice.retry(scenario.run_id, changes=1000)

    assert (answer.status, answer.body['code']) == (503, 'service_unavailable')
    assert int(answer.headers['Retry-After']) > 0
    assert read_runs(database).keys() == before.keys()
    assert '1020' in server.log
