"""``Idempotency-Key``: the same request makes one run (contract section 1)."""

from __future__ import annotations

import pytest
import seed
from mod_auth.models import User
from mod_test.models import Test
from support.api import ApiCall
from support.rows import Rows


@pytest.fixture
def source(alice: User) -> Test:
    """Give a completed run of two tests, of which one failed."""
    tests = [seed.regression_test() for _ in range(2)]
    source = seed.run(tests, stages=seed.COMPLETED)
    seed.result(source, tests[0])
    return source


def test_the_same_key_answers_with_the_first_answer_and_makes_nothing(retry: ApiCall, source: Test, rows: Rows) -> None:
    body = {'failed_only': True, 'reason': '\U0001f480'}
    first = retry(source, body, key='delivery-1')
    before = rows.snapshot()

    again = retry(source, body, key='delivery-1')

    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert again.headers['Location'] == first.headers['Location']
    assert again.headers['Idempotent-Replayed'] == 'true'
    assert 'Idempotent-Replayed' not in first.headers
    assert rows.snapshot() == before


def test_the_answer_is_the_first_one_even_where_the_run_would_be_refused_now(
        retry: ApiCall, source: Test, rows: Rows) -> None:
    first = retry(source, {'failed_only': True}, key='k')
    for test in seed.db.session.query(seed.RegressionTest):
        test.active = False

    assert retry(source, {'failed_only': True}).status_code == 422
    assert retry(source, {'failed_only': True}, key='k').data == first.data


def test_a_body_that_says_the_same_is_the_same(retry: ApiCall, source: Test) -> None:
    first = retry(source, key='k')

    assert retry(source, {'failed_only': False}, key='k').data == first.data
    assert retry(source, data=b' {} ', content_type='application/json', key='k').data == first.data


@pytest.mark.parametrize('body', [{'failed_only': True}, {'reason': 'x'}, {'reason': ''}])
def test_the_same_key_with_another_body_is_refused(
        retry: ApiCall, source: Test, rows: Rows, body: dict[str, object]) -> None:
    retry(source, key='k')
    before = rows.snapshot()

    response = retry(source, body, key='k')

    assert response.status_code == 422
    assert response.json['code'] == 'unprocessable'
    assert list(response.json['details']) == ['idempotency_key']
    assert rows.snapshot() == before


def test_the_same_key_with_another_run_is_refused(retry: ApiCall, source: Test, rows: Rows) -> None:
    new_run_id = retry(source, key='k').json['new_run_id']
    other = seed.run([seed.regression_test()])

    assert retry(other, key='k').status_code == 422
    assert retry(new_run_id, key='k').status_code == 422
    assert len(rows.of('run_retry')) == 1


def test_the_same_key_of_another_person_is_another_key(retry: ApiCall, source: Test) -> None:
    bob = seed.token(seed.user('bob'))

    first, second = retry(source, key='k'), retry(source, key='k', token=bob)

    assert first.json['new_run_id'] != second.json['new_run_id']


def test_the_same_key_with_another_token_of_the_same_person_is_the_same_key(
        retry: ApiCall, source: Test, alice: User) -> None:
    other = seed.token(alice)

    assert retry(source, key='k').data == retry(source, key='k', token=other).data


def test_keys_differ_to_the_letter(retry: ApiCall, source: Test) -> None:
    keys = ['key', 'KEY', 'Key', 'key.', 'k', '!', '~' * 255, '~' * 254]

    assert len({retry(source, key=key).json['new_run_id'] for key in keys}) == len(keys)


def test_requests_without_a_key_make_a_run_each(retry: ApiCall, source: Test) -> None:
    assert retry(source).json['new_run_id'] != retry(source).json['new_run_id']


def test_a_refusal_leaves_the_key_free(retry: ApiCall, source: Test) -> None:
    assert retry(99, key='k').status_code == 404
    assert retry(source, {'no': 1}, key='k').status_code == 422

    assert retry(source, key='k').status_code == 202


@pytest.mark.parametrize('key', ['', ' ', 'two words', 'x' * 256, 'caf\xe9', 'tab\there', '\x7f'])
def test_what_is_no_key_is_unprocessable(retry: ApiCall, source: Test, rows: Rows, key: str) -> None:
    response = retry(source, key=key)

    assert response.status_code == 422
    assert response.json['details'] == {
        'fields': {'idempotency_key': ['Must be 1 to 255 visible ASCII characters.']}}
    assert rows.of('run_retry') == []
