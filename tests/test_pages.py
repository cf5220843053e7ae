"""The macros on the host's pages: what each person sees, and the script and style they need."""

from __future__ import annotations

import re
import sys
from datetime import datetime
from hashlib import sha256
from html import escape
from importlib import resources
from types import SimpleNamespace
from typing import Any

import pytest
import seed
from database import Base, db
from flask import Flask, g
from mod_auth.models import Role
from mod_test.models import TestStatus
from support.statements import Statement, record_statements
from support.visitor import Visitor, attribute

from mod_runs_api import retry_run, service
from mod_runs_api.errors import ServiceUnavailable
from mod_runs_api.web import pages

HOSTILE = '"><script>alert(1)</script>\'&lt;{{ 7 * 7 }}'


@pytest.fixture
def run_id(site: Flask) -> int:
    """Give the id of a completed run of three tests, two of which have no result."""
    with site.app_context():
        tests = [seed.regression_test() for _ in range(3)]
        run = seed.run(tests, stages=seed.COMPLETED)
        seed.result(run, tests[0])
        db.session.commit()
        return run.id


@pytest.fixture
def alice(site: Flask) -> Visitor:
    """Give a contributor at the pages."""
    return Visitor(site, 'alice')


def text(html: str) -> str:
    """Give what the page says of the family of its run."""
    found = re.search('<section class="runs-api-history".*?</section>', html, re.DOTALL)
    return '' if found is None else ' '.join(re.sub('<[^>]*>', '', found.group()).split())


def again(site: Flask, run_id: int, **order: Any) -> int:
    """Retry a run, and give the new one."""
    with site.app_context():
        g.db = db.session
        return retry_run(run_id, **order).new_run_id


def sent(site: Flask, visitor: Visitor, path: str) -> list[Statement]:
    """Give the statements that a page takes."""
    with site.app_context():
        engine = db.engine
    with record_statements(engine) as statements:
        visitor.page(path)
    return statements


@pytest.mark.parametrize('role', [Role.admin, Role.tester, Role.contributor])
def test_people_who_may_have_one_button_and_the_dialog(site: Flask, run_id: int, role: Role) -> None:
    html = Visitor(site, 'somebody', role).page(f'/test/{run_id}')

    assert attribute(html, 'data-run-id') == str(run_id)
    assert attribute(html, 'data-url') == f'/api/v1/runs/{run_id}/retry'
    assert attribute(html, 'data-failed') == '2'
    assert 'data-refusal' not in html
    assert attribute(html, 'data-run-page') == '/test/{run_id}'
    assert attribute(html, 'data-limit') == '255'
    assert html.count('<dialog') == html.count('rel="stylesheet" href="/api/v1/') == html.count('<script') == 1


@pytest.mark.parametrize('name, role', [(None, None), ('bob', Role.user), ('nora', None)])
def test_people_who_may_not_have_nothing_to_press(site: Flask, run_id: int, name: str | None,
                                                  role: Role | None) -> None:
    visitor = Visitor(site, name, role)

    for path in ('/test/', f'/test/{run_id}'):
        html = visitor.page(path)
        assert 'runs-api' not in html
        assert '<script' not in html
        assert 'Set-Cookie' not in visitor.client.get(path).headers


def test_the_roles_are_those_of_the_setting(site: Flask, run_id: int, alice: Visitor) -> None:
    site.config['RUNS_API_RETRY_ROLES'] = ['user']

    assert '<dialog' not in alice.page(f'/test/{run_id}')
    assert '<dialog' in Visitor(site, 'bob', Role.user).page(f'/test/{run_id}')


@pytest.mark.parametrize('stages, refusal', [
    ((), 'Run 1 has not finished: it has no failed tests yet.'),
    ((TestStatus.preparation,), 'Run 1 has not finished: it has no failed tests yet.'),
    (seed.COMPLETED, 'No test of run 1 failed: there is nothing to run again.'),
])
def test_the_failed_ones_cannot_be_chosen_where_there_are_none(site: Flask, alice: Visitor,
                                                               stages: tuple[TestStatus, ...], refusal: str) -> None:
    with site.app_context():
        test = seed.regression_test()
        run = seed.run([test], stages=stages)
        seed.result(run, test)
        db.session.commit()

    html = alice.page('/test/1')

    assert attribute(html, 'data-refusal') == refusal
    assert 'data-failed' not in html


