"""``Idempotency-Key``: the same request creates one run (contract section 1)."""

from __future__ import annotations

import pytest
import seed
from mod_auth.models import User
from mod_regression.models import RegressionTest
from support.api import ApiCall
from support.rows import Rows


def test_the_same_key_repeats_the_first_answer_and_creates_nothing(
        retry: ApiCall, run_id: int, rows: Rows) -> None:
    body = {'failed_only': True, 'reason': '\U0001f480'}
    first = retry(run_id, body, key='delivery-1')
    before = rows.snapshot()

    again = retry(run_id, body, key='delivery-1')

    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert again.headers['Location'] == first.headers['Location']
    assert again.headers['Idempotent-Replayed'] == 'true'
    assert 'Idempotent-Replayed' not in first.headers
    assert rows.snapshot() == before


def test_the_first_answer_is_repeated_even_if_the_retry_would_be_refused_now(retry: ApiCall, run_id: int) -> None:
    first = retry(run_id, {'failed_only': True}, key='k')
    for test in seed.db.session.query(RegressionTest):
        test.active = False

    assert retry(run_id, {'failed_only': True}).status_code == 422
    assert retry(run_id, {'failed_only': True}, key='k').data == first.data


def test_a_body_with_the_same_meaning_is_the_same_body(retry: ApiCall, run_id: int) -> None:
    first = retry(run_id, key='k')

    assert retry(run_id, {'failed_only': False}, key='k').data == first.data
    assert retry(run_id, data=b' {} ', content_type='application/json', key='k').data == first.data


@pytest.mark.parametrize('body', [{'failed_only': True}, {'reason': 'x'}, {'reason': ''}])
def test_the_same_key_with_another_body_is_refused(
        retry: ApiCall, run_id: int, rows: Rows, body: dict[str, object]) -> None:
    retry(run_id, key='k')
    before = rows.snapshot()

    response = retry(run_id, body, key='k')

    assert response.status_code == 422
    assert response.json['code'] == 'unprocessable'
    assert list(response.json['details']) == ['idempotency_key']
    assert rows.snapshot() == before


def test_the_same_key_with_another_run_is_refused(retry: ApiCall, run_id: int, rows: Rows) -> None:
    new_run_id = retry(run_id, key='k').json['new_run_id']
    other = seed.run([seed.regression_test()])

    assert retry(other, key='k').status_code == 422
    assert retry(new_run_id, key='k').status_code == 422
    assert len(rows.of('run_retry')) == 1


def test_the_same_key_of_another_user_is_another_key(retry: ApiCall, run_id: int) -> None:
    bob = seed.token(seed.user('bob'))

    first, second = retry(run_id, key='k'), retry(run_id, key='k', token=bob)

    assert first.json['new_run_id'] != second.json['new_run_id']


def test_the_same_key_with_another_token_of_the_user_is_the_same_key(
        retry: ApiCall, run_id: int, alice: User) -> None:
    other = seed.token(alice)

    assert retry(run_id, key='k').data == retry(run_id, key='k', token=other).data


def test_keys_are_compared_exactly(retry: ApiCall, run_id: int) -> None:
    keys = ['key', 'KEY', 'Key', 'key.', 'k', '!', '~' * 255, '~' * 254]

    assert len({retry(run_id, key=key).json['new_run_id'] for key in keys}) == len(keys)


def test_requests_without_a_key_create_a_run_each(retry: ApiCall, run_id: int) -> None:
    assert retry(run_id).json['new_run_id'] != retry(run_id).json['new_run_id']


def test_a_refusal_leaves_the_key_free(retry: ApiCall, run_id: int) -> None:
    assert retry(99, key='k').status_code == 404
    assert retry(run_id, {'no': 1}, key='k').status_code == 422

    assert retry(run_id, key='k').status_code == 202


@pytest.mark.parametrize('key', ['', ' ', 'two words', 'x' * 256, 'caf\xe9', 'tab\there', '\x7f'])
def test_a_key_of_other_characters_is_unprocessable(retry: ApiCall, run_id: int, rows: Rows, key: str) -> None:
    response = retry(run_id, key=key)

    assert response.status_code == 422
    assert response.json['details'] == {
        'fields': {'idempotency_key': ['Must be 1 to 255 visible ASCII characters.']}}
    assert rows.of('run_retry') == []
