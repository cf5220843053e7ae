"""The ready-made checks on the real platform, set as the docs say for production."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from checkout import Platform, copy
from documented import ROOT, literal_block
from protocol import AUTHOR, CRASH, Story
from rows import Rows
from serving import serving

pytestmark = pytest.mark.platform

PRODUCTION = literal_block('docs/operations.rst', 'from mod_runs_api.github import (author_is_not_blocked')


@pytest.fixture(scope='session')
def production(unmounted: Platform) -> Platform:
    """Return a copy of the platform that is configured for production, and leaves contributors out."""
    roles = re.search(r'``(RUNS_API_RETRY_ROLES = .*?)``', (ROOT / 'docs/operations.rst').read_text())
    assert roles
    platform = copy(unmounted, 'production', mounted=True)
    with open(platform.path / 'config.py', 'a') as config:
        # The prefix keeps the counts apart from those of earlier runs of the tests.
        config.write(f'{PRODUCTION}{roles[1]}\nRATELIMIT_KEY_PREFIX = {str(uuid4())!r}\n')
    return platform


@pytest.fixture(scope='session')
def telling(unmounted: Platform) -> Platform:
    """Return a copy of the platform with all checks, and with its own rate limit: the tests ask more often."""
    platform = copy(unmounted, 'guarded', mounted=True)
    with open(platform.path / 'config.py', 'a') as config:
        config.writelines(line for line in PRODUCTION.splitlines(True) if not line.startswith('RUNS_API_RATE_LIMIT'))
    return platform


@pytest.fixture
def run(story: Story) -> int:
    """Return the completed run of a pull request."""
    tests = story.tests(2)
    return story.complete(story.open_pull(tests), {tests[0]: CRASH})


@pytest.fixture
def refusal(story: Story) -> Callable[[int], str]:
    """Retry a run by the API, and return why that is refused."""
    def ask(run_id: int) -> str:
        before = story.commit_status(run_id)
        answer = story.request('POST', f'/runs/{run_id}/retry', json_body={})
        assert answer['status'] == 422, answer
        assert len(story.attempts(run_id)) == 1
        assert story.commit_status(run_id) == before
        return str(json.loads(answer['body'])['message'])

    return ask


@pytest.mark.parametrize('kind', ['sqlite'], indirect=True)
def test_the_configuration_for_production_counts_twenty_a_minute_over_all_workers(
        production: Platform, rows: Rows, token: Callable[..., str], tmp_path: Path) -> None:
    try:
        socket.create_connection(('127.0.0.1', 6379), timeout=5).close()
    except OSError:
        pytest.skip('no Redis at 127.0.0.1:6379')

    with serving(production, rows.address, tmp_path) as client:
        answers = [client.retry(2 ** 31 - 1, token('alice')) for _ in range(21)]
        allowed = client.retry(2 ** 31 - 1, token('tess'))

    # Four workers have answered. Where a minute ends in between, the window begins anew.
    assert {answer.headers['X-RateLimit-Limit'] for answer in answers} == {'20'}
    remaining = [int(answer.headers['X-RateLimit-Remaining']) for answer in answers]
    assert all(after == max(before - 1, 0) or after == 19 for before, after in zip(remaining, remaining[1:]))
    assert {answer.status for answer in answers} <= {403, 429}
    assert (answers[0].status, allowed.status) == (403, 404)


def test_the_platforms_log_says_that_redis_is_away(unmounted: Platform) -> None:
    platform = copy(unmounted, 'without-redis', mounted=True).with_settings(
        RUNS_API_RATE_LIMIT_STORAGE_URI='redis://127.0.0.1:1')
    with open(platform.path / 'run.py', 'a') as run:
        run.write(literal_block('docs/settings.rst', 'log_configuration.create_logger'))

    platform.inside('statements_of', 'sqlite://', paths=['/api/v1/runs/1/retries'])

    log = (platform.path / 'logs' / 'platform.log').read_text()
    assert '[flask-limiter][WARNING]' in log and 'falling back to in-memory storage' in log


def test_a_run_that_nothing_speaks_against_is_retried(story: Story, run: int) -> None:
    assert len(story.selection(story.retry(run, failed_only=False))) == 2


def test_a_run_whose_build_is_gone_is_refused(story: Story, refusal: Callable[[int], str], run: int) -> None:
    story.process.call('lose_build', commit=story.run(run)['commit'])

    assert refusal(run).startswith('GitHub has no build of commit')


def test_a_run_of_a_closed_pull_request_is_refused(story: Story, refusal: Callable[[int], str], run: int) -> None:
    number = story.run(run)['pr_nr']
    story.process.call('close_pull', number=number)

    assert refusal(run) == f'Pull request {number} is closed.'


def test_a_run_of_a_blocked_author_is_refused(story: Story, refusal: Callable[[int], str], run: int) -> None:
    story.visit('/blocked_users', form={'user_id': str(AUTHOR), 'comment': 'spam', 'add': 'Add User'})

    assert refusal(run) == f'The author of pull request {story.run(run)["pr_nr"]} is blocked.'
