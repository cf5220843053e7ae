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

#: What an operator must find in the log, as a pattern, by fault.
LOGGED = {'read-only': r'\b1290\b', 'stopped': r'\b(2003|2006|2013)\b'}


@dataclass(frozen=True)
class Outage:
    """What was seen of a fault by a server with four workers."""

    fault: str
    scenario: Scenario
    account: Account
    #: The runs before it, when it was over, and after the first requests then.
    before: dict[int, Run]
    between: dict[int, Run]
    after: dict[int, Run]
    #: What every worker answered during it, and first when it was over.
    refused: list[Answer]
    accepted: list[Answer]
    log: str


@pytest.fixture(scope='module', params=LOGGED)
def outage(request: pytest.FixtureRequest, private_mariadb: PrivateMariaDB,
           folders: Callable[[], Path]) -> Iterator[Outage]:
    """Have the database take no writes, or stop it, and get over that."""
    private_mariadb.start()
    with (fresh_database(private_mariadb.admin_url) as database,
          account(database, 'ALL PRIVILEGES') as app,
          private_mariadb.recovering()):
        scenario = create_scenario(database)
        with serving(folders(), private_mariadb.uri(database, app)) as server:
            alice = server.client(scenario.tokens['alice'])
            assert {answer.status for answer in server.ask_every_worker(alice, scenario.run_id)} == {202}
            before = read_runs(database)
            if request.param == 'stopped':
                private_mariadb.stop()
            else:
                execute(private_mariadb.admin_url, 'SET GLOBAL read_only = 1')
            refused = server.ask_every_worker(alice, scenario.run_id, reason=REASON)
            private_mariadb.recover()
            between = read_runs(database)
            accepted = server.ask_every_worker(alice, scenario.run_id, reason=REASON)
            yield Outage(request.param, scenario, app, before, between, read_runs(database), refused, accepted,
                         server.log)


def test_a_request_during_it_is_refused_with_503_in_the_one_shape(outage: Outage) -> None:
    for answer in outage.refused:
        assert answer.status == 503
        assert answer.headers['Content-Type'] == 'application/json'
        assert answer.body == {'code': 'service_unavailable', 'message': answer.body['message'], 'details': {}}
        assert isinstance(answer.body['message'], str) and 0 < len(answer.body['message']) <= 500


def test_a_refusal_says_when_to_try_again(outage: Outage) -> None:
    assert all(int(answer.headers['Retry-After']) > 0 for answer in outage.refused)


def test_a_refused_request_leaves_nothing_behind(outage: Outage) -> None:
    assert outage.between == outage.before


def test_the_first_request_of_every_worker_afterwards_succeeds(outage: Outage) -> None:
    assert [answer.status for answer in outage.accepted] == [202] * 4
    assert len({answer.worker for answer in outage.accepted}) == 4


def test_the_runs_made_afterwards_are_whole_and_no_more_than_were_asked_for(outage: Outage) -> None:
    made = outage.after.keys() - outage.between.keys()
    assert made == {answer.new_run_id for answer in outage.accepted}
    assert len(made) == len(outage.accepted)
    for run_id in made:
        run = outage.after[run_id]
        assert run == expected_run(run, outage.before[outage.scenario.run_id], outage.scenario)


def test_every_answer_that_was_counted_says_how_many_requests_are_left(outage: Outage) -> None:
    for answer in outage.accepted:
        assert all(answer.headers[f'X-RateLimit-{name}'].isdigit() for name in ('Limit', 'Remaining', 'Reset'))
    for answer in outage.refused:
        # It is counted as long as the database could still be asked whose token it is.
        named = [name for name in answer.headers if name.startswith('X-RateLimit-')]
        assert len(named) == (0 if outage.fault == 'stopped' else 3)


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


def test_the_log_tells_the_operator_why_every_request_was_refused(outage: Outage) -> None:
    logged = [line for line in outage.log.splitlines() if 'Platform' in line and re.search(LOGGED[outage.fault], line)]
    assert {int(line.split()[0]) for line in logged} == {answer.worker for answer in outage.refused}


def test_the_log_has_no_secrets(outage: Outage) -> None:
    assert outage.scenario.tokens['alice'] not in outage.log
    assert outage.account.password not in outage.log
    assert RUN_TOKEN.search(outage.log) is None


def test_a_reason_with_line_breaks_forges_no_line_of_the_log(outage: Outage) -> None:
    assert [line for line in outage.log.splitlines() if line.startswith(FORGED)] == []


@pytest.mark.parametrize(('pre_ping', 'status'), [(True, 202), (False, 503)])
def test_connections_that_idled_too_long_cost_nothing_with_pre_ping_and_one_answer_without(
        private_mariadb: PrivateMariaDB, folders: Callable[[], Path], pre_ping: bool, status: int) -> None:
    private_mariadb.start()
    with (fresh_database(private_mariadb.admin_url) as database,
          account(database, 'ALL PRIVILEGES') as app,
          private_mariadb.recovering()):
        scenario = create_scenario(database)
        execute(private_mariadb.admin_url, 'SET GLOBAL wait_timeout = 3')
        with serving(folders(), private_mariadb.uri(database, app), workers=1,
                     SQLALCHEMY_ENGINE_OPTIONS={'pool_pre_ping': pre_ping}) as server:
            alice = server.client(scenario.tokens['alice'])
            assert alice.retry(scenario.run_id).status == 202
            wait_for('an account without connections', lambda: not private_mariadb.connections(app))

            first, second = alice.retry(scenario.run_id), alice.retry(scenario.run_id)

            assert (first.status, second.status) == (status, 202)
            assert ('Retry-After' in first.headers) == (status == 503)
