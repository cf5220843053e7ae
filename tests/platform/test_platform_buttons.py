"""The button and the retry history on the real platform's pages, with the patch `pages`."""

from __future__ import annotations

import re

import pytest
from checkout import Platform, copy
from rows import COMPLETED, Rows, now

pytestmark = pytest.mark.platform


@pytest.fixture(scope='session')
def patched(unmounted: Platform) -> Platform:
    """A copy of the platform with the two lines and the patch."""
    platform = copy(unmounted, 'patched', mounted=True)
    platform.apply('pages')
    return platform


@pytest.fixture
def run_id(rows: Rows, people: dict[str, int]) -> int:
    """A completed run of alice's. The second of its two tests failed."""
    passed, failed = rows.regression_test(), rows.regression_test()
    run_id = rows.run([passed, failed], owners=[people['alice']])
    rows.result(run_id, passed)
    rows.result(run_id, failed, exit_code=1)
    return run_id


def test_a_user_who_may_retry_finds_the_buttons(
        rows: Rows, people: dict[str, int], patched: Platform, run_id: int) -> None:
    page, runs = patched.inside('pages_of', rows.address, user_id=people['alice'], paths=[f'/test/{run_id}', '/test/'])

    button, = re.findall(r'<button[^>]*class="runs-api-retry [^>]*>', page)
    assert f'data-url="/api/v1/runs/{run_id}/retry"' in button
    assert 'data-all="2"' in button
    assert 'data-failed="1"' in button
    assert page.count('<dialog') == 1
    assert f'aria-label="Retry run {run_id}"' in runs


def test_a_user_who_may_not_retry_finds_none(
        rows: Rows, people: dict[str, int], patched: Platform, run_id: int) -> None:
    for name in ('una', 'nora'):
        for page in patched.inside('pages_of', rows.address, user_id=people[name],
                                   paths=[f'/test/{run_id}', '/test/']):
            assert 'Test' in page
            assert 'runs-api-retry' not in page


def test_nobody_finds_the_link_that_deletes(rows: Rows, people: dict[str, int], patched: Platform, run_id: int) -> None:
    runs, = patched.inside('pages_of', rows.address, user_id=people['adam'], paths=['/test/'])

    assert f'aria-label="Retry run {run_id}"' in runs
    assert 'restart_test' not in runs


def test_the_page_of_a_run_says_where_it_came_from(
        rows: Rows, people: dict[str, int], patched: Platform, run_id: int) -> None:
    made, = patched.inside('retry_runs', rows.address, requests=[{'run_id': run_id, 'reason': 'a <b>flaky</b> VM'}])

    source, retry = patched.inside('pages_of', rows.address, user_id=people['una'],
                                   paths=[f'/test/{run_id}', f'/test/{made["new_run_id"]}'])

    assert f'href="/test/{made["new_run_id"]}"' in source
    assert f'href="/test/{run_id}"' in retry
    assert 'a &lt;b&gt;flaky&lt;/b&gt; VM' in retry


def test_the_page_of_a_run_says_what_its_attempts_prove(
        rows: Rows, people: dict[str, int], patched: Platform, run_id: int) -> None:
    made, = patched.inside('retry_runs', rows.address, requests=[{'run_id': run_id}])
    passed, failed = rows.values('customized_test', 'regression_id', test_id=run_id)
    for test_id in (passed, failed):
        rows.result(made['new_run_id'], test_id)
    for stage in COMPLETED:
        rows.add('test_progress', test_id=made['new_run_id'], status=stage, message=stage, timestamp=now())

    page, test_page = patched.inside('pages_of', rows.address, user_id=people['alice'],
                                     paths=[f'/test/{run_id}', f'/regression/test/{failed}/view'])

    assert 'Over 2 attempts 1 test is flaky.' in page
    command = rows.one('regression_test', id=failed)['command']
    assert f'<a href="/regression/test/{failed}/view">{failed}</a> <code>{command}</code>' in page
    assert f'<a href="/regression/test/{passed}/view">{passed}</a> <code>' not in page
    assert re.findall(r'<a href="/test/(\d+)" tabindex="-1" data-outcome="(\w+)"', page) == [
        (str(made['new_run_id']), 'pass'), (str(run_id), 'fail')]
    assert 'data-hint="This test passed in another attempt: it is flaky."' in page
    assert f'Regression test  {failed}' in test_page
