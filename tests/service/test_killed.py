"""A retry is whole or it is not there, whatever is killed meanwhile."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from threading import Event, Thread
from typing import Callable, Iterator

import pytest
from application import create_app, dispose
from sqlalchemy.exc import OperationalError

from .databases import Account, Database, account, execute, fresh_database
from .load import Answer, together
from .runs import (Scenario, assert_tokens, create_scenario, expected_run,
                   read_runs)
from .servers import PrivateMariaDB, Server

pytestmark = pytest.mark.service

CLIENTS = 8
#: How many requests a client sends: at least so many, and then until nothing is killed any more, but never more.
REQUESTS = range(20, 500)
TESTS = 300
FAILED = 30


@dataclass
class Killer:
    """A thread that kills something so many times while a block lasts, with so many seconds between two times."""

    kill: Callable[[], object]
    times: int
    seconds: float
    count: int = 0
    over: Event = field(default_factory=Event)

    def __enter__(self) -> Killer:
        self._thread = Thread(target=self._work)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._thread.join()

    def _work(self) -> None:
        while self.count < self.times and not self.over.wait(self.seconds):
            self.kill()
            self.count += 1
        self.over.set()


@dataclass(frozen=True)
class Load:
    """What became of retries."""

    #: How often each status was answered to a request for a retry; None for no answer.
    statuses: Counter[int | None]
    made: int
    ended: int
    #: Into how many of those that ended nothing was carried over before it was done by command.
    lacking: int

    def __str__(self) -> str:
        return (f'of {self.statuses.total()} retries {self.statuses[202]} were accepted, {self.statuses[503]} refused '
                f'with 503 and {self.statuses[None]} not answered; {self.made} runs were made, {self.ended} ended, '
                f'{self.lacking} of these without carrying over')


def retry_while(killer: Killer, database: Database, server: Server, scenario: Scenario) -> Load:
    """
    Retry the scenario's run with several clients, and end the retries of failed tests, while a killer is at work.

    All runs must be whole: those that were made, and those that ended.
    """
    before = read_runs(database)
    client = server.client(scenario.tokens['alice'])

    def retry_often() -> list[tuple[bool, Answer | None]]:
        answers: list[tuple[bool, Answer | None]] = []
        while len(answers) < REQUESTS.start or not killer.over.is_set() and len(answers) < REQUESTS.stop:
            failed_only = len(answers) % 2 == 0
            answer = answer_if_any(lambda: client.retry(scenario.run_id, failed_only=failed_only))
            answers.append((failed_only, answer))
            if failed_only and answer is not None and answer.status == 202:
                new_run_id = answer.new_run_id
                answer_if_any(lambda: client.end(new_run_id))
        return answers

    with killer:
        answers = [pair for pairs in together([retry_often] * CLIENTS) for pair in pairs]
    assert killer.count == killer.times

    runs = read_runs(database)
    source = runs[scenario.run_id]
    made = [runs[run_id] for run_id in runs.keys() - before.keys()]
    accepted = {answer.new_run_id: failed_only for failed_only, answer in answers if answer and answer.status == 202}
    assert accepted.items() <= {run.id: run.failed_only for run in made}.items()
    lacking = []
    for run in made:
        whole, not_whole = (expected_run(run, source, scenario, failed_only=run.failed_only, ended=run.progress == 1,
                                         is_whole=is_whole) for is_whole in (True, False))
        assert run in (whole, not_whole)
        if run != whole:
            lacking.append(run)
    assert_tokens(runs)

    carry_over_by_command(database)
    runs = read_runs(database)
    for run in lacking:
        assert runs[run.id] == expected_run(run, source, scenario, failed_only=True, ended=True)
    statuses = Counter(answer.status if answer else None for _, answer in answers)
    assert statuses[202] == len(accepted)
    return Load(statuses, len(made), sum(run.progress for run in made), len(lacking))


def answer_if_any(ask: Callable[[], Answer]) -> Answer | None:
    """Return the answer to a request, or None if there is none."""
    try:
        return ask()
    except (OSError, HTTPException):
        return None


def carry_over_by_command(database: Database) -> None:
    """Do what was missed, as an operator would."""
    app = create_app(database.uri())
    result = app.test_cli_runner().invoke(args=['runs-api', 'carry-over'])
    dispose(app)
    assert result.exit_code == 0, result.output


def test_killed_workers_leave_whole_runs_and_no_others(
        database: Database, serve: Callable[..., Server], note: Callable[[str], None]) -> None:
    scenario = create_scenario(database, TESTS, FAILED)
    server = serve(database.uri(), preload=True)

    def kill_a_worker() -> None:
        with suppress(ProcessLookupError, IndexError):  # The one before may not have been replaced yet.
            os.kill(random.choice(server.worker_ids), signal.SIGKILL)

    load = retry_while(Killer(kill_a_worker, times=10, seconds=0.7), database, server, scenario)

    note(f'10 workers killed: {load}')
    assert load.statuses.keys() <= {202, None}
    # A worker may be killed between the commit and the answer.
    assert load.statuses[202] <= load.made <= load.statuses[202] + load.statuses[None]


def test_a_worker_that_is_killed_before_any_step_of_a_request_leaves_nothing(
        database: Database, serve: Callable[..., Server]) -> None:
    scenario = create_scenario(database)
    server = serve(database.uri(), workers=1, preload=True)
    alice = server.client(scenario.tokens['alice'])
    steps = alice.retry(scenario.run_id, failed_only=True).steps
    before = read_runs(database)
    assert [step for step in steps if step.startswith('INSERT')] == [
        'INSERT test', 'INSERT run_retry', 'INSERT customized_test', 'INSERT test_fork']

    for number in range(1, len(steps) + 1):
        with pytest.raises((OSError, HTTPException)):
            alice.retry(scenario.run_id, failed_only=True, dies=f'{number}!')

    assert alice.retry(scenario.run_id, failed_only=True).status == 202
    assert len(read_runs(database).keys() - before.keys()) == 1


@pytest.fixture
def fragile(private_mariadb: PrivateMariaDB) -> Iterator[Database]:
    """Return a database on a server that may be killed."""
    private_mariadb.start()
    with fresh_database(private_mariadb.admin_url) as made, private_mariadb.recovering():
        yield made


@pytest.fixture
def server_account(fragile: Database) -> Iterator[Account]:
    """Return the account of the server's, to know its connections by."""
    with account(fragile, 'ALL PRIVILEGES') as made:
        yield made


