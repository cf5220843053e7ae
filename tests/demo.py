"""
See a retry happen: the platform in miniature, a partly failed run, and one request over HTTP.

Run it from the root of the repository, with the package installed: `python tests/demo.py`. With `--serve` it goes on
serving afterwards, and works on whatever is queued, so that you can try the interface yourself.
"""

import argparse
import json
import shlex
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from sqlalchemy import select
from werkzeug.serving import WSGIRequestHandler, make_server

if __name__ == '__main__':
    sys.path.insert(0, str(Path(__file__).parent / 'miniature'))

import verdict
import worker
from application import create_app, dispose
from database import Base, db
from mod_test.models import Test, TestPlatform, TestStatus
from seed import seed_demo

REASON = 'flaky VM'
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


def ask(address, token, body):
    """Print a request as a command to paste, send it, and return the answer, whatever its status, and its JSON."""
    headers = {'Authorization': f'Bearer {token}', 'Content-Type': 'application/json'}
    data = json.dumps(body)
    parts = [f'curl -i -X POST {address}', *(f'-H {shlex.quote(f"{name}: {headers[name]}")}' for name in headers)]
    print('   $ ' + ' \\\n     '.join([*parts, f'-d {shlex.quote(data)}']) + '\n')
    try:
        answer = urlopen(Request(address, data.encode(), headers), timeout=30)
    except HTTPError as error:
        answer = error
    with answer:
        return answer, json.load(answer)


def step(number, title):
    """Print the heading of a step, which begins with the database as it is now."""
    print(f'\n{number}. {title}\n')
    db.session.rollback()


def claim(sentence, held):
    """Print a sentence that held; stop at one that did not."""
    if not held:
        sys.exit(f'This did not hold: {sentence}')
    print(f'   [ok] {sentence}')


