"""Pages of another origin cannot start a run, though the browser sends the session's cookie with their requests."""

from html import escape
from urllib.parse import urlencode

import demo
import pytest
from flask import Flask, request

#: What the other site's page does, given the address of the retry.
ATTACKS = {
    'form': """
        document.body.innerHTML = `<form method="post" action="${address}" target="frame"></form>
            <iframe name="frame"></iframe>`;
        document.forms[0].submit();""",
    'form with JSON in it': """
        document.body.innerHTML = `<form method="post" action="${address}" enctype="text/plain" target="frame">
            <input name='{"failed_only": false, "reason": "' value='"}'></form><iframe name="frame"></iframe>`;
        document.forms[0].submit();""",
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
def elsewhere(site):
    """The address of another port: another origin, and the same site to the rules for cookies."""
    app = Flask('elsewhere')
    app.add_url_rule('/', 'page', lambda: '<!doctype html><title>Elsewhere</title>')
    app.add_url_rule('/frame', 'frame', frame)
    with demo.serving(app, 0) as address:
        yield address


def frame():
    """Show another page in a frame."""
    return f'<iframe src="{escape(request.args["of"])}"></iframe>', {'Content-Security-Policy': 'frame-src *'}


@pytest.mark.parametrize('attack', ATTACKS)
def test_a_page_of_another_origin_starts_nothing(site, visit, elsewhere, attack):
    # Not watched for errors: some of what it does is refused by the browser.
    page = visit('alice').context.new_page()
    page.goto(elsewhere)

    page.evaluate(f'async (address) => {{ try {{ {ATTACKS[attack]} }} catch {{ }} }}',
                  f'{site.address}/api/v1/runs/{site.run_id}/retry')

    assert site.asked.get(timeout=10) == {
        'image': ('GET', True, 401),
        # The browser asks first whether it may. The answer does not say so.
        'fetch of JSON, asked': ('OPTIONS', False, 200),
    }.get(attack, ('POST', True, 401))
    assert site.asked.empty()
    assert site.runs == 1


def test_the_same_request_from_the_page_itself_starts_a_run(site, page):
    status = page.evaluate("""async (address) => (await fetch(address, {method: 'POST', body: '{}', headers: {
        'Content-Type': 'application/json',
        'X-CSRFToken': document.querySelector('dialog').dataset.csrfToken}})).status""",
                           f'{site.address}/api/v1/runs/{site.run_id}/retry')

    assert status == 202
    assert site.asked.get(timeout=10) == ('POST', True, 202)
    assert site.runs == 2


# The innermost frame first.
@pytest.mark.parametrize('frames, is_shown', [
    (['site'], True), (['elsewhere'], False), (['site', 'elsewhere'], False), (['elsewhere', 'site'], False)])
def test_the_button_is_hidden_in_a_frame_of_another_origin(site, visit, elsewhere, frames, is_shown):
    site.app.add_url_rule('/frame', 'frame', frame)
    address = site.page
    for origin in frames:
        address = f'{site.address if origin == "site" else elsewhere}/frame?{urlencode({"of": address})}'
    page = visit('alice')

    page.goto(address)

    framed = next(one for one in page.frames if one.url == site.page)
    # The script has run: it moves the dialog.
    framed.wait_for_selector('body > dialog', state='attached')
    assert framed.locator('.runs-api-retry').is_visible() is is_shown
