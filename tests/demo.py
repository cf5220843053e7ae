"""
See retries happen: the platform in miniature, a partly failed run, requests over HTTP, and a sweep.

Run it from the root of the repository, with the package installed: `python tests/demo.py`. With `--serve` it goes on
serving afterwards, and works on whatever is queued, so that you can try the interface yourself.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.request import Request, urlopen

from sqlalchemy import select, update
from werkzeug.serving import WSGIRequestHandler, make_server

if __name__ == '__main__':
    sys.path.insert(0, str(Path(__file__).parent / 'miniature'))

import seed
import verdict
import worker
from application import in_application
from database import Base, db
from mod_regression.models import RegressionTest
from mod_test.models import Test, TestPlatform, TestProgress, TestType
from support.github import AUTHOR, SETTINGS, GitHub

RUN_TABLES = ('test', 'test_progress', 'test_result', 'test_result_file', 'customized_test', 'test_fork')


class QuietHandler(WSGIRequestHandler):
    """A request handler that leaves the demo's own lines alone, and no connection open."""

    protocol_version = 'HTTP/1.0'

    def log_request(self, code='-', size='-'):
        """Keep silent."""


@contextmanager
def serving(app, port):
    """Serve an application on the loopback address while the block lasts, and return its address."""
    server = make_server('127.0.0.1', port, app, threaded=True, request_handler=QuietHandler)
    # In the end, requests that a browser has not waited for are waited for here.
    setattr(server, 'daemon_threads', False)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f'http://127.0.0.1:{server.server_port}'
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def claim(sentence, held):
    """Print a sentence that held; stop at one that did not."""
    if not held:
        sys.exit(f'This did not hold: {sentence}')
    print(f'   [ok] {sentence}')


def show_results(run_id):
    """Print the results on the page of a run, and return the tests that it shows as failed, and all of its tests."""
    db.session.rollback()
    results = verdict.by_test(db.session, db.session.get_one(Test, run_id))
    for result in results:
        test = result.regression_test
        print(f'   {test.id:>3}  {"FAIL" if result.error else "pass"}  exit code {result.exit_code:>3}  {test.command}')
    failed = [result.regression_test.id for result in results if result.error]
    return failed, [result.regression_test.id for result in results]


def read_rows(run_id):
    """Return the rows of a run by their table, as they are in the database."""
    db.session.rollback()
    tables = [Base.metadata.tables[name] for name in RUN_TABLES]
    return {table.name: db.session.execute(select(table).where(
        table.c['id' if table.name == 'test' else 'test_id'] == run_id)).all() for table in tables}


def read_selected(run_id):
    """Return the tests that a run is to run."""
    return sorted(row.regression_id for row in read_rows(run_id)['customized_test'])


def set_back(run_id, period):
    """Set the time of the last progress row of a run back."""
    last = read_rows(run_id)['test_progress'][-1]
    db.session.execute(update(TestProgress).where(TestProgress.id == last.id).values(timestamp=last.timestamp - period))
    db.session.commit()


def ask(address, token, method, path, body=None):
    """Send a request to the API, print it and the status of its answer, and return the answer."""
    url, data = f'{address}/api/v1{path}', '' if body is None else json.dumps(body)
    print(f'   {method} {url}\n   {data}'.rstrip() + '\n')
    headers = {'Authorization': f'Bearer {token}', 'Content-Type': 'application/json'}
    with urlopen(Request(url, data.encode() or None, headers, method=method), timeout=30) as answer:
        print(f'   {answer.status} {answer.reason}')
        return json.load(answer)


def sweep(app):
    """Run the command of the sweep, and print what it prints."""
    print('\n   $ flask runs-api sweep')
    print('   ' + app.test_cli_runner().invoke(args=['runs-api', 'sweep']).stdout.expandtabs(10), end='')
    db.session.rollback()


