"""The button and the retry history on the real platform's pages, with the patch ``pages`` (docs/web-pages.rst)."""

from __future__ import annotations

import re

import pytest
from protocol import CRASH, Story
from rows import Rows

pytestmark = pytest.mark.platform


@pytest.fixture
def run_id(story: Story) -> int:
    """A completed run. The second of its two tests failed."""
    passed, failed = story.tests(2)
    return story.complete(story.push([passed, failed]), {failed: CRASH})


def test_a_user_who_may_retry_finds_the_buttons_and_no_link_that_deletes(story: Story, run_id: int) -> None:
    page, runs = story.page(run_id), story.visit('/test/')

    button, = re.findall(r'<button[^>]*class="runs-api-retry [^>]*>', page)
    assert f'data-url="/api/v1/runs/{run_id}/retry"' in button
    found = story.ask('GET', f'/runs/{run_id}/retry')
    assert (found['all']['test_count'], found['failed_only']['test_count']) == (2, 1)
    assert page.count('<dialog') == 1
    assert f'aria-label="Retry run {run_id}"' in runs
    assert 'restart_test' not in runs


@pytest.mark.parametrize('role', ['user', None])
def test_a_user_who_may_not_retry_finds_none(story: Story, own_rows: Rows, run_id: int, role: str | None) -> None:
    own_rows.set('user', story.user_id, role=role)

    for page in (story.page(run_id), story.visit('/test/')):
        assert 'Test' in page
        assert 'runs-api-retry' not in page


def test_the_page_says_where_a_run_came_from_and_what_its_attempts_prove(story: Story, run_id: int) -> None:
    retry = int(story.ask('POST', f'/runs/{run_id}/retry', json_body={'reason': 'a <b>flaky</b> VM'})['new_run_id'])
    story.complete(retry)
    passed, failed = story.selection(run_id)

    page, test_page = story.page(run_id), story.visit(f'/regression/test/{failed}/view')

    assert f'href="/test/{retry}"' in page
    assert f'href="/test/{run_id}"' in story.page(retry)
    assert 'a &lt;b&gt;flaky&lt;/b&gt; VM' in page
    assert 'Over 2 attempts 1 test is flaky.' in page
    command = story.rows.one('regression_test', id=failed)['command']
    assert f'<a href="/regression/test/{failed}/view">{failed}</a> <code>{command}</code>' in page
    assert f'<a href="/regression/test/{passed}/view">{passed}</a> <code>' not in page
    assert re.findall(r'<a href="/test/(\d+)" tabindex="-1" data-outcome="(\w+)"', page) == [
        (str(retry), 'pass'), (str(run_id), 'missing_output')]
    found = story.ask('GET', f'/runs/{run_id}/retry')
    assert found['failed_only']['hint'] == 'This test passed in another attempt: it is flaky.'
    assert f'Regression test  {failed}' in test_page
