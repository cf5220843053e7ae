"""The miniature of the platform on SQLite, a user and a run in it, and ways to use the API."""

import sqlite3
import time
from functools import partial
from shutil import copy

import pytest
import seed
from application import create_app, dispose
from database import db, dispose_sessions, enforce_foreign_keys
from flask import current_app
from mod_auth.models import Role
from mod_test.models import Test, TestPlatform, TestType
from sqlalchemy import Engine, create_engine, event
from support.github import GitHub
from support.histories import finish
from support.isolation import IsolatedClient, IsolatedRunner
from support.rows import Rows
from support.visitor import Visitor

from mod_runs_api import clock

#: What the tests of a folder need. The console and the client are tested before the real platform.
MARKERS = {'browser': 'browser', 'console': 'platform', 'on_platform': 'platform', 'service': 'service',
           'sp': 'platform'}


def pytest_collection_modifyitems(items):
    """Mark the tests that need something by the folder that they are in."""
    for item in items:
        marker = MARKERS.get(item.path.parent.name)
        if marker:
            item.add_marker(marker)


@event.listens_for(Engine, 'connect')
def do_not_wait_for_the_disk(connection, _record):
    """Save each test the time that SQLite takes to be safe from a power failure."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute('PRAGMA synchronous = OFF')
        connection.execute('PRAGMA journal_mode = MEMORY')


@pytest.fixture
def settings():
    """Return the settings that a test parametrizes."""
    return {}


@pytest.fixture
def app_settings(settings):
    """
    Return the settings of the application when the blueprint is registered.

    A module overrides this fixture to add its own settings, and a test parametrizes it only to replace those.
    """
    return settings


@pytest.fixture(scope='session')
def empty_database(tmp_path_factory):
    """Return the file of a database with all tables: to copy it takes less time than to create them for each test."""
    file = tmp_path_factory.mktemp('databases') / 'empty.db'
    app = create_app(f'sqlite:///{file}')
    with app.app_context():
        db.create_all()
    dispose(app)
    return file


@pytest.fixture(scope='session')
def shared_engine(empty_database):
    """Return the engine of the databases of all tests, so that it compiles each statement once."""
    engine = create_engine(f'sqlite:///{empty_database.with_name("platform.db")}')
    enforce_foreign_keys(engine)
    return engine


@pytest.fixture
def app(empty_database, shared_engine, app_settings):
    """
    Yield the miniature with the blueprint in it.

    pytest-flask pushes a request around every test that uses it, and the requests of its `client` would share their `g`
    with that one and with each other. On a server they share nothing, so the clients and the runners of this
    application give each request and each command a context of its own.
    """
    copy(empty_database, shared_engine.url.database)
    app = create_app(str(shared_engine.url), **app_settings)
    # A test with its own pool keeps its own engine.
    if 'SQLALCHEMY_ENGINE_OPTIONS' not in app_settings:
        with app.app_context():
            db.engines[None] = shared_engine  # type: ignore[index]
    app.test_client_class, app.test_cli_runner_class = IsolatedClient, IsolatedRunner
    yield app
    dispose(app)
    dispose_sessions()


@pytest.fixture(autouse=True)
def prepared_request(request):
    """Have the platform prepare the request that pytest-flask has pushed, as it does any other."""
    if 'app' in request.fixturenames:
        current_app.preprocess_request()


@pytest.fixture
def bare():
    """Yield the miniature without the blueprint, within its context."""
    app = create_app('sqlite://', mount=False)
    with app.app_context():
        db.create_all()
        yield app
        db.session.remove()
    dispose(app)


@pytest.fixture
def engine(app):
    """Return the platform's engine."""
    with app.app_context():
        return db.engine


@pytest.fixture
def rows(engine):
    """Return the rows of the database, read past every session."""
    return Rows(engine)


@pytest.fixture
def alice(app):
    """Return a contributor."""
    return seed.user('alice', Role.contributor)


