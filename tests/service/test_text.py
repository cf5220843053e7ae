"""A reason is kept as it was written, whatever text the database and its connection speak."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Iterator

import pytest

from .databases import Database, fresh_database
from .load import Client
from .runs import Scenario, read_runs
from .servers import Server, serving

pytestmark = pytest.mark.service

LENGTH = 255

REASONS = [text[:LENGTH].ljust(LENGTH, '.') for text in (
    ''.join(chr(code) for code in range(0x20, 0x7f)) * 3,
    '\U0001f600\U0001f3f3\U0001f9d1' * 85,  # Emoji of four bytes
    '\U0010ffff' * LENGTH,
    'e\u0301n\u0303\u20dd' * 51,  # Combining marks
    '\u00e9e\u0301' * 85,  # Composed and decomposed
    '\u05e9\u05dc\u05d5\u05dd \u202eabc\u202c \u0645\u0631\u062d\u0628\u0627 ' * 14,  # From right to left
    'a\nb\rc\r\nd\u2028e\u2029f\x85g\x0b' * 17,
    '\\\'"`\\n\\0\\\\' * 26,
    '%s %(reason)s %% %d {0} :reason ? ' * 8,
    f'{" " * 100}x{" " * 154}',
    ' ' * LENGTH,
    '\u0130\u0131I\u00dfSSss\u1e9e' * 29)]  # Upper and lower case


@pytest.fixture(scope='module', params=['utf8mb4', 'utf8mb3', 'latin1'])
def shared_database(request: pytest.FixtureRequest, mariadb: str) -> Iterator[Database]:
    """Return a database with a character set of its own."""
    with fresh_database(mariadb, request.param) as made:
        yield made


@pytest.fixture(scope='module')
def server(shared_database: Database, shared_scenario: Scenario, folders: Callable[[], Path]) -> Iterator[Server]:
    """Serve it."""
    with serving(folders(), shared_database.uri(), workers=1) as started:
        yield started


def test_a_reason_of_255_code_points_is_stored_and_shown_exactly(
        shared_database: Database, shared_scenario: Scenario, alice: Client) -> None:
    given = {alice.retry(shared_scenario.run_id, reason=reason).new_run_id: reason for reason in REASONS}

    runs = read_runs(shared_database)
    assert {run_id: (runs[run_id].reason or b'').decode() for run_id in given} == given
    shown = alice.attempts(shared_scenario.run_id).body['data'][1:]
    assert {attempt['run_id']: attempt['reason'] for attempt in shown} == given


def test_a_key_is_bound_to_the_exact_reason(shared_scenario: Scenario, alice: Client) -> None:
    first = alice.retry(shared_scenario.other_run_ids[0], key='exact', reason='caf\u00e9')

    others = [alice.retry(shared_scenario.other_run_ids[0], key='exact', reason=reason)
              for reason in ('cafe', 'CAF\u00c9', 'caf\u00e9 ', 'cafe\u0301')]

    assert first.status == 202
    assert [answer.status for answer in others] == [422] * len(others)
