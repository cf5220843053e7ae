"""A built console before a copy of the platform's checkout, and a browser that is signed in to it."""

import hashlib
import json
from datetime import timedelta
from functools import partial
from itertools import count
from secrets import token_hex
from urllib.parse import urlsplit

import pytest
from browser import chromium
from on_platform.checkout import add_built_commit, copy_as_documented, named, prepare
from on_platform.protocol import Story, running
from on_platform.rows import PlatformRows, now

#: AbortSignal.timeout has a clock of its own, which a test cannot move.
TIMEOUTS = '''AbortSignal.timeout = (milliseconds) => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), milliseconds);
  return controller.signal;
};'''

#: Ids of tokens, and addresses. The ids of the stories' own tokens are small.
_numbers = count(1_000_000)


@pytest.fixture(scope='session')
def built():
    """The folder of a console that is patched and built."""
    return named('SAMPLE_PLATFORM_CONSOLE', 'the files of a console that is patched and built')


@pytest.fixture(scope='session')
def platform(built, tmp_path_factory):
    """A copy of the platform with all that the docs offer, which knows what was built."""
    checkout = named('SAMPLE_PLATFORM', 'a checkout of the sample platform')
    return add_built_commit(copy_as_documented(prepare(checkout, tmp_path_factory.mktemp('checkout'))))


@pytest.fixture(scope='session')
def rows(tmp_path_factory):
    """The database."""
    return PlatformRows(f'sqlite:///{tmp_path_factory.mktemp("database")}/platform.sqlite')


@pytest.fixture(scope='session')
def process(platform, rows, tmp_path_factory):
    """The process that stories are told to, and that answers the console."""
    with running(platform, rows.address, tmp_path_factory.mktemp('protocol')) as process:
        yield process


@pytest.fixture
def story(process, rows, platform):
    """A platform on which nothing has happened yet."""
    return Story(process, rows, platform)


@pytest.fixture(scope='session')
def address(process):
    """The origin of the platform."""
    return f"http://localhost:{process.call('serve')}"


@pytest.fixture(scope='session')
def browser():
    """Chromium."""
    with chromium.running() as browser:
        yield browser


def options(address, story, *, dark):
    """Return the options of a browser's context in which the person of a story is signed in, if one is given."""
    kept = {'sp-theme': 'dark' if dark else 'light'}
    if story:
        secret, expires = f'spci_{token_hex(32)}', now() + timedelta(days=1)
        story.rows.add('api_token', id=next(_numbers), user_id=story.user_id, token_name=secret[:16],
                       token_prefix=secret[:16], token_hash=hashlib.sha256(secret.encode()).hexdigest(),
                       # Those that the console's own log-in asks for.
                       scopes_json='["runs:read", "runs:write", "results:read", "system:read"]',
                       created_at=now(), expires_at=expires)
        kept['sp-session'] = json.dumps({'token': secret, 'email': 'adam@example.com', 'role': 'admin',
                                         'expires_at': f'{expires.isoformat()}Z'})
    return {'locale': 'en-GB', 'storage_state': {'cookies': [], 'origins': [{
        'origin': address, 'localStorage': [{'name': name, 'value': value} for name, value in kept.items()]}]}}


def serve(page, built):
    """Answer for the platform, as nginx would: with the console's files, and its page at any other address."""
    def answer(route):
        path = urlsplit(route.request.url).path
        if path.startswith('/api/'):
            # The platform counts requests by address, those for a log-in with all others.
            route.continue_(headers={**route.request.headers, 'x-forwarded-for': f'192.0.2.{next(_numbers) % 250 + 1}'})
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
                page.add_init_script(TIMEOUTS)
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
