"""What GitHub is told of a retry (docs/github.rst, "The commit status")."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from mod_test.models import Test
from support.api import Command

from mod_runs_api import retry_run, run_retried
from mod_runs_api.github import post_queued_status

from .conftest import Comment
from .fakes import COMMIT, JSON, FakeGitHub

#: The source has completed without one of its results.
QUEUED_AGAIN = 'Tests queued again: 1 of 2 results are missing'


@pytest.fixture
def told(github: FakeGitHub) -> Iterator[FakeGitHub]:
    """A GitHub that is told of every retry."""
    with run_retried.connected_to(post_queued_status):
        yield github


def test_the_commit_status_shows_that_the_tests_are_queued(told: FakeGitHub, comment: Comment, windows: Test) -> None:
    for _ in range(2):
        retry, = comment('/retry windows', {'comment.id': 1}).retries

    assert told.opened[-1] == ('auth ghp_secret', 'CCExtractor/ccextractor')
    assert told.statuses == [(f'commit {COMMIT}', 'pending', QUEUED_AGAIN, 'CI - windows',
                              f'http://localhost/test/{retry.new_run_id}')]


def test_no_status_is_posted_unless_somebody_wants_it(github: FakeGitHub, linux: Test) -> None:
    retry_run(linux.id)

    assert github.opened == []


@pytest.mark.on_file
def test_a_status_that_is_posted_from_a_command_does_without_an_address(
        told: FakeGitHub, linux: Test, command: Command) -> None:
    command('retry', linux.id)

    assert told.statuses == [(f'commit {COMMIT}', 'pending', QUEUED_AGAIN, 'CI - linux',
                              'not set')]


@pytest.mark.parametrize('trouble', [ConnectionError('ghp_secret'), None])
def test_a_status_that_cannot_be_posted_does_not_harm_the_retry(
        told: FakeGitHub, comment: Comment, linux: Test, config: JSON, caplog: pytest.LogCaptureFixture,
        trouble: Exception | None) -> None:
    told.fault = trouble
    if trouble is None:
        config['GITHUB_TOKEN'] = ''

    with caplog.at_level(logging.INFO):
        assert comment('/retry linux').retries

    assert told.statuses == []
    assert 'post_queued_status' in caplog.text
    assert 'ghp_secret' not in caplog.text