def show_retry(address, demo):
    """Show a partly failed run, a retry of its failed tests, and what both of them prove."""
    print(f'\n1. Run {demo.run_id} has completed, and some of it failed\n')
    failed, all_tests = show_results(demo.run_id)
    before = read_rows(demo.run_id)

    print('\n2. Alice asks for the failed tests to be run again\n')
    answer = ask(address, demo.tokens['alice'], 'POST', f'/runs/{demo.run_id}/retry',
                 {'failed_only': True, 'reason': 'flaky VM'})
    print(f'   {answer["message"]}\n')
    new_run_id = answer['new_run_id']
    claim(f'nothing of run {demo.run_id} has changed', read_rows(demo.run_id) == before)
    claim(f'tests {failed} are selected for run {new_run_id}', read_selected(new_run_id) == failed)

    print(f'\n3. A worker runs run {new_run_id}, and the other results are carried over\n')
    # The first of the failed tests crashes again in the same way, and the others pass this time.
    worker.work_once(db.session, TestPlatform.linux, crashing=failed[:1])
    failed_again, whole = show_results(new_run_id)
    claim('it has a result for every test', whole == all_tests)
    claim(f'only test {failed[0]} failed again', failed_again == failed[:1])

    print('\n4. What the retry proved\n')
    answer = ask(address, demo.tokens['alice'], 'GET', f'/runs/{new_run_id}/verdict')
    for test in answer['data']:
        outcomes = ', '.join(f'{attempt["outcome"]} in run {attempt["run_id"]}' for attempt in test['attempts'])
        print(f'   {test["regression_test_id"]:>3}  {test["verdict"]:<20} {outcomes}')
    print(f'   {answer["meta"]["overall"]}: {answer["meta"]["sentence"]}')


def show_sweep(app, github):
    """Show a run whose machine was lost, and a sweep that completes its tests without a person."""
    tests = db.session.scalars(select(RegressionTest).where(RegressionTest.active.is_(True))).all()
    run = seed.run(tests, stages=seed.STARTED, ago=timedelta(minutes=30), passed=4, test_type=TestType.pull_request,
                   branch='pull_request', pr_nr=1343)
    seed.machine(run.id, ago=timedelta(minutes=30))
    github.open_pull(run.pr_nr, run.commit, AUTHOR)
    run_id, missing = run.id, [test.id for test in tests[4:]]
    db.session.commit()

    print(f'\n5. The machine of run {run_id} is lost: 4 tests passed, and then the cloud no longer has it\n')
    print("   A stand-in for the platform's job ends the run, as the real one does with one of our commits.")
    claim(f'run {run_id} is ended', worker.end_lost_runs(db.session) == [run_id])
    print('   Late reports may follow an end, so a sweep waits for 15 minutes (the demo sets the end back by 20).\n'
          '   A stand-in for GitHub says that the pull request is open and that its build exists.')
    set_back(run_id, timedelta(minutes=20))
    sweep(app)
    new_run_id = max(db.session.scalars(select(Test.id)))
    claim(f'tests {missing}, which have no result, are selected for run {new_run_id}',
          read_selected(new_run_id) == missing)

    print(f'\n6. A worker runs run {new_run_id}, and the 4 results are carried over\n')
    worker.work_once(db.session, TestPlatform.linux)
    failed, whole = show_results(new_run_id)
    claim('every test has passed', (failed, whole) == ([], [test.id for test in tests]))


def keep_serving(address, demo):
    """Print where to go, and work on what is queued until interrupted."""
    print(f'\nServing at {address}/test/ until you press Ctrl-C.\n\n'
          '   Log in as alice, bob or carol. A queued run is taken up within a second, and passes.\n')
    for name, token in demo.tokens.items():
        print(f'   token of {name}: {token}', flush=True)
    while True:
        for platform in TestPlatform:
            worker.work_once(db.session, platform)
        db.session.rollback()
        time.sleep(1)


def main(arguments=None):
    """Run the demo, until a claim does not hold or it is interrupted."""
    parser = argparse.ArgumentParser(description='Retry a partly failed run of the platform in miniature.')
    parser.add_argument('--serve', action='store_true', help='go on serving afterwards')
    parser.add_argument('--port', type=int, default=0, metavar='N', help='the port to serve on; by default a free one')
    options = parser.parse_args(arguments)
    with (GitHub().standing_in() as github, tempfile.TemporaryDirectory() as folder,
          in_application(f'sqlite:///{folder}/miniature.sqlite', RUNS_API_AUTOMATIC_RETRIES=2, **SETTINGS) as app):
        demo = seed.seed_demo()
        with serving(app, options.port) as address:
            show_retry(address, demo)
            show_sweep(app, github)
            try:
                if options.serve:
                    keep_serving(address, demo)
            except KeyboardInterrupt:
                print()


if __name__ == '__main__':
    main()
