"""
What retries cost on the real platform and a server: visitors, beside the platform's own requests, and on a run's page.

The checkout that SAMPLE_PLATFORM names is copied: as it is, and with some of the mails. Each copy has a process on each
server, which runs this file too (``--inside``) and hands the platform whole requests, without an HTTP server. All
processes live until the end, and take turns of one round, so that what else the machine does slows all of them. A round
makes each request in a random order. Until the tables are printed, stderr shows what is done.
"""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
from contextlib import ExitStack, redirect_stdout
from dataclasses import replace
from datetime import datetime
from functools import partial
from importlib.metadata import version
from io import BytesIO
from itertools import product
from pathlib import Path
from secrets import token_hex
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any
from unittest import mock

from requests import Response
from sqlalchemy import Engine, create_engine, event, make_url, text
from support.databases import Database, fresh_database, named_server
from werkzeug.test import EnvironBuilder, run_wsgi_app

from .checkout import PATCHES, copy, prepare
from .rows import PlatformRows, seed_platform

AS_IT_IS, MOUNT, ALL = 'as it is', 'the mount', 'all commits'
#: The mails of each copy of the platform.
COPIES = {
    AS_IT_IS: [],
    MOUNT: [PATCHES['mount']],
    ALL: [*PATCHES.values()],
}

#: The regression tests of a run, and the attempts whose verdict is read.
REGRESSION_TESTS = 300
#: The columns that name a regression test, by the table.
KEYS = {'regression_test': 'id', 'regression_test_category': 'regression_id', 'regression_test_output': 'regression_id'}
ATTEMPTS = 10
#: Other runs that are newer than those that are retried.
LATER = 10_000

#: Rounds at the beginning that do not count: pools connect, caches fill.
WARM_UP = 3
#: How often a round makes the request for the page that does nothing, because the mount adds little to it.
REPEATED = 10
#: Fewer rounds are a short run.
ENOUGH = 10
SHORT = 'A short run, which shows that everything works. Its figures are of too few rounds to compare them.\n'

NOTHING = 'a page that does nothing'
CREATE, RESTART = "the platform's own ``POST /runs``", "the platform's own ``POST …/restart``"
FULL, FAILED_ONLY, IN_PRODUCTION = 'full retry', 'failed-only retry', 'full retry, as in production'
VERDICT, END, END_OF_RETRY = 'verdict', 'end of a full run', 'end of a failed-only retry'
PAGES = PAGE, PAGE_WITH_RETRY, PAGE_WITH_ATTEMPTS = tuple(
    f'page of a run, {history}' for history in ('never retried', 'one retry', f'{ATTEMPTS} attempts'))

#: What is measured of a request.
MEASURES = CPU_TIME, TIME, STATEMENTS = 'CPU time', 'time', 'statements'

#: Stands in the place of a figure if its quartiles overlap those of the figure that it is compared with.
NO_DIFFERENCE = 'no difference'

PASSWORD = 'correct horse battery staple'

#: Without the package's limit, and without a token to tell GitHub of ends.
CONFIG = """
RUNS_API_RATE_LIMIT = RUNS_API_READ_RATE_LIMIT = '1000000000 per minute'
RUNS_API_CHECKS = False
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


class Inside:
    """The platform in this process: requests to it, and runs to make them for."""

    def __init__(self, app):
        app.config['TESTING'] = True  # The platform's own limit, of twenty requests a minute, is off then.
        app.add_url_rule('/nothing', 'nothing', lambda: '{}')
        self._app = app
        self._engine = create_engine(app.config['DATABASE_URI'], isolation_level='AUTOCOMMIT')
        self._ended: list[int] = []
        self._statements = 0
        event.listen(Engine, 'before_cursor_execute', self._count)
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

    def _count(self, *_):
        self._statements += 1

    def measure(self, request):
        """Make a request, and return what is measured of it."""
        before, started, cpu_started = self._statements, perf_counter(), process_time()
        answered = request()
        measured = {TIME: 1000 * (perf_counter() - started), CPU_TIME: 1000 * (process_time() - cpu_started),
                    STATEMENTS: self._statements - before}
        answer(answered)
        return measured

    def make_round(self, subjects):
        """Measure the request of each subject, and return the medians, because one of them is repeated."""
        figures = {}
        for name in random.sample([*subjects], len(subjects)):
            measured = [self.measure(subjects[name]()) for _ in range(REPEATED if name == NOTHING else 1)]
            figures[name] = {measure: median(each[measure] for each in measured) for measure in MEASURES}
        return figures

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


def answer_of_github(request, commit):
    """Return GitHub's answer to a request: the build of a commit, or that it took a status."""
    from mod_ci.controllers import Artifact_names

    answered = Response()
    answered.status_code = 201 if request.method == 'POST' else 200
    artifact = {'id': 1, 'name': Artifact_names.linux, 'expired': False, 'workflow_run': {'head_sha': commit}}
    said = {} if request.method == 'POST' else {'total_count': 1, 'artifacts': [artifact]}
    answered.raw = BytesIO(json.dumps(said).encode())
    return answered


def serve(rounds):
    """Measure the platform in this process, which is that of a copy: a round for each line that is read."""
    from mod_api.routes import runs
    from run import app, log_configuration

    # What Flask logs of an error still reaches stderr.
    log_configuration.console_logger.setLevel('CRITICAL')
    answers = sys.stdout
    # GitHub is not asked whether there is a build.
    with redirect_stdout(sys.stderr), mock.patch.object(runs, '_ci_artifact_exists', return_value=True):
        inside = Inside(app)
        subjects = inside.subjects(rounds)
        for _ in sys.stdin:
            print(json.dumps(inside.make_round(subjects)), file=answers, flush=True)
        inside.check_ends()


