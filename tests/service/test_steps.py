"""A mishap at any step of a request: its connection dies, its worker does, or rows change under it."""

import secrets
from http.client import HTTPException

import pytest

from .runs import assert_whole, expected_run, read_runs

SERVER = {'workers': 1}


@pytest.fixture(params=['stranger', 'carol'])
def cookie(request, alice):
    """Return the session cookie of nobody, or of a user whom the platform looks up before the route is asked."""
    return None if request.param == 'stranger' else alice.log_in(request.param)


def test_a_connection_that_dies_before_a_step_of_the_package_costs_nothing(database, scenario, alice, cookie):
    before = read_runs(database)
    # The platform's hooks come first.
    of_platform = alice.ask('GET', '/no/such/page', Cookie=cookie).steps
    steps = alice.retry(scenario.run_id, failed_only=True, cookie=cookie).steps
    assert steps[:len(of_platform)] == of_platform

    for number in range(len(of_platform) + 1, len(steps) + 1):
        answer = alice.retry(scenario.run_id, failed_only=True, cookie=cookie,
                             headers={'Kill-Connection-Before': number})

        assert answer.status == 202, number
        runs = read_runs(database)
        assert max(runs) == answer.new_run_id
        assert_whole(before, runs, answer.new_run_id, scenario, failed_only=True)


@pytest.mark.parametrize('has_key', [False, True])
def test_a_connection_that_dies_after_the_commit_makes_no_second_run(database, scenario, alice, cookie, has_key):
    keys = [secrets.token_hex(8) if has_key else None for _ in range(2)]
    steps = alice.retry(scenario.run_id, cookie=cookie, key=keys[0]).steps
    before = read_runs(database)
    last_commit = len(steps) - steps[::-1].index('COMMIT')

    answer = alice.retry(scenario.run_id, cookie=cookie, key=keys[1], headers={'Kill-Connection-After': last_commit})

    assert (answer.status, answer.replayed) == (202, False)
    assert read_runs(database).keys() - before.keys() == {answer.new_run_id}


def test_a_worker_that_is_killed_before_any_step_leaves_nothing(database, scenario, alice):
    steps = alice.retry(scenario.run_id, failed_only=True).steps
    before = read_runs(database)
    assert [step for step in steps if step.startswith('INSERT')] == [
        'INSERT test', 'INSERT run_retry', 'INSERT customized_test', 'INSERT test_fork']

    for number in range(1, len(steps) + 1):
        with pytest.raises((OSError, HTTPException)):
            alice.retry(scenario.run_id, failed_only=True, headers={'Kill-Worker-Before': number})

    assert alice.retry(scenario.run_id, failed_only=True).status == 202
    assert len(read_runs(database).keys() - before.keys()) == 1


# MariaDB gives way with error 1020, from version 11.6 on or with `innodb_snapshot_isolation`. MySQL copies what is
# committed by then.
def test_a_retry_of_a_run_that_changes_meanwhile_is_whole(database, scenario, alice):
    before = read_runs(database)

    answer = alice.retry(scenario.run_id, headers={'Change-Runs': 4})

    assert answer.status == 202
    assert answer.steps.count('INSERT test') == {'MariaDB': 5, 'MySQL': 1}[database.kind]
    runs = read_runs(database)
    assert runs.keys() - before.keys() == {answer.new_run_id}
    # What changed is the token of the source, which no retry copies.
    made = runs[answer.new_run_id]
    assert made == expected_run(made, before[scenario.run_id], scenario)


def test_a_retry_of_a_run_that_does_not_stop_changing_is_refused(database, scenario, alice, server):
    if database.kind == 'MySQL':
        pytest.skip('MySQL has no error 1020: nothing conflicts here')
    before = read_runs(database)

    answer = alice.retry(scenario.run_id, headers={'Change-Runs': 1000})

    assert (answer.status, answer.body['code']) == (503, 'service_unavailable')
    assert int(answer.headers['Retry-After']) > 0
    assert read_runs(database).keys() == before.keys()
    assert '1020' in server.log
