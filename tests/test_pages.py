"""The button and the retry history on the platform's pages (docs/web-pages.rst): what each visitor sees."""

from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from runpy import run_path
from shutil import copytree

import pytest
import seed
from database import db
from mod_auth.models import Role
from mod_test.models import TestStatus
from support.changes import add_retries, change_retries
from support.executions import ABSENT, CARRIED_OVER, FAIL, NO_FILE, NOT_RUN, PASS
from support.histories import add_attempts, end, finish, retry_in_process
from support.statements import before_statements, fail, record_statements
from support.visitor import Visitor

from mod_runs_api.web import pages

HOSTILE = '"><script>alert(1)</script>\'&lt;{{ 7 * 7 }}'


@pytest.fixture
def stranger(app):
    """Return somebody who is not logged in."""
    return Visitor(app, None)


def text(tag):
    """Return what a part of a page says."""
    return ' '.join(tag.get_text().split())


def notes(page):
    """Return what a summary says, but for what the attempts prove and which of them this is."""
    return [text(paragraph) for paragraph in page.select('.runs-api-history > p:not([class])')]


def place(page):
    """Return which of the attempts a page says it has."""
    return text(page.select_one('.runs-api-place'))


def summary(page):
    """Return what a page says the attempts prove."""
    return ''.join(text(paragraph) for paragraph in page.select('p.runs-api-summary'))


def find_table(page, caption):
    """Return the table whose caption begins with some words."""
    table, = [found.parent for found in page.select('caption') if text(found).startswith(caption)]
    return table


def rows(page, caption):
    """Return the filled cells of each row of the table whose caption begins with some words, by the head's labels."""
    labels, *found = [[text(cell) for cell in row.select('th, td')] for row in find_table(page, caption).select('tr')]
    return [{label: cell for label, cell in zip(labels, cells) if cell} for cells in found]


def attempts(page):
    """Return the rows of the table of attempts."""
    return rows(page, 'Attempts, newest first')


def links(tag, selector='a'):
    """Return the addresses of the links in a part of a page."""
    return [link['href'] for link in tag.select(selector)]


def assert_has_dialog(page):
    """Check that a page has one dialog, with its script and its style."""
    assert [len(page.select(selector)) for selector in (
        'dialog', 'link[rel=stylesheet][href^="/api/v1/"]', 'script')] == [1, 1, 1]


# The button


@pytest.mark.parametrize('role', [Role.admin, Role.tester, Role.contributor])
def test_users_who_may_retry_have_one_button_and_the_dialog(app, run_id, role):
    page = Visitor(app, 'somebody', role).soup(f'/test/{run_id}')

    button, = page.select('button.runs-api-retry')
    assert (button['data-run-id'], button['data-url']) == (str(run_id), f'/api/v1/runs/{run_id}/retry')
    # The platform's other buttons have this class alone.
    assert button['class'] == ['runs-api-retry', 'button']
    assert page.dialog['data-run-page'] == '/test/{run_id}'
    assert page.dialog.textarea['data-limit'] == '255'
    assert_has_dialog(page)


@pytest.mark.parametrize(('settings', 'name', 'role'), [
    ({}, None, None), ({}, 'bob', Role.user), ({}, 'nora', None),
    ({'RUNS_API_RETRY_ROLES': ['user']}, 'alice', Role.contributor)])
def test_other_visitors_have_nothing_to_press(app, run_id, name, role):
    visitor = Visitor(app, name, role)

    for path in ('/test/', f'/test/{run_id}'):
        html = visitor.page(path)
        assert 'runs-api' not in html
        assert '<script' not in html
        assert 'Set-Cookie' not in visitor.client.get(path).headers


def test_the_buttons_of_a_list_share_one_dialog(visitor):
    for _ in range(3):
        seed.run([seed.regression_test()], stages=seed.COMPLETED)
    db.session.commit()

    page = visitor.soup('/test/')

    assert [button['aria-label'] for button in page.select('button.runs-api-retry')] == [
        'Retry run 3', 'Retry run 2', 'Retry run 1']
    assert_has_dialog(page)
    ids = [tag['id'] for tag in page.select('[id]')]
    assert len(ids) == len(set(ids))


# The marks in the list of runs


