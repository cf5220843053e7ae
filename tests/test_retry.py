"""What a retry makes (contract sections 1 and 4)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
import seed
import worker
from database import db
from flask.testing import FlaskClient
from mod_auth.models import User
from mod_test.models import Test, TestPlatform, TestType
from support.api import ApiCall
from support.rows import Rows


@pytest.fixture
def source(alice: User) -> Test:
    """Give a completed run of a pull request, where two of three tests failed."""
    tests = [seed.regression_test() for _ in range(3)]
    source = seed.run(tests, owners=[seed.user('olga')], stages=seed.COMPLETED, platform=TestPlatform.windows,
                      test_type=TestType.pull_request, branch='pull_request', commit='c0ffee', pr_nr=7)
    seed.result(source, tests[0])
    seed.result(source, tests[1], seed.passing(tests[1]).exits(1))
    seed.result(source, tests[2], seed.passing(tests[2]).exits(None))
    return source


def test_a_retry_is_accepted(retry: ApiCall, source: Test) -> None:
    response = retry(source)

    assert response.status_code == 202
    assert response.json == {
        'run_id': source.id, 'new_run_id': source.id + 1, 'action': 'retry', 'status': 'accepted',
        'message': f'Run {source.id} is queued again as run {source.id + 1}, with 3 tests.'}
    assert response.content_type == 'application/json'


def test_the_location_is_the_new_run_under_the_same_prefix(retry: ApiCall, source: Test) -> None:
    response = retry(source)

    assert response.headers['Location'] == f'/api/v1/runs/{response.json["new_run_id"]}'


def test_the_new_run_has_the_configuration_of_its_source(retry: ApiCall, source: Test, rows: Rows) -> None:
    new_run_id = retry(source).json['new_run_id']

    old, new = rows.of('test', id=source.id)[0], rows.of('test', id=new_run_id)[0]
    for own in ('id', 'token'):
        assert old.pop(own) != new.pop(own)
    assert old == new


def test_the_new_run_has_a_secret_of_its_own(retry: ApiCall, source: Test, rows: Rows) -> None:
    retry(source)
    retry(source)

    tokens = {row['token'] for row in rows.of('test')}
    assert len(tokens) == 3
    assert all(len(token) == 64 and token.isascii() and token.isalnum() for token in tokens)


def test_a_full_retry_runs_the_tests_of_its_source(retry: ApiCall, source: Test, rows: Rows) -> None:
    seed.regression_test()

    new_run_id = retry(source).json['new_run_id']

    assert rows.selection(new_run_id) == rows.selection(source.id)


def test_a_failed_only_retry_runs_what_failed(retry: ApiCall, source: Test, rows: Rows) -> None:
    response = retry(source, {'failed_only': True})

    assert response.json['message'].endswith('with 2 tests.')
    assert rows.selection(response.json['new_run_id']) == rows.selection(source.id)[1:]


def test_the_owners_and_the_requester_own_the_new_run(retry: ApiCall, source: Test, alice: User, rows: Rows) -> None:
    new_run_id = retry(source).json['new_run_id']

    assert rows.ids('test_fork', 'user_id', test_id=new_run_id) == sorted(
        [alice.id, *rows.ids('test_fork', 'user_id', test_id=source.id)])


def test_a_requester_who_is_an_owner_already_owns_the_new_run_once(retry: ApiCall, alice: User, rows: Rows) -> None:
    source = seed.run([seed.regression_test()], owners=[alice, alice])

    new_run_id = retry(source).json['new_run_id']

    assert rows.ids('test_fork', 'user_id', test_id=new_run_id) == [alice.id]


def test_a_retry_writes_no_progress_and_no_results(retry: ApiCall, source: Test, rows: Rows) -> None:
    new_run_id = retry(source).json['new_run_id']

    for table in ('test_progress', 'test_result', 'test_result_file'):
        assert rows.of(table, test_id=new_run_id) == []


def test_the_scheduled_job_starts_the_new_run(retry: ApiCall, source: Test, rows: Rows) -> None:
    new_run_id = retry(source, {'failed_only': True}).json['new_run_id']

    assert worker.work_once(db.session, TestPlatform.windows) == [new_run_id]
    assert rows.ids('test_result', 'regression_test_id', test_id=new_run_id) == rows.selection(new_run_id)


def test_a_retry_changes_nothing_that_was_there(retry: ApiCall, source: Test, rows: Rows) -> None:
    db.session.commit()
    before = rows.snapshot()

    assert retry(source).status_code == 202
    assert retry(source, {'failed_only': True}).status_code == 202

    after = rows.snapshot()
    assert all(before[table] <= after[table] for table in before)


def test_a_retry_is_written_down_with_its_source_reason_requester_and_time(
        retry: ApiCall, source: Test, alice: User, rows: Rows) -> None:
    new_run_id = retry(source, {'failed_only': True, 'reason': 'flaky VM'}).json['new_run_id']

    row = rows.of('run_retry', test_id=new_run_id)[0]
    created_at = datetime.fromisoformat(row.pop('created_at'))
    assert row == {'test_id': new_run_id, 'source_test_id': source.id, 'root_test_id': source.id, 'attempt': 2,
                   'failed_only': 1, 'reason': b'flaky VM', 'user_id': alice.id, 'test_count': 2,
                   'idempotency_digest': None}
    assert timedelta() <= datetime.now(timezone.utc).replace(tzinfo=None) - created_at < timedelta(minutes=1)


def test_a_retry_of_a_retry_counts_on_from_the_same_root(retry: ApiCall, source: Test, rows: Rows) -> None:
    second = retry(source).json['new_run_id']
    third = retry(second).json['new_run_id']

    row = rows.of('run_retry', test_id=third)[0]
    assert (row['source_test_id'], row['root_test_id'], row['attempt']) == (second, source.id, 3)


@pytest.mark.parametrize('stages', [(), seed.COMPLETED[:1], seed.COMPLETED[:2], seed.COMPLETED, seed.CANCELED])
def test_a_full_retry_is_allowed_in_any_state(retry: ApiCall, stages: tuple[object, ...], rows: Rows) -> None:
    source = seed.run([seed.regression_test()], stages=stages)  # type: ignore[arg-type]

    assert retry(source).status_code == 202


@pytest.mark.parametrize('body', [{}, {'failed_only': False}])
def test_a_body_without_wishes_is_a_full_retry(retry: ApiCall, source: Test, body: dict[str, bool]) -> None:
    assert retry(source, body).json['message'].endswith('with 3 tests.')


def test_a_request_without_a_body_needs_no_content_type(retry: ApiCall, source: Test) -> None:
    assert retry(source, data=b'').status_code == 202


@pytest.mark.parametrize('content_type', ['application/json; charset=utf-8', 'Application/JSON'])
def test_the_content_type_may_have_parameters_and_any_case(retry: ApiCall, source: Test, content_type: str) -> None:
    assert retry(source, data='{"failed_only": true}', content_type=content_type).status_code == 202


@pytest.mark.parametrize('reason', ['', 'x' * 255, '\N{HOT BEVERAGE}' * 255, '\U0001f480' * 255, 'e\u0301 \u202eltr',
                                    'two\r\nlines\t\\"%s\'; DROP TABLE test; -- ', ' spaces  ', '\x7f\x1b[31m'])
def test_any_text_of_255_code_points_is_kept_exactly(retry: ApiCall, source: Test, rows: Rows, reason: str) -> None:
    new_run_id = retry(source, {'reason': reason}).json['new_run_id']

    assert rows.of('run_retry', test_id=new_run_id)[0]['reason'].decode() == reason


def test_a_retry_takes_six_statements_whatever_the_size(
        retry: ApiCall, alice: User, statements: list[str]) -> None:
    counts = []
    for size in (1, 300):
        source = seed.bulk_runs(1, size, failed_per_run=size)[0]
        for body in ({'failed_only': False}, {'failed_only': True}):
            db.session.commit()
            statements.clear()
            assert retry(source, body, key=f'{size}{body["failed_only"]}').status_code == 202
            counts.append(len(statements))

    assert counts == [6] * 4


def test_a_retry_sends_nothing_but_select_and_insert(retry: ApiCall, source: Test, statements: list[str]) -> None:
    db.session.commit()
    statements.clear()

    retry(source, {'failed_only': True}, key='k')
    retry(source, {'failed_only': True}, key='k')

    assert {statement.split()[0] for statement in statements} == {'SELECT', 'INSERT'}


def test_no_secret_of_a_run_is_answered_or_logged(
        retry: ApiCall, source: Test, token: str, rows: Rows, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level('DEBUG')

    response = retry(source, {'reason': 'why\nnot'})

    said = response.get_data(as_text=True) + str(response.headers) + caplog.text
    assert f'run {source.id} is retried as run {source.id + 1}' in caplog.text
    for secret in (token, *(row['token'] for row in rows.of('test'))):
        assert secret not in said
    assert 'why\nnot' not in caplog.text


def test_the_platforms_own_session_cookie_is_no_token(client: FlaskClient, source: Test, alice: User) -> None:
    with client.session_transaction() as session:
        session['user_id'] = alice.id

    assert client.post(f'/api/v1/runs/{source.id}/retry').status_code == 401
