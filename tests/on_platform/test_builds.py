"""Attempts of one commit that ran different builds, on a platform that knows what was built (docs/api.rst)."""

import re

import pytest

from .checkout import add_built_commit, copy_as_documented
from .protocol import CRASH

ONE, OTHER = 'c0ffee11' + '1' * 32, 'decade22' + '2' * 32


@pytest.fixture(scope='session')
def telling(unmounted):
    """A copy of the platform with the column ``built_commit``."""
    return add_built_commit(copy_as_documented(unmounted, 'builds'))


def complete(story, run_id, build, outcomes={}):
    """Have a run complete whose binary says what it was built from: the log arrives before the end."""
    worker = story.worker(run_id)
    worker.start()
    worker.run_all(outcomes)
    story.rows.set('test', run_id, built_commit=build)
    worker.end()
    return run_id


@pytest.mark.parametrize(('build', 'verdict'), [(OTHER, 'build_changed'), (None, 'flaky')])
def test_a_retry_of_another_build_proves_nothing_and_whoever_reads_it_is_told(story, build, verdict):
    tests = story.tests(4)
    source = complete(story, story.open_pull(tests), ONE, {tests[0]: CRASH})
    assert 'attempts:' not in story.report(source)
    retry = story.retry(source)
    assert story.run(retry)['built_commit'] is None
    complete(story, retry, build)

    assert story.verdicts(source) == {**dict.fromkeys(tests, 'passed'), tests[0]: verdict}
    for said in (story.report(source), story.page(retry)):
        assert 'attempts' in said and ('flaky' in said) == (verdict == 'flaky')
        told = re.search(r'\b3 .* built from (<code>)?c0ffee11', said)
        assert bool(told) == (verdict == 'build_changed'), said
    assert ('\tc0ffee11:3' in story.command('attempts', retry)) == (verdict == 'build_changed')
