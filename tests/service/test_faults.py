"""
What happens when the database goes away or takes no writes, and when it is back (docs/operations.rst).

The hooks of the platform ask the database before any route does, so most of these faults happen in them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator

import pytest

from .databases import Account, account, execute, fresh_database
from .load import Answer
from .runs import Run, Scenario, create_scenario, expected_run, read_runs
from .servers import PrivateMariaDB, serving
from .waiting import wait_for

pytestmark = pytest.mark.service

#: What would look like a line of the log, if it were written there as it is.
FORGED = '4711 Platform CRITICAL forged'
REASON = f'a reason\n{FORGED}\r\n{FORGED}\r{FORGED}\u2028{FORGED}\x85{FORGED}\x0b{FORGED}'
RUN_TOKEN = re.compile('(?<![A-Za-z0-9])[A-Za-z0-9]{64}(?![A-Za-z0-9])')


def begin_read_only(mariadb: PrivateMariaDB, _: Account) -> None:
    """Take no more writes."""
    execute(mariadb.admin_url, 'SET GLOBAL read_only = 1')


def stop(mariadb: PrivateMariaDB, _: Account) -> None:
    """Stop the server."""
    mariadb.stop()


def kill_connections(mariadb: PrivateMariaDB, of: Account) -> None:
    """Kill the connections that idle in the pools of the workers."""
    killed = mariadb.connections(of)
    assert killed
    execute(mariadb.admin_url, *(f'KILL {connection}' for connection in killed))
    wait_until_none_is_left(mariadb, of)


def drop_idle_connections(mariadb: PrivateMariaDB, of: Account) -> None:
    """Let the connections idle for longer than the server has patience with."""
    assert mariadb.connections(of)
    wait_until_none_is_left(mariadb, of)


def wait_until_none_is_left(mariadb: PrivateMariaDB, of: Account) -> None:
    """Wait until an account has no connection."""
    wait_for('an account without connections', lambda: not mariadb.connections(of))


@dataclass(frozen=True)
class Fault:
    """
    A fault of the database, as seen by a server with some workers.

    Attributes
    ----------
    name : str
        What it is.
    begin : callable
        Brings it about.
    logged : str or None
        What an operator must find in the log, as a pattern; None for a fault that nobody notices.
    workers : int
        How many workers there are.
    pre_ping : bool
        Whether the host has its pool test a connection before it is used, as the docs recommend.
    wait_timeout : int
        The patience of the server with idle connections, in seconds.
    """

    name: str
    begin: Callable[[PrivateMariaDB, Account], None]
    logged: str | None
    workers: int
    pre_ping: bool = False
    wait_timeout: int = 28800

    def __str__(self) -> str:
        return f'{self.name}, {self.workers} worker{"" if self.workers == 1 else "s"}'


REFUSING = [fault for workers in (1, 4) for fault in (
    Fault('read-only', begin_read_only, r'\b1290\b', workers),
    Fault('stopped', stop, r'\b(2003|2006|2013)\b', workers))]
PASSING = [fault for workers in (1, 4) for fault in (
    Fault('killed connections', kill_connections, None, workers, pre_ping=True),
    Fault('idle connections', drop_idle_connections, None, workers, pre_ping=True, wait_timeout=1))]

refusing = pytest.mark.parametrize('outage', REFUSING, indirect=True, ids=str)
every = pytest.mark.parametrize('outage', REFUSING + PASSING, indirect=True, ids=str)


@dataclass(frozen=True)
class Outage:
    """
    What was seen of a fault.

    Attributes
    ----------
    fault : Fault
        What it was.
    scenario : Scenario
        What the database began with.
    before, between, after : dict of int to Run
        The runs before it, when it was over, and after the first requests then.
    refused, accepted : list of Answer
        What every worker answered during it, and first when it was over.
    log : str
        What the server wrote.
    account : Account
        The server's account.
    """

    fault: Fault
    scenario: Scenario
    before: dict[int, Run]
    between: dict[int, Run]
    after: dict[int, Run]
    refused: list[Answer]
    accepted: list[Answer]
    log: str
    account: Account


@pytest.fixture(scope='module')
def outage(request: pytest.FixtureRequest, private_mariadb: PrivateMariaDB,
           folders: Callable[[], Path]) -> Iterator[Outage]:
    """Have a fault and get over it."""
    fault: Fault = request.param
    private_mariadb.start()
    execute(private_mariadb.admin_url, f'SET GLOBAL wait_timeout = {fault.wait_timeout}')
    with (fresh_database(private_mariadb.admin_url) as administrated,
          account(administrated, 'ALL PRIVILEGES') as app,
          private_mariadb.recovering()):
        scenario = create_scenario(administrated)
        uri = private_mariadb.uri(administrated, app)
        with serving(folders(), uri, workers=fault.workers,
                     SQLALCHEMY_ENGINE_OPTIONS={'pool_pre_ping': fault.pre_ping}) as server:
            alice = server.client(scenario.tokens['alice'])
            warmed_up = server.ask_every_worker(alice, scenario.run_id)
            assert {answer.status for answer in warmed_up} == {202}
            before = read_runs(administrated)
            fault.begin(private_mariadb, app)
            refused = [] if fault.logged is None else server.ask_every_worker(alice, scenario.run_id, reason=REASON)
            private_mariadb.recover()
            between = read_runs(administrated)
            accepted = server.ask_every_worker(alice, scenario.run_id, reason=REASON)
            after = read_runs(administrated)
            yield Outage(fault, scenario, before, between, after, refused, accepted, server.log, app)


@refusing
def test_a_request_during_it_is_refused_with_503_in_the_one_shape(outage: Outage) -> None:
    for answer in outage.refused:
        assert answer.status == 503
        assert answer.headers['Content-Type'] == 'application/json'
        assert answer.body == {'code': 'service_unavailable', 'message': answer.body['message'], 'details': {}}
        assert isinstance(answer.body['message'], str) and 0 < len(answer.body['message']) <= 500


@refusing
def test_a_refusal_says_when_to_try_again(outage: Outage) -> None:
    assert all(int(answer.headers['Retry-After']) > 0 for answer in outage.refused)


@refusing
def test_a_refused_request_leaves_nothing_behind(outage: Outage) -> None:
    assert outage.between == outage.before


@every
def test_the_first_request_of_every_worker_afterwards_succeeds(outage: Outage) -> None:
    assert [answer.status for answer in outage.accepted] == [202] * outage.fault.workers
    assert len({answer.worker for answer in outage.accepted}) == outage.fault.workers


@every
def test_the_runs_made_afterwards_are_whole_and_no_more_than_were_asked_for(outage: Outage) -> None:
    made = outage.after.keys() - outage.between.keys()
    assert made == {answer.new_run_id for answer in outage.accepted}
    assert len(made) == len(outage.accepted)
    for run_id in made:
        run = outage.after[run_id]
        assert run == expected_run(run, outage.before[outage.scenario.run_id], outage.scenario)


@every
def test_every_answer_that_was_counted_says_how_many_requests_are_left(outage: Outage) -> None:
    for answer in outage.accepted:
        assert all(answer.headers[f'X-RateLimit-{name}'].isdigit() for name in ('Limit', 'Remaining', 'Reset'))
    for answer in outage.refused:
        # It is counted as long as the database could still be asked whose token it is.
        named = [name for name in answer.headers if name.startswith('X-RateLimit-')]
        assert len(named) == (0 if outage.fault.name == 'stopped' else 3)


@refusing
def test_a_refusal_tells_nothing_of_the_inside(outage: Outage, private_mariadb: PrivateMariaDB) -> None:
    inside = [outage.account.name, outage.account.password, outage.scenario.tokens['alice'], str(private_mariadb.port),
              str(private_mariadb.folder), 'Traceback', 'INSERT', 'SELECT', 'sqlalchemy', 'pymysql', '127.0.0.1',
              '1290', '2003', 'read-only', '.py', '/']
    for answer in outage.refused:
        # Without what the server of these tests adds by itself.
        headers = [f'{name}: {value}' for name, value in answer.headers.items()
                   if name not in ('Server', 'Content-Type', 'Worker', 'Steps')]
        said = '\n'.join([*headers, answer.text])
        assert [part for part in inside if part.lower() in said.lower()] == []
        assert RUN_TOKEN.search(said) is None


@refusing
def test_the_log_tells_the_operator_why_every_request_was_refused(outage: Outage) -> None:
    assert outage.fault.logged is not None
    logged = [line for line in outage.log.splitlines()
              if 'Platform' in line and re.search(outage.fault.logged, line)]
    assert {int(line.split()[0]) for line in logged} == {answer.worker for answer in outage.refused}


@every
def test_the_log_has_no_secrets(outage: Outage) -> None:
    assert outage.scenario.tokens['alice'] not in outage.log
    assert outage.account.password not in outage.log
    assert RUN_TOKEN.search(outage.log) is None


@every
def test_a_reason_with_line_breaks_forges_no_line_of_the_log(outage: Outage) -> None:
    assert [line for line in outage.log.splitlines() if line.startswith(FORGED)] == []


def test_without_pre_ping_the_first_request_after_an_outage_is_refused_and_the_next_accepted(
        private_mariadb: PrivateMariaDB, folders: Callable[[], Path]) -> None:
    private_mariadb.start()
    with (fresh_database(private_mariadb.admin_url) as database,
          account(database, 'ALL PRIVILEGES') as app,
          private_mariadb.recovering()):
        scenario = create_scenario(database)
        with serving(folders(), private_mariadb.uri(database, app), workers=1) as server:
            alice = server.client(scenario.tokens['alice'])
            assert alice.retry(scenario.run_id).status == 202
            kill_connections(private_mariadb, app)

            first, second = alice.retry(scenario.run_id), alice.retry(scenario.run_id)

            assert (first.status, second.status) == (503, 202)
            assert int(first.headers['Retry-After']) > 0
