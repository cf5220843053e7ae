"""
A database that goes away or takes no writes, and is back (docs/operations.rst).

The hooks of the platform ask the database before any route does, so most of these faults happen in them.
"""

import re
from contextlib import ExitStack
from functools import partial

import pytest
from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import OperationalError
from support.api import AWAY
from support.databases import Database, fresh_database

from .runs import assert_whole, create_scenario, read_runs
from .server import Client, run_command
from .services import wait_for

#: This would look like a line of the log, if it were written there as it is.
FORGED = '4711 Platform CRITICAL forged'
REASON = f'a reason\n{FORGED}\r\n{FORGED}\r{FORGED}\u2028{FORGED}\x85{FORGED}\x0b{FORGED}'
RUN_TOKEN = re.compile('(?<![A-Za-z0-9])[A-Za-z0-9]{64}(?![A-Za-z0-9])')


def assert_refused(answer, secrets, is_counted):
    """Check that an answer is a refusal in the one shape, with nothing of the inside in it."""
    assert (answer.status, answer.headers['Content-Type']) == (503, 'application/json')
    assert answer.body == {'code': 'service_unavailable', 'details': {}, 'message': AWAY}
    assert int(answer.headers['Retry-After']) > 0
    assert ('X-RateLimit-Remaining' in answer.headers) == is_counted
    said = str(answer.headers)
    assert [part for part in (*secrets, 'runs_api_', 'pymysql', '127.0.0.1') if part in said] == []
    assert RUN_TOKEN.search(said) is None


def assert_logged(log, pattern, workers, secrets):
    """Check that the log says why each worker refused, and has no secret and no line of a reason in it."""
    lines = log.splitlines()
    assert {int(line.split()[0]) for line in lines if 'Platform' in line and re.search(pattern, line)} == workers
    assert not any(secret in log for secret in secrets)
    assert RUN_TOKEN.search(log) is None
    assert not any(line.startswith(FORGED) for line in lines)


@pytest.mark.parametrize('fault, logged', [('read-only', r'\b1290\b'), ('stopped', r'\b(2003|2006|2013)\b')])
def test_a_database_that_is_away_costs_refusals_in_the_one_shape_and_nothing_else(private_server, serve, fault, logged):
    with private_server.database() as database:
        scenario = create_scenario(database)
        server = serve(database.uri)
        retry = partial(server.retry_often, scenario.token, scenario.run_id, server.workers, reason=REASON)
        assert {answer.status for answer in retry()} == {202}
        before = read_runs(database)

        if fault == 'stopped':
            private_server.stop()
        else:
            private_server.admin.query('SET GLOBAL read_only = 1')
        refused = retry()
        private_server.recover()
        between = read_runs(database)
        accepted = retry()
        runs = read_runs(database)

    secrets = [scenario.token, str(database.url.password)]
    for answer in refused:
        # It is counted as long as the database could still be asked whose token it is.
        assert_refused(answer, [*secrets, str(private_server.port)], is_counted=fault == 'read-only')
    assert_logged(server.log, logged, {answer.worker for answer in refused}, secrets)
    assert between == before
    # The first request of every worker is accepted, and makes one whole run.
    assert [answer.status for answer in accepted] == [202] * 4
    assert len({answer.worker for answer in accepted}) == 4
    assert sorted(answer.new_run_id for answer in accepted) == sorted(runs.keys() - before.keys())
    for answer in accepted:
        assert_whole(before, runs, answer.new_run_id, scenario)
        assert answer.headers['X-RateLimit-Remaining'].isdigit()


@pytest.mark.parametrize('pre_ping, status', [(True, 202), (False, 503)])
def test_connections_that_idled_too_long_cost_one_answer_unless_they_are_pinged(
        private_server, serve, pre_ping, status):
    with private_server.database() as database:
        scenario = create_scenario(database)
        private_server.admin.query('SET GLOBAL wait_timeout = 3')
        server = serve(database.uri, workers=1, SQLALCHEMY_ENGINE_OPTIONS={'pool_pre_ping': pre_ping})
        alice = Client(server.address, scenario.token)
        assert alice.retry(scenario.run_id).status == 202
        wait_for('an account without connections', lambda: not private_server.connections(database))

        first, second = alice.retry(scenario.run_id), alice.retry(scenario.run_id)

        assert (first.status, second.status) == (status, 202)
        assert ('Retry-After' in first.headers) == (status == 503)


# At the command line


def test_an_error_that_waiting_cannot_fix_is_an_internal_one_and_a_command_prints_it(database_server):
    with fresh_database(database_server) as database:
        run_id = create_scenario(database).run_id
        database.query('ALTER TABLE run_retry DROP COLUMN reason')
        result = run_command(database, 'retry', run_id)

    assert result.exit_code == 10, result.output
    assert re.search('1054, .*reason', result.stderr), result.stderr


def test_an_unknown_account_is_an_internal_error(database_server):
    with fresh_database(database_server) as database, database.for_account() as account:
        run_id = create_scenario(account).run_id
        result = run_command(Database(account.url.set(password='wrong')), 'retry', run_id)

    assert result.exit_code == 10 and '1045' in result.stderr, result.output


def test_a_server_without_connections_is_unavailable(private_server):
    with private_server.database() as database, ExitStack() as held:
        run_id = create_scenario(database).run_id
        private_server.admin.query('SET GLOBAL max_connections = 10')
        engine = create_engine(database.url, poolclass=NullPool)
        with pytest.raises(OperationalError, match='1040'):
            for _ in range(20):
                held.enter_context(engine.connect())

        result = run_command(database, 'retry', run_id)

    assert result.exit_code == 3, result.output
