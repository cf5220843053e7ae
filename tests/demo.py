"""
See a retry happen: the platform in miniature, a partly failed run, and one request over HTTP.

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
from pathlib import Path
from urllib.request import Request, urlopen

from sqlalchemy import select
from werkzeug.serving import WSGIRequestHandler, make_server

if __name__ == '__main__':
    sys.path.insert(0, str(Path(__file__).parent / 'miniature'))

import verdict
import worker
from application import hosted
from database import Base, db
from mod_test.models import Test, TestPlatform
from seed import seed_demo

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


def retry(address, token, run_id):
    """Retry the failed tests of a run over HTTP, print request and answer, and return the new run."""
    url, body = f'{address}/api/v1/runs/{run_id}/retry', json.dumps({'failed_only': True, 'reason': 'flaky VM'})
    print(f'   POST {url}\n   {body}\n')
    request = Request(url, body.encode(), {'Authorization': f'Bearer {token}', 'Content-Type': 'application/json'})
    with urlopen(request, timeout=30) as answer:
        said = json.load(answer)
        print(f'   {answer.status} {answer.reason}\n   {said["message"]}\n')
    return said['new_run_id']


def show_retry(app, address, demo):
    """Show a partly failed run, a retry of its failed tests, and what both of them prove."""
    print(f'\n1. Run {demo.run_id} has completed, and some of it failed\n')
    failed, all_tests = show_results(demo.run_id)
    before = read_rows(demo.run_id)

    print('\n2. Alice asks for the failed tests to be run again\n')
    new_run_id = retry(address, demo.tokens['alice'], demo.run_id)
    claim(f'nothing of run {demo.run_id} has changed', read_rows(demo.run_id) == before)
    selected = sorted(row.regression_id for row in read_rows(new_run_id)['customized_test'])
    claim(f'tests {failed} are selected for run {new_run_id}', selected == failed)

    print(f'\n3. A worker runs run {new_run_id}, and the other results are carried over\n')
    # The first of the failed tests crashes again in the same way, and the others pass this time.
    worker.work_once(db.session, TestPlatform.linux, crashing=failed[:1])
    failed_again, whole = show_results(new_run_id)
    claim('it has a result for every test', whole == all_tests)
    claim(f'only test {failed[0]} failed again', failed_again == failed[:1])

    print('\n4. What the retry proved\n')
    arguments = ['runs-api', 'verdict', str(new_run_id)]
    print(f'   $ flask {" ".join(arguments)}')
    print('   ' + app.test_cli_runner().invoke(args=arguments).stdout.replace('\t', '  ').replace('\n', '\n   '))


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
    with tempfile.TemporaryDirectory() as folder, hosted(f'sqlite:///{folder}/miniature.sqlite') as app:
        demo = seed_demo()
        with serving(app, options.port) as address:
            show_retry(app, address, demo)
            try:
                if options.serve:
                    keep_serving(address, demo)
            except KeyboardInterrupt:
                print()


if __name__ == '__main__':
    main()
