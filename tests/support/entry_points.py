"""Every way into the package, for what must hold of all of them: the statements that are sent, and their plans."""

import secrets
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta

import pytest
import seed
from application import create_app, dispose
from database import db
from flask import g
from mod_auth.models import Role
from mod_customized.models import CustomizedTest
from mod_test.models import Test, TestPlatform, TestProgress, TestStatus, TestType
from sqlalchemy import delete, update
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from support.github import AUTHOR, COMMIT, PR, SETTINGS, GitHub, comment_payload
from support.messages import TIME_LIMIT
from support.visitor import Visitor

from mod_runs_api import clock, retry_run
from mod_runs_api.github import retry_from_comment
from mod_runs_api.github.report import retry_report

#: One for all of them: a process has one PyGithub.
GITHUB = GitHub()


class EntryPoints:
    """
    A database with users and runs in it, and every way into the package.

    A run has so many tests, of which half failed. There are so many other users, and other runs, each retried once; one
    run was retried so many times in a row. What is sent through `package_engine`, the package alone has sent.
    """

    def __init__(self, database_uri, tests, runs, retries):
        self.sessions = scoped_session(sessionmaker())
        # Of more, a server would read whole tables.
        self.others_of_commit = min(runs, 10)
        self._stack = ExitStack()
        self.github = self._stack.enter_context(GITHUB.standing_in())
        self.github.open_pull(PR, COMMIT, AUTHOR)
        self.app = create_app(database_uri, **SETTINGS, RUNS_API_RATE_LIMIT='1000000 per day',
                              RUNS_API_AUTOMATIC_RETRIES=1, RUNS_API_AUTOMATIC_RETRIES_AT_ONCE=1000,
                              RUNS_API_AUTHOR_RETRIES=1000)
        self.app.before_request(self._use_sessions_of_the_package)
        self.app.teardown_appcontext(lambda _: self.sessions.remove())
        with self.app.app_context():
            db.create_all()
            self.engine = db.engine
            self.package_engine = db.engine.execution_options()
            self.sessions.configure(bind=self.package_engine)
            for number in range(runs):
                seed.token(seed.user(f'user {number}', Role.user, github_login=f'user-{number}'))
            alice = seed.user('alice', Role.contributor, github_login='alice-gh')
            self.token = seed.token(alice, ['runs:read', 'runs:write', 'results:read'])
            self.reading_token = seed.token(alice, ['runs:read'])
            self.failed, self.without_rows, self.of_pull_request, *others = seed.bulk_runs(3 + runs, tests, tests // 2)
            self.passed, = seed.bulk_runs(1, tests, 0)
            seed.bulk_regression_tests(max(2, tests // 2))
            self.queued = seed.run(owners=[alice]).id
            db.session.execute(delete(CustomizedTest).where(CustomizedTest.test_id == self.without_rows))
            run = db.session.get_one(Test, self.of_pull_request)
            run.pr_nr, run.test_type, run.branch, run.commit = PR, TestType.pull_request, 'pull_request', COMMIT
            run.platform = TestPlatform.linux
            db.session.execute(update(TestProgress).values(timestamp=datetime(2020, 1, 1)))
            # Its page tells the author how to retry it.
            db.session.execute(update(TestProgress).where(TestProgress.test_id == run.id).values(timestamp=clock.now()))
            db.session.commit()
            for run_id in others:
                retry_run(run_id, requested_by='alice')
            self.newest_retry = self.passed
            for _ in range(retries):
                self.newest_retry = retry_run(self.newest_retry, requested_by='alice', reason='x').new_run_id
            db.session.remove()
        self.alice, self.stranger = Visitor(self.app, 'alice'), Visitor(self.app, None)
        self.client = self.app.test_client()
        # The first of their kind, so that every later call finds the same.
        self.retry(self.failed, key='used')
        self.comment()
        self.completed_retry = self.end()

    def _use_sessions_of_the_package(self):
        g.db = self.sessions

    def close(self):
        """Close the connections to the database, and give GitHub its place back."""
        self._stack.close()
        dispose(self.app)

    @contextmanager
    def request(self):
        """Have the platform prepare a request, for what is called in process."""
        with self.app.test_request_context():
            self.app.preprocess_request()
            yield

    def retry(self, run_id, body=None, *, status=202, token='', key=''):
        """Ask for a retry, with alice's token by default, and check the status."""
        headers = {'Idempotency-Key': key} if key else {}
        if token is not None:
            headers['Authorization'] = f'Bearer {token or self.token}'
        response = self.client.post(f'/api/v1/runs/{run_id}/retry', headers=headers, json=body)
        assert response.status_code == status, response.text

    def get(self, route, run_id=0):
        """Ask about a run, by default the newest of many attempts."""
        response = self.client.get(f'/api/v1/runs/{run_id or self.newest_retry}/{route}',
                                   headers={'Authorization': f'Bearer {self.token}'})
        assert response.status_code == 200, response.text

    def retry_in_process(self):
        """Retry the failed tests of a run."""
        with self.request():
            return retry_run(self.failed, failed_only=True, requested_by='alice', reason='x').new_run_id

    def end(self):
        """Retry the failed tests of a run, complete the retry, into which others are carried over, and return it."""
        run_id = self.retry_in_process()
        with self.request(), Session(self.package_engine) as session:
            session.add(TestProgress(run_id, TestStatus.completed, ''))
            session.commit()
        return run_id

    def read_page_as_author(self):
        """Read the page of a run of a pull request, which tells a visitor without the button how to retry it."""
        assert '<code>/retry linux failed</code>' in self.stranger.page(f'/test/{self.of_pull_request}')

    def report(self):
        """Read what the package adds to the report on a run of a pull request, its author's sentence too."""
        with self.request():
            assert '/retry linux failed' in retry_report(self.of_pull_request)

    def comment(self, line='/retry linux', **changes):
        """Comment on a pull request. The retry ends at once, or the next comment would be refused."""
        with self.request():
            payload = comment_payload(line, {'comment.id': secrets.randbits(60), **changes})
            retry, = retry_from_comment(payload).retries
        with self.app.app_context():
            db.session.add(TestProgress(retry.new_run_id, TestStatus.canceled, 'A new word'))
            db.session.commit()

    def command(self, *arguments):
        """Run a command, in a session of the package, and return what it prints."""
        with pytest.MonkeyPatch.context() as patches:
            patches.setattr('database.create_session', lambda _uri: self.sessions)
            result = self.app.test_cli_runner().invoke(args=['runs-api', *map(str, arguments)])
        assert result.exit_code == 0, result.output
        return result.stdout

    def sweep(self):
        """Sweep after a run of a commit with others has run out of time."""
        ago = timedelta(hours=20)
        with self.app.app_context():
            stopped = seed.run(branch=secrets.token_hex(4), stages=seed.CANCELED, message=TIME_LIMIT, ago=ago)
            for _ in range(self.others_of_commit):
                seed.run(branch=secrets.token_hex(4), commit=stopped.commit, stages=seed.COMPLETED, ago=10 * ago)
            self.github.build(stopped.commit)
            db.session.commit()
            run_id = stopped.id
        done = self.command('sweep').splitlines()
        assert any(line.startswith(f'{run_id}\tretried\t') for line in done), done


#: The entry points by name.
CALLS = {
    'full': lambda to: to.retry(to.failed),
    'failed only': lambda to: to.retry(to.failed, {'failed_only': True}),
    'full, a source without rows': lambda to: to.retry(to.without_rows),
    'failed only, a source without rows': lambda to: to.retry(to.without_rows, {'failed_only': True}),
    'replay': lambda to: to.retry(to.failed, key='used'),
    '401, no token': lambda to: to.retry(to.failed, token=None, status=401),
    '401, an unknown token': lambda to: to.retry(to.failed, token=f'spci_{"x" * 43}', status=401),
    '403': lambda to: to.retry(to.failed, token=to.reading_token, status=403),
    '404': lambda to: to.retry(2 ** 31 - 1, status=404),
    '422, a wrong body': lambda to: to.retry(to.failed, {'failed_only': 'perhaps'}, status=422),
    '422, a used key': lambda to: to.retry(to.passed, status=422, key='used'),
    '422, nothing failed': lambda to: to.retry(to.passed, {'failed_only': True}, status=422),
    '422, not finished': lambda to: to.retry(to.queued, {'failed_only': True}, status=422),
    'preview': lambda to: to.get('retry'),
    'preview of a pull request': lambda to: to.get('retry', to.of_pull_request),
    'retries': lambda to: to.get('retries'),
    'verdict': lambda to: to.get('verdict'),
    'page of a run': lambda to: to.alice.page(f'/test/{to.newest_retry}'),
    'page of a pull request, for its author': lambda to: to.read_page_as_author(),
    'report': lambda to: to.report(),
    'retry_run': lambda to: to.retry_in_process(),
    'end of a failed-only retry': lambda to: to.end(),
    'comment': lambda to: to.comment(),
    'comment of the author': lambda to: to.comment('/retry linux failed', **{'comment.user.id': AUTHOR}),
    'flask runs-api retry': lambda to: to.command('retry', to.failed, '--as', 'alice'),
    'flask runs-api carry-over': lambda to: to.command('carry-over', to.completed_retry),
    'flask runs-api sweep': lambda to: to.sweep(),
    'flask runs-api causes': lambda to: to.command('causes', '--last', 5),
    'flask runs-api flaky': lambda to: to.command('flaky', '--last', 1),
}

#: The calls that send no statement.
SILENT = {'401, no token'}