def test_the_list_marks_each_retry_with_a_link_to_its_source_by_one_statement(first, stranger):
    second = retry_in_process(first)
    third = retry_in_process(second)

    with record_statements(db.engine) as sent:
        page = stranger.soup('/test/')

    marks = {text(row.a): links(row, 'td:not(:first-child) a') for row in page.select('tbody tr')}
    assert marks == {str(third): [f'/test/{second}'], str(second): [f'/test/{first}'], str(first): []}
    assert page.get_text().count('retry of run') == 2
    assert len([statement for statement in sent if 'run_retry' in statement or 'run_carried' in statement]) == 1


@pytest.mark.parametrize('fault', [fail, lambda _connection: 1 / 0])
def test_no_fault_of_the_marks_spoils_the_list(first, visitor, caplog, fault):
    retry_in_process(first)

    with before_statements(db.engine, 'run_retry', fault):
        page = visitor.soup('/test/')

    assert 'retry of' not in page.get_text()
    assert_has_dialog(page)
    assert caplog.text.count('the retries are not marked in the list of runs') == 1


# The table of attempts


def test_the_page_of_a_run_that_was_never_retried_has_no_history(first, stranger, caplog):
    assert stranger.soup(f'/test/{first}').select('.runs-api-history') == []
    assert caplog.messages == []


def test_the_history_lists_the_attempts_newest_first(first, tests, stranger):
    seed.user('olga')
    second = finish(retry_in_process(first, failed_only=True, reason='flaky VM', requested_by='olga'), tests[1:],
                    failed=tests[2:])
    third = retry_in_process(second)
    change_retries(created_at=datetime(2026, 11, 24, 13))

    page = stranger.soup(f'/test/{second}')

    assert attempts(page) == [
        {'Attempt': '3', 'Run': f'{third}', 'Status': 'queued', 'When (UTC)': '2026-11-24 13:00'},
        {'Attempt': '2', 'Run': f'{second} (this run)', 'Status': 'fail', 'Failed': '1 of 3', 'Carried over': '1',
         'By': 'olga', 'When (UTC)': '2026-11-24 13:00', 'Why': 'flaky VM'},
        {'Attempt': '1', 'Run': f'{first}', 'Status': 'fail', 'Failed': '2 of 3'}]
    table = find_table(page, 'Attempts')
    assert links(table) == [f'/test/{third}', f'/test/{first}']
    assert Counter(tag['role'] for tag in table.select('[role]')) == {
        'rowgroup': 2, 'row': 4, 'columnheader': 8, 'rowheader': 3, 'cell': 21}
    assert len(table.select('[role=columnheader][scope=col]')) == 8
    assert len(table.select('[role=rowheader][scope=row]')) == 3
    assert [text(row.th) for row in page.select('[aria-current]')] == ['2']
    assert {time['datetime'] for time in table.select('time')} == {'2026-11-24T13:00:00Z'}


def test_the_page_says_where_results_were_carried_over_from(first, tests, stranger):
    second = finish(retry_in_process(first, failed_only=True), tests[1:], failed=tests[2:])
    third = finish(retry_in_process(second, failed_only=True), tests[2:])

    assert notes(stranger.soup(f'/test/{first}')) == []
    page = stranger.soup(f'/test/{second}')
    assert notes(page) == [
        f'1 of the 3 results is carried over from run {first}. Its logs and core dumps are there.']
    assert links(page, '.runs-api-history > p:not([class]) a') == [f'/test/{first}']
    assert notes(stranger.soup(f'/test/{third}')) == [
        f'2 of the 3 results are carried over from run {first} (1) and run {second} (1). '
        'Their logs and core dumps are there.']


def test_a_failed_only_retry_that_may_still_complete_says_what_is_to_come(first, tests, stranger):
    new = retry_in_process(first, failed_only=True)
    expected = 'This run runs 2 of 3 tests. When it completes, the last results of the others are carried over into it.'
    assert notes(stranger.soup(f'/test/{new}')) == [expected]
    end(new, TestStatus.testing)
    assert notes(stranger.soup(f'/test/{new}')) == [expected]

    # One that is inactive by now is none of the others; one that was selected runs.
    for test, still_expected in ((tests[1], [expected]), (tests[0], [])):
        test.active = False
        db.session.commit()
        assert notes(stranger.soup(f'/test/{new}')) == still_expected


