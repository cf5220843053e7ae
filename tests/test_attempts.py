"""``GET /runs/{run_id}/retries``: the attempts of a run (contract section 1)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import seed
from asking import Ask
from database import Base, db
from flask.testing import FlaskClient
from mod_auth.models import Role, User
from mod_test.models import Test, TestStatus
from outcome import passing
from werkzeug.test import TestResponse

List = Callable[..., TestResponse]

ORIGIN = ('source_run_id', 'failed_only', 'reason', 'requested_by')
COUNTS = ('tests', 'passed', 'failed', 'not_run', 'carried_over')


@pytest.fixture
def attempts(client: FlaskClient, token: str) -> List:
    """Ask for the attempts of a run: ``attempts(42, 'limit=10')``."""
    def ask(run_id: int | str, query: str = '', *, token: str | None = token, method: str = 'GET') -> TestResponse:
        db.session.commit()
        headers = {} if token is None else {'Authorization': f'Bearer {token}'}
        return client.open(f'/api/v1/runs/{run_id}/retries?{query}', method=method, headers=headers)

    return ask


@pytest.fixture
def source(alice: User) -> Test:
    """Add a completed run of two tests, one of which failed."""
    tests = [seed.regression_test(), seed.regression_test()]
    run = seed.run(tests, stages=seed.COMPLETED)
    seed.result(run, tests[0], passing(tests[0]).exits(1))
    seed.result(run, tests[1])
    return run


def pick(entry: dict[str, Any], names: tuple[str, ...]) -> tuple[Any, ...]:
    """Return some values of an entry."""
    return tuple(entry[name] for name in names)


def add_retries(root: int, run_ids: list[int], user: User) -> None:
    """Make retries of existing runs."""
    db.session.execute(Base.metadata.tables['run_retry'].insert(), [
        {'test_id': run_id, 'source_test_id': root, 'root_test_id': root, 'failed_only': False, 'user_id': user.id,
         'test_count': 1, 'created_at': datetime(2026, 11, 24)} for run_id in run_ids])


def test_a_run_that_was_never_retried_has_one_attempt(attempts: List, source: Test) -> None:
    response = attempts(source.id)

    assert response.status_code == 200
    assert response.json == {
        'data': [{'run_id': source.id, 'source_run_id': None, 'attempt': 1, 'status': 'fail', 'tests': 2, 'passed': 1,
                  'failed': 1, 'not_run': 0, 'carried_over': 0, 'failed_only': None, 'reason': None,
                  'requested_by': None, 'created_at': None}],
        'pagination': {'limit': 50, 'offset': 0, 'total': 1, 'next_offset': None},
        'meta': {'run_id': source.id, 'root_run_id': source.id}}


def test_the_attempts_are_the_same_whichever_of_them_is_asked_about(
        retry: Ask, attempts: List, source: Test) -> None:
    seed.run([seed.regression_test()])
    second = retry(source, {'failed_only': True, 'reason': 'flaky \U0001f480'}).json['new_run_id']
    other = seed.run(stages=seed.COMPLETED)
    third = retry(second).json['new_run_id']
    fourth = retry(source, token=seed.token(seed.user('bob'))).json['new_run_id']
    retry(other)

    answers = {run_id: attempts(run_id).json for run_id in (source.id, second, third, fourth)}

    data = answers[source.id]['data']
    assert [(entry['run_id'], entry['attempt'], *pick(entry, ORIGIN)) for entry in data] == [
        (source.id, 1, None, None, None, None),
        (second, 2, source.id, True, 'flaky \U0001f480', 'alice'),
        (third, 3, second, False, None, 'alice'),
        (fourth, 4, source.id, False, None, 'bob')]
    for run_id, answer in answers.items():
        assert answer['data'] == data
        assert answer['meta'] == {'run_id': run_id, 'root_run_id': source.id}


def test_a_retry_that_has_ended_counts_what_was_carried_over(retry: Ask, attempts: List, source: Test) -> None:
    new = db.session.get_one(Test, retry(source, {'failed_only': True}).json['new_run_id'])
    before = attempts(new.id).json['data'][1]
    seed.result(new, source.results[0].regression_test)
    seed.progress(new, TestStatus.completed)
    after = attempts(new.id).json['data'][1]

    assert (before['status'], *pick(before, COUNTS)) == ('queued', 1, 0, 0, 1, 0)
    assert (after['status'], *pick(after, COUNTS)) == ('pass', 2, 2, 0, 0, 1)


@pytest.mark.parametrize(('stages', 'status'), [
    ([], 'queued'), ([TestStatus.preparation], 'running'), ([TestStatus.testing], 'running'),
    ([TestStatus.canceled], 'canceled'), ([TestStatus.completed], 'error'),
    ([TestStatus.completed, TestStatus.canceled], 'canceled')])
def test_a_run_without_results_has_the_status_of_its_last_stage(
        attempts: List, alice: User, stages: list[TestStatus], status: str) -> None:
    run = seed.run([seed.regression_test()], stages=stages)

    entry = attempts(run.id).json['data'][0]

    assert (entry['status'], *pick(entry, COUNTS)) == (status, 1, 0, 0, 1, 0)


def test_a_stage_that_nobody_knows_is_incomplete(attempts: List, source: Test) -> None:
    db.session.commit()
    db.session.execute(Base.metadata.tables['test_progress'].update().values(
        status=Base.metadata.tables['test_progress'].c.message))

    assert attempts(source.id).json['data'][0]['status'] == 'incomplete'


@pytest.mark.parametrize(('failure', 'failed'), [
    ('exit code', 1), ('no exit code', 1), ('output', 1), ('missing output', 1), ('accepted variant', 0), (None, 0)])
def test_a_result_is_counted_as_the_platforms_api_counts_it(
        attempts: List, alice: User, failure: str | None, failed: int) -> None:
    test = seed.regression_test(outputs=2)
    first, second = test.output_files
    accepted = seed.variant(first)
    run = seed.run([test], stages=seed.COMPLETED)
    passed = passing(test)
    seed.result(run, test, {
        'exit code': passed.exits(1), 'no exit code': passed.exits(None),
        'output': passed.makes(first, 'other').makes(second, 'different'), 'missing output': passed.lacks(second),
        'accepted variant': passed.makes(first, accepted), None: passed}[failure])

    entry = attempts(run.id).json['data'][0]

    assert (entry['status'], *pick(entry, COUNTS)) == ('fail' if failed else 'pass', 1, 1 - failed, failed, 0, 0)


def test_no_exit_code_where_none_is_expected_is_a_pass(attempts: List, alice: User) -> None:
    test = seed.regression_test(expected_rc=None)
    run = seed.run([test], stages=seed.COMPLETED)
    seed.result(run, test)

    assert attempts(run.id).json['data'][0]['status'] == 'pass'


def test_a_run_without_rows_of_its_own_counts_every_active_test(attempts: List, alice: User) -> None:
    tests = [seed.regression_test(), seed.regression_test(), seed.regression_test(active=False)]
    run = seed.run(stages=seed.COMPLETED)
    seed.result(run, tests[0])

    assert pick(attempts(run.id).json['data'][0], COUNTS) == (2, 1, 0, 1, 0)


@pytest.mark.parametrize(('query', 'places', 'next_offset'), [
    ('', [1, 2, 3, 4, 5], None), ('limit=2', [1, 2], 2), ('limit=2&offset=2', [3, 4], 4),
    ('limit=2&offset=4', [5], None), ('limit=2&offset=5', [], None), ('offset=1', [2, 3, 4, 5], None),
    ('limit=1', [1], 1), ('limit=100&offset=2147483647', [], None), ('other=1', [1, 2, 3, 4, 5], None)])
def test_a_page_has_what_was_asked_for(
        attempts: List, alice: User, query: str, places: list[int], next_offset: int | None) -> None:
    root, *rest = seed.bulk_runs(5, 1)
    add_retries(root, rest, alice)

    answer = attempts(root, query).json

    run_ids = [root, *rest]
    assert [(entry['attempt'], entry['run_id']) for entry in answer['data']] == [
        (place, run_ids[place - 1]) for place in places]
    assert (answer['pagination']['total'], answer['pagination']['next_offset']) == (5, next_offset)


@pytest.mark.parametrize('value', ['', 'x', '-1', '1.5', '1e1', ' 1', '1_0', '\u0661', '99999999999', '2147483648'])
@pytest.mark.parametrize('name', ['limit', 'offset'])
def test_a_wrong_page_is_refused(attempts: List, source: Test, name: str, value: str) -> None:
    response = attempts(source.id, f'{name}={value}')

    assert response.status_code == 422
    assert list(response.json['details']['fields']) == [name]


@pytest.mark.parametrize('limit', [0, 101])
def test_a_page_has_1_to_100_entries(attempts: List, source: Test, limit: int) -> None:
    assert attempts(source.id, f'limit={limit}').status_code == 422


def test_the_time_is_utc(retry: Ask, attempts: List, source: Test) -> None:
    retry(source)
    db.session.execute(Base.metadata.tables['run_retry'].update().values(created_at=datetime(2026, 11, 24, 13, 0)))

    assert attempts(source.id).json['data'][1]['created_at'] == '2026-11-24T13:00:00Z'


def test_a_reason_that_is_not_utf_8_is_shown_as_far_as_it_can_be(retry: Ask, attempts: List, source: Test) -> None:
    retry(source)
    db.session.execute(Base.metadata.tables['run_retry'].update().values(reason=b'bad \xff byte'))

    assert attempts(source.id).json['data'][1]['reason'] == 'bad \ufffd byte'


def test_a_page_of_a_thousand_attempts_takes_as_many_statements_as_one_of_two(
        attempts: List, retry: Ask, alice: User, statements: list[str]) -> None:
    root, *rest = seed.bulk_runs(1001, 1)
    add_retries(root, rest, alice)
    small = retry(seed.run([seed.regression_test()])).json['new_run_id']

    counts = set()
    for run_id in (small, root, rest[-1]):
        statements.clear()
        assert attempts(run_id).status_code == 200
        counts.add(len(statements))

    assert len(counts) == 1


@pytest.mark.parametrize('role', [*Role, None])
def test_any_role_may_look(attempts: List, source: Test, role: Role | None) -> None:
    assert attempts(source.id, token=seed.token(seed.user('bob', role), ['runs:read'])).status_code == 200


def test_looking_needs_the_scope(attempts: List, source: Test, alice: User) -> None:
    response = attempts(source.id, token=seed.token(alice, ['runs:write']))

    assert response.status_code == 403
    assert response.json['details'] == {'required_scope': 'runs:read', 'token_scopes': ['runs:write']}


def test_a_stranger_sees_nothing(attempts: List, source: Test) -> None:
    there, missing = attempts(source.id, token=None), attempts(99, token=None)

    assert there.status_code == 401
    assert there.data == missing.data


@pytest.mark.parametrize(('run_id', 'shown'), [('99', 99), ('0', 0), ('2147483648', 2147483648), ('abc', 'abc')])
def test_what_is_no_run_is_not_found(attempts: List, run_id: str, shown: Any) -> None:
    response = attempts(run_id)

    assert response.status_code == 404
    assert response.json['details'] == {'resource': 'run', 'id': shown}


def test_the_head_of_it_may_be_asked_for(attempts: List, source: Test) -> None:
    response = attempts(source.id, method='HEAD')

    assert (response.status_code, response.data) == (200, b'')


@pytest.mark.parametrize('method', ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])
def test_another_method_is_not_allowed(attempts: List, source: Test, method: str) -> None:
    response = attempts(source.id, method=method)

    assert response.status_code == 405
    assert response.headers['Allow'] == 'GET, HEAD'
    assert response.json['code'] == 'method_not_allowed'
    assert response.headers['X-RateLimit-Limit'] == '120'


def test_a_retry_of_a_user_who_is_gone_stays(retry: Ask, attempts: List, source: Test) -> None:
    retry(source)
    db.session.execute(Base.metadata.tables['run_retry'].update().values(user_id=None))

    assert attempts(source.id).json['data'][1]['requested_by'] is None


@pytest.mark.parametrize('place', [0, 1])
def test_the_attempts_outlive_one_of_them(retry: Ask, attempts: List, source: Test, place: int) -> None:
    second = retry(source).json['new_run_id']
    third = retry(second).json['new_run_id']
    root = source.id
    run_ids = [root, second, third]
    gone = run_ids.pop(place)
    for table in ('customized_test', 'test_fork', 'test_progress', 'test_result_file', 'test_result', 'test'):
        rows = Base.metadata.tables[table]
        db.session.execute(rows.delete().where((rows.c.id if table == 'test' else rows.c.test_id) == gone))

    answer = attempts(third).json

    assert [(entry['run_id'], entry['attempt']) for entry in answer['data']] == [(run_ids[0], 1), (run_ids[1], 2)]
    assert answer['meta']['root_run_id'] == root
    assert retry(third).json['new_run_id']
