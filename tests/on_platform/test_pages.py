"""What the page of a run says of its attempts, with the patches (docs/web-pages.rst)."""

import re

from .protocol import CRASH


def test_a_user_who_may_retry_finds_buttons_the_history_and_no_link_that_deletes(story):
    passed, failed = story.tests(2)
    run_id = story.complete(story.push([passed, failed]), {failed: CRASH})
    retry = story.complete(story.retry(run_id, failed_only=False, reason='a <b>flaky</b> VM'))
    page, runs = story.page(run_id), story.visit('/test/')

    button, = re.findall(r'<button[^>]*class="runs-api-retry [^>]*>', page)
    assert f'data-url="/api/v1/runs/{run_id}/retry"' in button and page.count('<dialog') == 1
    assert f'aria-label="Retry run {run_id}"' in runs and 'restart_test' not in runs
    assert f'href="/test/{retry}"' in page and f'href="/test/{run_id}"' in story.page(retry)
    assert 'a &lt;b&gt;flaky&lt;/b&gt; VM' in page and 'Over 2 attempts 1 test is flaky.' in page
    command = story.rows.one('regression_test', id=failed)['command']
    assert f'<a href="/regression/test/{failed}/view">{failed}</a> <code>{command}</code>' in page
    assert f'Regression test  {failed}' in story.visit(f'/regression/test/{failed}/view')
    assert re.findall(r'<a href="/test/(\d+)" tabindex="-1" data-outcome="(\w+)"', page) == [
        (str(retry), 'pass'), (str(run_id), 'missing_output')]

    story.rows.set('user', story.user_id, role='user')
    for shown in (story.page(run_id), story.visit('/test/')):
        assert 'Test' in shown and 'runs-api-retry' not in shown
