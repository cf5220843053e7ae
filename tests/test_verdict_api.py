"""What the attempts prove, by the route, the command and the signal (contract section 1, ``/verdict``)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import seed
from database import db
from flask import Flask, g
from flask.testing import FlaskClient
from mod_auth.models import Role, User
from mod_regression.models import RegressionTest
from mod_test.models import Test, TestStatus
from outcome import Outcome, passing
from support.api import ApiCall, Command
from support.statements import Statement
from werkzeug.test import TestResponse

from mod_runs_api import (RunNotFound, attempts_ended, attempts_verdict,
                          retry_run)
from mod_runs_api.verdict import VERDICTS


@pytest.fixture
def verdict(client: FlaskClient, alice: User) -> ApiCall:
    """Ask for the verdict on a run: ``verdict(run_id, 'verdict=flaky')``. Alice asks, with the scope for it."""
    own = seed.token(alice, ['results:read'])

    def get(run_id: int | str, query: str = '', *, token: str = own, method: str = 'GET') -> TestResponse:
        db.session.commit()
        return client.open(f'/api/v1/runs/{run_id}/verdict?{query}', method=method,
                           headers={'Authorization': f'Bearer {token}'})

    return get


@pytest.fixture
def tests(app: Any) -> list[RegressionTest]:
    """Three regression tests."""
    return [seed.regression_test() for _ in range(3)]


@pytest.fixture
def first(tests: list[RegressionTest]) -> int:
    """A completed run in which the first two of three tests failed."""
    run = seed.run(tests, stages=seed.COMPLETED)
    for test, exit_code in zip(tests, (139, 1, 0)):
        seed.result(run, test, passing(test).exits(exit_code))
    run_id = run.id
    db.session.commit()
    return run_id


@pytest.fixture
def second(first: int, tests: list[RegressionTest]) -> int:
    """Its failed-only retry, in which the first test failed in the same way and the second passed."""
    new = retry_run(first, failed_only=True).new_run_id
    finish(new, {tests[0]: passing(tests[0]).exits(139), tests[1]: None})
    return new


def finish(run_id: int, outcomes: dict[RegressionTest, Outcome | None]) -> None:
    """Report the results of a run, and end it."""
    run = db.session.get_one(Test, run_id)
    for test, outcome in outcomes.items():
        seed.result(run, test, outcome)
    db.session.commit()
    seed.progress(run, TestStatus.completed)
    db.session.commit()


def test_each_test_has_a_verdict_and_its_outcome_in_each_attempt(
        verdict: ApiCall, first: int, second: int, tests: list[RegressionTest]) -> None:
    response = verdict(first)

    def attempts(*outcomes: str) -> list[dict[str, Any]]:
        return [{'run_id': run_id, 'attempt': attempt, 'outcome': outcome}
                for attempt, (run_id, outcome) in enumerate(zip((first, second), outcomes), 1)]

    assert response.status_code == 200
    assert response.json == {
        'data': [
            {'regression_test_id': tests[0].id, 'verdict': 'failing_identically', 'latest': 'fail',
             'attempts': attempts('fail', 'fail')},
            {'regression_test_id': tests[1].id, 'verdict': 'flaky', 'latest': 'pass',
             'attempts': attempts('fail', 'pass')},
            {'regression_test_id': tests[2].id, 'verdict': 'passed', 'latest': 'pass',
             'attempts': attempts('pass', 'carried_over')}],
        'pagination': {'limit': 50, 'offset': 0, 'total': 3, 'next_offset': None},
        'meta': {'run_id': first, 'root_run_id': first, 'attempts': [first, second], 'overall': 'fail',
                 'counts': {**dict.fromkeys(VERDICTS, 0), 'passed': 1, 'flaky': 1, 'failing_identically': 1}}}


def test_the_verdict_is_the_same_whichever_attempt_is_asked_about(
        verdict: ApiCall, first: int, second: int) -> None:
    of_first, of_second = verdict(first).json, verdict(second).json

    assert of_second['data'] == of_first['data']
    assert of_second['meta'] == {**of_first['meta'], 'run_id': second}


@pytest.mark.parametrize(('query', 'places', 'total', 'next_offset'), [
    ('verdict=flaky', [1], 1, None), ('verdict=flaky&verdict=passed', [1, 2], 2, None),
    ('verdict=never_ran', [], 0, None), ('limit=2', [0, 1], 3, 2), ('limit=2&offset=2', [2], 3, None),
    ('verdict=flaky&verdict=passed&limit=1&offset=1', [2], 2, None)])
def test_a_filter_and_a_page_keep_what_was_asked_for(
        verdict: ApiCall, first: int, second: int, tests: list[RegressionTest], query: str, places: list[int],
        total: int, next_offset: int | None) -> None:
    ids = [test.id for test in tests]

    answer = verdict(first, query).json

    assert [entry['regression_test_id'] for entry in answer['data']] == [ids[place] for place in places]
    assert (answer['pagination']['total'], answer['pagination']['next_offset']) == (total, next_offset)
    assert sum(answer['meta']['counts'].values()) == 3


@pytest.mark.parametrize(('query', 'field'), [
    ('verdict=flakey', 'verdict'), ('verdict=', 'verdict'), ('verdict=flaky&verdict=x', 'verdict'),
    ('limit=0', 'limit'), ('limit=101', 'limit'), ('offset=-1', 'offset')])
def test_a_wrong_argument_is_refused(verdict: ApiCall, first: int, query: str, field: str) -> None:
    response = verdict(first, query)

    assert response.status_code == 422
    (name, messages), = response.json['details']['fields'].items()
    assert name == field
    assert all(isinstance(message, str) for message in messages)


@pytest.mark.parametrize('role', [*Role, None])
def test_any_role_may_ask(verdict: ApiCall, first: int, role: Role | None) -> None:
    assert verdict(first, token=seed.token(seed.user('bob', role), ['results:read'])).status_code == 200


def test_asking_needs_the_scope(verdict: ApiCall, first: int, token: str) -> None:
    response = verdict(first, token=token)

    assert response.status_code == 403
    assert response.json['details'] == {'required_scope': 'results:read', 'token_scopes': ['runs:read', 'runs:write']}


@pytest.mark.parametrize('unknown', ['99', '0', '2147483648', 'abc'])
def test_an_unknown_run_is_not_found(verdict: ApiCall, unknown: str) -> None:
    assert verdict(unknown).status_code == 404


def test_an_unknown_run_is_not_found_in_process(app: Flask) -> None:
    for unknown in (99, 0, 2 ** 31):
        with pytest.raises(RunNotFound):
            attempts_verdict(unknown)


@pytest.mark.parametrize('method', ['POST', 'DELETE', 'OPTIONS'])
def test_another_method_is_not_allowed(verdict: ApiCall, first: int, method: str) -> None:
    response = verdict(first, method=method)

    assert (response.status_code, response.headers['Allow']) == (405, 'GET, HEAD')


def test_the_statements_do_not_depend_on_the_sizes(verdict: ApiCall, alice: User,
                                                   statements: list[Statement]) -> None:
    counts = set()
    for size in (2, 40):
        run_id, = seed.bulk_runs(1, size, size // 2)
        for _ in range(size // 2):
            finish(retry_run(run_id).new_run_id, {})
        verdict(run_id)
        statements.clear()
        assert verdict(run_id).status_code == 200
        counts.add(len(statements))

    # One of them looks the token up.
    assert len(counts) == 1 and counts.pop() <= 7


@pytest.mark.on_file
def test_the_command_lists_what_did_not_pass_always(
        command: Command, first: int, second: int, tests: list[RegressionTest]) -> None:
    result = command('verdict', second)

    assert result.output == (f'{tests[0].id}\tfailing_identically\t{first}:fail\t{second}:fail\n'
                             f'{tests[1].id}\tflaky\t{first}:fail\t{second}:pass\n'
                             'fail\tOver 2 attempts 1 test is flaky and 1 fails each time in the same way.\n')
    assert result.exit_code == 1


@pytest.mark.on_file
def test_the_command_says_no_more_of_one_attempt(command: Command, first: int, tests: list[RegressionTest]) -> None:
    assert command('verdict', first).output == (f'{tests[0].id}\tfailed_once\t{first}:fail\n'
                                                f'{tests[1].id}\tfailed_once\t{first}:fail\n'
                                                'fail\n')


@pytest.mark.on_file
def test_the_command_prints_what_the_api_answers(
        command: Command, verdict: ApiCall, first: int, second: int) -> None:
    answer = verdict(first).json

    printed = json.loads(command('verdict', first, '--json').output)

    assert printed == {'data': answer['data'], 'meta': answer['meta']}


@pytest.mark.on_file
def test_the_command_exits_with_the_verdict(
        command: Command, first: int, second: int, tests: list[RegressionTest]) -> None:
    passed = seed.run(tests, stages=seed.COMPLETED)
    for test in tests:
        seed.result(passed, test)
    exit_codes = [command('verdict', passed.id).exit_code, command('verdict', first).exit_code]
    third = retry_run(second, failed_only=True).new_run_id
    exit_codes.append(command('verdict', first).exit_code)
    finish(third, {tests[0]: None})
    exit_codes.append(command('verdict', first).exit_code)

    # Passed, failed, pending, unstable.
    assert exit_codes == [0, 1, 5, 4]


@pytest.fixture
def told() -> Iterator[list[dict[str, Any]]]:
    """What a receiver of the signal `attempts_ended` was told."""
    told: list[dict[str, Any]] = []

    def receive(_app: Any, **facts: Any) -> None:
        told.append(facts)

    with attempts_ended.connected_to(receive):
        yield told


def test_the_signal_says_what_a_retry_proved_when_it_has_ended(
        told: list[dict[str, Any]], first: int, second: int, tests: list[RegressionTest]) -> None:
    finish(retry_run(second, failed_only=True).new_run_id, {tests[0]: None})

    assert told == [{'run_id': second, 'root_run_id': first, 'overall': 'fail'},
                    {'run_id': second + 1, 'root_run_id': first, 'overall': 'unstable'}]


def test_the_signal_is_sent_when_the_first_run_ends_last(
        told: list[dict[str, Any]], tests: list[RegressionTest]) -> None:
    stuck = seed.run(tests, stages=[TestStatus.testing]).id
    db.session.commit()
    finish(retry_run(stuck).new_run_id, dict.fromkeys(tests))
    seed.progress(db.session.get_one(Test, stuck), TestStatus.canceled)
    db.session.commit()

    assert [(facts['run_id'], facts['overall']) for facts in told] == [(stuck + 1, 'pending'), (stuck, 'pass')]


@pytest.mark.parametrize('undo', ['rollback', 'savepoint', 'close'])
def test_the_signal_is_not_sent_for_an_end_that_is_undone(told: list[dict[str, Any]], first: int, undo: str) -> None:
    new = retry_run(first).new_run_id
    if undo == 'savepoint':
        savepoint = db.session.begin_nested()
        seed.progress(db.session.get_one(Test, new), TestStatus.completed)
        savepoint.rollback()
        db.session.commit()
    else:
        seed.progress(db.session.get_one(Test, new), TestStatus.completed)
        db.session.rollback() if undo == 'rollback' else db.session.close()

    assert told == []


def test_the_signal_is_not_sent_for_a_run_that_is_no_retry(told: list[dict[str, Any]], first: int) -> None:
    seed.progress(db.session.get_one(Test, first), TestStatus.completed)
    db.session.commit()

    assert told == []


def test_the_verdict_is_not_computed_where_nobody_listens(
        first: int, tests: list[RegressionTest], statements: list[Statement]) -> None:
    new = retry_run(first).new_run_id
    statements.clear()

    seed.progress(db.session.get_one(Test, new), TestStatus.completed)
    db.session.commit()

    assert not [statement for statement in statements if 'test_result' in statement]


def test_a_receiver_that_fails_harms_nothing(first: int, tests: list[RegressionTest],
                                             caplog: pytest.LogCaptureFixture) -> None:
    def leave(_app: Any, **_facts: Any) -> None:
        raise SystemExit(3)

    with attempts_ended.connected_to(leave):
        finish(retry_run(first, failed_only=True).new_run_id, {})

    assert 'the receiver leave failed with SystemExit' in caplog.text
    assert len(attempts_verdict(first).attempts) == 2


def break_off(*_: Any) -> None:
    """Fail as a connection does."""
    raise OSError('gone')


def test_the_signal_is_sent_although_nothing_can_be_carried_over(
        told: list[dict[str, Any]], first: int, caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch) -> None:
    new = retry_run(first, failed_only=True).new_run_id

    monkeypatch.setattr('mod_runs_api.ended_runs.carry_over', break_off)
    finish(new, {})

    assert [facts['run_id'] for facts in told] == [new]
    assert f'"flask runs-api carry-over {new}" does it' in caplog.text


def test_a_database_that_fails_meanwhile_costs_the_signal_only(
        told: list[dict[str, Any]], first: int, caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch) -> None:
    new = retry_run(first, failed_only=True).new_run_id

    monkeypatch.setattr('mod_runs_api.ended_runs.read_verdict', break_off)
    finish(new, {})

    assert told == []
    assert f'run {new} has ended, but attempts_ended is not sent' in caplog.text
    assert g.db.get_one(Test, new).finished
