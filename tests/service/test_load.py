"""Many retries of one run at the same moment, some of which end, while the database and the workers have trouble."""

import os
import random
import signal
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from threading import Event, Thread

import pytest
from sqlalchemy.exc import OperationalError
from support.databases import Database

from .runs import Scenario, create_scenario, expected_run, read_runs
from .server import Answer, Client, Server, run_command, together
from .services import PrivateDatabaseServer

CLIENTS = 8
#: How many requests a client sends: at least so many, and then until the trouble is over, but never more.
REQUESTS = range(12, 500)
TESTS = 300
FAILED = 30

#: A transaction is to be tried again: changed since last read (MariaDB), lock wait timeout, deadlock.
GAVE_WAY = {1020, 1205, 1213}


@dataclass(frozen=True)
class Site:
    """A server with four workers, and a database that may be killed."""

    private: PrivateDatabaseServer
    database: Database
    scenario: Scenario
    server: Server


@pytest.fixture
def site(private_server, serve):
    """Serve the database, with each worker loading the application by itself, as on the platform."""
    with private_server.database() as database:
        scenario = create_scenario(database, TESTS, FAILED, others=4)
        yield Site(private_server, database, scenario, serve(database.uri, preload=False))


def complete_a_run(site):
    """Report on another run, and say which tests have passed, as the platform does when a run of master completes."""
    run_id = random.choice(site.scenario.other_run_ids)
    try:
        site.database.query("INSERT INTO test_progress (test_id, status, timestamp, message) "
                            "VALUES (:run_id, 'testing', UTC_TIMESTAMP(), 'Test')", run_id=run_id)
        # Foreign keys lead here from what retries and carrying over insert: they are checked by locking reads.
        site.database.query('UPDATE regression_test SET last_passed_on_linux = :run_id', run_id=run_id)
    except OperationalError as error:
        assert error.orig is not None and error.orig.args[0] in GAVE_WAY, error


def kill_a_worker(site):
    """Kill one of the workers."""
    parent = site.server.process_id
    workers = Path(f'/proc/{parent}/task/{parent}/children').read_text().split()
    with suppress(ProcessLookupError, IndexError):  # The one before may not have been replaced yet.
        os.kill(int(random.choice(workers)), signal.SIGKILL)


def kill_the_connections(site):
    """Kill all connections of the server."""
    for connection in site.private.connections(site.database):
        with suppress(OperationalError):  # It has ended by itself.
            site.private.admin.query(f'KILL {connection}')


@contextmanager
def happening(trouble, site, times, seconds):
    """Let trouble happen so many times, after so many seconds each, and yield the event that all is over."""
    over = Event()

    def work():
        for _ in range(times):
            over.wait(seconds)
            trouble(site)
        over.set()

    thread = Thread(target=work)
    thread.start()
    yield over
    assert over.is_set()
    thread.join()


def retry_often(client, run_id, over):
    """Retry the failed tests and all in turn, and end the former; return which were asked for, and answers."""
    answers: list[tuple[bool, Answer | None]] = []
    while len(answers) < REQUESTS.start or not over.is_set() and len(answers) < REQUESTS.stop:
        failed_only = len(answers) % 2 == 0
        answers.append((failed_only, None))
        with suppress(OSError, HTTPException):
            answer = client.retry(run_id, failed_only=failed_only)
            answers[-1] = (failed_only, answer)
            if failed_only and answer.status == 202:
                client.end(answer.new_run_id)
    return answers


@pytest.mark.parametrize('trouble, times, seconds, otherwise', [
    pytest.param(complete_a_run, 5, 5, 202, id='runs of master complete'),
    pytest.param(kill_a_worker, 10, 0.7, None, id='workers are killed'),
    pytest.param(kill_the_connections, 20, 0.25, 503, id='connections are killed'),
    pytest.param(lambda site: site.private.restart(signal.SIGKILL), 3, 1, 503, id='the database is killed')])
def test_every_accepted_retry_is_whole_and_there_are_no_others(site, trouble, times, seconds, otherwise):
    scenario, client = site.scenario, Client(site.server.address, site.scenario.token)
    before = read_runs(site.database)

    def expected(run, is_whole):
        return expected_run(run, before[scenario.run_id], scenario, failed_only=run.failed_only,
                            ended=run.progress == 1, is_whole=is_whole)

    with happening(trouble, site, times, seconds) as over:
        of_clients = together([lambda: retry_often(client, scenario.run_id, over)] * CLIENTS)
    answers = [answer for of_client in of_clients for answer in of_client]

    statuses = Counter(answer and answer.status for _, answer in answers)
    accepted = {answer.new_run_id: failed_only for failed_only, answer in answers if answer and answer.status == 202}
    runs = read_runs(site.database)
    made = [runs[run_id] for run_id in runs.keys() - before.keys()]
    assert statuses.keys() <= {202, otherwise}
    # A worker may be killed, or a connection, between the commit and the answer.
    assert statuses[202] == len(accepted) <= len(made) <= len(answers)
    assert accepted.items() <= {run.id: run.failed_only for run in made}.items()
    assert runs[scenario.run_id] == before[scenario.run_id]
    lacking = [run for run in made if run != expected(run, True)]
    assert lacking == [expected(run, False) for run in lacking]
    assert not lacking or otherwise != 202
    tokens = {run.token for run in runs.values()}
    assert len(tokens) == len(runs) and all(len(token) == 64 and token.isalnum() for token in tokens)

    # An operator does what was missed.
    assert run_command(site.database, 'sweep').exit_code == 0

    runs = read_runs(site.database)
    assert [runs[run.id] for run in lacking] == [expected(run, True) for run in lacking]
