"""The same key creates one run (docs/api.rst, "Idempotency"); in process too."""

from __future__ import annotations

from typing import Any

import seed
from mod_auth.models import User
from mod_regression.models import RegressionTest
from support.api import ApiCall, assert_error
from support.rows import Rows, delete_run

from mod_runs_api import Retry, retry_run


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

    assert retry(run_id, {'failed_only': True}) == 422
    assert retry(run_id, {'failed_only': True}, key='k').data == first.data

    delete_run(run_id)
    assert retry(run_id, {'failed_only': True}, key='k').data == first.data


def test_a_body_with_the_same_meaning_is_the_same_body(retry: ApiCall, run_id: int) -> None:
    first = retry(run_id, key='k')

    assert retry(run_id, {'failed_only': False}, key='k').data == first.data
    assert retry(run_id, data=b' {} ', content_type='application/json', key='k').data == first.data


def test_the_same_key_with_another_body_is_refused(retry: ApiCall, run_id: int, rows: Rows) -> None:
    retry(run_id, key='k')

    for body in ({'failed_only': True}, {'reason': 'x'}, {'reason': ''}):
        response = retry(run_id, body, key='k')
        assert_error(response, 422, 'unprocessable')
        assert list(response.json['details']) == ['idempotency_key']
    assert len(rows.retries) == 1


def test_the_same_key_with_another_run_is_refused(retry: ApiCall, run_id: int, rows: Rows) -> None:
    new_run_id = retry(run_id, key='k').json['new_run_id']

    for other in (seed.run([seed.regression_test()]), new_run_id):
        assert retry(other, key='k') == 422
    assert len(rows.retries) == 1


def test_a_key_is_that_of_a_user_whichever_token_they_use(retry: ApiCall, run_id: int, alice: User) -> None:
    first = retry(run_id, key='k')

    assert retry(run_id, key='k', token=seed.token(alice)).data == first.data
    assert retry(run_id, key='k', token=seed.token(seed.user('bob'))).json != first.json


def test_keys_are_compared_exactly(retry: ApiCall, run_id: int) -> None:
    keys = ['key', 'KEY', 'Key', 'key.', 'k', '!', '~' * 255, '~' * 254]

    assert len({retry(run_id, key=key).json['new_run_id'] for key in keys}) == len(keys)


def test_requests_without_a_key_create_a_run_each(retry: ApiCall, run_id: int) -> None:
    assert retry(run_id).json['new_run_id'] != retry(run_id).json['new_run_id']


def test_a_refusal_leaves_the_key_free(retry: ApiCall, run_id: int) -> None:
    assert retry(99, key='k') == 404
    assert retry(run_id, {'no': 1}, key='k') == 422

    assert retry(run_id, key='k') == 202


def test_a_key_of_other_characters_is_unprocessable(retry: ApiCall, run_id: int, rows: Rows) -> None:
    for key in ('', ' ', 'two words', 'x' * 256, 'caf\xe9', 'tab\there', '\x7f'):
        assert_error(retry(run_id, key=key), 422, 'unprocessable',
                     {'fields': {'idempotency_key': ['Must be 1 to 255 visible ASCII characters.']}})
    assert rows.retries == []


def test_in_process_a_key_is_that_of_the_requester_or_of_nobody(run_id: int, rows: Rows, alice: User) -> None:
    by: list[Any] = [alice, 'alice', alice.id, None, None]

    made = [retry_run(run_id, idempotency_key='delivery', requested_by=requester) for requester in by]

    assert [(one.new_run_id, one.replayed) for one in made] == [
        (run_id + 1, False), (run_id + 1, True), (run_id + 1, True), (run_id + 2, False), (run_id + 2, True)]
    assert made[1] == Retry(run_id, run_id + 1, failed_only=False, test_count=3, replayed=True)
    assert len(rows.retries) == 2