def test_the_inactive_ones_are_named(site: Flask, alice: Visitor) -> None:
    with site.app_context():
        tests = [seed.regression_test(active=active) for active in (True, False, False)]
        run_id = seed.run(tests, stages=seed.COMPLETED).id
        db.session.commit()

    assert attribute(alice.page(f'/test/{run_id}'),
                     'data-refusal') == 'Some of the tests to run are inactive now. (2, 3)'
    site.config['RUNS_API_INACTIVE_TESTS'] = 'drop'
    assert attribute(alice.page(f'/test/{run_id}'), 'data-failed') == '1'


def test_fifty_buttons_share_one_dialog_and_take_no_statement(site: Flask, alice: Visitor) -> None:
    with site.app_context():
        for _ in range(50):
            seed.run([seed.regression_test()], stages=seed.COMPLETED)
        db.session.commit()

    html = alice.page('/test/')

    assert html.count('aria-label="Retry run ') == 50
    assert html.count('<dialog') == html.count('rel="stylesheet" href="/api/v1/') == html.count('<script') == 1
    ids = re.findall(' id="([^"]*)"', html)
    assert len(ids) == len(set(ids))
    assert 'data-failed' not in html.replace('data-part="failed', '')
    assert len(sent(site, alice, '/test/')) == len(sent(site, Visitor(site, 'bob', Role.user), '/test/'))


def test_a_run_that_was_never_retried_says_nothing_of_a_family(run_id: int, alice: Visitor) -> None:
    assert text(alice.page(f'/test/{run_id}')) == ''


def test_a_family_says_where_a_run_came_from_and_what_became_of_it(site: Flask, run_id: int, alice: Visitor) -> None:
    second = again(site, run_id, failed_only=True, reason='flaky VM', requested_by='alice')
    third = again(site, second)
    fourth = again(site, run_id, requested_by='alice')
    with site.app_context():
        db.session.execute(Base.metadata.tables['run_retry'].update().values(created_at=datetime(2026, 11, 24, 13)))
        db.session.commit()
    stranger = Visitor(site, None)

    assert text(stranger.page(f'/test/{run_id}')) == (
        f'Run again since: Run {second}: failed tests only, by alice, 2026-11-24 13:00 UTC: flaky VM '
        f'Run {third}, a retry of run {second}: all tests, 2026-11-24 13:00 UTC '
        f'Run {fourth}: all tests, by alice, 2026-11-24 13:00 UTC')
    assert text(stranger.page(f'/test/{second}')) == (
        f'Attempt 2, a retry of run {run_id}: failed tests only, by alice, 2026-11-24 13:00 UTC: flaky VM '
        f'Run again since: Run {third}: all tests, 2026-11-24 13:00 UTC '
        f'Run {fourth}, a retry of run {run_id}: all tests, by alice, 2026-11-24 13:00 UTC')
    assert text(stranger.page(f'/test/{third}')).startswith(
        f'Attempt 3 at run {run_id}, a retry of run {second}: all tests, 2026-11-24 13:00 UTC Run again')
    html = stranger.page(f'/test/{fourth}')
    assert text(html) == f'Attempt 2, a retry of run {run_id}: all tests, by alice, 2026-11-24 13:00 UTC'
    assert f'<a href="/test/{run_id}">' in html
    assert '<time datetime="2026-11-24T13:00:00Z">' in html


