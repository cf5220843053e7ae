"""How many statements each way into the package takes, whatever the sizes; and that nothing is loaded by the way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from database import dispose_sessions
from entrances import Entrances, recording_loads, recording_the_package

#: By the way. A token is looked up in one; and a retry finds the run and its tests, and writes four tables. What a run
#: without rows of its own ran is asked for by itself.
STATEMENTS = {
    'full': 6,
    'failed only': 6,
    'full, a source without rows': 7,
    'failed only, a source without rows': 7,
    'full, a retry': 6,
    'replay': 2,
    '401, no token': 0,
    '401, another token': 1,
    '403': 1,
    '404': 2,
    '422, a bad body': 1,
    '422, a used key': 2,
    '422, nothing failed': 2,
    '422, not finished': 2,
    '429': 2,  # One for each of the two requests that it takes to meet the limit.
    'retries': 3,
    'page of a run': 3,
    'list of runs': 0,
    'retry_run': 6,  # Without a token, but with a person to find.
    'comment': 9,  # A blocked account, a person, their run, and the retry and its person.
    'commit status': 1,
    'flask runs-api retry': 6,
    'flask runs-api family': 2,
}

#: Tests of a run, other runs, and retries in a row.
SMALL, LARGE = (2, 1, 1), (300, 40, 100)


@pytest.fixture(scope='module')
def of_sizes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Entrances]]:
    """Give two databases: small runs without much around them, and large ones with many others and large families."""
    folder = tmp_path_factory.mktemp('sizes')
    both = [Entrances(f'sqlite:///{folder}/{size[0]}.db', *size) for size in (SMALL, LARGE)]
    yield both
    for entrances in both:
        entrances.close()
    dispose_sessions()


def test_every_way_is_counted(of_sizes: list[Entrances]) -> None:
    assert set(of_sizes[0].ways) == set(STATEMENTS)


@pytest.mark.parametrize('way', STATEMENTS)
def test_the_number_of_statements_is_the_same_at_every_size(of_sizes: list[Entrances], way: str) -> None:
    counts = []
    for entrances in of_sizes:
        with recording_the_package() as sent:
            entrances.ways[way]()
        counts.append(len(sent))

    assert counts == [STATEMENTS[way]] * 2


@pytest.mark.parametrize('way', STATEMENTS)
def test_nothing_is_loaded_that_was_not_asked_for(of_sizes: list[Entrances], way: str) -> None:
    with recording_loads() as loads:
        of_sizes[0].ways[way]()

    assert loads == []
