"""The real platform: a copy without the mount, a copy with it, and databases for them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from checkout import Platform, copy, copy_as_documented, prepare
from protocol import Process, Story, running
from rows import Rows, fresh_database, seed_platform
from serving import PASSWORD, Client, serving

#: Who may log in, with which role.
PEOPLE = {'adam': 'admin', 'alice': 'contributor', 'tess': 'tester', 'una': 'user', 'nora': None}


@pytest.fixture(scope='session')
def unmounted(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """Give a copy of the platform as it is."""
    checkout = os.environ.get('SAMPLE_PLATFORM')
    if not checkout:
        pytest.skip('SAMPLE_PLATFORM does not name a checkout of the sample platform')
    return prepare(Path(checkout), tmp_path_factory.mktemp('checkout'))


@pytest.fixture(scope='session')
def mounted(unmounted: Platform) -> Platform:
    """Give a copy of the platform with the two lines added."""
    return copy(unmounted, 'mounted', mounted=True)


@pytest.fixture(scope='session', params=['sqlite', 'mariadb'])
def kind(request: pytest.FixtureRequest) -> str:
    """Name the kind of the database."""
    return str(request.param)


def _rows(kind: str, folder: Path, platform: Platform) -> Iterator[Rows]:
    with fresh_database(kind, folder) as address:
        platform.inside('create_tables', address)
        rows = Rows(address)
        try:
            seed_platform(rows)
            yield rows
        finally:
            rows.engine.dispose()


@pytest.fixture(scope='session')
def rows(kind: str, mounted: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rows]:
    """Give the database that the servers work on."""
    yield from _rows(kind, tmp_path_factory.mktemp('database'), mounted)


@pytest.fixture(scope='module')
def own_rows(kind: str, telling: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rows]:
    """Give a database that only the tests of one module work on."""
    yield from _rows(kind, tmp_path_factory.mktemp('database'), telling)


@pytest.fixture(scope='session')
def people(rows: Rows, mounted: Platform) -> dict[str, int]:
    """Give the ids of the people who may log in, by their names."""
    ids: dict[str, int] = mounted.inside('add_people', rows.address, people=PEOPLE, password=PASSWORD)
    return ids


@pytest.fixture(scope='session')
def client(rows: Rows, people: dict[str, int], mounted: Platform,
           tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Serve the platform with the mount."""
    with serving(mounted, rows.address, tmp_path_factory.mktemp('mounted')) as client:
        yield client


@pytest.fixture(scope='session')
def plain_client(rows: Rows, people: dict[str, int], unmounted: Platform,
                 tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Serve the platform as it is, on the same database."""
    with serving(unmounted, rows.address, tmp_path_factory.mktemp('unmounted')) as client:
        yield client


@pytest.fixture(scope='session')
def token(client: Client) -> Callable[..., str]:
    """
    Give tokens that the platform has made: ``token('alice')``, ``token('tess', 'runs:read')``.

    The same person with the same scopes has one token.
    """
    @lru_cache(maxsize=None)
    def made(name: str, scopes: tuple[str, ...]) -> str:
        return client.new_token(name, '-'.join(scopes).replace(':', '_'), scopes)

    return lambda name='alice', *scopes: made(name, scopes or ('runs:read', 'runs:write'))


@pytest.fixture(scope='session')
def telling(unmounted: Platform) -> Platform:
    """Return the copy of the platform that stories are told to: with the mount, and all that the docs offer."""
    return copy_as_documented(unmounted, 'documented')


@pytest.fixture(scope='module')
def process(own_rows: Rows, telling: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Run the process that stories are told to."""
    with running(telling, own_rows.address, tmp_path_factory.mktemp('protocol')) as process:
        yield process


@pytest.fixture
def story(process: Process, own_rows: Rows, telling: Platform) -> Story:
    """Begin a story on an empty platform."""
    return Story(process, own_rows, telling)
