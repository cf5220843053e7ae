"""``GET /runs/{run_id}/retries`` (docs/api.rst, "Attempts")."""

from datetime import datetime

import pytest
import seed
from database import db
from mod_test.models import TestStatus
from sqlalchemy import text
from support.changes import add_retries, change_retries, delete_run
from support.executions import NO_FILE, NOT_RUN, PASS
from support.histories import add_attempts, end, finish, report, retry_in_process

ORIGIN = ('source_run_id', 'failed_only', 'reason', 'requested_by')
COUNTS = ('status', 'tests', 'passed', 'failed', 'not_run', 'carried_over')


def pick(entry, names):
    """Return some values of an entry."""
    return tuple(entry[name] for name in names)


def test_a_run_that_was_never_retried_has_one_attempt(attempts, run_id):
    response = attempts(run_id)

    assert response == 200
    assert response.json == {
        'data': [{'run_id': run_id, 'source_run_id': None, 'attempt': 1, 'status': 'fail', 'tests': 3, 'passed': 1,
                  'failed': 2, 'not_run': 0, 'carried_over': 0, 'to_carry_over': 0, 'failed_only': None, 'reason': None,
                  'requested_by': None, 'created_at': None, 'automatic': None, 'cause': None, 'cause_detail': None,
                  'cause_sentence': None, 'built_commit_sha': None, 'other_builds': []}],
        'pagination': {'limit': 50, 'offset': 0, 'total': 1, 'next_offset': None},
        'meta': {'run_id': run_id, 'root_run_id': run_id, 'decisive_run_id': run_id}}


@pytest.mark.usefixtures('stopped_clock')
def test_the_attempts_are_the_same_whichever_of_them_is_asked_about(retry, attempts, run_id):
    seed.run([seed.regression_test()])
    second = retry(run_id, {'failed_only': True, 'reason': 'flaky \U0001f480'}).json['new_run_id']
    retry(seed.run(stages=seed.COMPLETED))
    third = retry(second).json['new_run_id']
    fourth = retry(run_id, token=seed.token(seed.user('bob'))).json['new_run_id']

    answers = {asked: attempts(asked).json for asked in (run_id, second, third, fourth)}

    data = answers[run_id]['data']
    assert [(entry['run_id'], entry['attempt'], *pick(entry, ORIGIN)) for entry in data] == [
        (run_id, 1, None, None, None, None), (second, 2, run_id, True, 'flaky \U0001f480', 'alice'),
        (third, 3, second, False, None, 'alice'), (fourth, 4, run_id, False, None, 'bob')]
    for asked, answer in answers.items():
        assert (answer['data'], answer['meta']) == (
            data, {'run_id': asked, 'root_run_id': run_id, 'decisive_run_id': run_id})


def test_a_test_with_a_missing_output_counts_as_failed(attempts):
    run_id, = add_attempts([PASS], [NO_FILE], [NOT_RUN])

    assert pick(attempts(run_id).json['data'][0], COUNTS) == ('error', 3, 1, 1, 1, 0)


def test_each_attempt_counts_what_was_carried_over_into_it_when_it_has_ended(attempts, first, tests):
    finish(retry_in_process(first, failed_only=True), tests[1:], failed=tests[1:])
    finish(retry_in_process(first, failed_only=True), tests[1:])
    retry_in_process(first, failed_only=True)

    assert [pick(entry, COUNTS) for entry in attempts(first).json['data']] == [
        ('fail', 3, 1, 2, 0, 0), ('fail', 3, 1, 2, 0, 1), ('pass', 3, 3, 0, 0, 1), ('queued', 2, 0, 0, 2, 0)]


def test_nothing_is_to_be_carried_over_into_a_retry_that_has_ended(attempts, first):
    retry = retry_in_process(first, failed_only=True)
    assert attempts(first).json['data'][1]['to_carry_over'] == 1

    end(retry, TestStatus.canceled)

    assert attempts(first).json['data'][1]['to_carry_over'] == 0


def test_a_run_without_rows_counts_every_active_test_beside_a_retry_that_has_rows(attempts, tests):
    root = seed.run(stages=seed.COMPLETED)
    seed.result(root, tests[0])
    db.session.commit()
    retry_in_process(root.id, failed_only=True)

    assert [entry['tests'] for entry in attempts(root).json['data']] == [3, 2]


