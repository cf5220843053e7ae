"""Rows that change under a retry: MariaDB gives way with error 1020, and it is tried again."""

from __future__ import annotations

from typing import Callable

import pytest

from . import recorder
from .availability import missing
from .databases import Database
from .runs import Scenario, create_scenario, expected_run, read_runs
from .servers import Server

pytestmark = pytest.mark.service


@pytest.fixture
def scenario(database: Database) -> Scenario:
    """Fill a database with snapshot isolation."""
    if not database.query("SHOW VARIABLES WHERE variable_name = 'innodb_snapshot_isolation' AND value = 'ON'"):
        missing('MariaDB has no snapshot isolation, or it is off')
    return create_scenario(database)


def test_a_retry_of_a_run_that_changes_meanwhile_is_accepted_and_whole(
        database: Database, scenario: Scenario, serve: Callable[..., Server]) -> None:
    before = read_runs(database)
    server = serve(database.uri(), workers=1)

    answer = server.client(scenario.tokens['alice']).retry(scenario.run_id, changes=4)

    assert answer.status == 202
    assert recorder.errors(server.folder) == {'1020': 4}
    runs = read_runs(database)
    assert runs.keys() - before.keys() == {answer.new_run_id}
    assert runs[answer.new_run_id] == expected_run(runs[answer.new_run_id], runs[scenario.run_id], scenario)


def test_a_retry_of_a_run_that_does_not_stop_changing_is_refused_with_503_and_leaves_nothing(
        database: Database, scenario: Scenario, serve: Callable[..., Server]) -> None:
    before = read_runs(database)
    server = serve(database.uri(), workers=1)

    answer = server.client(scenario.tokens['alice']).retry(scenario.run_id, changes=1000)

    assert (answer.status, answer.body['code']) == (503, 'service_unavailable')
    assert int(answer.headers['Retry-After']) > 0
    assert read_runs(database).keys() == before.keys()
    assert '1020' in server.log