def test_a_large_family_is_cut_and_takes_no_more_statements(site: Flask, run_id: int, alice: Visitor) -> None:
    first = again(site, run_id)
    few = sent(site, alice, f'/test/{run_id}')
    last = [again(site, run_id) for _ in range(24)][-1]
    many = sent(site, alice, f'/test/{run_id}')

    said = text(alice.page(f'/test/{run_id}'))
    assert said.startswith('Run again since, the last 10 of 25 times: ')
    assert said.count('all tests') == 10
    assert f'Run {last}:' in said and f'Run {first}:' not in said
    assert len(many) == len(few)


def test_what_people_write_stays_text(site: Flask, run_id: int) -> None:
    visitor = Visitor(site, HOSTILE[:50])
    again(site, run_id, reason=HOSTILE, requested_by=HOSTILE[:50])

    html = visitor.page(f'/test/{run_id}')

    assert f'<bdi>{escape(HOSTILE).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")}</bdi>' in html
    assert 'alert(1)</script>' not in html
    assert html.count('<script') == 1


def test_a_family_that_cannot_be_read_spoils_no_page(run_id: int, alice: Visitor,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ServiceUnavailable

    monkeypatch.setattr(service, 'family_of', refuse)
    monkeypatch.setattr(service, 'count_failed', refuse)

    html = alice.page(f'/test/{run_id}')

    assert text(html) == ''
    assert attribute(html, 'data-refusal') == ServiceUnavailable().message


def test_a_run_that_is_not_stored_yet_spoils_no_page(site: Flask) -> None:
    with site.test_request_context():
        site.preprocess_request()
        g.user = seed.user()
        run = SimpleNamespace(id=99)

        button = pages.button(run, counted=True)

        assert button is not None and (button.failed, button.refusal) == (None, 'Run 99 not found.')
        assert pages.relatives(run) is None
        db.session.rollback()


def test_without_flask_wtf_there_is_nothing_to_press(site: Flask, run_id: int, alice: Visitor,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'flask_wtf', None)
    again(site, run_id)

    html = alice.page(f'/test/{run_id}')

    assert '<dialog' not in html
    assert '<script' not in html
    assert text(html)


@pytest.mark.parametrize('kind, content_type', [
    ('js', 'text/javascript; charset=utf-8'), ('css', 'text/css; charset=utf-8')])
def test_the_script_and_the_style_are_named_by_their_content(site: Flask, run_id: int, alice: Visitor, kind: str,
                                                             content_type: str) -> None:
    path, = re.findall(f'"(/api/v1/retry-assets/[^"]*[.]{kind})"', alice.page(f'/test/{run_id}'))

    response = site.test_client().get(path)

    assert response.status_code == 200
    assert response.data == resources.files('mod_runs_api').joinpath('static', f'retry.{kind}').read_bytes()
    assert sha256(response.data).hexdigest()[:16] in path
    assert response.headers['Content-Type'] == content_type
    assert response.headers['Cache-Control'] == 'public, max-age=31536000, immutable'
    assert response.headers['X-Content-Type-Options'] == 'nosniff'
    assert 'Set-Cookie' not in response.headers


def test_the_script_and_the_style_are_not_limited(site: Flask, run_id: int, alice: Visitor) -> None:
    site.config['RUNS_API_RATE_LIMIT'] = '1 per minute'
    path, = re.findall('"(/api/v1/retry-assets/[^"]*js)"', alice.page(f'/test/{run_id}'))

    for response in [alice.client.get(path) for _ in range(3)]:
        assert response.status_code == 200
        assert not [name for name, _ in response.headers if name.startswith('X-RateLimit')]


@pytest.mark.parametrize('name', ['retry.js', 'retry.0000000000000000.js', 'retry.css', '..%2fviews.py', 'x'])
def test_there_is_nothing_else(site: Flask, name: str) -> None:
    response = site.test_client().get(f'/api/v1/retry-assets/{name}')

    assert response.status_code == 404
    assert 'immutable' not in response.headers.get('Cache-Control', '')


def test_the_page_of_any_run_has_one_place_for_the_id(site: Flask) -> None:
    with site.test_request_context(base_url=f'http://localhost/{host.ANY_ID}/'):
        assert host.run_page_of_any() == f'/{host.ANY_ID}/test/{{run_id}}'
