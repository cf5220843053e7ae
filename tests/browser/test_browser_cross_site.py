"""Pages of another origin cannot start a run, though the browser sends the session's cookie with what they ask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import demo
import pytest
from conftest import Visit
from flask import Flask
from served import Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

#: What the other site's page does, given the address of the retry.
ATTACKS = {
    'form': """
        document.body.innerHTML = '<form method="post" target="frame"></form><iframe name="frame"></iframe>';
        const form = document.querySelector('form');
        form.action = address;
        form.submit();""",
    'form with JSON in it': """
        document.body.innerHTML = '<form method="post" enctype="text/plain" target="frame"><input></form>'
            + '<iframe name="frame"></iframe>';
        const form = document.querySelector('form');
        form.action = address;
        form.elements[0].name = '{"failed_only": false, "reason": "';
        form.elements[0].value = '"}';
        form.submit();""",
    'fetch of plain text': """
        await fetch(address, {method: 'POST', mode: 'no-cors', credentials: 'include', body: '{}'});""",
    'fetch of JSON, unasked': """
        await fetch(address, {method: 'POST', mode: 'no-cors', credentials: 'include',
                              headers: {'Content-Type': 'application/json'}, body: '{}'});""",
    'fetch of JSON, asked': """
        await fetch(address, {method: 'POST', credentials: 'include',
                              headers: {'Content-Type': 'application/json', 'X-CSRFToken': 'x'}, body: '{}'});""",
    'beacon': """
        navigator.sendBeacon(address, new Blob(['{}'], {type: 'text/plain'}));""",
    'image': """
        await new Promise((done) => { const image = new Image(); image.onerror = done; image.src = address; });""",
}


@pytest.fixture
def elsewhere(visit: Visit, site: Site) -> Iterator[Page]:
    """
    Give a page of another port of this machine, in the browser of somebody who is logged in.

    That is another origin, but the same site to a browser's rules for cookies: it keeps nothing back.
    """
    app = Flask('elsewhere')
    app.add_url_rule('/', 'page', lambda: '<!doctype html><title>Elsewhere</title>')
    with demo.serving(app, 0) as address:
        # Not watched for errors: some of what it does is refused by the browser.
        page = visit('alice').context.new_page()
        page.goto(address)
        yield page


@pytest.mark.parametrize('attack', ATTACKS)
def test_a_page_of_another_origin_starts_nothing(site: Site, elsewhere: Page, attack: str) -> None:
    elsewhere.evaluate(f'async (address) => {{ try {{ {ATTACKS[attack]} }} catch {{ }} }}',
                       f'{site.address}/api/v1/runs/{site.run_id}/retry')

    method, has_cookie, status = site.asked.get(timeout=10)
    if attack == 'image':
        assert (method, has_cookie, status) == ('GET', True, 405)
    elif attack == 'fetch of JSON, asked':
        # The browser asks first whether it may, and the answer is no.
        assert (method, has_cookie, status) == ('OPTIONS', False, 405)
    else:
        assert (method, has_cookie, status) == ('POST', True, 401)
    assert site.asked.empty()
    assert site.runs == 1


def test_the_same_request_from_the_page_itself_starts_a_run(site: Site, page: Page) -> None:
    status = page.evaluate("""async (address) => (await fetch(address, {method: 'POST', body: '{}', headers: {
        'Content-Type': 'application/json',
        'X-CSRFToken': document.querySelector('dialog').dataset.csrfToken}})).status""",
                           f'{site.address}/api/v1/runs/{site.run_id}/retry')

    assert status == 202
    assert site.asked.get(timeout=10) == ('POST', True, 202)
    assert site.runs == 2
