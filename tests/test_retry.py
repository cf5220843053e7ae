"""What a retry creates (docs/api.rst, "Retry a run"), once for the same key (docs/api.rst, "Idempotency")."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import seed
from database import db
from mod_customized.models import TestFork
from mod_test.models import Test
from support.api import assert_error
from support.changes import delete_run
from support.isolation import without_request
from support.rows import RetryRow

from mod_runs_api import retry_run


def test_a_retry_is_accepted(retry, run_id):
    response = retry(run_id)

    assert response == 202
    assert response.json == {
        'run_id': run_id, 'new_run_id': run_id + 1, 'action': 'retry', 'status': 'accepted',
        'message': f'Run {run_id} is queued again as run {run_id + 1}, with 3 tests.'}
    assert response.content_type == 'application/json'
    assert response.headers['Location'] == f'/api/v1/runs/{run_id + 1}'


def test_the_new_run_has_the_configuration_of_its_source_and_a_secret_of_its_own(retry, run_id, rows):
    db.session.get_one(Test, run_id).fork_id = seed.fork('https://github.com/olga/ccextractor.git').id
    for _ in range(2):
        retry(run_id)

    runs = rows.of('test')
    tokens = {run.pop('token') for run in runs}
    assert len(tokens) == len({run.pop('id') for run in runs}) == 3
    assert runs[0] == runs[1] == runs[2]
    assert all(len(token) == 64 and token.isascii() and token.isalnum() for token in tokens)


@pytest.mark.parametrize('is_deleted', [False, True])
def test_a_full_retry_of_a_failed_only_retry_runs_everything_unless_the_root_run_is_gone(
        retry, run_id, rows, is_deleted):
    seed.regression_test()
    everything = rows.selection(run_id)
    failed_only = retry(run_id, {'failed_only': True}).json['new_run_id']
    assert rows.selection(failed_only) == everything[1:]
    if is_deleted:
        delete_run(run_id)

    new_run_id = retry(failed_only).json['new_run_id']

    assert rows.selection(new_run_id) == (everything[1:] if is_deleted else everything)


def test_the_owners_and_the_requester_own_the_new_run_once(retry, alice, rows):
    olga = seed.user('olga')
    for owners in ([olga, alice, olga], [olga]):
        source = seed.run([seed.regression_test()], owners=owners)
        # The account of a further owner was deleted.
        seed.add(TestFork(test_id=source.id))
        assert rows.owners(retry(source).json['new_run_id']) == sorted([alice.id, olga.id])


def test_a_retry_is_recorded_is_queued_and_changes_nothing_that_was_there(retry, run_id, alice, rows):
    before = rows.snapshot()

    second = retry(run_id, {'failed_only': True, 'reason': 'flaky VM'}).json['new_run_id']
    third = retry(second).json['new_run_id']

    after = rows.snapshot()
    assert all(before[table] <= after[table] for table in before)
    # The platform's job passes over a run that has a progress row.
    assert {table for table in before if before[table] != after[table]} == {'test', 'customized_test', 'test_fork'}
    assert rows.retries == [RetryRow(second, run_id, run_id, True, 'flaky VM', alice.id, 2),
                            RetryRow(third, second, run_id, False, None, alice.id, 3)]
    created_at = datetime.fromisoformat(rows.of('run_retry')[0]['created_at'])
    assert timedelta() <= datetime.now(timezone.utc).replace(tzinfo=None) - created_at < timedelta(minutes=1)


def test_a_body_with_defaults_is_a_full_retry(retry, run_id):
    requests: list[dict[str, Any]] = [
        {}, {'json': {}}, {'json': {'failed_only': False}}, {'data': b''},
        {'data': b'{}', 'content_type': 'Application/JSON; charset=utf-8'}]
    for request in requests:
        assert retry(run_id, **request).json['message'].endswith('with 3 tests.'), request


def test_a_retry_is_logged_without_the_reason_and_without_a_secret(retry, alice, token, run_id, rows, caplog):
    caplog.set_level('DEBUG')

    shown = ''
    for failed_only in (False, True):
        response = retry(run_id, {'failed_only': failed_only, 'reason': 'why\nnot'})
        shown += response.text + str(response.headers)

    for new_run_id, tests in ((run_id + 1, '3 tests'), (run_id + 2, '2 tests that did not pass')):
        assert f'run {run_id} is retried as run {new_run_id} with {tests}, for user {alice.id}' in caplog.messages
    assert 'why' not in caplog.text
    for secret in (token, *(row['token'] for row in rows.of('test'))):
        assert secret not in shown + caplog.text


def test_a_retry_without_a_request_is_in_the_log_of_the_platform_too(app, command, run_id, caplog):
    caplog.set_level('INFO')

    without_request(app, lambda: retry_run(run_id))
    command('retry', run_id)

    assert [(record.name, record.getMessage()) for record in caplog.records] == [
        ('Platform.runs_api', f'run {run_id} is retried as run {new_run_id} with 3 tests, for no user')
        for new_run_id in (run_id + 1, run_id + 2)]


# The same key


def test_the_same_key_repeats_the_first_answer_and_creates_nothing(retry, run_id, rows, alice):
    first = retry(run_id, {'failed_only': False, 'reason': '\U0001f480'}, key='delivery-1')
    before = rows.snapshot()

    # A body with the same meaning is the same; a key is that of a user, whichever token they use.
    for token in (seed.token(alice), seed.token(alice)):
        again = retry(run_id, {'reason': '\U0001f480'}, key='delivery-1', token=token)
        assert (again.status_code, again.data) == (first.status_code, first.data)
        assert again.headers['Location'] == first.headers['Location']
        assert again.headers['Idempotent-Replayed'] == 'true'
    assert 'Idempotent-Replayed' not in first.headers
    assert rows.snapshot() | {'api_token': set()} == before | {'api_token': set()}


def test_the_first_answer_is_repeated_even_if_the_retry_would_be_refused_now(retry, run_id):
    first = retry(run_id, {'failed_only': True}, key='k')
    delete_run(run_id)

    assert retry(run_id, {'failed_only': True}) == 404
    assert retry(run_id, {'failed_only': True}, key='k').data == first.data


def test_the_same_key_with_another_body_or_run_is_refused(retry, run_id, rows):
    new_run_id = retry(run_id, key='k').json['new_run_id']
    other = seed.run([seed.regression_test()]).id

    for run, body in ((run_id, {'failed_only': True}), (run_id, {'reason': 'x'}), (run_id, {'reason': ''}),
                      (other, None), (new_run_id, None)):
        response = retry(run, body, key='k')
        assert_error(response, 422, 'unprocessable')
        assert response.json['details'] == {'refusal': 'key_reused'}, (run, body)
    assert len(rows.retries) == 1


def test_a_key_is_its_users_and_a_refusal_leaves_it_free(retry, run_id):
    assert retry(99, key='!') == 404
    assert retry(run_id, {'no': 1}, key='!') == 422
    bob = seed.token(seed.user('bob'))
    for request in ({'key': '!'}, {'key': '~' * 255}, {}, {}, {'key': '!', 'token': bob}):
        assert 'Idempotent-Replayed' not in retry(run_id, **request).headers, request


def test_a_key_of_other_characters_is_unprocessable(retry, run_id, rows):
    for key in ('', ' ', 'two words', 'x' * 256, 'caf\xe9', 'tab\there', '\x7f'):
        assert_error(retry(run_id, key=key), 422, 'unprocessable',
                     {'fields': {'idempotency_key': ['Must be 1 to 255 visible ASCII characters.']}})
    assert rows.retries == []


def test_in_process_a_key_belongs_to_the_requester_if_there_is_one(run_id, rows, alice):
    by = [alice, 'alice', alice.id, None, None]
    db.session.commit()

    made = [retry_run(run_id, idempotency_key='delivery', requested_by=requester) for requester in by]

    assert [one.new_run_id for one in made] == [run_id + 1] * 3 + [run_id + 2] * 2
    assert len(rows.retries) == 2
