"""
What retries cost on the real platform and a server: beside the platform's own create and restart, and on its pages.

The checkout that SAMPLE_PLATFORM names is copied: as it is, with the mount alone, and with all mails that retries need.
The copies are measured in turn, each in a process that runs this file too (``--inside``) and hands the platform whole
requests, without a server. A round makes each request once, in another order, so that what else the machine does slows
all of them. Until the tables are printed, stderr shows what is done.
"""

import argparse
import json
import os
import platform
import random
import sys
from collections import defaultdict
from contextlib import ExitStack, redirect_stdout
from dataclasses import replace
from datetime import datetime
from functools import partial
from importlib.metadata import version
from io import BytesIO
from itertools import product
from pathlib import Path
from secrets import token_hex
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any
from unittest import mock

from requests import Response
from sqlalchemy import Engine, create_engine, event, make_url, text
from support.databases import Database, fresh_database, named_server
from werkzeug.test import EnvironBuilder, run_wsgi_app

from .checkout import PATCHES, copy, prepare
from .rows import PlatformRows, seed_platform

#: The columns of the tables: the mails of a copy of the platform, by heading.
COLUMNS = {'as it is': (), 'the mount': ('mount',), 'all nine': tuple(PATCHES)}

#: The regression tests of a run, and the attempts whose verdict is read.
REGRESSION_TESTS = 300
#: The columns that name a regression test, by the table.
KEYS = {'regression_test': 'id', 'regression_test_category': 'regression_id', 'regression_test_output': 'regression_id'}
ATTEMPTS = 10
#: Other runs that are newer than those that are retried.
LATER = 10_000

#: Rounds at the beginning of a process that do not count: pools connect, caches fill. A short run has fewer.
WARM_UP = 3
#: Rounds of a process that count, before the other copy has its turn. Fewer rounds are a short run.
IN_A_ROW = 10
SHORT = 'A short run, which shows that everything works. Its figures are of too few rounds to compare them.\n'

NOTHING, CREATE, RESTART = 'a page that does nothing', 'its own ``POST /runs``', 'its own ``POST …/restart``'
FULL, FAILED_ONLY, IN_PRODUCTION = 'full retry', 'failed-only retry', 'full retry, as in production'
VERDICT, END, END_OF_RETRY = 'verdict', 'end of a full run', 'end of a failed-only retry'
PAGE, PAGE_WITH_RETRY, PAGE_WITH_ATTEMPTS = 'never retried', 'one retry', f'{ATTEMPTS} attempts'
TIMED = (NOTHING, CREATE, RESTART, FULL, FAILED_ONLY, IN_PRODUCTION, VERDICT, END, END_OF_RETRY)
SHOWN = (PAGE, PAGE_WITH_RETRY, PAGE_WITH_ATTEMPTS)
STATEMENTS = '{}: statements'

PASSWORD = 'correct horse battery staple'

#: Without the package's limit, and without a token to tell GitHub of ends.
CONFIG = """
RUNS_API_RATE_LIMIT = RUNS_API_READ_RATE_LIMIT = '1000000000 per minute'
RUNS_API_PENDING_STATUS = True
GITHUB_TOKEN = ''
"""

#: What the workers of a run report. One test in ten did not pass: in turn by its exit code, an output that differs, one
#: that is missing, and without any result. In another one in ten the output differs and is accepted.
RESULTS = (
    'INSERT INTO test_result (test_id, regression_test_id, runtime, exit_code, expected_rc) '
    'SELECT test_id, regression_id, 1200, regression_id % 40 = 0, 0 '
    'FROM customized_test WHERE test_id = :run_id AND regression_id % 40 <> 30',
    'INSERT INTO test_result_file (test_id, regression_test_id, regression_test_output_id, expected, got) '
    'SELECT test_id, c.regression_id, o.id, correct, '
    "CASE WHEN c.regression_id % 40 = 10 THEN 'different' WHEN c.regression_id % 10 = 5 THEN 'accepted' END "
    'FROM customized_test c JOIN regression_test_output o ON o.regression_id = c.regression_id '
    'WHERE test_id = :run_id AND c.regression_id % 40 NOT IN (20, 30)')
ACCEPTED = ("INSERT INTO regression_test_output_files (file_hashes, regression_test_output_id) "
            "SELECT 'accepted', id FROM regression_test_output WHERE regression_id % 10 = 5")
