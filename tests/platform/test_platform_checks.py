"""The ready-made checks on the real platform, set as the docs say for production."""

from __future__ import annotations

import json

import pytest
from checkout import Platform, copy
from documented import literal_block
from protocol import CRASH, Story
from support.github import AUTHOR

pytestmark = pytest.mark.platform

PRODUCTION = literal_block('docs/operations.rst', 'RUNS_API_RATE_LIMIT = ')


@pytest.fixture(scope='session')
def telling(unmounted: Platform) -> Platform:
    """A copy of the platform with all checks, but with its own rate limit: the tests ask more often."""
    return copy(unmounted, 'production', mounted=True, config=''.join(
        line for line in PRODUCTION.splitlines(True) if 'RATE_LIMIT' not in line))


def test_each_check_refuses_what_it_is_for_and_the_status_on_github_stays(story: Story) -> None:
    tests = story.tests(2)
    pull = story.worker(story.complete(story.open_pull(tests), {tests[0]: CRASH}))
    assert story.selection(story.complete(story.retry(pull.run_id, failed_only=False))) == tests
    before = story.commit_status(pull.run_id)

    def refusal() -> str:
        answer = story.request('POST', f'/runs/{pull.run_id}/retry', json_body={})
        assert answer['status'] == 422, answer
        return str(json.loads(answer['body'])['message'])

    story.process.call('lose_build', commit=pull.commit)
    assert refusal().startswith('GitHub has no build of commit')
    story.process.call('build', commit=pull.commit)
    story.process.call('close_pull', number=pull.pr_nr)
    assert refusal() == f'Pull request {pull.pr_nr} is closed.'
    story.process.call('reopen_pull', number=pull.pr_nr)
    story.visit('/blocked_users', form={'user_id': str(AUTHOR), 'comment': 'spam', 'add': 'Add User'})
    assert refusal() == f'The author of pull request {pull.pr_nr} is blocked.'
    assert (len(story.attempts(pull.run_id)), story.commit_status(pull.run_id)) == (2, before)
