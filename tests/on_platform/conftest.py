"""The real platform: a copy without the mount, a copy with all that the docs offer, and databases for them."""

import pytest
from support.databases import fresh_database, named_server

from .checkout import PATCHES, copy_for_stories, named, prepare
from .protocol import CRASH, Story, running
from .rows import PlatformRows


@pytest.fixture(scope='session')
def unmounted(tmp_path_factory):
    """A copy of the platform as it is."""
    return prepare(named('SAMPLE_PLATFORM', 'a checkout of the sample platform'), tmp_path_factory.mktemp('checkout'))


@pytest.fixture(scope='session')
def telling(unmounted):
    """The copy of the platform that stories are told to: with the mount, and all that the docs offer."""
    return copy_for_stories(unmounted, PATCHES.values())


@pytest.fixture(scope='session')
def kind(request):
    """The kind of the database: the server that is named. Tests name SQLite too if it may give another answer."""
    return str(getattr(request, 'param', 'server'))


@pytest.fixture(scope='module')
def rows(kind, telling, tmp_path_factory):
    """The database of the tests of one module."""
    if kind == 'sqlite':
        yield PlatformRows(f'sqlite:///{tmp_path_factory.mktemp("database")}/platform.sqlite')
        return
    with fresh_database(named_server()) as database:
        # A job that waits for a lock in vain goes on before the test is over.
        yield PlatformRows(f'{database.uri}&init_command=SET innodb_lock_wait_timeout = 5')


@pytest.fixture(scope='module')
def process(rows, telling, tmp_path_factory):
    """The process that stories are told to."""
    with running(telling, rows.address, tmp_path_factory.mktemp('protocol')) as process:
        yield process


@pytest.fixture
def story(process, rows, telling):
    """A platform on which nothing has happened yet."""
    return Story(process, rows, telling)


@pytest.fixture
def red(story):
    """A run of a pull request whose only test has failed."""
    failed, = story.tests(1)
    return story.complete(story.open_pull([failed]), {failed: CRASH})


@pytest.fixture
def green(story):
    """A run of master that has passed."""
    return story.complete(story.push(story.tests(1)))
