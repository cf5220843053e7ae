"""``GET /runs/{run_id}/retries``: the family of a run (contract section 1)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import seed
from database import Base, db
from flask.testing import FlaskClient
from mod_auth.models import Role, User
from mod_test.models import Test
from support.api import ApiCall
from werkzeug.test import TestResponse

Family = Callable[..., TestResponse]


@pytest.fixture
def family(client: FlaskClient, token: str) -> Family:
    """ApiCall for the family of a run."""
    def ask(run_id: int | str, *, token: str | None = token, method: str = 'GET') -> TestResponse:
        db.session.commit()
        headers = {} if token is None else {'Authorization': f'Bearer {token}'}
        return client.open(f'/api/v1/runs/{run_id}/retries', method=method, headers=headers)

    return ask


@pytest.fixture
def source(alice: User) -> Test:
    """Give a completed run of one test, which failed."""
    return seed.run([seed.regression_test()], stages=seed.COMPLETED)


def test_a_run_that_was_never_retried_is_a_family_of_one(family: Family, source: Test) -> None:
    response = family(source.id)

    assert response.status_code == 200
    assert response.json == {'run_id': source.id, 'root_run_id': source.id, 'attempts': [
        {'run_id': source.id, 'source_run_id': None, 'attempt': 1, 'failed_only': None, 'reason': None,
         'requested_by': None, 'created_at': None}]}


def test_a_family_is_the_same_whoever_of_it_is_asked_about(retry: ApiCall, family: Family, source: Test) -> None:
    seed.run([seed.regression_test()])
    second = retry(source, {'failed_only': True, 'reason': 'flaky \U0001f480'}).json['new_run_id']
    other = seed.run(stages=seed.COMPLETED)
    third = retry(second).json['new_run_id']
    fourth = retry(source, token=seed.token(seed.user('bob'))).json['new_run_id']
    retry(other)

    families = {run_id: family(run_id).json for run_id in (source.id, second, third, fourth)}

    attempts = families[source.id]['attempts']
    for attempt in attempts[1:]:
        datetime.strptime(attempt.pop('created_at'), '%Y-%m-%dT%H:%M:%SZ')
    assert attempts[1:] == [
        {'run_id': second, 'source_run_id': source.id, 'attempt': 2, 'failed_only': True, 'reason': 'flaky \U0001f480',
         'requested_by': 'alice'},
        {'run_id': third, 'source_run_id': second, 'attempt': 3, 'failed_only': False, 'reason': None,
         'requested_by': 'alice'},
        {'run_id': fourth, 'source_run_id': source.id, 'attempt': 2, 'failed_only': False, 'reason': None,
         'requested_by': 'bob'}]
    for run_id, found in families.items():
        assert (found['run_id'], found['root_run_id']) == (run_id, source.id)
        assert [attempt['run_id'] for attempt in found['attempts']] == [source.id, second, third, fourth]


def test_the_time_is_utc(retry: ApiCall, family: Family, source: Test) -> None:
    retry(source)
    db.session.execute(Base.metadata.tables['run_retry'].update().values(created_at=datetime(2026, 11, 24, 13, 0)))

    assert family(source.id).json['attempts'][1]['created_at'] == '2026-11-24T13:00:00Z'


@pytest.mark.parametrize('shape', ['deep', 'wide'])
def test_a_family_of_a_thousand_takes_as_many_statements_as_one_of_two(
        family: Family, retry: ApiCall, alice: User, statements: list[str], shape: str) -> None:
    root, *rest = seed.bulk_runs(1001, 1)
    db.session.execute(Base.metadata.tables['run_retry'].insert(), [
        {'test_id': run_id, 'source_test_id': run_id - 1 if shape == 'deep' else root, 'root_test_id': root,
         'attempt': number if shape == 'deep' else 2, 'failed_only': False, 'user_id': alice.id, 'test_count': 1,
         'created_at': datetime(2026, 11, 24)} for number, run_id in enumerate(rest, 2)])
    small = retry(seed.run([seed.regression_test()])).json['new_run_id']
    counts = []
    for run_id, size in ((small, 2), (rest[-1], 1001), (root, 1001)):
        family(run_id)
        statements.clear()
        attempts = family(run_id).json['attempts']
        counts.append(len(statements))
        assert len(attempts) == size
        for attempt in attempts[1:]:
            source = next(found for found in attempts if found['run_id'] == attempt['source_run_id'])
            assert attempt['attempt'] == source['attempt'] + 1

    assert counts == [3, 3, 3]


@pytest.mark.parametrize('role', [*Role, None])
def test_any_role_may_look(family: Family, source: Test, role: Role | None) -> None:
    assert family(source.id, token=seed.token(seed.user('bob', role), ['runs:read'])).status_code == 200


def test_looking_needs_the_scope(family: Family, source: Test, alice: User) -> None:
    response = family(source.id, token=seed.token(alice, ['runs:write']))

    assert response.status_code == 403
    assert response.json['details'] == {'required_scope': 'runs:read', 'token_scopes': ['runs:write']}


def test_a_stranger_sees_nothing(family: Family, source: Test) -> None:
    there, missing = family(source.id, token=None), family(99, token=None)

    assert there.status_code == 401
    assert there.data == missing.data


@pytest.mark.parametrize(('run_id', 'shown'), [('99', 99), ('0', 0), ('2147483648', 2147483648), ('abc', 'abc')])
def test_what_is_no_run_is_not_found(family: Family, run_id: str, shown: Any) -> None:
    response = family(run_id)

    assert response.status_code == 404
    assert response.json['details'] == {'resource': 'run', 'id': shown}


def test_the_head_of_it_may_be_asked_for(family: Family, source: Test) -> None:
    response = family(source.id, method='HEAD')

    assert (response.status_code, response.data) == (200, b'')


@pytest.mark.parametrize('verb', ['POST', 'PUT', 'DELETE', 'OPTIONS', 'FOO'])
def test_another_verb_is_not_allowed(family: Family, source: Test, verb: str) -> None:
    response = family(source.id, method=verb)

    assert response.status_code == 405
    assert response.headers['Allow'] == 'GET, HEAD'
    assert response.json['code'] == 'method_not_allowed'
    assert response.headers['X-RateLimit-Limit'] == '120'


def test_a_retry_of_a_person_who_is_gone_stays_in_the_family(retry: ApiCall, family: Family, source: Test) -> None:
    retry(source)
    db.session.execute(Base.metadata.tables['run_retry'].update().values(user_id=None))

    assert family(source.id).json['attempts'][1]['requested_by'] is None


def test_a_family_outlives_one_of_its_runs(retry: ApiCall, family: Family, source: Test) -> None:
    second = retry(source).json['new_run_id']
    third = retry(second, key='k').json['new_run_id']
    for table, column in (('customized_test', 'test_id'), ('test_fork', 'test_id'), ('test', 'id')):
        rows = Base.metadata.tables[table]
        db.session.execute(rows.delete().where(rows.c[column] == second))

    attempts = family(third).json['attempts']

    assert [(attempt['run_id'], attempt['attempt']) for attempt in attempts] == [(source.id, 1), (third, 3)]
    assert family(source.id).json['attempts'] == attempts
    assert retry(third).json['new_run_id']