def test_a_full_retry_has_no_notes_and_says_why_it_stopped(first, stranger):
    full = retry_in_process(first)
    assert notes(stranger.soup(f'/test/{full}')) == []

    end(full, TestStatus.canceled)

    newest = attempts(stranger.soup(f'/test/{first}'))[0]
    assert newest['Status'] == 'canceled: The worker gave up.'
    assert newest['Failed'] == '0 of 3, 3 not run'


def test_the_page_of_an_older_attempt_leads_to_the_newest_and_says_how_it_stands(first, tests, stranger):
    assert stranger.soup(f'/test/{first}').select('.runs-api-place') == []
    second = retry_in_process(first)
    third = retry_in_process(first)

    for number, run_id in enumerate([first, second], 1):
        page = stranger.soup(f'/test/{run_id}')
        assert place(page) == f'Attempt {number} of 3. Newest: run {third}, queued. All attempts'
        assert links(page, '.runs-api-place a') == [f'/test/{third}', '#runs-api-attempts']
    assert place(stranger.soup(f'/test/{third}')) == 'Attempt 3 of 3. All attempts'

    finish(third, tests)
    assert place(stranger.soup(f'/test/{first}')) == f'Attempt 1 of 3. Newest: run {third}, pass. All attempts'


# What the attempts prove


def test_the_page_says_in_a_sentence_and_in_a_grid_what_the_attempts_prove(first, tests, stranger):
    second = finish(retry_in_process(first), tests, failed=tests[1:])
    third = finish(retry_in_process(second, failed_only=True), tests[1:], failed=tests[2:])
    for run_id in (first, second, third):
        page = stranger.soup(f'/test/{run_id}')
        assert summary(page) == 'Over 3 attempts 1 test is flaky and 1 fails each time in the same way.'
        assert rows(page, 'Tests') == [
            {'Test': '2 -out=srt -latin1 is flaky', 'run 3': '✓passed', 'run 2': '✗failed', 'run 1': '✗failed'},
            {'Test': '3 -out=srt -latin1 fails each time in the same way',
             'run 3': '✗failed', 'run 2': '✗failed', 'run 1': '✗failed'}]
    grid = find_table(page, 'Tests')
    assert len(grid.select('th[scope=col]')) == 4 and len(grid.select('th[scope=row]')) == 2
    assert links(grid, 'th a') == ['/test/3', '/test/2', '/test/1', '/regression/test/2/view',
                                   '/regression/test/3/view']
    assert [(cell['href'], cell['data-outcome']) for cell in grid.select('td a[tabindex="-1"]')] == [
        ('/test/3', 'pass'), ('/test/2', 'fail'), ('/test/1', 'fail'),
        ('/test/3', 'fail'), ('/test/2', 'fail'), ('/test/1', 'fail')]


def test_the_grid_tells_every_outcome_apart_and_flaky_tests_come_first(stranger):
    run_id, _ = add_attempts(
        [FAIL, CARRIED_OVER], [NOT_RUN, ABSENT], [replace(NO_FILE, exit_code=139), PASS], [PASS, PASS])

    page = stranger.soup(f'/test/{run_id}')

    assert rows(page, 'Tests') == [
        {'Test': '3 -out=srt -latin1 is flaky', 'run 2': '✓passed', 'run 1': '∅an output is missing'},
        {'Test': '1 -out=srt -latin1 failed in the only attempt that ran it',
         'run 2': '✗carried over: failed', 'run 1': '✗failed'},
        {'Test': '1 test never ran'}]
    assert [text(found) for found in page.select('td [data-carried-over]')] == ['✗carried over: failed']
    assert text(page.select_one('.runs-api-legend')) == (
        '✓ passed ✗ failed ∅ an output is missing – did not run ✓ ✗ ∅ carried over')


def add_retried_run(tests, retries):
    """Add a run of so many tests, all of which failed, with so many retries, and return the attempts."""
    run_ids = seed.bulk_runs(retries + 1, tests, tests)
    add_retries(run_ids[0], run_ids[1:])
    return run_ids


@pytest.mark.parametrize(('tests', 'retries', 'of_attempts', 'of_tests'), [
    (50, 9, '', ''),
    (51, 10, '. 1 is left out', '. 1 more is left out. The newest 10 attempts are shown, 1 older one is left out'),
    (52, 24, '. 15 are left out',
     '. 2 more are left out. The newest 10 attempts are shown, 15 older ones are left out')])
