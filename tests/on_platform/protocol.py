"""
The platform's own protocol, from the queue to the report: a story is told to a copy of the platform, step by step.

One process in the copy answers everything (see inside.py), with stand-ins for GitHub and for the cloud only. Runs are
started by the scheduled job; their workers read the list of their tests, report, upload and end as the real ones do.
"""

import hashlib
import hmac
import json
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple
from xml.etree import ElementTree

import pytest
from support.github import ALICE, AUTHOR, WORKFLOWS, comment_payload

from .checkout import INSIDE, KEY
from .rows import now, seed_platform

#: For tests to which the database matters: what is promised of both kinds is tried on both.
BOTH = pytest.mark.parametrize('kind', ['sqlite', 'server'], indirect=True, scope='session')

#: The password of every user.
PASSWORD = 'correct horse battery staple'

#: Minutes after which the scheduled job gives a machine up, and one.
TOO_LONG = 121

#: The platform writes some times in UTC and some in the local time of its machine: there, these are not the same.
TIME_ZONE = 'Asia/Kolkata'

#: Ids of users, tokens and comments. None is used twice: requests are counted by the token's id, and a comment's id is
#: its key. Steps of ten leave ids for the users that the platform adds.
_ids = count(10, 10)


class Outcome(NamedTuple):
    """How a regression test ends on a worker: its exit code, and a text if its output is not as expected."""

    exit_code: int = 0
    #: Empty if it is identical to what is expected, None if there is none.
    output: str | None = ''


PASS, CRASH, MISSING = Outcome(), Outcome(exit_code=139, output=None), Outcome(output=None)


def differs(output):
    """Return the outcome of a test that ends well but prints something else."""
    return Outcome(output=output)


class Reported(NamedTuple):
    """What the platform says of a run, in the words of ``GET /runs/{id}/retries``."""

    status: str
    tests: int
    passed: int
    failed: int
    not_run: int


