"""``GET /runs/{run_id}/retries``: the attempts of a run (contract section 1)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import seed
from database import Base, db
from mod_auth.models import Role, User
from mod_regression.models import RegressionTest
from mod_test.models import Test, TestStatus
from outcome import passing
from sqlalchemy import select
from support.api import ApiCall
from support.retries import add_retries
from support.rows import Rows
from support.statements import Statement

ORIGIN = ('source_run_id', 'failed_only', 'reason', 'requested_by')
COUNTS = ('tests', 'passed', 'failed', 'not_run', 'carried_over')


def pick(entry: dict[str, Any], names: tuple[str, ...]) -> tuple[Any, ...]:
    """Return some values of an entry."""
    return tuple(entry[name] for name in names)


def test_a_run_that_was_never_retried_has_one_attempt(attempts: ApiCall, run_id: int) -> None:
    response = attempts(run_id)

    assert response.status_code == 200
    assert response.json == {
        'data': [{'run_id': run_id, 'source_run_id': None, 'attempt': 1, 'status': 'fail', 'tests': 3, 'passed': 1,
                  'failed': 2, 'not_run': 0, 'carried_over': 0, 'failed_only': None, 'reason': None,
                  'requested_by': None, 'created_at': None}],
        'pagination': {'limit': 50, 'offset': 0, 'total': 1, 'next_offset': None},
        'meta': {'run_id': run_id, 'root_run_id': run_id}}


def test_the_attempts_are_the_same_whichever_of_them_is_asked_about(
        retry: ApiCall, attempts: ApiCall, run_id: int) -> None:
    seed.run([seed.regression_test()])
    second = retry(run_id, {'failed_only': True, 'reason': 'flaky \U0001f480'}).json['new_run_id']
    other = seed.run(stages=seed.COMPLETED)
    third = retry(second).json['new_run_id']
    fourth = retry(run_id, token=seed.token(seed.user('bob'))).json['new_run_id']
    retry(other)

    answers = {asked: attempts(asked).json for asked in (run_id, second, third, fourth)}

    data = answers[run_id]['data']
    assert [(entry['run_id'], entry['attempt'], *pick(entry, ORIGIN)) for entry in data] == [
        (run_id, 1, None, None, None, None),
        (second, 2, run_id, True, 'flaky \U0001f480', 'alice'),
        (third, 3, second, False, None, 'alice'),
        (fourth, 4, run_id, False, None, 'bob')]
    for asked, answer in answers.items():
        assert answer['data'] == data
        assert answer['meta'] == {'run_id': asked, 'root_run_id': run_id}


def test_a_retry_that_has_ended_counts_what_was_carried_over(
        retry: ApiCall, attempts: ApiCall, run_id: int, rows: Rows) -> None:
    new = db.session.get_one(Test, retry(run_id, {'failed_only': True}).json['new_run_id'])
    before = attempts(new.id).json['data'][1]
    for test in db.session.scalars(select(RegressionTest).where(RegressionTest.id.in_(rows.selection(new.id)))):
        seed.result(new, test)
    seed.progress(new, TestStatus.completed)
    after = attempts(new.id).json['data'][1]

    assert (before['status'], *pick(before, COUNTS)) == ('queued', 2, 0, 0, 2, 0)
    assert (after['status'], *pick(after, COUNTS)) == ('pass', 3, 3, 0, 0, 1)


def test_each_attempt_counts_what_was_carried_over_into_it(
        retry: ApiCall, attempts: ApiCall, run_id: int) -> None:
    for _ in range(2):
        new = db.session.get_one(Test, retry(run_id, {'failed_only': True}).json['new_run_id'])
        seed.progress(new, TestStatus.completed)

    assert [entry['carried_over'] for entry in attempts(run_id).json['data']] == [0, 1, 1]


@pytest.mark.parametrize('last_id', [1, 2 ** 31 - 1])
def test_a_run_with_any_id_that_the_platform_can_store_has_attempts(
        attempts: ApiCall, alice: User, last_id: int) -> None:
    seed.run().id = last_id

    assert attempts(last_id).json['data'][0]['run_id'] == last_id


@pytest.mark.parametrize('last_id', [1, 2 ** 31 - 1])
def test_a_run_with_any_id_that_the_platform_can_store_is_found_for_a_retry(
        retry: ApiCall, alice: User, last_id: int) -> None:
    seed.run().id = last_id

    assert retry(last_id, {'failed_only': True}).json['details'] == {'run_status': 'queued'}


@pytest.mark.parametrize(('stages', 'status'), [
    ([], 'queued'), ([TestStatus.preparation], 'running'), ([TestStatus.testing], 'running'),
    ([TestStatus.canceled], 'canceled'), ([TestStatus.completed], 'error'),
    ([TestStatus.completed, TestStatus.canceled], 'canceled')])
def test_a_run_without_results_has_the_status_of_its_last_stage(
        attempts: ApiCall, alice: User, stages: list[TestStatus], status: str) -> None:
    run = seed.run([seed.regression_test()], stages=stages)

    entry = attempts(run.id).json['data'][0]

    assert (entry['status'], *pick(entry, COUNTS)) == (status, 1, 0, 0, 1, 0)


def test_a_stage_that_nobody_knows_is_incomplete(attempts: ApiCall, run_id: int) -> None:
    db.session.commit()
    db.session.execute(Base.metadata.tables['test_progress'].update().values(
        status=Base.metadata.tables['test_progress'].c.message))

    assert attempts(run_id).json['data'][0]['status'] == 'incomplete'


@pytest.mark.parametrize(('failure', 'failed'), [
    ('exit code', 1), ('no exit code', 1), ('output', 1), ('missing output', 1), ('accepted variant', 0), (None, 0)])
def test_a_result_is_counted_as_the_platforms_api_counts_it(
        attempts: ApiCall, alice: User, failure: str | None, failed: int) -> None:
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


def test_an_output_counts_for_its_own_test_in_its_own_run(attempts: ApiCall, alice: User) -> None:
    tests = [seed.regression_test(outputs=2), seed.regression_test(outputs=2)]
    runs = [seed.run(tests, stages=seed.COMPLETED) for _ in range(3)]
    wrong = [None, passing(tests[0]).makes(tests[0].output_files[0], 'other'),
             passing(tests[0]).lacks(tests[0].output_files[1])]
    for run, outcome in zip(runs, wrong):
        seed.result(run, tests[0], outcome)
        seed.result(run, tests[1])
    add_retries(runs[0].id, [run.id for run in runs[1:]])

    data = attempts(runs[0].id).json['data']

    assert [(entry['passed'], entry['failed']) for entry in data] == [(2, 0), (1, 1), (1, 1)]


def test_no_exit_code_where_none_is_expected_is_a_pass(attempts: ApiCall, alice: User) -> None:
    test = seed.regression_test(expected_rc=None)
    run = seed.run([test], stages=seed.COMPLETED)
    seed.result(run, test)

    assert attempts(run.id).json['data'][0]['status'] == 'pass'


def test_a_run_without_rows_of_its_own_counts_every_active_test(attempts: ApiCall, alice: User) -> None:
    tests = [seed.regression_test(), seed.regression_test(), seed.regression_test(active=False)]
    run = seed.run(stages=seed.COMPLETED)
    seed.result(run, tests[0])

    assert pick(attempts(run.id).json['data'][0], COUNTS) == (2, 1, 0, 1, 0)


def test_a_run_without_rows_of_its_own_has_no_tests_where_none_is_active(attempts: ApiCall, alice: User) -> None:
    seed.regression_test(active=False)
    run = seed.run(stages=seed.COMPLETED)

    assert pick(attempts(run.id).json['data'][0], COUNTS) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize(('query', 'places', 'next_offset'), [
    ('', [1, 2, 3, 4, 5], None), ('limit=2', [1, 2], 2), ('limit=2&offset=2', [3, 4], 4),
    ('limit=2&offset=4', [5], None), ('limit=2&offset=5', [], None), ('offset=1', [2, 3, 4, 5], None),
    ('limit=1', [1], 1), ('limit=100&offset=2147483647', [], None), ('other=1', [1, 2, 3, 4, 5], None)])
def test_a_page_has_what_was_asked_for(
        attempts: ApiCall, alice: User, query: str, places: list[int], next_offset: int | None) -> None:
    root, *rest = seed.bulk_runs(5, 1)
    add_retries(root, rest)

    answer = attempts(root, query).json

    run_ids = [root, *rest]
    assert [(entry['attempt'], entry['run_id']) for entry in answer['data']] == [
        (place, run_ids[place - 1]) for place in places]
    assert (answer['pagination']['total'], answer['pagination']['next_offset']) == (5, next_offset)


@pytest.mark.parametrize('value', ['', 'x', '-1', '1.5', '1e1', ' 1', '1_0', '\u0661', '99999999999', '2147483648'])
@pytest.mark.parametrize('name', ['limit', 'offset'])
def test_a_wrong_page_is_refused(attempts: ApiCall, run_id: int, name: str, value: str) -> None:
    response = attempts(run_id, f'{name}={value}')

    assert response.status_code == 422
    assert list(response.json['details']['fields']) == [name]


@pytest.mark.parametrize('limit', [0, 101])
def test_a_page_has_1_to_100_entries(attempts: ApiCall, run_id: int, limit: int) -> None:
    assert attempts(run_id, f'limit={limit}').status_code == 422


def test_the_time_is_utc(retry: ApiCall, attempts: ApiCall, run_id: int) -> None:
    retry(run_id)
    db.session.execute(Base.metadata.tables['run_retry'].update().values(created_at=datetime(2026, 11, 24, 13, 0)))

    assert attempts(run_id).json['data'][1]['created_at'] == '2026-11-24T13:00:00Z'


def test_a_reason_that_is_not_utf_8_is_shown_as_far_as_it_can_be(
        retry: ApiCall, attempts: ApiCall, run_id: int) -> None:
    retry(run_id)
    db.session.execute(Base.metadata.tables['run_retry'].update().values(reason=b'bad \xff byte'))

    assert attempts(run_id).json['data'][1]['reason'] == 'bad \ufffd byte'


def test_a_page_of_a_thousand_attempts_takes_as_many_statements_as_one_of_two(
        attempts: ApiCall, retry: ApiCall, alice: User, statements: list[Statement]) -> None:
    root, *rest = seed.bulk_runs(1001, 1)
    add_retries(root, rest)
    small = retry(seed.run([seed.regression_test()])).json['new_run_id']

    counts = set()
    for run_id in (small, root, rest[-1]):
        statements.clear()
        assert attempts(run_id).status_code == 200
        counts.add(len(statements))

    assert len(counts) == 1


@pytest.mark.parametrize('role', [*Role, None])
def test_any_role_may_look(attempts: ApiCall, run_id: int, role: Role | None) -> None:
    assert attempts(run_id, token=seed.token(seed.user('bob', role), ['runs:read'])).status_code == 200


def test_looking_needs_the_scope(attempts: ApiCall, run_id: int, alice: User) -> None:
    response = attempts(run_id, token=seed.token(alice, ['runs:write']))

    assert response.status_code == 403
    assert response.json['details'] == {'required_scope': 'runs:read', 'token_scopes': ['runs:write']}


def test_a_stranger_sees_nothing(attempts: ApiCall, run_id: int) -> None:
    there, missing = attempts(run_id, token=None), attempts(99, token=None)

    assert there.status_code == 401
    assert there.data == missing.data


@pytest.mark.parametrize(('run_id', 'shown'), [('99', 99), ('0', 0), ('2147483648', 2147483648), ('abc', 'abc')])
def test_what_is_no_run_is_not_found(attempts: ApiCall, run_id: str, shown: Any) -> None:
    response = attempts(run_id)

    assert response.status_code == 404
    assert response.json['details'] == {'resource': 'run', 'id': shown}


def test_the_head_of_it_may_be_asked_for(attempts: ApiCall, run_id: int) -> None:
    response = attempts(run_id, method='HEAD')

    assert (response.status_code, response.data) == (200, b'')


@pytest.mark.parametrize('method', ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])
def test_another_method_is_not_allowed(attempts: ApiCall, run_id: int, method: str) -> None:
    response = attempts(run_id, method=method)

    assert response.status_code == 405
    assert response.headers['Allow'] == 'GET, HEAD'
    assert response.json['code'] == 'method_not_allowed'
    assert response.headers['X-RateLimit-Limit'] == '120'


def test_a_retry_of_a_user_who_is_gone_stays(retry: ApiCall, attempts: ApiCall, run_id: int) -> None:
    retry(run_id)
    db.session.execute(Base.metadata.tables['run_retry'].update().values(user_id=None))

    assert attempts(run_id).json['data'][1]['requested_by'] is None


@pytest.mark.parametrize('place', [0, 1])
def test_the_attempts_outlive_one_of_them(retry: ApiCall, attempts: ApiCall, run_id: int, place: int) -> None:
    second = retry(run_id).json['new_run_id']
    third = retry(second).json['new_run_id']
    run_ids = [run_id, second, third]
    gone = run_ids.pop(place)
    for table in ('customized_test', 'test_fork', 'test_progress', 'test_result_file', 'test_result', 'test'):
        rows = Base.metadata.tables[table]
        db.session.execute(rows.delete().where((rows.c.id if table == 'test' else rows.c.test_id) == gone))

    answer = attempts(third).json

    assert [(entry['run_id'], entry['attempt']) for entry in answer['data']] == [(run_ids[0], 1), (run_ids[1], 2)]
    assert answer['meta']['root_run_id'] == run_id
    assert retry(third).json['new_run_id']
