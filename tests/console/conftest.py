"""A built console before a copy of the platform's checkout, and a browser that is signed in to it."""

import json
from datetime import timedelta
from functools import partial
from itertools import cycle
from urllib.parse import urlsplit

import pytest
from browser import chromium
from browser.conftest import browser
from on_platform.checkout import PATCHES, copy_for_stories, named
from on_platform.conftest import process, rows, story, unmounted
from on_platform.rows import now

# These fixtures are used as they are.
__all__ = ['browser', 'process', 'rows', 'story', 'unmounted']

_addresses = cycle(range(1, 251))


@pytest.fixture(scope='session')
def built():
    """The folder of a console that is patched and built."""
    return named('SAMPLE_PLATFORM_CONSOLE', 'the files of a console that is patched and built')


@pytest.fixture(scope='session')
def telling(built, unmounted):
    """A copy of the platform with its mails, which knows what was built."""
    return add_built_commit(copy_for_stories(unmounted, PATCHES.values()))


@pytest.fixture(scope='session')
def kind():
    """The kind of the database."""
    return 'sqlite'


@pytest.fixture(scope='module')
def address(process):
    """The origin of the platform."""
    return f"http://localhost:{process.call('serve')}"


def add_built_commit(platform):
    """Give the platform the column ``built_commit`` of ``test`` that its newer versions have."""
    models = platform.path / 'mod_test' / 'models.py'
    old = models.read_text()
    if 'built_commit' not in old:
        column = '    pr_nr = Column(Integer(), nullable=False, default=0)\n'
        assert old.count(column) == 1
        models.write_text(old.replace(column, f'{column}    built_commit = Column(String(64), nullable=True)\n'))
    return platform


def options(address, story, *, dark):
    """Return the options of a browser's context in which the person of a story is signed in, if one is given."""
    kept = {'sp-theme': 'dark' if dark else 'light'}
    if story:
        kept['sp-session'] = json.dumps({'token': story.add_token(), 'email': 'adam@example.com', 'role': 'admin',
                                         'expires_at': f'{(now() + timedelta(days=1)).isoformat()}Z'})
    return {'locale': 'en-GB', 'storage_state': {'cookies': [], 'origins': [{
        'origin': address, 'localStorage': [{'name': name, 'value': value} for name, value in kept.items()]}]}}


def serve(page, built):
    """Answer for the platform, as nginx would: with the console's files, and its page at any other address."""
    def answer(route):
        path = urlsplit(route.request.url).path
        if path.startswith('/api/'):
            # The platform counts requests by address, those for a log-in with all others.
            route.continue_(headers={**route.request.headers, 'x-forwarded-for': f'192.0.2.{next(_addresses)}'})
            return
        file = built / path.lstrip('/')
        route.fulfill(path=file if file.is_file() else built / 'index.html')

    page.route('**', answer)


def reply(body, route):
    """Answer a request in the place of the platform, or not at all."""
    route.fulfill(json=body) if body else route.abort()


@pytest.fixture
def visit(browser, address, built, story):
    """
    Open pages of the console, each in a browser of its own: ``visit('/runs', dark=True)``.

    The person of the story is signed in. With ``clock`` the time can be moved, and ``answers`` are given in the place
    of the platform: None for no answer.
    """
    with chromium.watching(browser, 'error') as open_page:
        def visit(path, *, signed_in=True, dark=False, clock=False, answers=None, **others):
            page = open_page(**options(address, story if signed_in else None, dark=dark), **others)
            serve(page, built)
            for pattern, body in (answers or {}).items():
                page.route(pattern, partial(reply, body))
            if clock:
                page.clock.install()
                page.add_init_script(chromium.TIMEOUTS)
            page.goto(address + path)
            return page

        yield visit


def asked(page):
    """Return a list to which the paths below /api/v1 are added that a page asks for from now on."""
    paths: list[str] = []
    page.on('request', lambda request: paths.append(request.url.partition('/api/v1')[2]))
    return paths


def open_dialog(page):
    """Press "Run again", and return the dialog when it stands still."""
    page.get_by_role('button', name='Run again').click()
    dialog = page.get_by_role('dialog')
    dialog.get_by_role('button', name='Run again').wait_for()
    page.wait_for_function('() => document.getAnimations().length === 0')
    return dialog


def check_closes_only(page, *reasons):
    """Check that the dialog says why nothing can be sent, and has no more than the button that leaves it."""
    dialog = page.get_by_role('dialog')
    dialog.get_by_role('alert').get_by_text(reasons[0]).wait_for()
    heading, *words, button = [line for line in dialog.inner_text().split('\n') if line]
    assert heading.endswith(' again?')
    assert (words, button) == ([*reasons], 'Close')