@dataclass(frozen=True)
class Process:
    """The process in the copy."""

    process: subprocess.Popen[str]
    log: Path

    def call(self, function, **arguments):
        """Call a method of ``Inside`` (inside.py) or of a stand-in (stand_ins.py), and return what it returned."""
        assert self.process.stdin and self.process.stdout
        print(json.dumps({'function': function, 'arguments': arguments}), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        assert line, self.log.read_text()
        answer = json.loads(line)
        assert 'raised' not in answer, answer['raised']
        return answer['returned']


@contextmanager
def running(platform, database, folder):
    """Run a process in a copy of the platform while the block lasts."""
    log = folder / 'protocol.log'
    with open(log, 'w') as errors, subprocess.Popen(
            [sys.executable, *INSIDE], cwd=platform.path, text=True,
            env={**platform.environment(database), 'TZ': TIME_ZONE},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors) as process:
        try:
            yield Process(process, log)
        finally:
            assert process.stdin
            process.stdin.close()
            process.wait(30)


class Story:
    """A platform on which nothing has happened yet, and a person who may do everything."""

    def __init__(self, process, rows, platform):
        self.process = process
        self.rows = rows
        self.platform = platform
        process.call('begin')
        rows.clear()
        seed_platform(rows)
        self.user_id = next(_ids)
        rows.add('user', id=self.user_id, name='adam', email='adam@example.com', password='', role='admin',
                 github_login='adam-gh')
        self.authorization = {'Authorization': f'Bearer {self.add_token()}'}
        # The platform takes it that there has been a run of master before.
        for system in ('linux', 'windows'):
            first = rows.run(stages=['canceled'], platform=system, test_type='commit', branch='master', pr_nr=0)
            rows.add('general_data', key=f'fetch_commit_{system}', value=rows.one('test', id=first)['commit'])

    # What is there

    def add_token(self):
        """Add a token of the person with the scopes of the console, also to approve outputs, and return it."""
        secret = f'spci_{token_hex(32)}'
        self.rows.add(
            'api_token', id=next(_ids), user_id=self.user_id, token_name=secret[:16], token_prefix=secret[:16],
            token_hash=hashlib.sha256(secret.encode()).hexdigest(), created_at=now(),
            expires_at=now() + timedelta(days=1),
            scopes_json='["runs:read", "runs:write", "results:read", "system:read", "baselines:write"]')
        return secret

    def tests(self, number, category='General'):
        """Write regression tests with one output each, in a category of this name."""
        found = self.rows.of('category', name=category)
        category_id = found[0]['id'] if found else self.rows.add('category', name=category, description='')
        return [self.rows.regression_test(category_id=category_id) for _ in range(number)]

    def push(self, tests, **configuration):
        """Push a commit to master, and return its queued run."""
        run_id = self.rows.run(tests, stages=(), **{'test_type': 'commit', 'branch': 'master', 'pr_nr': 0,
                                                    **configuration})
        self.process.call('push', commit=self.run(run_id)['commit'])
        return run_id

    def open_pull(self, tests):
        """Open a pull request on the tip of master, and return its queued run."""
        run_id = self.rows.run(tests, stages=())
        run = self.run(run_id)
        self.process.call('open_pull', number=run['pr_nr'], commit=run['commit'], author=AUTHOR)
        return run_id

    def run(self, run_id):
        """Return the row of a run."""
        return self.rows.one('test', id=run_id)

    # What people and the platform do

    def comment(self, run_id, text, *, login='Adam-GH', account=ALICE, key=KEY, status=200):
        """Comment on the pull request of a run, by default as the person, and return the answers on GitHub."""
        number = self.run(run_id)['pr_nr']
        before = self.process.call('comments_on', number=number)
        payload = comment_payload(text, {'issue.number': number, 'comment.id': next(_ids), 'comment.user.login': login,
                                         'comment.user.id': account})
        assert self.deliver('issue_comment', payload, key)['status'] == status
        return [answer['body'] for answer in self.process.call('comments_on', number=number)[len(before):]]

    def deliver(self, event, payload, key=KEY):
        """Deliver an event of GitHub's, and return the platform's answer."""
        body = json.dumps(payload)
        signature = hmac.new(key.encode(), body.encode(), hashlib.sha1).hexdigest()
        return self.process.call('ask', method='POST', path='/start-ci', file=body, headers={
            'X-GitHub-Event': event, 'X-GitHub-Delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958',
            'X-Hub-Signature': f'sha1={signature}', 'User-Agent': 'GitHub-Hookshot/044aadd',
            'Content-Type': 'application/json'})

    def deliver_build(self, commit, platform, sender, action='completed', conclusion='success'):
        """Deliver the event that the build of a pull request's commit has ended, perhaps again, or has started."""
        answer = self.deliver('workflow_run', {'action': action, 'sender': {'login': sender}, 'workflow_run': {
            'name': WORKFLOWS[platform], 'event': 'pull_request', 'head_sha': commit, 'head_branch': 'patch-1',
            'conclusion': conclusion}})
        assert (answer['status'], answer['body']) == (200, '{"msg": "EOL"}')

    def end_build(self, commit, platform, conclusion, sender):
        """End the build of a pull request's commit, and deliver its event, which names a sender."""
        self.process.call('run_workflow', commit=commit, platform=platform, conclusion=conclusion)
        self.deliver_build(commit, platform, sender, conclusion=conclusion)

    def request(self, method, path, **request):
        """Ask the API with the person's token, and return status, headers and body of the answer."""
        return self.process.call('ask', method=method, path=f'/api/v1{path}',
                                 **{'headers': self.authorization, **request})

    def ask(self, method, path, **request):
        """Ask the API, and return the JSON of an answer that is no refusal."""
        answer = self.request(method, path, **request)
        assert answer['status'] < 400, answer
        return json.loads(answer['body'])

    def visit(self, path, form=None):
        """Have the person look at a page, or fill in a form, and return what they see."""
        answer = self.process.call('ask', method='GET' if form is None else 'POST', path=path, form=form,
                                   user_id=self.user_id)
        assert answer['status'] < 400, answer
        return answer['body']

    def retry(self, run_id, **body):
        """Retry a run, by default its failed tests, and return the new one."""
        answer = self.ask('POST', f'/runs/{run_id}/retry', json_body={'failed_only': True, **body})
        return answer['new_run_id']

    def cancel(self, run_id):
        """Cancel a run by the platform's API."""
        assert self.ask('POST', f'/runs/{run_id}/cancel')['status'] == 'accepted'

    def stop(self, run_id):
        """Cancel a run on its page."""
        self.visit(f'/test/stop_test/{run_id}')

    def command(self, *arguments):
        """Run a command of the package's, and return what it prints."""
        exit_code, printed = self.process.call('command', arguments=[str(argument) for argument in arguments])
        assert exit_code == 0, printed
        return printed

    def run_scheduled_job(self):
        """Let the platform start what is queued and give up what takes too long."""
        self.process.call('run_scheduled_job')

    def worker(self, run_id):
        """Return the worker of a run, which the scheduled job has yet to start."""
        return Worker(self, run_id, self.run(run_id)['token'])

    def start(self, run_id):
        """Have a run start, and return its worker."""
        worker = self.worker(run_id)
        worker.start()
        return worker

    def repeat(self, run_id):
        """Write a second run of a commit, as a pull request that is closed and opened again has, and return it."""
        run = self.run(run_id)
        return self.rows.run(stages=(), **{name: run[name] for name in ('commit', 'pr_nr', 'branch', 'test_type')})

    def complete(self, run_id, outcomes=None):
        """Have a run start, run all its tests and complete; the others pass. Return the run."""
        worker = self.start(run_id)
        worker.run_all(outcomes or {})
        worker.end()
        return run_id

    # What the platform says, and the package

    def reported(self, run_id):
        """Return the status and the counts of a run, on which page and API must agree."""
        summary = self.ask('GET', f'/runs/{run_id}/summary')
        assert summary['status'] == self.process.call('status_and_page', run_id=run_id)[0]
        return Reported(summary['status'], summary['total_samples'], summary['pass_count'],
                        summary['fail_count'] + summary['missing_output_count'], summary['skipped_count'])

    def categories(self, run_id):
        """Return the tests that the page of a run lists in each category, and whether each has passed."""
        return {name: {test_id: not error for test_id, error in entries}
                for name, entries in self.process.call('status_and_page', run_id=run_id)[1].items()}

    def attempts(self, run_id):
        """Return the attempts of a run as the package lists them, a hundred at most."""
        return self.ask('GET', f'/runs/{run_id}/retries?limit=100')['data']

    def listed(self, run_id):
        """Return the status and the counts of a run as the package lists them."""
        (listed,) = (attempt for attempt in self.attempts(run_id) if attempt['run_id'] == run_id)
        return Reported(*(listed[name] for name in Reported._fields))

    def verdict(self, run_id):
        """Return what the attempts of a run prove, a hundred tests at most."""
        return self.ask('GET', f'/runs/{run_id}/verdict?limit=100')

    def page(self, run_id):
        """Return the page of a run, its spaces made one."""
        return re.sub(r'\s+', ' ', self.visit(f'/test/{run_id}'))

    def report(self, run_id):
        """Return the only report that stands on the pull request of a run, its spaces made one."""
        (report,) = (comment['body'] for comment in self.process.call(
            'comments_on', number=self.run(run_id)['pr_nr']) if not comment['deleted'])
        return re.sub(r'\s+', ' ', report)

    def commit_status(self, run_id):
        """Return the status that the commit of a run has on GitHub."""
        return self.commit_statuses(self.run(run_id)['commit'])[-1]

    def commit_statuses(self, commit):
        """Return the statuses of a commit on GitHub, the oldest first."""
        return self.process.call('commit_statuses', commit=commit)

    # What stands in the database

    def origins(self, run_id):
        """Return the run that really ran each test with a result in a run: its worker wrote it into the result."""
        return {row['regression_test_id']: row['runtime'] for row in self.rows.of('test_result', test_id=run_id)}


@dataclass(frozen=True)
class Worker:
    """The machine that runs a run."""

    story: Story
    run_id: int
    token: str

    @property
    def machine(self):
        """The name that the platform gives it."""
        return f'{self.story.run(self.run_id)["platform"]}-{self.run_id}'

    @property
    def is_running(self):
        """Whether the machine runs."""
        return self.machine in self.story.process.call('running')

    @property
    def ends(self):
        """The messages of the canceled rows of the run, sorted."""
        return self.story.rows.values('test_progress', 'message', test_id=self.run_id, status='canceled')

    @property
    def tests(self):
        """The tests that the platform has told the machine to run."""
        folder = self.story.platform.path / 'samples' / 'vm_data' / self.machine / 'ci-tests'
        files = [location.text for location in ElementTree.parse(folder / 'TestAll.xml').iter('location')]
        return sorted({int(entry.attrib['id']) for file in files if file is not None
                       for entry in ElementTree.parse(folder / file).iter('entry')})

    def post(self, type, file=None, **form):
        """Report something to the platform, and return its answer."""
        answer = self.story.process.call('ask', method='POST', path=f'/progress-reporter/{self.run_id}/{self.token}',
                                         form={'type': type, **form}, file=file)
        assert answer['status'] == 200, answer
        return answer['body']

    def start(self):
        """Have the scheduled job start the machine, if it has not, and report that the tests begin."""
        if not self.is_running:
            self.story.run_scheduled_job()
        assert self.is_running
        for stage in ('preparation', 'testing'):
            assert self.post('progress', status=stage, message=stage) == 'OK'

    def run(self, test_id, outcome=PASS):
        """Run a test, and report how it and its outputs ended, with the run as its time: see :meth:`Story.origins`."""
        for output in self.story.rows.of('regression_test_output', regression_id=test_id):
            about = {'test_id': str(test_id), 'test_file_id': str(output['id'])}
            if outcome.output is not None:
                assert self.post('upload' if outcome.output else 'equality', outcome.output or None, **about) == 'OK'
        assert self.post('finish', test_id=str(test_id), runTime=str(self.run_id),
                         exitCode=str(outcome.exit_code)) == 'OK'

    def run_all(self, outcomes, but=()):
        """Run all tests but some: those that are not named pass."""
        tests = self.tests
        assert set(outcomes) <= set(tests)
        for test_id in tests:
            if test_id not in but:
                self.run(test_id, outcomes.get(test_id, PASS))

    def end(self, status='completed'):
        """Report the end, and return the platform's answer."""
        return self.post('progress', status=status, message='The end')

    def run_out_of_time(self):
        """Have the scheduled job give the machine up."""
        self.story.process.call('let_pass', machine=self.machine, minutes=TOO_LONG)
        self.story.run_scheduled_job()
