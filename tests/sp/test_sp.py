"""The patched command line client, before the real platform (docs/console-and-client.rst)."""

import json
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import pytest
from on_platform.checkout import Platform, named
from on_platform.protocol import CRASH, differs
from support.documents import ROOT

#: Code that gives a process an output that cannot be written.
FULL_DISK = "import os; os.dup2(os.open('/dev/full', os.O_WRONLY), 1)"
NO_READER = 'import os; reader, writer = os.pipe(); os.close(reader); os.dup2(writer, 1)'


@pytest.fixture(scope='module')
def client(tmp_path_factory):
    """A clone of the client's repository, to which git has applied the mails."""
    folder = tmp_path_factory.mktemp('client')
    client = Platform(folder)
    client.git('clone', '--quiet', str(named('SP_CLI', 'a checkout of the client')), '.')
    client.git('am', '--quiet', *map(str, sorted(ROOT.glob('patches/sp/*.patch'))))
    return client


class Proxy(NamedTuple):
    """A server before the platform, and how it loses the next answers to a POST: their status, None for no answer."""

    address: str
    lost: list[int | None]


@pytest.fixture(scope='module')
def proxy(process):
    """A server before the platform. A lost answer that has a status is broken off."""
    port, to_lose = process.call('serve'), list[int | None]()

    class Losing(BaseHTTPRequestHandler):
        def do_GET(self):
            platform = HTTPConnection('127.0.0.1', port, timeout=60)
            body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
            platform.request(self.command, self.path, body, dict(self.headers))
            answer = platform.getresponse()
            lost = self.command == 'POST' and bool(to_lose)
            status = to_lose.pop(0) if lost else answer.status
            if status:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(answer.read()[:9 if lost else None])

        do_POST = do_GET

    with ThreadingHTTPServer(('127.0.0.1', 0), Losing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Proxy(f'http://127.0.0.1:{server.server_port}/api/v1', to_lose)
        server.shutdown()


@pytest.fixture
def sp(client, proxy, story):
    """Run ``sp`` with the token of the story's person, by default before the proxy."""
    token = story.authorization['Authorization'].removeprefix('Bearer ')
    return lambda *arguments, address=proxy.address, started=('-m', 'sp_cli'): client.run(
        *started, '--base-url', address, '--token', token, *map(str, arguments), database='')


def test_a_lost_answer_makes_one_run_and_what_the_attempts_prove_is_shown(sp, proxy, story):
    tests = story.tests(3)
    source = story.complete(story.push(tests), {tests[0]: CRASH, tests[1]: differs('another')})

    proxy.lost[:] = [503, None, 202]
    retried = sp('--retries', 3, 'run', 'retry', source, '--failed-only', '--reason', 'flaky VM')
    made = json.loads(retried.stdout)['new_run_id']
    assert retried.stderr.count('; retrying in ') == 3
    assert [attempt['run_id'] for attempt in story.attempts(source)] == [source, made]
    pending = sp('run', 'verdict', source, '--wait', '--timeout', 1)
    assert (pending.returncode, json.loads(pending.stdout)['meta']['overall']) == (9, 'pending')

    story.complete(made, {tests[0]: CRASH})
    verdict, said = sp('run', 'verdict', source, '--wait'), story.verdict(source)
    assert verdict.returncode == 1
    assert json.loads(verdict.stdout) == {'data': said['data'], 'total': 3, 'meta': said['meta']}
    assert said['meta']['sentence'] in sp('-o', 'table', 'run', 'verdict', source).stdout
    assert json.loads(sp('run', 'attempts', made).stdout)['data'] == story.attempts(source)

    waited = sp('run', 'retry', made, '--wait', '--timeout', 1, '--quiet')
    assert waited.returncode == 9
    assert json.loads(waited.stdout)['new_run_id'] == story.attempts(made)[-1]['run_id']


def test_if_each_answer_is_lost_the_error_names_the_key_that_repeats_the_request(sp, proxy, story):
    source = story.push(story.tests(1))

    proxy.lost[:] = [None, 502]
    lost = sp('--retries', 1, 'run', 'retry', source)
    assert (lost.returncode, lost.stdout) == (3, '')
    error = json.loads(lost.stderr[lost.stderr.index('{'):])['error']
    assert error['code'] == 'outcome_unknown' and f'`sp run attempts {source}`' in error['message']

    made = story.attempts(source)[-1]['run_id']
    again = sp('run', 'retry', source, '--idempotency-key', error['details']['idempotency_key'])
    assert json.loads(again.stdout)['new_run_id'] == made
    assert [attempt['run_id'] for attempt in story.attempts(source)] == [source, made]


@pytest.mark.parametrize('options', [[], ['--wait', '--timeout', 1]], ids=['alone', 'wait'])
@pytest.mark.parametrize('unwritable', [FULL_DISK, NO_READER], ids=['full-disk', 'no-reader'])
def test_a_retry_that_cannot_print_its_answer_names_the_new_run_on_stderr(sp, story, unwritable, options):
    source = story.push(story.tests(1))

    done = sp('run', 'retry', source, *options, started=('-c', f'{unwritable}; from sp_cli.main import cli; cli()'))

    made = story.attempts(source)[-1]['run_id']
    assert done.returncode == 10
    assert done.stderr.startswith(f'run {source}: retried as run {made}\n') and 'Traceback' not in done.stderr


def test_a_retry_of_a_new_regression_is_compared_with_the_commit_before(sp, story):
    tests = story.tests(2)
    before = story.complete(story.push(tests))
    broken = story.complete(story.push(tests), {tests[0]: CRASH})
    retried = story.complete(story.retry(broken), {tests[0]: CRASH})

    (failure,) = json.loads(sp('investigate', retried, '--with-history').stdout)['failures']
    assert (failure['history']['verdict'], failure['history']['previous_run']) == ('NEW_REGRESSION', before)
    report = json.loads(sp('run', 'report', retried).stdout)
    assert [(reference['run']['run_id'], reference['counts']['new']) for reference in report['references']] == [
        (before, 1)]


def test_a_dry_run_names_inactive_tests_in_a_column_and_the_servers_message(sp, story):
    active, = story.tests(1)
    inactive = story.rows.regression_test(active=False)
    source = story.push([active, inactive])
    preview = story.ask('GET', f'/runs/{source}/retry')
    assert preview['all']['inactive_ids'] == [inactive]

    dry_run = sp('run', 'retry', source, '--dry-run')
    assert (dry_run.returncode, json.loads(dry_run.stdout)) == (5, preview)
    assert json.loads(dry_run.stderr)['error']['message'] == preview['all']['refusal']['message']
    table = sp('-o', 'table', 'run', 'retry', source, '--dry-run').stdout.splitlines()
    assert table[4].split() == ['all', '0', 'inactive_tests', str(inactive)]


def test_a_refusal_a_missing_run_and_a_platform_without_retries_are_told_apart(sp, proxy, story):
    queued = story.push(story.tests(1))
    for address, run_id, code, word in ((proxy.address, queued, 5, 'run_not_finished'),
                                        (proxy.address, queued + 1, 4, 'resource'),
                                        (f'{proxy.address}/nowhere', queued, 4, 'retries_not_supported')):
        done = sp('run', 'retry', run_id, '--failed-only', address=address)
        assert done.returncode == code and f'"{word}"' in done.stderr
    assert sp('run', 'verdict', queued, '--wait', address=f'{proxy.address}/nowhere').returncode == 4
