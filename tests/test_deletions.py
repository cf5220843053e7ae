"""Rows that an administrator deletes: no foreign key removes the package's (docs/how-it-works.rst, "The database")."""

import json
from datetime import timedelta

import pytest
import seed
from database import db
from mod_test.models import TestType
from sqlalchemy import text
from support.api import assert_error
from support.changes import delete_run
from support.github import AUTHOR, COMMIT, PR, SETTINGS, comment_payload
from support.histories import finish, retry_in_process
from support.messages import TIME_LIMIT
from support.statements import record_statements

from mod_runs_api.github import retry_from_comment


@pytest.fixture
def app_settings():
    """The settings of a platform that allows a run two automatic retries."""
    return {**SETTINGS, 'RUNS_API_AUTOMATIC_RETRIES': 2}


@pytest.fixture
def stopped(alice, tests, github):
    """Return a run of alice's pull request that stopped half-way."""
    alice.github_login = 'alice-gh'
    github.open_pull(PR, COMMIT, AUTHOR)
    run = seed.run(tests, test_type=TestType.pull_request, branch='pull_request', pr_nr=PR, commit=COMMIT, passed=1,
                   stages=seed.CANCELED, message=TIME_LIMIT, ago=timedelta(hours=1))
    db.session.commit()
    return run.id


def test_the_key_of_a_deleted_retry_stays_used(engine, retry, run_id, rows):
    delete_run(retry(run_id, key='k').json['new_run_id'])

    with record_statements(engine) as sent:
        response = retry(run_id, key='k')

    assert_error(response, 422, 'unprocessable', {'refusal': 'key_reused'})
    assert not any(statement.startswith('INSERT') for statement in sent)
    assert (len(rows.of('test')), len(rows.retries)) == (1, 1)
    assert retry(run_id, key='another') == 202


def test_the_sweep_makes_no_second_automatic_retry_if_the_first_was_deleted(command, stopped, rows):
    assert json.loads(command('sweep', '--json').output)['what'] == 'retried'
    delete_run(stopped + 1)

    assert [command('sweep', *options).output for options in (['--dry-run'], [])] == ['', '']

    assert len(rows.retries) == 1


def test_a_comment_makes_no_second_retry_if_the_first_was_deleted(app, stopped, rows):
    assert len(retry_from_comment(comment_payload('/retry linux')).retries) == 1
    delete_run(stopped + 1)

    outcome = retry_from_comment(comment_payload('/retry linux'))

    assert f'run {stopped} is not retried' in outcome.reply
    assert (outcome.retries, len(rows.retries)) == ((), 1)


def test_a_deleted_regression_test_has_not_been_carried_over(attempts, first, tests):
    second = finish(retry_in_process(first, failed_only=True), tests[2:])
    assert attempts(second).json['data'][1]['carried_over'] == 2

    test_id = tests[0].id
    for table, column in (('regression_test_category', 'regression_id'), ('regression_test_output', 'regression_id'),
                          ('regression_test', 'id')):
        db.session.execute(text(f'DELETE FROM {table} WHERE {column} = {test_id}'))

    assert attempts(second).json['data'][1]['carried_over'] == 1


def test_the_page_of_the_only_retry_of_a_deleted_run_shows_that_it_is_one(client, first, tests):
    second = finish(retry_in_process(first), tests)
    delete_run(first)

    assert 'runs-api-history' in client.get(f'/test/{second}').text
