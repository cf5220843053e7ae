"""The button and the retry history on the host's pages: what each visitor sees, and the script and style they need."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from datetime import datetime
from html import escape, unescape
from importlib import resources
from types import SimpleNamespace
from typing import Any

import pytest
import seed
import worker
from database import Base, db
from flask import Flask, g
from mod_auth.models import Role
from mod_regression.models import RegressionTest
from mod_test.models import Test, TestPlatform, TestStatus
from outcome import Outcome, passing
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from support.api import Command
from support.statements import Statement, record_statements
from support.visitor import Visitor, attribute

from mod_runs_api import __version__, retry_run
from mod_runs_api.errors import ServiceUnavailable
from mod_runs_api.host.models import MAX_ID
from mod_runs_api.host.runtime import regression_test_page, run_page_pattern
from mod_runs_api.web import pages

HOSTILE = '"><script>alert(1)</script>\'&lt;{{ 7 * 7 }}'

#: Where the columns of the table of attempts are.
ATTEMPT, RUN, STATUS, FAILED, CARRIED_OVER, BY, WHEN, WHY = range(8)


def retry(app: Flask, run_id: int, **request: Any) -> int:
    """Retry a run, and return the new one."""
    with app.test_request_context():
        app.preprocess_request()
        return retry_run(run_id, **request).new_run_id


def work(app: Flask, failing: Iterable[int] = ()) -> None:
    """Run what is queued. Some tests end with a wrong exit code."""
    def outcome(run: Test, test: RegressionTest) -> Outcome:
        return passing(test).exits(1) if test.id in failing else passing(test)

    with app.test_request_context():
        app.preprocess_request()
        for platform in TestPlatform:
            worker.work_once(db.session, platform, outcome)


def change(app: Flask, *statements: Any) -> None:
    """Change rows of the database."""
    with app.app_context():
        for statement in statements:
            db.session.execute(statement)
        db.session.commit()


def history(html: str) -> str:
    """Return the retry history of a page, with its tags."""
    found = re.search('<section class="runs-api-history".*?</section>', html, re.DOTALL)
    return '' if found is None else found.group()


def text(html: str) -> str:
    """Return what a part of a page says."""
    return ' '.join(unescape(re.sub('<[^>]*>', '', html)).split())


def notes(html: str) -> list[str]:
    """Return what a retry history says above its table."""
    return [text(paragraph) for paragraph in re.findall('<p>.*?</p>', history(html), re.DOTALL)]


def attempts(html: str) -> list[list[str]]:
    """Return the cells of the table of attempts, without its head."""
    return cells(html, 'Attempts')[1:]


def cells(html: str, caption: str) -> list[list[str]]:
    """Return the cells of the table whose caption begins with some words."""
    table, = re.findall(f'<caption>{caption}.*?</table>', history(html), re.DOTALL)
    rows = re.findall('<tr.*?</tr>', table, re.DOTALL)
    return [[text(cell) for cell in re.findall('<t[hd].*?</t[hd]>', row, re.DOTALL)] for row in rows]


def summary(html: str) -> str:
    """Return what a page says the attempts prove."""
    return ''.join(text(found) for found in re.findall('<p class="runs-api-summary">.*?</p>', html, re.DOTALL))


def link(app: Flask, first: int, *retries: int, failed_only: bool = False) -> None:
    """Make runs that exist attempts of the first."""
    change(app, *(Base.metadata.tables['run_retry'].insert().values(
        test_id=run_id, source_test_id=first, root_test_id=first, failed_only=failed_only,
        created_at=datetime(2026, 11, 24), test_count=1) for run_id in retries))


def statements_of(app: Flask, visitor: Visitor, path: str) -> list[Statement]:
    """Return the statements that a page sends."""
    with app.app_context():
        engine = db.engine
    with record_statements(engine) as statements:
        visitor.page(path)
    return statements


@pytest.mark.parametrize('role', [Role.admin, Role.tester, Role.contributor])
def test_users_who_may_retry_have_one_button_and_the_dialog(app: Flask, run_id: int, role: Role) -> None:
    html = Visitor(app, 'somebody', role).page(f'/test/{run_id}')

    assert attribute(html, 'data-run-id') == str(run_id)
    assert attribute(html, 'data-url') == f'/api/v1/runs/{run_id}/retry'
    assert attribute(html, 'data-all') == '3'
    assert attribute(html, 'data-failed') == '2'
    assert 'data-refusal' not in html
    assert attribute(html, 'data-run-page') == '/test/{run_id}'
    assert attribute(html, 'data-limit') == '255'
    assert html.count('<dialog') == html.count('rel="stylesheet" href="/api/v1/') == html.count('<script') == 1


@pytest.mark.parametrize('name, role', [(None, None), ('bob', Role.user), ('nora', None)])
def test_other_visitors_have_nothing_to_press(app: Flask, run_id: int, name: str | None, role: Role | None) -> None:
    visitor = Visitor(app, name, role)

    for path in ('/test/', f'/test/{run_id}'):
        html = visitor.page(path)
        assert 'runs-api' not in html
        assert '<script' not in html
        assert 'Set-Cookie' not in visitor.client.get(path).headers


@pytest.mark.parametrize('app_settings', [{'RUNS_API_RETRY_ROLES': ['user']}])
def test_the_roles_are_those_of_the_setting(app: Flask, run_id: int, visitor: Visitor) -> None:
    assert '<dialog' not in visitor.page(f'/test/{run_id}')
    assert '<dialog' in Visitor(app, 'bob', Role.user).page(f'/test/{run_id}')


@pytest.mark.parametrize('stages, refusal', [
    ((), 'Run 1 has not finished: it has no failed tests yet.'),
    ((TestStatus.preparation,), 'Run 1 has not finished: it has no failed tests yet.'),
    (seed.COMPLETED, 'No test of run 1 failed: there is nothing to run again.'),
])
def test_the_failed_tests_cannot_be_chosen_where_there_are_none(
        app: Flask, visitor: Visitor, stages: tuple[TestStatus, ...], refusal: str) -> None:
    with app.app_context():
        test = seed.regression_test()
        seed.result(seed.run([test], stages=stages), test)
        db.session.commit()

    html = visitor.page('/test/1')

    assert attribute(html, 'data-refusal') == refusal
    assert attribute(html, 'data-all') == '1'
    assert 'data-failed' not in html


def test_all_tests_of_a_failed_only_retry_are_those_of_the_first_run(
        app: Flask, run_id: int, visitor: Visitor) -> None:
    second = retry(app, run_id, failed_only=True)
    assert attribute(visitor.page(f'/test/{second}'), 'data-all') == '3'

    work(app, failing=[3])

    html = visitor.page(f'/test/{second}')
    assert (attribute(html, 'data-all'), attribute(html, 'data-failed')) == ('3', '1')


def test_inactive_tests_are_named_and_nothing_is_counted(app: Flask, run_id: int, visitor: Visitor) -> None:
    change(app, update(RegressionTest).where(RegressionTest.id == 2).values(active=False))

    html = visitor.page(f'/test/{run_id}')

    assert attribute(html, 'data-refusal') == 'Some of the tests to run are inactive now. (2)'
    assert 'data-all' not in html


@pytest.mark.parametrize('app_settings', [{'RUNS_API_INACTIVE_TESTS': 'drop'}])
def test_inactive_tests_that_are_left_out_are_not_counted(app: Flask, run_id: int, visitor: Visitor) -> None:
    change(app, update(RegressionTest).where(RegressionTest.id == 2).values(active=False))

    html = visitor.page(f'/test/{run_id}')

    assert (attribute(html, 'data-all'), attribute(html, 'data-failed')) == ('2', '1')


def test_fifty_buttons_share_one_dialog_and_send_no_statement(app: Flask, visitor: Visitor) -> None:
    with app.app_context():
        for _ in range(50):
            seed.run([seed.regression_test()], stages=seed.COMPLETED)
        db.session.commit()

    html = visitor.page('/test/')

    assert html.count('aria-label="Retry run ') == 50
    assert html.count('<dialog') == html.count('rel="stylesheet" href="/api/v1/') == html.count('<script') == 1
    ids = re.findall(' id="([^"]*)"', html)
    assert len(ids) == len(set(ids))
    assert 'data-all' not in html
    assert len(statements_of(app, visitor, '/test/')) == len(
        statements_of(app, Visitor(app, 'bob', Role.user), '/test/'))


def test_a_run_that_was_never_retried_has_no_history(run_id: int, visitor: Visitor) -> None:
    assert history(visitor.page(f'/test/{run_id}')) == ''


def test_the_history_lists_the_attempts_newest_first(app: Flask, run_id: int) -> None:
    second = retry(app, run_id, failed_only=True, reason='flaky VM', requested_by='olga')
    work(app, failing=[3])
    third = retry(app, second)
    change(app, update(Base.metadata.tables['run_retry']).values(created_at=datetime(2026, 11, 24, 13)))

    html = Visitor(app, None).page(f'/test/{second}')

    assert attempts(html) == [
        ['3', f'{third}', 'queued', '', '', '', '2026-11-24 13:00', ''],
        ['2', f'{second} (this run)', 'fail', '1 of 3', '1', 'olga', '2026-11-24 13:00', 'flaky VM'],
        ['1', f'{run_id}', 'fail', '2 of 3', '', '', '', ''],
    ]
    assert re.findall('<a href="([^"]*)"', html[html.index('<caption>Attempts'):html.index('</section>')]) == [
        f'/test/{third}', f'/test/{run_id}']
    assert html.count('aria-current') == 1
    assert '<time datetime="2026-11-24T13:00:00Z">' in html


def test_the_table_has_a_caption_and_headers(app: Flask, run_id: int, visitor: Visitor) -> None:
    retry(app, run_id)

    html = history(visitor.page(f'/test/{run_id}'))

    assert text(re.findall('<caption>.*?</caption>', html, re.DOTALL)[0]) == 'Attempts, newest first'
    assert [text(head) for head in re.findall('<th scope="col">.*?</th>', html)] == [
        'Attempt', 'Run', 'Status', 'Failed', 'Carried over', 'By', 'When (UTC)', 'Why']
    assert html.count('<th scope="row">') == 2


def test_a_canceled_attempt_tells_how_many_tests_did_not_run(app: Flask, run_id: int, visitor: Visitor) -> None:
    second = retry(app, run_id)
    with app.app_context():
        seed.add(seed.TestProgress(second, TestStatus.canceled, 'Canceled'))
        db.session.commit()

    assert attempts(visitor.page(f'/test/{run_id}'))[0][STATUS:BY] == ['canceled', '0 of 3, 3 not run', '']


@pytest.mark.parametrize('retries, left_out', [(9, ''), (10, '. 1 is left out'), (24, '. 15 are left out')])
def test_the_newest_ten_attempts_are_listed(app: Flask, run_id: int, visitor: Visitor, retries: int,
                                            left_out: str) -> None:
    newest = [retry(app, run_id) for _ in range(retries)][-1]

    html = visitor.page(f'/test/{newest}')

    numbers = [row[ATTEMPT] for row in attempts(html)]
    assert numbers == [str(number) for number in range(retries + 1, 0, -1)][:10]
    assert f'Attempts, newest first{left_out}</caption>' in html


def test_a_run_that_is_older_than_the_newest_ten_is_listed_after_them(app: Flask, run_id: int) -> None:
    with app.app_context():
        another = seed.run([seed.regression_test()], stages=seed.COMPLETED).id
        db.session.commit()
    retry(app, another)
    old, *_ = [retry(app, run_id, reason=f'number {number}') for number in range(2, 26)]
    visitor = Visitor(app, None)

    for asked, row in ((old, ['2', f'{old} (this run)']), (run_id, ['1', f'{run_id} (this run)'])):
        html = visitor.page(f'/test/{asked}')
        assert attempts(html)[-1][ATTEMPT:STATUS] == row
        assert len(attempts(html)) == 11
        assert 'newest first. 14 are left out' in html


def test_a_long_history_takes_no_more_statements_than_one_of_ten(app: Flask, run_id: int, visitor: Visitor) -> None:
    newest = [retry(app, run_id) for _ in range(9)][-1]
    few = statements_of(app, visitor, f'/test/{newest}')
    newest = [retry(app, run_id) for _ in range(15)][-1]

    assert len(statements_of(app, visitor, f'/test/{newest}')) == len(few)


def test_the_page_says_where_results_were_carried_over_from(app: Flask, run_id: int) -> None:
    second = retry(app, run_id, failed_only=True)
    work(app, failing=[3])
    third = retry(app, second, failed_only=True)
    work(app)
    visitor = Visitor(app, None)

    assert notes(visitor.page(f'/test/{run_id}')) == []
    html = visitor.page(f'/test/{second}')
    assert notes(html) == [
        f'1 of the 3 results is carried over from run {run_id}. Its logs and core dumps are there.']
    assert f'<a href="/test/{run_id}">run {run_id}</a>.' in html
    assert notes(visitor.page(f'/test/{third}')) == [
        f'2 of the 3 results are carried over from run {run_id} (1) and run {second} (1). '
        'Their logs and core dumps are there.']


@pytest.mark.parametrize('failing, tests', [([], 'the 2 tests'), ([3], 'the test')])
def test_a_failed_only_retry_that_has_not_ended_says_what_is_still_to_come(
        app: Flask, run_id: int, visitor: Visitor, failing: list[int], tests: str) -> None:
    if failing:
        run_id = retry(app, run_id)
        work(app, failing)
    new = retry(app, run_id, failed_only=True)

    assert notes(visitor.page(f'/test/{new}')) == [
        f'This run runs only {tests} that did not pass. '
        'The results of the other tests will be added when it has ended.']


def test_a_full_retry_that_has_not_ended_waits_for_nothing(app: Flask, run_id: int, visitor: Visitor) -> None:
    new = retry(app, run_id)

    assert notes(visitor.page(f'/test/{new}')) == []


@pytest.mark.on_file
@pytest.mark.parametrize('app_settings', [{'SQLALCHEMY_ENGINE_OPTIONS': {
    'pool_size': 1, 'max_overflow': 0, 'pool_timeout': 0.1}}])
def test_a_page_needs_no_second_connection(app: Flask, run_id: int, visitor: Visitor) -> None:
    with app.app_context():
        new = seed.run([seed.regression_test()]).id
        db.session.commit()
    link(app, run_id, new)

    html = visitor.page(f'/test/{run_id}')

    assert len(attempts(html)) == 2
    assert attribute(html, 'data-failed') == '2'


@pytest.fixture
def tried_three_times(app: Flask, run_id: int) -> int:
    """The newest of three attempts: test 2 is flaky, and test 3 failed first in one way, then twice in another."""
    retry(app, run_id)
    work(app, failing=[2, 3])
    newest = retry(app, run_id + 1, failed_only=True)
    work(app, failing=[3])
    return newest


def test_the_page_says_in_a_sentence_what_the_attempts_prove(app: Flask, tried_three_times: int) -> None:
    for run_id in (1, 2, 3):
        html = Visitor(app, None).page(f'/test/{run_id}')
        assert summary(html) == 'Over 3 attempts 1 test is flaky and 1 fails each time but not in the same way.'


def test_the_grid_shows_every_test_that_did_not_simply_pass(app: Flask, tried_three_times: int) -> None:
    html = Visitor(app, None).page('/test/1')

    assert cells(html, 'Tests') == [
        ['Test', 'run 3', 'run 2', 'run 1'],
        ['2 -out=srt -latin1 is flaky', '✓passed', '✗failed', '✗failed'],
        ['3 -out=srt -latin1 fails each time but not in the same way', '✗failed', '✗failed', '✗failed'],
    ]
    grid = html[html.index('<caption>Tests'):html.index('<caption>Attempts')]
    assert grid.count('<th scope="col">') == 4 and grid.count('<th scope="row">') == 2
    assert re.findall('<a href="([^"]*)">', grid) == [
        '/test/3', '/test/2', '/test/1', '/regression/test/2/view', '/regression/test/3/view']
    assert re.findall('<a href="([^"]*)" tabindex="-1" data-outcome="([^"]*)"', grid) == [
        ('/test/3', 'pass'), ('/test/2', 'fail'), ('/test/1', 'fail'),
        ('/test/3', 'fail'), ('/test/2', 'fail'), ('/test/1', 'fail')]


@pytest.mark.on_file
def test_the_grid_tells_every_outcome_apart(app: Flask, visitor: Visitor, command: Command) -> None:
    with app.app_context():
        tests = [seed.regression_test(in_category=name) for name in 'AAA']
        run = seed.run(tests, stages=seed.CANCELED)
        seed.result(run, tests[0], passing(tests[0]).lacks(tests[0].output_files[0]))
        seed.result(run, tests[1], passing(tests[1]).exits(1))
        second = seed.run([tests[0]], stages=seed.COMPLETED)
        seed.result(second, tests[0])
        run_ids = run.id, second.id
        db.session.commit()
    link(app, *run_ids, failed_only=True)
    assert command('carry-over').output == f'{run_ids[1]}\t1\n'

    assert cells(visitor.page(f'/test/{run_ids[0]}'), 'Tests')[1:] == [
        ['1 -out=srt -latin1 is flaky', '✓passed', '∅an output is missing'],
        ['2 -out=srt -latin1 failed in the only attempt that ran it', 'ccarried over', '✗failed'],
        ['3 -out=srt -latin1 never ran', '', '–did not run'],
    ]


def test_there_is_no_sentence_and_no_grid_while_only_one_attempt_has_ended(
        app: Flask, run_id: int, visitor: Visitor) -> None:
    retry(app, run_id)

    html = visitor.page(f'/test/{run_id}')

    assert summary(html) == ''
    assert '<caption>Tests' not in html


def test_there_is_no_grid_where_every_test_passed_each_time(app: Flask, visitor: Visitor) -> None:
    with app.app_context():
        test = seed.regression_test()
        runs = [seed.run([test], stages=seed.COMPLETED) for _ in range(2)]
        for run in runs:
            seed.result(run, test)
        first, second = (run.id for run in runs)
        db.session.commit()
    link(app, first, second)

    html = visitor.page(f'/test/{first}')

    assert summary(html) == 'Over 2 attempts every test passed each time.'
    assert '<caption>Tests' not in html


@pytest.mark.parametrize('tests, retries, left_out', [
    (50, 9, ''),
    (51, 10, '. 1 more is left out. The newest 10 attempts are shown, 1 older one is left out'),
    (52, 11, '. 2 more are left out. The newest 10 attempts are shown, 2 older ones are left out'),
])
def test_the_grid_is_cut(app: Flask, visitor: Visitor, tests: int, retries: int, left_out: str) -> None:
    with app.app_context():
        run_ids = seed.bulk_runs(retries + 1, tests, tests)
    link(app, *run_ids)

    html = visitor.page(f'/test/{run_ids[0]}')

    grid = cells(html, 'Tests')
    assert len(grid) == 51
    assert grid[0] == ['Test', *(f'run {run_id}' for run_id in reversed(run_ids[-10:]))]
    assert f'Tests that did not pass each time{left_out}</caption>' in html


def test_flaky_tests_come_first_in_the_grid(app: Flask, tried_three_times: int, visitor: Visitor) -> None:
    again = retry(app, tried_three_times)
    work(app, failing=[1])

    assert [row[0][0] for row in cells(visitor.page(f'/test/{again}'), 'Tests')[1:]] == ['1', '2', '3']
    assert summary(visitor.page(f'/test/{again}')) == 'Over 4 attempts 3 tests are flaky.'


def test_too_many_attempts_are_not_compared(app: Flask, visitor: Visitor) -> None:
    with app.app_context():
        run_ids = seed.bulk_runs(26, 2)
    link(app, *run_ids[:25])
    assert summary(visitor.page(f'/test/{run_ids[0]}')) == (
        'Over 25 attempts 1 test fails each time in the same way.')
    few = statements_of(app, visitor, f'/test/{run_ids[0]}')

    link(app, run_ids[0], run_ids[25])

    assert summary(visitor.page(f'/test/{run_ids[0]}')) == 'There are too many attempts to compare them here.'
    assert len(statements_of(app, visitor, f'/test/{run_ids[0]}')) < len(few)


def test_the_button_knows_what_the_attempts_have_shown_of_the_failed_tests(
        app: Flask, tried_three_times: int, visitor: Visitor) -> None:
    assert attribute(visitor.page('/test/2'), 'data-hint') == '1 of the 2 passed in another attempt: it is flaky.'
    assert attribute(visitor.page('/test/3'), 'data-hint') == (
        'This test failed in every attempt so far, but not in the same way.')


def test_a_run_without_other_attempts_has_no_hint(run_id: int, visitor: Visitor) -> None:
    assert 'data-hint' not in visitor.page(f'/test/{run_id}')


def test_the_history_is_read_once_for_a_page(app: Flask, tried_three_times: int, visitor: Visitor) -> None:
    verdicts = [statement for statement in statements_of(app, visitor, '/test/3') if 'UNION ALL' in statement]

    # The verdict takes two of them: the attempts, and the sets of tests.
    assert len(verdicts) == 2


def test_a_host_without_commands_and_pages_of_tests_shows_their_ids(
        app: Flask, tried_three_times: int, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.extensions['mod_runs_api'].tables.host.regression_test, 'command', None)
    with Flask('host without such a page').test_request_context():
        page = regression_test_page(2)
    assert page is None
    monkeypatch.setitem(app.jinja_env.globals['runs_api'], 'regression_test_page', lambda test_id: page)

    html = visitor.page('/test/3')

    assert [row[0] for row in cells(html, 'Tests')[1:]] == ['2 is flaky', '3 fails each time but not in the same way']
    assert '/regression/' not in history(html)


def test_what_users_write_stays_text(app: Flask, run_id: int) -> None:
    visitor = Visitor(app, HOSTILE[:50])
    retry(app, run_id, reason=HOSTILE, requested_by=HOSTILE[:50])

    html = visitor.page(f'/test/{run_id}')

    assert f'<bdi>{escape(HOSTILE).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")}</bdi>' in html
    assert 'alert(1)</script>' not in html
    assert html.count('<script') == 1


def test_a_reason_that_is_not_utf_8_spoils_no_page(app: Flask, run_id: int, visitor: Visitor) -> None:
    retry(app, run_id)
    change(app, update(Base.metadata.tables['run_retry']).values(reason=b'caf\xe9'))

    assert attempts(visitor.page(f'/test/{run_id}'))[0][WHY] == 'caf\ufffd'


def test_a_database_that_goes_away_spoils_no_page(app: Flask, run_id: int, visitor: Visitor,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    retry(app, run_id)

    def fail(*_: object) -> None:
        raise OperationalError('SELECT', {}, Exception('gone'))

    monkeypatch.setattr(pages, 'read_history', fail)
    monkeypatch.setattr(pages, 'find_source', fail)

    html = visitor.page(f'/test/{run_id}')

    assert history(html) == ''
    assert attribute(html, 'data-refusal') == ServiceUnavailable().message


@pytest.mark.parametrize('run_id', [99, MAX_ID + 1])
def test_a_run_that_is_not_stored_spoils_no_page(app: Flask, run_id: int) -> None:
    g.user = seed.user()
    run = SimpleNamespace(id=run_id)

    button = pages.retry_button(run, with_tests=True)

    assert button is not None
    assert (button.all_tests, button.failed_tests, button.refusal) == (None, None, f'Run {run_id} not found.')
    assert pages.retry_history(run) is None


def test_without_flask_wtf_there_is_nothing_to_press(app: Flask, run_id: int, visitor: Visitor,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    retry(app, run_id)
    monkeypatch.setitem(sys.modules, 'flask_wtf', None)

    html = visitor.page(f'/test/{run_id}')

    assert '<dialog' not in html
    assert '<script' not in html
    assert len(attempts(html)) == 2


@pytest.mark.parametrize('kind, content_type', [('js', 'text/javascript'), ('css', 'text/css')])
def test_the_script_and_the_style_are_static_files_named_with_the_version(
        app: Flask, run_id: int, visitor: Visitor, kind: str, content_type: str) -> None:
    address, = re.findall(f'"(/api/v1/retry-assets/[^"]*[.]{kind}[^"]*)"', visitor.page(f'/test/{run_id}'))
    assert address == f'/api/v1/retry-assets/retry.{kind}?v={__version__}'

    with app.test_client().get(address) as response:
        assert response.status_code == 200
        assert response.data == resources.files('mod_runs_api.web').joinpath(f'static/retry.{kind}').read_bytes()
        assert response.mimetype == content_type
        assert response.headers['ETag']
        assert response.cache_control.max_age == 31536000
        assert 'Set-Cookie' not in response.headers


@pytest.mark.parametrize('app_settings', [{'RUNS_API_RATE_LIMIT': '1 per minute'}])
def test_the_script_and_the_style_are_not_limited(app: Flask) -> None:
    for _ in range(3):
        with app.test_client().get('/api/v1/retry-assets/retry.js') as response:
            assert response.status_code == 200
            assert not [name for name, _ in response.headers if name.startswith('X-RateLimit')]


@pytest.mark.parametrize('name', ['..%2fpages.py', '../pages.py', 'x', ''])
def test_there_are_no_other_static_files(app: Flask, name: str) -> None:
    assert app.test_client().get(f'/api/v1/retry-assets/{name}').status_code == 404


def test_the_address_of_any_run_has_one_place_for_the_id(app: Flask) -> None:
    with app.test_request_context(base_url=f'http://localhost/{MAX_ID}/'):
        assert run_page_pattern() == f'/{MAX_ID}/test/{{run_id}}'