STAGE = "INSERT INTO test_progress (test_id, status, timestamp, message) VALUES (:run_id, :stage, NOW(), '')"
LATER_RUNS = (
    'INSERT INTO test (platform, test_type, fork_id, branch, commit, token, pr_nr) '
    "SELECT 'linux', 'commit', 1, 'later', REPEAT('0', 40), UUID(), 0 "
    'FROM regression_test a CROSS JOIN regression_test b LIMIT :count',
    'INSERT INTO test_progress (test_id, status, timestamp, message) '
    "SELECT id, 'completed', NOW(), '' FROM test WHERE branch = 'later' "
    'AND id NOT IN (SELECT test_id FROM test_progress)')

#: Milliseconds, by what took them.
Figures = dict[str, list[float]]


class Inside:
    """The platform in this process: requests to it, and runs to make them for."""

    def __init__(self, app):
        app.config['TESTING'] = True  # The platform's own limit, of twenty requests a minute, is off then.
        app.add_url_rule('/nothing', 'nothing', lambda: '{}')
        self._app = app
        self._engine = create_engine(app.config['DATABASE_URI'], isolation_level='AUTOCOMMIT')
        self._ended: list[int] = []
        self._headers: dict[str, str] = {}
        token = answer(self.request('POST', '/api/v1/auth/tokens', json={
            'email': 'adam@example.com', 'password': PASSWORD, 'token_name': token_hex(8),
            'scopes': ['runs:read', 'runs:write', 'results:read']})())['token']
        self._headers['Authorization'] = f'Bearer {token}'

    def subjects(self, times):
        """Return what is measured so many times. Each prepares what one request needs, and the request."""
        unused = iter([self.completed() for _ in range(5 * times)])
        shown = {PAGE: self.completed()}
        subjects = {
            NOTHING: lambda: self.request('GET', '/nothing'),
            CREATE: self.create,
            RESTART: lambda: self.request('POST', f'/api/v1/runs/{next(unused)}/restart'),
            END: lambda: self.end(int(answer(self.create()())['run_id'])),
        }
        if 'runs_api' in self._app.blueprints:
            last = self.attempted(ATTEMPTS)
            shown |= {PAGE_WITH_RETRY: self.attempted(2), PAGE_WITH_ATTEMPTS: last}
            subjects |= {
                FULL: lambda: self.retry(next(unused)),
                FAILED_ONLY: lambda: self.retry(next(unused), failed_only=True),
                IN_PRODUCTION: lambda: self.retry_in_production(next(unused)),
                VERDICT: lambda: self.request('GET', f'/api/v1/runs/{last}/verdict'),
                END_OF_RETRY: lambda: self.end(self.retried(next(unused), failed_only=True)),
            }
        for statement in LATER_RUNS:
            self.send(statement, count=LATER)
        # After many new rows, InnoDB would still plan for empty tables.
        self.send('ANALYZE TABLE ' + ', '.join(f'`{name}`' for name, in self.send('SHOW TABLES')))
        return subjects | {name: partial(self.request, 'GET', f'/test/{run_id}') for name, run_id in shown.items()}

    def attempted(self, count):
        """Return the newest of so many attempts of a run, which have all completed."""
        last = self.completed()
        for _ in range(count - 1):
            last = self.reported(self.retried(last), 'completed')
        return last

    def request(self, method, path, **sent):
        """Prepare a request, of somebody who may do everything."""
        builder = EnvironBuilder(path, 'http://localhost/', method=method, headers=[*self._headers.items()], **sent)
        return partial(run_wsgi_app, self._app, builder.get_environ(), buffered=True)

    def create(self):
        """Prepare the platform's own request for a run of all tests."""
        # On a branch of its own, or each run would supersede the one before.
        return self.request('POST', '/api/v1/runs', json={
            'commit_sha': token_hex(20), 'platform': 'linux', 'branch': token_hex(8),
            'repository': '{GITHUB_OWNER}/{GITHUB_REPOSITORY}'.format_map(self._app.config)})

    def retry(self, run_id, **body):
        """Prepare a request for a retry."""
        return self.request('POST', f'/api/v1/runs/{run_id}/retry', json=body)

    def retry_in_production(self, run_id):
        """Prepare a request for a retry that must meet the conditions, while GitHub answers at once."""
        from mod_runs_api.extension import KEY

        (commit,), = self.send('SELECT commit FROM test WHERE id = :run_id', run_id=run_id)
        retry, state = self.retry(run_id), self._app.extensions[KEY]
        checked = replace(state, settings=replace(state.settings, checks=True))

        def send():
            with (mock.patch.dict(self._app.extensions, {KEY: checked}),
                  mock.patch.dict(self._app.config, GITHUB_TOKEN='token'),
                  mock.patch('requests.Session.send',
                             lambda session, request, **_: answer_of_github(request, commit))):
                return retry()
        return send

    def end(self, run_id):
        """Have a worker report results, and prepare its report that the run is complete."""
        self._ended.append(self.reported(run_id, 'testing'))
        (token,), = self.send('SELECT token FROM test WHERE id = :run_id', run_id=run_id)
        return self.request('POST', f'/progress-reporter/{run_id}/{token}', data={
            'type': 'progress', 'status': 'completed', 'message': ''})

    def retried(self, run_id, **body):
        """Return a new retry of a run."""
        return int(answer(self.retry(run_id, **body)())['new_run_id'])

    def reported(self, run_id, *stages):
        """Have the worker of a run report results, and these stages. Return the run."""
        for statement in RESULTS:
            self.send(statement, run_id=run_id)
        for stage in stages:
            self.send(STAGE, run_id=run_id, stage=stage)
        return run_id

    def completed(self):
        """Return a run of all tests that has completed."""
        return self.reported(int(answer(self.create()())['run_id']), 'preparation', 'testing', 'completed')

    def check_ends(self):
        """Fail if a run that has ended does not have all results: its own, and those that were carried over into it."""
        counts = {self.send('SELECT COUNT(*) FROM test_result WHERE test_id = :run_id', run_id=run_id)[0][0]
                  for run_id in [self.completed(), *self._ended]}
        assert len(counts) == 1, counts

    def send(self, statement, **values):
        """Send a statement past the platform, and return its rows."""
        with self._engine.connect() as connection:
            result = connection.execute(text(statement), values)
            return result.all() if result.returns_rows else ()