def test_a_page_has_fifty_tests_and_the_newest_ten_attempts(stranger, tests, retries, of_attempts, of_tests):
    run_ids = add_retried_run(tests, retries)

    page = stranger.soup(f'/test/{run_ids[-1]}')

    assert [text(caption) for caption in page.select('caption')] == [
        f'Tests that did not always pass{of_tests}', f'Attempts, newest first{of_attempts}']
    assert [row['Attempt'] for row in attempts(page)] == [str(number) for number in range(retries + 1, 0, -1)][:10]
    grid = rows(page, 'Tests')
    assert len(grid) == 50
    assert [*grid[0]] == ['Test', *(f'run {run_id}' for run_id in reversed(run_ids[-10:]))]


def test_the_run_of_the_page_is_listed_with_its_place_however_old_it_is(stranger):
    # An attempt is counted among those of its run.
    retry_in_process(seed.run([seed.regression_test()], stages=seed.COMPLETED).id)
    run_ids = add_retried_run(2, retries=10)

    page = stranger.soup(f'/test/{run_ids[0]}')

    assert place(page) == f'Attempt 1 of 11. Newest: run {run_ids[-1]}, fail. All attempts'
    listed = attempts(page)
    assert (len(listed), listed[-1]['Attempt'], listed[-1]['Run']) == (11, '1', f'{run_ids[0]} (this run)')
    # None is left out.
    assert 'Attempts, newest first' in [text(caption) for caption in page.select('caption')]


# What may be odd


def test_names_reasons_and_commands_stay_text(app, first, tests):
    visitor = Visitor(app, HOSTILE[:50])
    tests[1].command = HOSTILE
    finish(retry_in_process(first, reason=HOSTILE, requested_by=HOSTILE[:50]), tests)

    page = visitor.soup(f'/test/{first}')

    assert (attempts(page)[0]['By'], attempts(page)[0]['Why']) == (HOSTILE[:50], HOSTILE)
    assert HOSTILE in [found.get_text() for found in page.select('bdi')]
    assert rows(page, 'Tests')[0]['Test'] == f'2 {HOSTILE} is flaky'
    assert_has_dialog(page)

    change_retries(reason=b'caf\xe9')
    assert attempts(visitor.soup(f'/test/{first}'))[0]['Why'] == 'caf\ufffd'


@pytest.mark.parametrize('fault', [fail, lambda _connection: 1 / 0])
def test_no_fault_of_the_history_spoils_a_page(first, visitor, caplog, fault):
    retry_in_process(first)

    with before_statements(db.engine, 'run_retry', fault):
        page = visitor.soup(f'/test/{first}')

    assert page.select('.runs-api-history') == []
    assert_has_dialog(page)
    assert caplog.text.count(f'the attempts of run {first} are missing on its page') == 1


# The script and the style


@pytest.mark.parametrize('settings', [{'RUNS_API_RATE_LIMIT': '1 per minute'}])
@pytest.mark.parametrize('kind, content_type', [('js', 'text/javascript'), ('css', 'text/css')])
def test_the_script_and_the_style_are_static_files_that_are_cached_and_not_limited(
        client, run_id, visitor, kind, content_type):
    name = f'retry.{kind}'
    page = visitor.soup(f'/test/{run_id}')
    address = {'js': page.script['src'], 'css': page.select_one('link[href^="/api/v1/"]')['href']}[kind]
    assert address == f'/api/v1/retry-assets/{name}?v={pages.DIGESTS[name]}'

    for _ in range(3):
        with client.get(address) as response:
            assert response.status_code == 200
            assert response.data == Path(pages.__file__).with_name('static').joinpath(name).read_bytes()
            assert response.mimetype == content_type
            assert response.headers['ETag']
            assert response.cache_control.max_age == 31536000
            assert not [name for name, _ in response.headers if name.startswith(('X-RateLimit', 'Set-Cookie'))]


def test_their_addresses_change_with_their_content_and_not_otherwise(tmp_path):
    copy = copytree(Path(pages.__file__).parent, tmp_path / 'web')
    with (copy / 'static' / 'retry.js').open('a') as script:
        script.write('// Changed.')

    digests = run_path(str(copy / 'pages.py'), run_name='mod_runs_api.web.copy')['DIGESTS']

    assert [name for name in digests if digests[name] != pages.DIGESTS[name]] == ['retry.js']
