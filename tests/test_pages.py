"""The button and the retry history on the host's pages (docs/web-pages.rst): what each visitor sees."""

import re
from datetime import datetime
from html import escape, unescape
from pathlib import Path
from runpy import run_path
from shutil import copytree

import pytest
import seed
from database import db
from mod_auth.models import Role
from mod_test.models import TestStatus
from support.histories import FAIL, NOT_RUN, PASS, Came, add_attempts, carried, end, finish, retry_in_process
from support.rows import add_retries, change_retries
from support.statements import before_statements, fail, record_statements
from support.visitor import Visitor, attribute

from mod_runs_api.web import pages

HOSTILE = '"><script>alert(1)</script>\'&lt;{{ 7 * 7 }}'


@pytest.fixture
def stranger(app):
    """Return somebody who is not logged in."""
    return Visitor(app, None)


def history(html):
    """Return the summary and the retry history of a page, with their tags."""
    return ''.join(re.findall('<section[^>]* class="runs-api-history".*?</section>', html, re.DOTALL))


def text(html):
    """Return what a part of a page says."""
    return ' '.join(unescape(re.sub('<[^>]*>', '', html)).split())


def notes(html):
    """Return what a summary says, but for what the attempts prove and which of them this is."""
    return [text(paragraph) for paragraph in re.findall('<p>.*?</p>', history(html), re.DOTALL)]


def rows(html, caption):
    """Return the filled cells of each row of the table whose caption begins with some words, by the head's labels."""
    table, = re.findall(f'<caption>{caption}.*?</table>', history(html), re.DOTALL)
    labels, *found = [[text(cell) for cell in re.findall('<t[hd].*?</t[hd]>', row, re.DOTALL)]
                      for row in re.findall('<tr.*?</tr>', table, re.DOTALL)]
    return [{label: cell for label, cell in zip(labels, cells) if cell} for cells in found]


def attempts(html):
    """Return the rows of the table of attempts."""
    return rows(html, 'Attempts, newest first')


def summary(html):
    """Return what a page says the attempts prove."""
    return ''.join(text(found) for found in re.findall('<p class="runs-api-summary">.*?</p>', html, re.DOTALL))


# The button


@pytest.mark.parametrize('role', [Role.admin, Role.tester, Role.contributor])
def test_users_who_may_retry_have_one_button_and_the_dialog(app, run_id, role):
    html = Visitor(app, 'somebody', role).page(f'/test/{run_id}')

    assert [attribute(html, f'data-{name}') for name in ('run-id', 'url', 'run-page', 'limit')] == [
        str(run_id), f'/api/v1/runs/{run_id}/retry', '/test/{run_id}', '255']
    assert html.count('<dialog') == html.count('rel="stylesheet" href="/api/v1/') == html.count('<script') == 1


@pytest.mark.parametrize(('app_settings', 'name', 'role'), [
    ({}, None, None), ({}, 'bob', Role.user), ({}, 'nora', None),
    ({'RUNS_API_RETRY_ROLES': ['user']}, 'alice', Role.contributor)])
def test_other_visitors_have_nothing_to_press(app, run_id, name, role):
    visitor = Visitor(app, name, role)

    for path in ('/test/', f'/test/{run_id}'):
        html = visitor.page(path)
        assert 'runs-api' not in html
        assert '<script' not in html
        assert 'Set-Cookie' not in visitor.client.get(path).headers


def test_buttons_share_one_dialog_and_send_no_statement_on_a_table_of_the_package(visitor):
    for _ in range(3):
        seed.run([seed.regression_test()], stages=seed.COMPLETED)
    db.session.commit()

    with record_statements(db.engine) as sent:
        html = visitor.page('/test/')

    assert sent and not [statement for statement in sent if 'run_retry' in statement or 'run_carried' in statement]
    assert html.count('aria-label="Retry run ') == 3
    assert html.count('<dialog') == html.count('rel="stylesheet" href="/api/v1/') == html.count('<script') == 1
    ids = re.findall(' id="([^"]*)"', html)
    assert len(ids) == len(set(ids))


# The table of attempts


