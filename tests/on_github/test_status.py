"""What GitHub is told of a retry (docs/github.rst, "The commit status")."""

import logging
from collections.abc import Iterator

import pytest
import seed
from database import db
from flask import Flask
from mod_test.models import Test, TestProgress, TestStatus
from support.api import Command
from support.github import COMMIT, GitHub
from support.histories import NOT_VISIBLE, OUT_OF_ORDER, TIME_LIMIT, VANISHED

from mod_runs_api import retry_run, run_retried
from mod_runs_api.github import post_queued_status

from .conftest import Comment, MakeRun

#: The source has completed without one of its results.
STATUS = {'commit': COMMIT, 'state': 'pending', 'description': 'Tests queued again: 1 of 2 results are missing'}


@pytest.fixture
def told(github: GitHub) -> Iterator[GitHub]:
    """A GitHub that is told of every retry."""
    with run_retried.connected_to(post_queued_status):
        yield github


def test_the_commit_status_shows_once_that_the_tests_are_queued(told: GitHub, comment: Comment, windows: Test) -> None:
    for _ in range(2):
        retry, = comment('/retry windows', {'comment.id': 1}).retries

    assert set(told.opened) == {('ghp_secret', 'CCExtractor/ccextractor')}
    assert told.statuses == [{**STATUS, 'context': 'CI - windows',
                              'target_url': f'http://localhost/test/{retry.new_run_id}'}]


#: By the last message of a run.
DESCRIPTIONS = [
    (TIME_LIMIT, 'Tests queued again: time limit exceeded'),
    (VANISHED, 'Tests queued again: its machine has vanished'),
    ('', 'Tests queued again: the worker gave up'),
    (NOT_VISIBLE, 'Tests queued again: the build was not visible yet'),
    (OUT_OF_ORDER, 'Tests queued again: the worker gave up or its machine rebooted'),
    ('artifact', 'Tests queued again: the worker found no build on its machine'),
    ('Build failed: …', 'Tests queued again: Build failed: …'),
    ('GCP operation timed out. Again.', 'Tests queued again: GCP operation timed out. Again'),
    ('GCP operation timed out.' + 'x' * 200, ('Tests queued again: GCP operation timed out.' + 'x' * 200)[:140]),
    # Who canceled it, and why, is not told.
    ('Canceled by alice via API: wrong branch', 'Tests queued'),
    ('A new word', 'Tests queued')]


def test_the_commit_status_says_why_the_tests_are_queued_again(told: GitHub, make_run: MakeRun) -> None:
    for message, description in DESCRIPTIONS:
        run = make_run(stages=())
        seed.add(TestProgress(run.id, TestStatus.canceled, message))
        db.session.commit()

        retry_run(run.id)

        assert told.statuses[-1]['description'] == description, message


def test_the_commit_status_of_a_run_that_its_results_decided_says_nothing_more_and_none_is_posted_unasked(
        github: GitHub, first: int) -> None:
    retry_run(first)
    assert github.asked == []

    with run_retried.connected_to(post_queued_status):
        retry_run(first)
    assert [status['description'] for status in github.statuses] == ['Tests queued']


@pytest.mark.on_file
def test_a_status_that_is_posted_from_a_command_does_without_an_address(
        told: GitHub, linux: Test, command: Command) -> None:
    command('retry', linux.id)

    assert told.statuses == [{**STATUS, 'context': 'CI - linux'}]


@pytest.mark.parametrize('has_token', [True, False])
def test_a_status_that_cannot_be_posted_does_not_harm_the_retry(
        told: GitHub, linux: Test, app: Flask, caplog: pytest.LogCaptureFixture, has_token: bool) -> None:
    told.faults = {'repository': ConnectionError('ghp_secret')}
    if not has_token:
        app.config['GITHUB_TOKEN'] = ''

    with caplog.at_level(logging.INFO):
        retry_run(linux.id)

    assert told.statuses == []
    assert 'post_queued_status' in caplog.text or not has_token
    assert 'ghp_secret' not in caplog.text
