"""What the page of a run says of its attempts, with the patches (docs/web-pages.rst)."""

import re

import pytest
from browser import chromium
from browser.conftest import browser

from .protocol import CRASH, PASSWORD

# This fixture is used as it is.
__all__ = ['browser']


def test_a_user_who_may_retry_finds_buttons_the_history_and_no_link_that_deletes(story):
    passed, failed = story.tests(2)
    run_id = story.complete(story.push([passed, failed]), {failed: CRASH})
    retry = story.complete(story.retry(run_id, failed_only=False, reason='a <b>flaky</b> VM'))
    page, runs = story.page(run_id), story.visit('/test/')

    button, = re.findall(r'<button[^>]*class="runs-api-retry [^>]*>', page)
    assert f'data-url="/api/v1/runs/{run_id}/retry"' in button and page.count('<dialog') == 1
    assert f'aria-label="Retry run {run_id}"' in runs and 'restart_test' not in runs
    assert runs.count('retry of ') == 1 and f', retry of <a href="/test/{run_id}">run {run_id}</a></td>' in runs
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


def test_the_page_and_the_report_of_a_retry_say_what_it_did_not_run_itself(story):
    tests = story.tests(3)
    pull = story.complete(story.open_pull(tests), {tests[0]: CRASH})
    retry = story.complete(story.retry(pull))

    page, report = story.page(retry), story.report(retry)

    assert '3/3 tests matched the approved output' in report
    sentence = '2 of the 3 results are carried over from {}.'
    assert sentence.format(f'[run {pull}](http://localhost/test/{pull})') in report
    assert sentence.format(f'<a href="/test/{pull}">run {pull}</a>') in page


@pytest.fixture
def sign_in(story, browser):
    """Open a page on which an admin has signed in to the platform, and return it with the platform's address."""
    address = f"http://localhost:{story.process.call('serve')}"
    story.process.call('add_people', people={'anna': 'admin'}, password=PASSWORD)
    with chromium.watching(browser) as open_page:
        def sign_in():
            page = open_page()
            page.goto(f'{address}/account/login')
            page.get_by_label('Email').fill('anna@example.com')
            page.get_by_label('Password').fill(PASSWORD)
            page.get_by_role('button', name='Login').click()
            return page, address

        yield sign_in


def look(element):
    """Return how an element looks when all transitions have ended."""
    return element.evaluate('''async (element) => {
        await Promise.all(document.getAnimations().map((animation) => animation.finished));
        const { color, backgroundColor, borderRadius, fontSize, padding, height } = getComputedStyle(element);
        return { color, backgroundColor, borderRadius, fontSize, padding, height };
    }''')


@pytest.mark.parametrize('theme', ['light', 'dark'])
def test_a_button_looks_like_what_is_beside_it_on_the_page_and_in_the_list(story, sign_in, theme):
    run_id = story.complete(story.push(story.tests(1)))
    page, address = sign_in()
    page.evaluate('(theme) => localStorage.setItem("data-theme", theme)', theme)

    page.goto(f'{address}/test/{run_id}')
    button = page.get_by_role('button', name='Retry this run')
    assert button.evaluate('() => document.documentElement.hasAttribute("dark")') == (theme == 'dark')
    for name in ('Show test progress', 'Download log file'):
        assert look(button) == look(page.locator('.button').and_(
            page.get_by_role('button', name=name).or_(page.get_by_role('link', name=name)))), name

    page.goto(f'{address}/test/')
    compact = page.get_by_role('button', name=f'Retry run {run_id}')
    assert look(compact)['color'] == look(compact.locator('xpath=../a'))['color']


def poll(page):
    """Let the page of a live run ask how it stands, as it does every 20 seconds."""
    with page.expect_response('**/test/get_json_data/*') as response:
        page.clock.fast_forward(20_000)
    response.value.finished()


@pytest.mark.parametrize('reason_to_reload', ['the first progress', 'the end'])
def test_the_page_of_a_live_run_does_not_reload_itself_while_the_dialog_is_open(story, sign_in, reason_to_reload):
    worker = story.worker(story.push(story.tests(1)))
    page, address = sign_in()
    if reason_to_reload == 'the end':
        worker.start()
    page.clock.install()
    page.goto(f'{address}/test/{worker.run_id}')
    page.get_by_role('button', name='Retry this run').click()
    page.get_by_label('Reason').fill('flaky')
    if reason_to_reload == 'the end':
        worker.end()
    else:
        worker.start()

    for _ in range(2):
        poll(page)

    assert page.get_by_role('dialog').get_by_label('Reason').input_value() == 'flaky'
    page.keyboard.press('Escape')
    with page.expect_navigation():
        poll(page)