def test_the_history_lists_the_attempts_newest_first(first, tests, stranger, caplog):
    seed.user('olga')
    db.session.commit()
    assert (history(stranger.page(f'/test/{first}')), caplog.messages) == ('', [])
    second = finish(retry_in_process(first, failed_only=True, reason='flaky VM', requested_by='olga'), tests[1:],
                    failed=tests[2:])
    third = retry_in_process(second)
    change_retries(created_at=datetime(2026, 11, 24, 13))

    html = stranger.page(f'/test/{second}')

    assert attempts(html) == [
        {'Attempt': '3', 'Run': f'{third}', 'Status': 'queued', 'When (UTC)': '2026-11-24 13:00'},
        {'Attempt': '2', 'Run': f'{second} (this run)', 'Status': 'fail', 'Failed': '1 of 3', 'Carried over': '1',
         'By': 'olga', 'When (UTC)': '2026-11-24 13:00', 'Why': 'flaky VM'},
        {'Attempt': '1', 'Run': f'{first}', 'Status': 'fail', 'Failed': '2 of 3'}]
    assert html.index('Attempt 2 of 3.') < html.index('<h2>Results') < html.index(' id="runs-api-attempts"')
    table = html[html.index('<caption>Attempts'):]
    assert re.findall('<a href="([^"]*)"', table) == [f'/test/{third}', f'/test/{first}']
    for role, count in ({'rowgroup': 2, 'row': 4, 'columnheader" scope="col': 8, 'rowheader" scope="row': 3, 'cell': 21}
                        ).items():
        assert table.count(f'role="{role}"') == count
    assert html.count('aria-current') == 1
    assert '<time datetime="2026-11-24T13:00:00Z">' in html


def test_the_page_says_where_results_were_carried_over_from(first, tests, stranger):
    second = finish(retry_in_process(first, failed_only=True), tests[1:], failed=tests[2:])
    third = finish(retry_in_process(second, failed_only=True), tests[2:])

    assert notes(stranger.page(f'/test/{first}')) == []
    html = stranger.page(f'/test/{second}')
    assert notes(html) == [
        f'1 of the 3 results is carried over from run {first}. Its logs and core dumps are there.']
    assert f'<a href="/test/{first}">run {first}</a>.' in html
    assert notes(stranger.page(f'/test/{third}')) == [
        f'2 of the 3 results are carried over from run {first} (1) and run {second} (1). '
        'Their logs and core dumps are there.']


def test_a_failed_only_retry_that_may_still_complete_says_what_is_to_come(first, tests, stranger):
    new = retry_in_process(first, failed_only=True)
    expected = 'This run runs 2 of 3 tests. When it completes, the last results of the others are carried over into it.'
    assert notes(stranger.page(f'/test/{new}')) == [expected]
    end(new, TestStatus.testing)
    assert notes(stranger.page(f'/test/{new}')) == [expected]

    # One that is inactive by now is none of the others; one that was selected runs.
    for test, still_expected in ((tests[1], [expected]), (tests[0], [])):
        test.active = False
        db.session.commit()
        assert notes(stranger.page(f'/test/{new}')) == still_expected


def test_a_full_retry_has_no_notes_and_says_why_it_stopped(first, tests, stranger):
    full = retry_in_process(first)
    assert notes(stranger.page(f'/test/{full}')) == []

    end(full, TestStatus.canceled)

    newest = attempts(stranger.page(f'/test/{first}'))[0]
    assert newest['Status'] == 'canceled: The worker gave up.'
    assert newest['Failed'] == '0 of 3, 3 not run'


# What the attempts prove


def test_the_page_says_in_a_sentence_and_in_a_grid_what_the_attempts_prove(first, tests, stranger):
    second = finish(retry_in_process(first), tests, failed=tests[1:])
    third = finish(retry_in_process(second, failed_only=True), tests[1:], failed=tests[2:])
    for run_id in (first, second, third):
        html = stranger.page(f'/test/{run_id}')
        assert summary(html) == 'Over 3 attempts 1 test is flaky and 1 fails each time in the same way.'
        assert rows(html, 'Tests') == [
            {'Test': '2 -out=srt -latin1 is flaky', 'run 3': '✓passed', 'run 2': '✗failed', 'run 1': '✗failed'},
            {'Test': '3 -out=srt -latin1 fails each time in the same way',
             'run 3': '✗failed', 'run 2': '✗failed', 'run 1': '✗failed'}]
    grid = html[html.index('<caption>Tests'):html.index('<caption>Attempts')]
    assert grid.count('<th scope="col">') == 4 and grid.count('<th scope="row">') == 2
    assert re.findall('<a href="([^"]*)">', grid) == [
        '/test/3', '/test/2', '/test/1', '/regression/test/2/view', '/regression/test/3/view']
    assert re.findall('<a href="([^"]*)" tabindex="-1" data-outcome="([^"]*)"', grid) == [
        ('/test/3', 'pass'), ('/test/2', 'fail'), ('/test/1', 'fail'),
        ('/test/3', 'fail'), ('/test/2', 'fail'), ('/test/1', 'fail')]