@pytest.fixture
def token(alice):
    """Return a token of alice's that allows everything."""
    secret = seed.token(alice, ['runs:read', 'runs:write', 'results:read'])
    db.session.commit()
    return secret


@pytest.fixture
def run_id(app):
    """Return a completed run of a pull request on Windows, owned by olga. Of its three tests only the first passed."""
    tests = seed.regression_tests(3)
    run = seed.run(tests, owners=[seed.user('olga')], stages=seed.COMPLETED, platform=TestPlatform.windows,
                   test_type=TestType.pull_request, branch='pull_request', commit='c0ffee', pr_nr=7)
    seed.result(run, tests[0])
    seed.result(run, tests[1], exit_code=1)
    seed.result(run, tests[2], exit_code=None)
    run_id = run.id
    db.session.commit()
    return run_id


@pytest.fixture
def tests(app):
    """Return three regression tests."""
    return seed.regression_tests(3)


@pytest.fixture
def first(tests):
    """Return a completed run, to be retried, in which the last two of the three tests failed."""
    return finish(seed.run(tests).id, tests, failed=tests[1:])


@pytest.fixture
def ask(client, token, accept_json):
    """
    Ask the API about a run: ``ask('GET', run, 'retries')``. Alice asks, unless another token is given, or None.

    In the place of the last part of its path a route may have its whole path: ``ask('GET', run, '/runs/<run_id>/x')``.
    """
    def send(method, run, route, *, token=token, key=None, headers=None, **request):
        own = {'Authorization': None if token is None else f'Bearer {token}', 'Idempotency-Key': key}
        path = route if route.startswith('/') else f'/runs/<run_id>/{route}'
        path = path.replace('<run_id>', str(run.id if isinstance(run, Test) else run))
        db.session.commit()
        return client.open(f'/api/v1{path}', method=method, **request, headers={
            **dict(accept_json), **{name: value for name, value in own.items() if value is not None},
            **(headers or {})})

    return send


@pytest.fixture
def retry(ask):
    """Ask for a retry: ``retry(run, {'failed_only': True}, key='k')``. The run is a run, its id, or any text."""
    def post(run, body=None, **request):
        return ask('POST', run, 'retry', **({} if body is None else {'json': body}), **request)

    return post


@pytest.fixture
def preview(ask):
    """Ask what a retry of a run would do: ``preview(run)``."""
    return partial(ask, 'GET', route='retry')


@pytest.fixture
def attempts(ask):
    """Ask for the attempts of a run: ``attempts(run, query_string='limit=10')``."""
    return partial(ask, 'GET', route='retries')


@pytest.fixture
def verdict(ask):
    """Ask what the attempts of a run prove: ``verdict(run, query_string='verdict=flaky')``."""
    return partial(ask, 'GET', route='verdict')


@pytest.fixture
def command(app):
    """Run a command: ``command('retry', 5)`` for ``flask runs-api retry 5``."""
    def run(*arguments):
        db.session.commit()
        return app.test_cli_runner().invoke(args=['runs-api', *map(str, arguments)])

    return run


@pytest.fixture(params=['UTC', 'America/New_York', 'Asia/Kolkata'])
def time_zone(request, monkeypatch):
    """Live in a time zone."""
    with monkeypatch.context() as context:
        context.setenv('TZ', request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def stopped_clock(monkeypatch):
    """Have the clock of the package stand still, so that two answers do not differ by the time between them."""
    now = clock.now()
    monkeypatch.setattr(clock, 'now', lambda: now)


@pytest.fixture
def impatience(monkeypatch):
    """Have nobody wait between two tries."""
    monkeypatch.setattr(time, 'sleep', lambda _: None)


@pytest.fixture
def visitor(app):
    """Return alice, logged in on the pages."""
    return Visitor(app, 'alice')


@pytest.fixture
def github():
    """Yield a GitHub that answers, and on which nothing has happened."""
    with GitHub().standing_in() as github:
        yield github
