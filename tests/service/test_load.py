"""Many retries of one run at the same time, some of which end, while the platform goes on reporting on others."""

from __future__ import annotations

from collections import Counter
from threading import Event, Thread
from typing import Callable

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from . import recorder
from .databases import Database
from .load import Answer, together
from .runs import (Scenario, assert_tokens, create_scenario, expected_run,
                   read_runs)
from .servers import Server

pytestmark = pytest.mark.service

CLIENTS = 8
REQUESTS = 12
TESTS = 300
FAILED = 30

#: What MariaDB says when a transaction is to be tried again: changed since last read, lock wait timeout, deadlock.
GAVE_WAY = {1020, 1205, 1213}


class Platform:
    """The platform at work on other runs of a scenario: it writes their progress, and which tests have passed."""

    def __init__(self, database: Database, scenario: Scenario) -> None:
        self.engine = create_engine(database.uri())
        self.scenario = scenario
        self.written = 0
        self._over = Event()
        self._thread = Thread(target=self._work)

    def __enter__(self) -> Platform:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.engine.dispose()

    def _work(self) -> None:
        step = 0
        while not self._over.is_set():
            step += 1
            run_id = self.scenario.other_run_ids[step % len(self.scenario.other_run_ids)]
            try:
                with self.engine.begin() as connection:
                    connection.execute(text(
                        "INSERT INTO test_progress (test_id, status, timestamp, message) "
                        "VALUES (:run_id, 'testing', UTC_TIMESTAMP(), 'Test')"), {'run_id': run_id})
                    # As when a run of master completes; here one after the other does.
                    connection.execute(text(
                        'UPDATE regression_test SET last_passed_on_linux = :run_id WHERE id % 20 = :part'),
                        {'run_id': run_id, 'part': step % 20})
                self.written += 1
            except OperationalError as error:
                assert error.orig is not None and error.orig.args[0] in GAVE_WAY, error


def test_every_one_of_many_simultaneous_retries_is_accepted_and_whole(
        database: Database, serve: Callable[..., Server], note: Callable[[str], None]) -> None:
    scenario = create_scenario(database, TESTS, FAILED, others=4)
    before = read_runs(database)
    server = serve(database.uri(), preload=False)  # As the platform is served.
    client = server.client(scenario.tokens['alice'])

    def retry_often() -> list[tuple[bool, Answer]]:
        answers = []
        for failed_only in [True, False] * (REQUESTS // 2):
            answer = client.retry(scenario.run_id, failed_only=failed_only)
            answers.append((failed_only, answer))
            if failed_only:
                assert client.end(answer.new_run_id).status == 204
        return answers

    with Platform(database, scenario) as platform:
        answers = [pair for pairs in together([retry_often] * CLIENTS) for pair in pairs]

    errors = recorder.errors(server.folder)
    gave_way = ', '.join(f'{errors[str(code)]} times with {code}' for code in sorted(GAVE_WAY))
    note(f'{len(answers)} retries beside {platform.written} transactions of the platform: MariaDB gave way {gave_way}')
    assert Counter(answer.status for _, answer in answers) == {202: CLIENTS * REQUESTS}
    runs = read_runs(database)
    made = {answer.new_run_id: failed_only for failed_only, answer in answers}
    assert len(made) == CLIENTS * REQUESTS
    assert runs.keys() - before.keys() == made.keys()
    source = runs[scenario.run_id]
    assert source == before[scenario.run_id]
    for run_id, failed_only in made.items():
        assert runs[run_id] == expected_run(runs[run_id], source, scenario, failed_only=failed_only, ended=failed_only)
    assert_tokens(runs)
    assert {int(error) for error in errors if error.isdigit()} <= GAVE_WAY