def test_the_grid_tells_every_outcome_apart_and_flaky_tests_come_first(stranger):
    run_id, _ = add_attempts([FAIL, carried(FAIL)], [NOT_RUN, ''], [Came(code=1, got='-'), PASS], [PASS, PASS])

    assert rows(stranger.page(f'/test/{run_id}'), 'Tests') == [
        {'Test': '3 -out=srt -latin1 is flaky', 'run 2': '✓passed', 'run 1': '∅an output is missing'},
        {'Test': '1 -out=srt -latin1 failed in the only attempt that ran it',
         'run 2': 'ccarried over', 'run 1': '✗failed'},
        {'Test': '1 test never ran'}]


@pytest.mark.parametrize(('tests', 'retries', 'table', 'grid'), [
    (50, 9, '', ''),
    (51, 10, '. 1 is left out',
     '. 1 more is left out. The newest 10 attempts are shown, 1 older one is left out'),
    (52, 24, '. 15 are left out',
     '. 2 more are left out. The newest 10 attempts are shown, 15 older ones are left out'),
    (2, 25, '. 16 are left out', None)])
def test_the_newest_ten_attempts_are_listed_with_the_run_itself_and_fifty_tests_of_up_to_25_attempts(
        stranger, tests, retries, table, grid):
    retry_in_process(seed.run([seed.regression_test()], stages=seed.COMPLETED).id)
    run_ids = seed.bulk_runs(retries + 1, tests, tests)
    add_retries(run_ids[0], run_ids[1:])
    newest_ten = [str(number) for number in range(retries + 1, 0, -1)][:10]

    html = stranger.page(f'/test/{run_ids[-1]}')
    assert [row['Attempt'] for row in attempts(html)] == newest_ten
    assert f'Attempts, newest first{table}</caption>' in html
    if grid is None:
        assert summary(html) == 'There are too many attempts to compare them here.'
    else:
        assert f'Tests that did not pass each time{grid}</caption>' in html
        grid_rows = rows(html, 'Tests')
        assert len(grid_rows) == 50
        assert [*grid_rows[0]] == ['Test', *(f'run {run_id}' for run_id in reversed(run_ids[-10:]))]

    for number, run_id in enumerate(run_ids[:2], 1):
        listed = {row['Attempt']: row['Run'] for row in attempts(stranger.page(f'/test/{run_id}'))}
        assert listed[str(number)] == f'{run_id} (this run)' and len(listed) == 10 + (str(number) not in newest_ten)


# What may be odd


def test_names_reasons_and_commands_stay_text(app, first, tests):
    visitor = Visitor(app, HOSTILE[:50])
    tests[1].command = HOSTILE
    finish(retry_in_process(first, reason=HOSTILE, requested_by=HOSTILE[:50]), tests)

    html = visitor.page(f'/test/{first}')

    assert (attempts(html)[0]['By'], attempts(html)[0]['Why']) == (HOSTILE[:50], HOSTILE)
    assert f'<bdi>{escape(HOSTILE).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")}</bdi>' in html
    assert rows(html, 'Tests')[0]['Test'] == f'2 {HOSTILE} is flaky'
    assert 'alert(1)</script>' not in html
    assert html.count('<script') == 1

    change_retries(reason=b'caf\xe9')
    assert attempts(visitor.page(f'/test/{first}'))[0]['Why'] == 'caf\ufffd'


@pytest.mark.parametrize('fault', [fail, lambda _connection: 1 / 0])
def test_no_fault_of_the_history_spoils_a_page(first, visitor, caplog, fault):
    retry_in_process(first)

    with before_statements(db.engine, 'run_retry', fault):
        html = visitor.page(f'/test/{first}')

    assert history(html) == ''
    assert '<dialog' in html
    assert caplog.text.count(f'the attempts of run {first} are missing on its page') == 1


# The script and the style


@pytest.mark.parametrize('app_settings', [{'RUNS_API_RATE_LIMIT': '1 per minute'}])
@pytest.mark.parametrize('kind, content_type', [('js', 'text/javascript'), ('css', 'text/css')])
def test_the_script_and_the_style_are_static_files_that_are_cached_and_not_limited(
        client, run_id, visitor, kind, content_type):
    name = f'retry.{kind}'
    address, = re.findall(f'"(/api/v1/retry-assets/[^"]*[.]{kind}[^"]*)"', visitor.page(f'/test/{run_id}'))
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