def table(head, rows):
    """Print rows in columns as wide as they need to be."""
    lines = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(map(len, column)) for column in zip(*lines)]
    lines.insert(1, ['-' * width for width in widths])
    for line in lines:
        print('   ' + '  '.join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
    print()


def show_results(run):
    """Print the results on the page of a run."""
    table(('test', 'command', 'exit code', 'outputs', 'outcome'), [(
        entry.regression_test.id,
        entry.regression_test.command,
        entry.exit_code if entry.exit_code == entry.expected_rc else f'{entry.exit_code} (not {entry.expected_rc})',
        ', '.join(entry.outputs) or 'none expected',
        'FAIL' if entry.error else 'pass',
    ) for entry in verdict.by_test(db.session, run)])


def shown(run):
    """Return the regression tests on the page of a run."""
    return {entry.regression_test.id for entry in verdict.by_test(db.session, run)}


def failures(run):
    """Return those of them that it shows as failed."""
    return {entry.regression_test.id for entry in verdict.by_test(db.session, run) if entry.error}


def rows_of(run_id):
    """Return, for each table of the platform, the rows that belong to a run."""
    tables = Base.metadata.tables
    return {name: [tuple(row) for row in db.session.execute(select(tables[name]).where(
        tables[name].c['id' if name == 'test' else 'test_id'] == run_id).order_by(*tables[name].primary_key))]
        for name in RUN_TABLES}


def show_source(demo):
    """Print the run as it is before the retry."""
    step(1, f'Run {demo.run_id} has completed, and some of it failed')
    source = db.session.get_one(Test, demo.run_id)
    show_results(source)
    claim(f'tests {sorted(demo.failed)} failed, the others passed', failures(source) == set(demo.failed))


def retry(address, demo):
    """Ask for the retry, print the answer, and return the new run's id."""
    step(2, 'Alice asks for the failed tests to be run again')
    answer, body = ask(f'{address}/api/v1/runs/{demo.run_id}/retry', demo.tokens['alice'],
                       {'failed_only': True, 'reason': REASON})
    print(f'   {answer.status} {answer.reason}')
    print(f"   Location: {answer.headers['Location']}")
    print('   ' + json.dumps(body, indent=2).replace('\n', '\n   ') + '\n')

    claim('the retry is accepted', answer.status == 202 and body['status'] == 'accepted')
    claim(f'the answer speaks of a retry of run {demo.run_id}',
          (body['run_id'], body['action']) == (demo.run_id, 'retry'))
    new_run_id = int(body['new_run_id'])
    claim('the new run is another run, and Location leads to it',
          new_run_id != demo.run_id and answer.headers['Location'].endswith(f'/api/v1/runs/{new_run_id}'))
    return new_run_id


def show_untouched(before, run_id):
    """Print how many rows the source run has, before and after."""
    step(3, f'Nothing of run {run_id} has changed')
    after = rows_of(run_id)
    table(('table', 'rows before', 'rows after'), [(name, len(before[name]), len(after[name])) for name in before])
    claim('every row is there still, and is what it was', before == after)


def show_work(demo, new_run_id):
    """Let the worker take the new run up, and print its progress."""
    step(4, f'The worker takes up run {new_run_id}')
    new = db.session.get_one(Test, new_run_id)
    claim('the new run is queued: it has no progress yet', not new.progress)
    claim(f'it is told to run tests {sorted(demo.failed)}, each once',
          sorted(new.get_customized_regressiontests()) == sorted(demo.failed))
    # The first of the failed tests crashes again in the same way, and the others pass this time.
    worked_on = worker.work_once(db.session, TestPlatform.linux, crashing=demo.failed[:1])
    claim('the worker found it, and no other', worked_on == [new_run_id])
    print()
    table(('time (UTC)', 'stage', 'message'), [
        (f'{stage.timestamp:%H:%M:%S}', stage.status.value, stage.message) for stage in new.progress])
    claim('the new run is completed', new.progress[-1].status is TestStatus.completed)


def show_whole(demo, new_run_id):
    """Print the results on the new run's page, and where they come from."""
    step(5, f'Run {new_run_id} has ended whole: the other results are carried over')
    source, new = db.session.get_one(Test, demo.run_id), db.session.get_one(Test, new_run_id)
    show_results(new)
    carried = Base.metadata.tables['run_carried_over'].c
    origins = db.session.execute(
        select(carried.origin_run_id, carried.regression_test_id).where(carried.run_id == new_run_id)
        .order_by(carried.regression_test_id)).all()
    for origin in sorted({origin for origin, _ in origins}):
        print(f'   carried over from run {origin}: '
              f'tests {", ".join(str(test_id) for found, test_id in origins if found == origin)}\n')
    claim('its page shows every test of the first run', shown(new) == shown(source))
    claim('what it did not run itself is carried over',
          {test_id for _, test_id in origins} == shown(source) - set(demo.failed))
    claim(f'only test {demo.failed[0]} failed again', failures(new) == {demo.failed[0]})


def show_verdict(app, demo, new_run_id):
    """Print what the two runs prove."""
    step(6, 'What the retry proved')
    print(f'   $ flask runs-api verdict {new_run_id}')
    lines = app.test_cli_runner().invoke(args=['runs-api', 'verdict', str(new_run_id)]).stdout.splitlines()
    print('   ' + '\n   '.join(lines).replace('\t', '  ') + '\n')
    crashed, *recovered = demo.failed
    verdicts = dict(line.split('\t')[:2] for line in lines)
    claim(f'test {crashed} is broken: it failed twice, in the same way',
          verdicts[str(crashed)] == 'failing_identically')
    claim(f'tests {recovered} are flaky: they failed, and passed',
          {verdicts[str(test_id)] for test_id in recovered} == {'flaky'})


def keep_serving(address, demo):
    """Print where to go, and work on what is queued until interrupted."""
    print(f'\nServing at {address}/test/ until you press Ctrl-C.\n\n'
          '   Log in as alice, bob or carol. A queued run is taken up within a second, and passes.\n')
    table(('token of', 'token'), demo.tokens.items())
    sys.stdout.flush()
    while True:
        for platform in TestPlatform:
            worker.work_once(db.session, platform)
        db.session.rollback()
        threading.Event().wait(1)


def run_demo(app, port, serve):
    """Run the demo from beginning to end."""
    demo = seed_demo()
    with serving(app, port) as address:
        show_source(demo)
        before = rows_of(demo.run_id)
        new_run_id = retry(address, demo)
        show_untouched(before, demo.run_id)
        show_work(demo, new_run_id)
        show_whole(demo, new_run_id)
        show_verdict(app, demo, new_run_id)
        if serve:
            keep_serving(address, demo)


def main(arguments=None):
    """Run the demo, until a claim does not hold or it is interrupted."""
    parser = argparse.ArgumentParser(description='Retry a partly failed run of the platform in miniature.')
    parser.add_argument('--serve', action='store_true', help='go on serving afterwards')
    parser.add_argument('--port', type=int, default=0, metavar='N', help='the port to serve on; by default a free one')
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(f"sqlite:///{Path(folder, 'miniature.sqlite').as_posix()}")
        try:
            # The worker's reports are requests of their own on the platform.
            with app.test_request_context():
                app.preprocess_request()
                run_demo(app, options.port, options.serve)
        except KeyboardInterrupt:
            print()
        finally:
            dispose(app)


if __name__ == '__main__':
    main()
