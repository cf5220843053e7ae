"""A reason is kept as it was written, whatever text the database and its connection speak."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Iterator

import pytest

from .databases import Database, fresh_database
from .runs import Scenario, create_scenario, read_runs
from .servers import Server, serving

pytestmark = pytest.mark.service

LENGTH = 255

TEXTS = {
    'ASCII': ''.join(chr(code) for code in range(0x20, 0x7f)) * 3,
    'emoji of four bytes': '\U0001f600\U0001f3f3\U0001f9d1' * 85,
    'the highest code point': '\U0010ffff' * LENGTH,
    'combining marks': 'e\u0301n\u0303\u20dd' * 51,
    'composed and decomposed': '\u00e9e\u0301' * 85,
    'from right to left': '\u05e9\u05dc\u05d5\u05dd \u202eabc\u202c \u0645\u0631\u062d\u0628\u0627 ' * 14,
    'line breaks': 'a\nb\rc\r\nd\u2028e\u2029f\x85g\x0b' * 17,
    'backslashes and quotes': '\\\'"`\\n\\0\\\\' * 26,
    'percent signs': '%s %(reason)s %% %d {0} :reason ? ' * 8,
    'spaces at both ends': f'{" " * 100}x{" " * 154}',
    'nothing but spaces': ' ' * LENGTH,
    'upper and lower case': '\u0130\u0131I\u00dfSSss\u1e9e' * 29,
}
REASONS = {name: text[:LENGTH].ljust(LENGTH, '.') for name, text in TEXTS.items()}


@pytest.fixture(scope='module', params=['utf8mb4', 'utf8mb3', 'latin1'])
def database(request: pytest.FixtureRequest, mariadb: str) -> Iterator[Database]:
    """Return a database with a character set of its own."""
    with fresh_database(mariadb, request.param) as made:
        yield made


@pytest.fixture(scope='module')
def scenario(database: Database) -> Scenario:
    """Fill the database."""
    return create_scenario(database)


@pytest.fixture(scope='module')
def server(database: Database, scenario: Scenario, folders: Callable[[], Path]) -> Iterator[Server]:
    """Serve it."""
    with serving(folders(), database.uri(), workers=1) as started:
        yield started


@pytest.mark.parametrize('reason', REASONS.values(), ids=REASONS)
def test_a_reason_of_255_code_points_is_stored_exactly(
        database: Database, scenario: Scenario, server: Server, reason: str) -> None:
    assert len(reason) == LENGTH

    answer = server.client(scenario.tokens['alice']).retry(scenario.run_id, reason=reason)

    assert answer.status == 202
    stored = read_runs(database)[answer.new_run_id].reason
    assert stored is not None and stored.decode() == reason


def test_the_attempts_of_a_run_have_their_reasons_as_they_were_written(scenario: Scenario, server: Server) -> None:
    alice = server.client(scenario.tokens['alice'])
    given = {alice.retry(scenario.other_run_ids[0], reason=reason).new_run_id: reason for reason in REASONS.values()}

    attempts = alice.attempts(scenario.other_run_ids[0]).body['data']

    assert {attempt['run_id']: attempt['reason'] for attempt in attempts[1:]} == given


def test_a_key_is_bound_to_the_exact_reason(scenario: Scenario, server: Server) -> None:
    alice = server.client(scenario.tokens['alice'])
    first = alice.retry(scenario.run_id, key='exact', reason='caf\u00e9')

    others = [alice.retry(scenario.run_id, key='exact', reason=reason)
              for reason in ('cafe', 'CAF\u00c9', 'caf\u00e9 ', 'cafe\u0301')]

    assert first.status == 202
    assert [answer.status for answer in others] == [422] * len(others)