def answer(answered):
    """Return what an answer says, which must not be a refusal. A page, and the answer to a worker, are None."""
    body, status, headers = answered
    said = b''.join(body)
    assert status[0] == '2' and said != b'FAIL', (status, said)
    return json.loads(said) if said[:1] in b'[{' else None


def count_statements(send):
    """Return how many statements a request sends."""
    sent: list[str] = []

    def note(_connection, _cursor, statement, *_):
        sent.append(statement)

    event.listen(Engine, 'before_cursor_execute', note)
    answer(send())
    event.remove(Engine, 'before_cursor_execute', note)
    return len(sent)


def answer_of_github(request, commit):
    """Return GitHub's answer to a request: the build of a commit, or that it took a status."""
    from mod_ci.controllers import Artifact_names

    answered = Response()
    answered.status_code = 201 if request.method == 'POST' else 200
    artifact = {'id': 1, 'name': Artifact_names.linux, 'expired': False, 'workflow_run': {'head_sha': commit}}
    said = {} if request.method == 'POST' else {'total_count': 1, 'artifacts': [artifact]}
    answered.raw = BytesIO(json.dumps(said).encode())
    return answered


def measure(rounds):
    """Measure the platform in this process, which is that of a copy."""
    from mod_api.routes import runs
    from run import app

    warm_up = min(WARM_UP, rounds)
    # GitHub is not asked whether there is a build.
    with mock.patch.object(runs, '_ci_artifact_exists', return_value=True):
        inside = Inside(app)
        subjects = inside.subjects(warm_up + rounds)
        figures: Figures = {name: [] for name in subjects}
        names = list(subjects)
        for number in range(-warm_up, rounds):
            random.shuffle(names)
            for name in names:
                request = subjects[name]()
                started = perf_counter()
                answered = request()
                milliseconds = 1000 * (perf_counter() - started)
                answer(answered)
                if number >= 0:
                    figures[name].append(milliseconds)
        for name in {*SHOWN} & {*names}:
            figures[STATEMENTS.format(name)] = [count_statements(subjects[name]())]
        inside.check_ends()
    return figures


