"""
A database that goes away or takes no writes, and is back (docs/operations.rst).

The hooks of the platform ask the database before any route does, so most of these faults happen in them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import pytest

from .runs import Run, Scenario, create_scenario, expected_run, read_runs
from .server import Answer, Client, Server, serving
from .services import PrivateMariaDB, wait_for

pytestmark = pytest.mark.service

#: This would look like a line of the log, if it were written there as it is.
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
    #: What must never be shown.
    secrets: list[str]
    #: The runs before it, when it was over, and after the first requests then.
    before: dict[int, Run]
    between: dict[int, Run]
    after: dict[int, Run]
    #: The answers of every worker during it, and the first ones when it was over.
    refused: list[Answer]
    accepted: list[Answer]
    log: str


@pytest.fixture(scope='module', params=LOGGED)
def outage(request: pytest.FixtureRequest, private_mariadb: PrivateMariaDB,
           tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outage]:
    """Have the database take no writes, or stop it, and get over that."""
    with private_mariadb.database() as database:
        scenario = create_scenario(database)
        with serving(tmp_path_factory.mktemp('server'), database.uri) as server:
            retry = partial(server.retry_often, scenario.token, scenario.run_id, server.workers, reason=REASON)
            assert {answer.status for answer in retry()} == {202}
            before = read_runs(database)
            if request.param == 'stopped':
                private_mariadb.stop()
            else:
                private_mariadb.admin.query('SET GLOBAL read_only = 1')
            refused = retry()
            private_mariadb.recover()
            between = read_runs(database)
            accepted = retry()
            yield Outage(request.param, scenario, [scenario.token, str(database.url.password)], before, between,
                         read_runs(database), refused, accepted, server.log)


def test_a_request_during_it_is_refused_in_the_one_shape_without_internals_and_leaves_nothing(
        outage: Outage, private_mariadb: PrivateMariaDB) -> None:
    inside = [*outage.secrets, str(private_mariadb.port), str(private_mariadb.folder), 'runs_api_', 'Traceback',
              'INSERT', 'SELECT', 'sqlalchemy', 'pymysql', '127.0.0.1', '1290', '2003', 'read-only', '.py', '/']
    for answer in outage.refused:
        assert (answer.status, answer.headers['Content-Type']) == (503, 'application/json')
        assert int(answer.headers['Retry-After']) > 0
        # It is counted as long as the database could still be asked whose token it is.
        assert (answer.headers['X-RateLimit-Remaining'] is None) == (outage.fault == 'stopped')
        assert answer.body == {'code': 'service_unavailable', 'message': answer.body['message'], 'details': {}}
        assert isinstance(answer.body['message'], str) and 0 < len(answer.body['message']) <= 500
        # Without what the server of these tests adds by itself.
        said = '\n'.join([answer.text, *(f'{name}: {value}' for name, value in answer.headers.items()
                                         if name not in ('Server', 'Content-Type', 'Worker', 'Steps'))])
        assert [part for part in inside if part.lower() in said.lower()] == []
        assert RUN_TOKEN.search(said) is None
    assert outage.between == outage.before


def test_the_first_request_of_every_worker_afterwards_makes_one_whole_run(outage: Outage) -> None:
    assert [answer.status for answer in outage.accepted] == [202] * 4
    assert len({answer.worker for answer in outage.accepted}) == 4
    assert all(answer.headers['X-RateLimit-Remaining'].isdigit() for answer in outage.accepted)
    made = outage.after.keys() - outage.between.keys()
    assert made == {answer.new_run_id for answer in outage.accepted} and len(made) == 4
    for run_id in made:
        run = outage.after[run_id]
        assert run == expected_run(run, outage.before[outage.scenario.run_id], outage.scenario)


def test_the_log_says_why_every_request_was_refused_and_no_secret_and_no_line_of_a_reason(outage: Outage) -> None:
    logged = [line for line in outage.log.splitlines() if 'Platform' in line and re.search(LOGGED[outage.fault], line)]
    assert {int(line.split()[0]) for line in logged} == {answer.worker for answer in outage.refused}
    assert not any(secret in outage.log for secret in outage.secrets)
    assert RUN_TOKEN.search(outage.log) is None
    assert not any(line.startswith(FORGED) for line in outage.log.splitlines())


@pytest.mark.parametrize(('pre_ping', 'status'), [(True, 202), (False, 503)])
def test_connections_that_idled_too_long_cost_nothing_with_pre_ping_and_one_answer_without(
        private_mariadb: PrivateMariaDB, serve: Callable[..., Server], pre_ping: bool, status: int) -> None:
    with private_mariadb.database() as database:
        scenario = create_scenario(database)
        private_mariadb.admin.query('SET GLOBAL wait_timeout = 3')
        server = serve(database.uri, workers=1, SQLALCHEMY_ENGINE_OPTIONS={'pool_pre_ping': pre_ping})
        alice = Client(server.address, scenario.token)
        assert alice.retry(scenario.run_id).status == 202
        wait_for('an account without connections', lambda: not private_mariadb.connections(database))

        first, second = alice.retry(scenario.run_id), alice.retry(scenario.run_id)

        assert (first.status, second.status) == (status, 202)
        assert ('Retry-After' in first.headers) == (status == 503)