def start(copied, address, rounds):
    """Start the process of a copy on a database."""
    return subprocess.Popen(
        [sys.executable, '-m', 'on_platform.benchmark', '--inside', '--rounds', str(WARM_UP + rounds)],
        cwd=copied.path, env=copied.environment(address), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def measure(processes, rounds):
    """Return what each process measured in each round. The processes have their turns in another order each round."""
    found: dict[Any, list[Any]] = {key: [] for key in processes}
    for number in range(1 - WARM_UP, rounds + 1):
        for key in random.sample([*processes], len(processes)):
            print(file=processes[key].stdin, flush=True)
            line = processes[key].stdout.readline()
            assert line, f'{key} ended, for the reason above'
            if number > 0:
                found[key].append(json.loads(line))
        say(f'{number} of {rounds} rounds' if number > 0 else 'A round to warm up')
    for process in processes.values():
        process.stdin.close()
        assert process.wait() == 0
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


def report(rounds):
    """Write the tables from the rounds of each copy on a server, as they stand in ``docs/benchmarks.rst``."""
    def figures(heading, request, measure=TIME):
        return [measured[request][measure] for measured in rounds[heading] if request in measured]

    def ratios(request, other):
        return [time / other_time for time, other_time in zip(figures(MOUNT, request), figures(MOUNT, other))]

    yield from table(['milliseconds', AS_IT_IS, MOUNT], [
        [measure, *compare(figures(heading, NOTHING, measure) for heading in (AS_IT_IS, MOUNT))]
        for measure in (CPU_TIME, TIME)])
    yield from table(['milliseconds', AS_IT_IS, MOUNT, ALL], [
        [request, *compare(figures(heading, request) for heading in (AS_IT_IS, MOUNT, ALL))]
        for request in (CREATE, RESTART, FULL, FAILED_ONLY, IN_PRODUCTION, VERDICT, END, END_OF_RETRY)])
    yield from table(['ratio to', CREATE, RESTART], [
        [retry, *(show(ratios(retry, own), [1], digits=2) for own in (CREATE, RESTART))]
        for retry in (FULL, FAILED_ONLY)])
    yield from table(['milliseconds', AS_IT_IS, *(page.replace('page of a run', ALL) for page in PAGES)], [
        [measure, *compare([figures(AS_IT_IS, PAGE, measure), *(figures(ALL, page, measure) for page in PAGES)])]
        for measure in (CPU_TIME, TIME)])
    yield from table(['statements', *COPIES], [
        [request, *(f'{median(counts):.0f}' if (counts := figures(heading, request, STATEMENTS)) else ''
                    for heading in COPIES)]
        for request in (NOTHING, CREATE, RESTART, FULL, FAILED_ONLY, *PAGES)])


def compare(columns):
    """Write the figures of each column, of which the first that has any is compared with the others."""
    columns = [*columns]
    first = next(filter(None, columns))
    return [show(figures, () if figures is first else first) for figures in columns]


def show(figures, reference=(), digits=1):
    """Write the median of figures and their quartiles, unless these overlap the quartiles of a reference."""
    if not figures:
        return ''
    low, middle, high = quartiles(figures)
    if reference:
        reference_low, _, reference_high = quartiles(reference)
        if low <= reference_high and reference_low <= high:
            return NO_DIFFERENCE
    return f'{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})'


def quartiles(figures):
    """Return the lower quartile, the median and the upper quartile."""
    return quantiles(figures, n=4, method='inclusive') if len(figures) > 1 else 3 * [*figures]


def table(header, rows):
    """Write a table of reStructuredText, with the figures to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    rule = '  '.join('=' * width for width in widths)
    lines = ['  '.join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
             for row in (header, *rows)]
    yield from (rule, lines[0], rule, *lines[1:], rule, '')


def main():
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description='Measure what retries cost on the real platform.')
    parser.add_argument('--rounds', type=int, default=30, help='how often everything is measured: 1 takes a minute')
    parser.add_argument('server', nargs='*', help='address of a database server (RUNS_API_DATABASE)')
    parser.add_argument('--inside', action='store_true', help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        serve(options.rounds)
        return

    servers = [Database(make_url(address)) for address in options.server] or [named_server()]
    with TemporaryDirectory() as name, ExitStack() as stack:
        unmounted = prepare(Path(os.environ['SAMPLE_PLATFORM']), Path(name))
        say('The platform is copied')
        copies = {heading: copy(unmounted, heading, config=CONFIG) for heading in COPIES}
        for heading, mails in COPIES.items():
            if mails:
                copies[heading].commit_with_folder(*mails)
        processes = {}
        for server, heading in product(servers, COPIES):
            address = stack.enter_context(fresh_database(server)).uri
            seed(unmounted, address)
            processes[f'{server.kind} {server.version.partition("-")[0]}', heading] = stack.enter_context(
                start(copies[heading], address, options.rounds))
        say('The processes are started')
        found = measure(processes, options.rounds)
    if options.rounds < ENOUGH:
        print(SHORT)
    for server in dict.fromkeys(server for server, _ in found):
        print(f'{datetime.now():%Y-%m-%d}, {server}, Python {platform.python_version()}, SQLAlchemy '
              f'{version("sqlalchemy")}, Flask {version("flask")}, {os.cpu_count()} CPUs, {options.rounds} rounds.\n')
        print('\n'.join(report({heading: found[server, heading] for heading in COPIES})))


if __name__ == '__main__':
    main()