def measure_in_turn(copies, databases, rounds):
    """Measure each column on each server, some rounds of one after some of the other."""
    found: dict[str, Any] = {server: {heading: defaultdict(list) for heading in COLUMNS} for server, _ in databases}
    for begun in range(0, rounds, IN_A_ROW):
        ended = min(begun + IN_A_ROW, rounds)
        for (server, heading), address in databases.items():
            done = copies[heading].run(
                '-m', 'on_platform.benchmark', '--inside', '--rounds', str(ended - begun),
                database=address, seconds=600)
            if done.returncode:
                raise RuntimeError(done.stderr)
            for name, milliseconds in json.loads(done.stdout).items():
                found[server][heading][name] += milliseconds
            say(f'{server}, {heading}: {ended} of {rounds} rounds')
    return found


def say(text):
    """Print what is done, with the time."""
    print(f'{datetime.now():%H:%M:%S}  {text}', file=sys.stderr, flush=True)


def seed(made, address):
    """Write what runs need."""
    made.inside('add_people', address, people={'adam': 'admin'}, password=PASSWORD)
    rows = PlatformRows(address)
    seed_platform(rows)
    first = rows.regression_test()
    # Not one by one, which would wait for the disk a thousand times.
    for name, key in KEYS.items():
        row, = rows.of(name, **{key: first})
        row.pop('id', None)
        rows.add_all(name, ({**row, key: number} for number in range(first + 1, first + REGRESSION_TESTS)))
    with rows.engine.begin() as connection:
        connection.execute(text(ACCEPTED))


def report(found):
    """Write the tables for each server, as they stand in ``docs/benchmarks.rst``."""
    for server, columns in found.items():
        medians = [{name: median(figures) for name, figures in measured.items()} for measured in columns.values()]
        rows = [[name, *(f'{column[name]:.1f}' if name in column else '' for column in medians)] for name in TIMED]
        rows += [[f'{retry} / {own}',
                  *(f'{column[retry] / column[own]:.2f}' if retry in column else '' for column in medians)]
                 for retry, own in product((FULL, FAILED_ONLY), (CREATE, RESTART))]
        yield from table([server, *columns], rows)
        yield ''
        # A page has its statements in brackets.
        yield from table([f'a run on {server}', *columns], [
            [name, *(f'{column[name]:.1f} ({column[STATEMENTS.format(name)]:.0f})' if name in column else ''
                     for column in medians)]
            for name in SHOWN])
        yield ''


def table(header, rows):
    """Write a table of reStructuredText, with the figures to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    rule = '  '.join('=' * width for width in widths)
    lines = ['  '.join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
             for row in (header, *rows)]
    yield from (rule, lines[0], rule, *lines[1:], rule)


def main():
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description='Measure what retries cost on the real platform.')
    parser.add_argument('--rounds', type=int, default=30, help='how often everything is measured: 1 takes a minute')
    parser.add_argument('server', nargs='*', help='address of a database server (RUNS_API_DATABASE)')
    parser.add_argument('--inside', action='store_true', help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        with redirect_stdout(sys.stderr):
            figures = measure(options.rounds)
        json.dump(figures, sys.stdout)
        return

    servers = [Database(make_url(address)) for address in options.server] or [named_server()]
    with TemporaryDirectory() as name, ExitStack() as stack:
        unmounted = prepare(Path(os.environ['SAMPLE_PLATFORM']), Path(name))
        say('The platform is copied')
        copies = {heading: copy(unmounted, heading, mounted=False, config=CONFIG) for heading in COLUMNS}
        for heading, mails in COLUMNS.items():
            if mails:
                copies[heading].apply(*mails)
        databases = {(f'{server.kind} {server.version.partition("-")[0]}', heading): stack.enter_context(
            fresh_database(server)).uri for server, heading in product(servers, COLUMNS)}
        for (server, heading), address in databases.items():
            seed(unmounted, address)
            say(f'{server}, {heading}: there are tests to run')
        found = measure_in_turn(copies, databases, options.rounds)
    if options.rounds < IN_A_ROW:
        print(SHORT)
    print(f'{datetime.now():%Y-%m-%d}, Python {platform.python_version()}, SQLAlchemy {version("sqlalchemy")}, Flask '
          f'{version("flask")}, {os.cpu_count()} CPUs: medians, in milliseconds. Rounds: {options.rounds}.\n')
    print('\n'.join(report(found)))


if __name__ == '__main__':
    main()
