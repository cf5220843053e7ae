"""Attempts of one commit that ran different builds, on a platform that knows what was built (docs/api.rst, Builds)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pytest
from checkout import Platform, add_built_commit, copy_as_documented
from protocol import CRASH, Outcome, Story

pytestmark = pytest.mark.platform

ONE, OTHER = 'c0ffee1' + '1' * 33, 'decade2' + '2' * 33


@pytest.fixture(scope='session')
def telling(unmounted: Platform) -> Platform:
    """A copy of the platform with the column ``built_commit``."""
    return add_built_commit(copy_as_documented(unmounted, 'builds'))


def complete(story: Story, run_id: int, build: str | None, outcomes: Mapping[int, Outcome] | None = None) -> int:
    """Have a run complete whose binary says what it was built from: the log arrives before the end."""
    worker = story.worker(run_id)
    worker.start()
    worker.run_all(outcomes or {})
    story.rows.set('test', run_id, built_commit=build)
    worker.end()
    return run_id


def complete_twice(story: Story, *builds: str | None) -> tuple[list[int], int, int]:
    """Have a run of four tests complete, the first of which fails, and its failed-only retry, in which it passes."""
    tests = story.tests(4)
    source = complete(story, story.open_pull(tests), builds[0], {tests[0]: CRASH})
    return tests, source, complete(story, story.retry(source), builds[1])


def builds_of(story: Story, run_id: int) -> Sequence[str | None]:
    """Return the build of each attempt as the API tells it."""
    return [attempt['built_commit_sha'] for attempt in story.attempts(run_id)]


@pytest.mark.parametrize(('builds', 'verdict', 'overall'), [
    ((ONE, OTHER), 'build_changed', 'pass'), ((ONE, ONE), 'flaky', 'unstable'),
    ((ONE, ONE[:7].upper()), 'flaky', 'unstable'), ((ONE, None), 'flaky', 'unstable'),
    (('', OTHER), 'flaky', 'unstable')])
def test_a_test_that_passed_only_in_another_build_is_not_called_flaky(
        story: Story, builds: tuple[str | None, str | None], verdict: str, overall: str) -> None:
    tests, source, retry = complete_twice(story, *builds)

    assert story.verdicts(source) == {tests[0]: verdict, **dict.fromkeys(tests[1:], 'passed')}
    assert story.verdict(source)['meta']['overall'] == overall
    for said in (story.report(source), story.page(retry)):
        assert ('flaky' in said) == (verdict == 'flaky')


@pytest.mark.parametrize(('builds', 'are_told'), [((ONE, OTHER), True), ((ONE, ONE[:10]), False), ((ONE, None), False)])
def test_whoever_reads_a_run_with_results_of_another_build_is_told(
        story: Story, builds: tuple[str | None, str | None], are_told: bool) -> None:
    _, source, retry = complete_twice(story, *builds)

    for said in (story.report(source), story.page(retry), story.command('attempts', retry)):
        assert bool(re.search(rf'\b3\b.* built .*\b{ONE[:7]}', said)) == are_told, said


def test_a_build_counts_only_while_the_run_that_tells_it_has_completed(story: Story) -> None:
    tests = story.tests(2)
    run_id = story.open_pull(tests)
    # GitHub's prediction, which the webhook writes.
    story.rows.set('test', run_id, built_commit=ONE)
    assert builds_of(story, run_id) == [None]

    complete(story, run_id, OTHER, {tests[0]: CRASH})
    assert builds_of(story, run_id) == [OTHER]

    story.restart(run_id)
    assert story.run(run_id)['built_commit'] == OTHER
    assert builds_of(story, run_id) == [None]

    worker = story.worker(run_id)
    worker.start()
    worker.run(tests[0])
    worker.run_out_of_time()
    assert builds_of(story, run_id) == [None]


def test_a_retry_copies_no_build(story: Story) -> None:
    source = complete(story, story.push(story.tests(1)), ONE)

    assert story.run(story.retry(source, failed_only=False))['built_commit'] is None