def test_the_status_is_that_of_the_last_stage_a_word_that_nobody_knows_too(attempts, tests):
    run = seed.run(tests, stages=[TestStatus.completed, TestStatus.canceled])
    assert pick(attempts(run).json['data'][0], COUNTS) == ('canceled', 3, 0, 0, 3, 0)

    db.session.execute(text("UPDATE test_progress SET status = 'unheard of'"))
    assert attempts(run).json['data'][0]['status'] == 'incomplete'


def test_a_run_without_rows_of_its_own_counts_every_active_test(attempts, tests):
    run = seed.run(stages=seed.COMPLETED)
    seed.result(run, tests[0])
    for inactive, counts in ((tests[2:], ('error', 2, 1, 0, 1, 0)), (tests, ('pass', 1, 1, 0, 0, 0))):
        for test in inactive:
            test.active = False
        assert pick(attempts(run).json['data'][0], COUNTS) == counts


def test_times_are_utc_reasons_are_readable_and_a_deleted_user_has_no_name(retry, attempts, run_id):
    retry(run_id, {'reason': 'x'})
    change_retries(created_at=datetime(2026, 11, 24, 13, 0), reason=b'bad \xff byte', user_id=2 ** 31 - 1)

    entry = attempts(run_id).json['data'][1]

    assert (entry['created_at'], entry['reason'], entry['requested_by']) == (
        '2026-11-24T13:00:00Z', 'bad \ufffd byte', None)


@pytest.mark.parametrize('place', [0, 1])
def test_the_attempts_outlive_one_of_them(retry, attempts, verdict, run_id, place):
    second = retry(run_id).json['new_run_id']
    third = retry(second).json['new_run_id']
    run_ids = [run_id, second, third]
    delete_run(run_ids.pop(place))

    answer = attempts(third).json

    assert [(entry['run_id'], entry['attempt']) for entry in answer['data']] == [(run_ids[0], 1), (run_ids[1], 2)]
    assert answer['meta']['root_run_id'] == verdict(third).json['meta']['root_run_id'] == run_id
    assert verdict(third).json['meta']['attempts'] == run_ids
    assert retry(third) == 202


def test_a_retry_that_is_canceled_or_queued_is_not_decisive_on_any_page(attempts, first, tests):
    canceled = retry_in_process(first)
    report(canceled, tests[:1])
    end(canceled, TestStatus.canceled)
    retry_in_process(first)

    for offset in (0, 1, 2, 3):
        meta = attempts(first, query_string=f'limit=1&offset={offset}').json['meta']
        assert meta == {'run_id': first, 'root_run_id': first, 'decisive_run_id': first}


def test_only_a_result_of_its_own_makes_a_completed_attempt_decisive(attempts, first, tests):
    carried_over = finish(retry_in_process(first, failed_only=True), [])
    assert attempts(carried_over).json['data'][1]['carried_over'] == 3
    assert attempts(carried_over).json['meta']['decisive_run_id'] == first

    report(carried_over, [seed.regression_test()])
    assert attempts(carried_over).json['meta']['decisive_run_id'] == carried_over


def test_without_a_completed_attempt_one_with_a_test_that_did_not_pass_is_decisive(attempts, tests):
    run_id = seed.run(tests).id
    report(run_id, tests[:2])
    end(run_id, TestStatus.canceled)
    canceled_at_once = retry_in_process(run_id)
    end(canceled_at_once, TestStatus.canceled)
    assert attempts(run_id).json['meta']['decisive_run_id'] == run_id

    report(run_id, tests[2:])
    assert attempts(run_id).json['meta']['decisive_run_id'] == canceled_at_once


# Pages


@pytest.mark.parametrize(('query', 'places', 'next_offset'), [
    ('', [1, 2, 3, 4, 5], None), ('limit=2', [1, 2], 2), ('limit=2&offset=2', [3, 4], 4),
    ('limit=2&offset=4', [5], None), ('limit=5', [1, 2, 3, 4, 5], None),
    ('limit=100&offset=2147483647', [], None)])
def test_a_page_has_what_was_asked_for(attempts, alice, query, places, next_offset):
    run_ids = seed.bulk_runs(5, 1)
    add_retries(run_ids[0], run_ids[1:])

    answer = attempts(run_ids[0], query_string=query).json

    assert [(entry['attempt'], entry['run_id']) for entry in answer['data']] == [
        (place, run_ids[place - 1]) for place in places]
    assert (answer['pagination']['total'], answer['pagination']['next_offset']) == (5, next_offset)
