"""A reason is kept as it was written, whatever text the database and its connection speak."""

import pytest
from application import in_application
from support.databases import fresh_database

from mod_runs_api import InvalidFields, retry_run

from .runs import rows_of

SERVER = {'workers': 1}

REASONS = [text[:255].ljust(255, '.') for text in (
    ''.join(chr(code) for code in range(0x20, 0x7f)) * 3,
    '\U0001f600\U0001f3f3\U0001f9d1' * 85,  # Emoji of four bytes
    '\U0010ffff' * 255,
    'e\u0301n\u0303\u20dd' * 51,  # Combining marks
    '\u00e9e\u0301' * 85,  # Composed and decomposed
    '\u05e9\u05dc\u05d5\u05dd \u202eabc\u202c \u0645\u0631\u062d\u0628\u0627 ' * 14,  # From right to left
    'a\nb\rc\r\nd\u2028e\u2029f\x85g\x0b' * 17,
    '\\\'"`\\n\\0\\\\' * 26,
    '%s %(reason)s %% %d {0} :reason ? ' * 8,
    f'{" " * 100}x{" " * 154}',
    ' ' * 255,
    '\u0130\u0131I\u00dfSSss\u1e9e' * 29)]  # Upper and lower case


@pytest.fixture(scope='module', params=['utf8mb4', 'utf8mb3', 'latin1'])
def database(request, database_server):
    """Yield a database with a character set of its own."""
    with fresh_database(database_server, request.param) as made:
        yield made


def test_a_reason_of_255_code_points_is_stored_and_shown_exactly(database, scenario, alice):
    given = {alice.retry(scenario.run_id, reason=reason).new_run_id: reason for reason in REASONS}

    assert {row.run_id: row.reason for row in rows_of(database).retries} == given
    shown = alice.ask('GET', f'/api/v1/runs/{scenario.run_id}/retries').body['data'][1:]
    assert {attempt['run_id']: attempt['reason'] for attempt in shown} == given


def test_a_name_without_characters_in_the_database_is_nobodys(database, scenario):
    with in_application(database.uri):
        for name in ('\u0410\u043b\u0438\u0441\u0430', '\U0001f600', 'a\U0001f600', '\ud800'):
            with pytest.raises(InvalidFields):
                retry_run(scenario.run_id, requested_by=name)
