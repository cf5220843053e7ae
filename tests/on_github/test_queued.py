"""A retry says at once, as the status of its commit, that it waits (docs/how-it-works.rst, "The status of a retry")."""

import logging
from datetime import timedelta
from typing import Any

import pytest
import seed
from database import db
from mod_test.models import TestStatus
from support.github import COMMIT, SETTINGS, GitHubError
from support.messages import NOT_VISIBLE
from support.statements import record_statements

from mod_runs_api import retry_run

#: Every way to retry a run. The argument that it gets has the fixtures of the test.
FACES = {
    'API': lambda test, run: test.getfixturevalue('retry')(run),
    'page': lambda test, run: test.getfixturevalue('visitor').press(run.id),
    'comment': lambda test, run: test.getfixturevalue('comment')('/retry linux'),
    'in process': lambda test, run: retry_run(run.id),
    'command line': lambda test, run: test.getfixturevalue('command')('retry', run.id),
    'sweep': lambda test, run: test.getfixturevalue('command')('sweep')}


@pytest.fixture
def app_settings(settings):
    """The settings of a platform that allows a run one automatic retry, and that knows its address."""
    return {**SETTINGS, 'RUNS_API_PENDING_STATUS': True, 'RUNS_API_AUTOMATIC_RETRIES': 1, 'SERVER_NAME': 'localhost',
            **settings}


@pytest.fixture
def run(make_run, github):
    """A run that may be retried in every way: its build was not visible an hour ago."""
    run = make_run(stages=())
    seed.progress(run, TestStatus.canceled, message=NOT_VISIBLE, ago=timedelta(hours=1))
    db.session.commit()
    return run


def pending(run_id):
    """Return the status of the commit while a run waits."""
    return {'commit': COMMIT, 'context': 'CI - linux', 'state': 'pending', 'description': 'Tests queued',
            'target_url': f'http://localhost/test/{run_id}'}


@pytest.mark.parametrize('face', FACES)
@pytest.mark.parametrize(('settings', 'fault'), [
    ({}, None), ({'RUNS_API_PENDING_STATUS': False}, None), ({}, TimeoutError())])
def test_the_commit_of_a_retry_is_pending_at_once_whoever_requested_it(
        github, run, rows, request, caplog, face, settings, fault):
    caplog.set_level(logging.INFO)
    github.faults = {'status': fault} if fault else {}

    FACES[face](request, run)

    new_run_id = rows.one('run_retry')['run_id']
    assert github.statuses == [pending(new_run_id)] * (not fault and not settings)
    retried, *not_taken = caplog.messages
    assert retried.startswith(f'run {run.id} is retried as run {new_run_id} with 2 tests')
    assert not_taken == [f'GitHub did not take the status of run {new_run_id}: TimeoutError'] * bool(fault)


#: Settings, why GitHub does not take the status, and what the log says of it.
NOT_TAKEN: list[Any] = [
    ({}, TimeoutError('ghp_secret'), 'TimeoutError: ***'),
    ({}, GitHubError(422), 'support.github.GitHubError: 422'),
    # The error is cut after 500 characters, in the midst of the token if that were still there.
    ({}, TimeoutError('x' * 480 + 'ghp_secret' + 'y' * 80), 'TimeoutError: ' + 'x' * 480 + '***yyy'),
    ({'GITHUB_TOKEN': 'ghp_secret\n'}, ValueError("Invalid header value b'token ghp_secret\\n'"),
     "ValueError: Invalid header value b'token ***\\n'"),
    # It is not even asked.
    ({'GITHUB_TOKEN': ''}, None, None), ({'GITHUB_OWNER': ''}, None, None)]


@pytest.mark.parametrize(('settings', 'fault', 'logged'), NOT_TAKEN)
def test_a_status_that_github_does_not_take_changes_no_answer_and_shows_no_token(
        github, run, retry, caplog, settings, fault, logged):
    github.faults = {'status': fault} if fault else {}

    answer = retry(run)

    assert (answer.status_code, answer.json) == (202, {
        'run_id': run.id, 'new_run_id': run.id + 1, 'action': 'retry', 'status': 'accepted',
        'message': f'Run {run.id} is queued again as run {run.id + 1}, with 2 tests.'})
    assert caplog.messages == [f'GitHub did not take the status of run {run.id + 1}: {logged}'] * bool(logged)
    assert github.statuses == []


def test_who_follows_the_link_finds_the_run(github, run, rows, retry, monkeypatch):
    found = []
    post = github._post_status

    def look(*status):
        found.append(rows.one('run_retry')['source_run_id'])
        post(*status)

    monkeypatch.setattr(github, '_post_status', look)

    retry(run)
    assert found == [run.id]


def test_a_replay_a_refusal_a_preview_and_a_dry_run_post_nothing(github, run, retry, preview, command):
    retry(run, key='k')
    del github.statuses[:]

    assert retry(run, key='k').headers['Idempotent-Replayed'] == 'true'
    assert retry(run, {'reason': 'x'}, key='k').status_code == 422
    assert preview(run).status_code == 200
    for arguments in (('retry', run.id, '--dry-run'), ('sweep', '--dry-run')):
        assert command(*arguments).exit_code == 0
    assert github.statuses == []


def test_it_costs_no_statement(app, engine, github, run, retry):
    counts = []
    for token in ('', 'ghp_secret'):
        app.config['GITHUB_TOKEN'] = token
        with record_statements(engine) as sent:
            retry(run)
        counts.append(len(sent))

    assert counts[0] == counts[1] and len(github.statuses) == 1