def test_killed_connections_leave_whole_runs_and_no_others(
        private_mariadb: PrivateMariaDB, fragile: Database, server_account: Account, serve: Callable[..., Server],
        note: Callable[[str], None]) -> None:
    scenario = create_scenario(fragile, TESTS, FAILED)
    server = serve(private_mariadb.uri(fragile, server_account))

    def kill_the_connections() -> None:
        for connection in private_mariadb.connections(server_account):
            with suppress(OperationalError):  # It has ended by itself.
                execute(private_mariadb.admin_url, f'KILL {connection}')

    load = retry_while(Killer(kill_the_connections, times=20, seconds=0.25), fragile, server, scenario)

    note(f'all connections killed 20 times: {load}')
    assert load.statuses.keys() <= {202, 503}
    # A retry whose commit was not confirmed may have been refused, although it is there.
    assert load.statuses[202] <= load.made <= load.statuses[202] + load.statuses[503]


def test_a_killed_database_leaves_whole_runs_and_no_others(
        private_mariadb: PrivateMariaDB, fragile: Database, server_account: Account, serve: Callable[..., Server],
        note: Callable[[str], None]) -> None:
    scenario = create_scenario(fragile, TESTS, FAILED)
    server = serve(private_mariadb.uri(fragile, server_account))

    def kill_the_database() -> None:
        private_mariadb.kill()
        private_mariadb.start()

    load = retry_while(Killer(kill_the_database, times=3, seconds=1), fragile, server, scenario)

    note(f'database killed 3 times: {load}')
    assert load.statuses.keys() <= {202, 503}
    # A retry whose commit was not confirmed may have been refused, although it is there.
    assert load.statuses[202] <= load.made <= load.statuses[202] + load.statuses[503]
