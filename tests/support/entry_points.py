"""Every way into the package, for what must hold of all of them: the statements that are sent, and their plans."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any
from unittest import mock

import seed
from application import create_app
from database import db
from flask import Flask
from flask.testing import FlaskClient
from mod_auth.models import Role
from mod_customized.models import CustomizedTest
from mod_test.models import Test, TestPlatform, TestType
from sqlalchemy import Engine, delete
from sqlalchemy.orm import Session, scoped_session
from support.visitor import Visitor

from mod_runs_api import create_blueprint, retry_run
from mod_runs_api.github import post_queued_status, retry_from_comment, status

PULL_REQUEST = 1342


class EntryPoints:
    """
    A database with users and runs in it, and every way into the package.

    Parameters
    ----------
    database_uri : str
        An empty database.
    tests : int
        How many tests a run has. Half of them failed.
    runs : int
        How many other runs there are, each retried once, and how many other users.
    retries : int
        How many times one run was retried in a row.

    Attributes
    ----------
    engine : Engine
        The host's.
    package_engine : Engine
        The same database, as the package alone uses it: what is sent through it, the package has sent.
    """

    def __init__(self, database_uri: str, tests: int, runs: int, retries: int) -> None:
        self.sessions = scoped_session(lambda: Session(self.package_engine))
        self.app = self._create_app(database_uri, '1000000 per day')
        self.limited_app = self._create_app(database_uri, '1 per day')
        with self.app.app_context():
            db.create_all()
            self.engine: Engine = db.engine
            self.package_engine: Engine = db.engine.execution_options()
            users = [seed.user(f'user {number}', Role.user, github_login=f'user-{number}') for number in range(runs)]
            alice = seed.user('alice', Role.contributor, github_login='alice')
            for user in users:
                seed.token(user)
            self.token, self.reading_token = seed.token(alice), seed.token(alice, ['runs:read'])
            self.failed, self.without_rows, self.of_pull_request, *others = seed.bulk_runs(3 + runs, tests, tests // 2)
            self.passed, = seed.bulk_runs(1, tests, 0)
            seed.bulk_regression_tests(max(2, tests // 2))
            self.queued = seed.run(owners=[alice]).id
            db.session.execute(delete(CustomizedTest).where(CustomizedTest.test_id == self.without_rows))
            run = db.session.get_one(Test, self.of_pull_request)
            run.pr_nr, run.test_type, run.branch = PULL_REQUEST, TestType.pull_request, 'pull_request'
            run.platform = TestPlatform.linux
            db.session.commit()
            for run_id in others:
                retry_run(run_id, requested_by='alice')
            self.newest_retry = self.passed
            for number in range(retries):
                self.newest_retry = retry_run(self.newest_retry, requested_by='alice', reason='x',
                                              idempotency_key=f'retry-{number}').new_run_id
            db.session.remove()
        self.alice = Visitor(self.app, 'alice')
        self.client = self.app.test_client()
        # The first of their kind, so that every later call finds the same.
        self.retry(self.failed, key='used')
        self._comment()
        self.limited_client = self.limited_app.test_client()
        self.retry(self.failed, client=self.limited_client)

    def _create_app(self, database_uri: str, rate_limit: str) -> Flask:
        app = create_app(database_uri, mount=False, RUNS_API_RATE_LIMIT=rate_limit, GITHUB_OWNER='CCExtractor',
                         GITHUB_REPOSITORY='ccextractor')
        app.register_blueprint(create_blueprint(session=lambda: self.sessions), url_prefix='/api/v1')
        app.teardown_appcontext(lambda _: self.sessions.remove())
        return app

    def close(self) -> None:
        """Close the connections to the database."""
        for app in (self.app, self.limited_app):
            with app.app_context():
                db.engine.dispose()

    def retry(self, run_id: int, body: Any = None, *, status: int = 202, token: str | None = '',
              key: str | None = None, client: FlaskClient | None = None) -> None:
        """Ask for a retry, with alice's token by default, and check the status."""
        headers = {} if token is None else {'Authorization': f'Bearer {token or self.token}'}
        if key is not None:
            headers['Idempotency-Key'] = key
        response = (client or self.client).post(f'/api/v1/runs/{run_id}/retry', headers=headers, json=body)
        assert response.status_code == status, response.text

    def _list_attempts(self) -> None:
        response = self.client.get(f'/api/v1/runs/{self.newest_retry}/retries',
                                   headers={'Authorization': f'Bearer {self.token}'})
        assert response.status_code == 200

    def _retry_in_process(self) -> None:
        with self.app.test_request_context():
            self.app.preprocess_request()
            retry_run(self.failed, failed_only=True, requested_by='alice', reason='x')

    def _comment(self) -> None:
        payload = {
            'action': 'created', 'repository': {'full_name': 'CCExtractor/ccextractor'},
            'issue': {'number': PULL_REQUEST, 'state': 'open', 'pull_request': {}},
            'comment': {'id': 1, 'body': '/retry linux', 'performed_via_github_app': None,
                        'user': {'login': 'Alice', 'id': 5, 'type': 'User'}}}
        with self.app.test_request_context():
            self.app.preprocess_request()
            outcome = retry_from_comment(payload, secrets.token_hex(8))
        assert len(outcome.retries) == 1, outcome

    def _post_commit_status(self) -> None:
        with self.app.test_request_context(), \
                mock.patch.object(status, 'github_access'), \
                mock.patch.object(status, 'post_pending_status') as post:
            self.app.preprocess_request()
            post_queued_status(self.app, new_run_id=self.failed)
        assert post.called

    def _command(self, *arguments: object) -> None:
        result = self.app.test_cli_runner().invoke(args=['runs-api', *map(str, arguments)])
        assert result.exit_code == 0, result.output

    @property
    def calls(self) -> dict[str, Callable[[], object]]:
        """All of them, by what they are."""
        return {
            'full': lambda: self.retry(self.failed),
            'failed only': lambda: self.retry(self.failed, {'failed_only': True}),
            'full, a source without rows': lambda: self.retry(self.without_rows),
            'failed only, a source without rows': lambda: self.retry(self.without_rows, {'failed_only': True}),
            'full, a retry': lambda: self.retry(self.newest_retry),
            'replay': lambda: self.retry(self.failed, key='used'),
            '401, no token': lambda: self.retry(self.failed, token=None, status=401),
            '401, an unknown token': lambda: self.retry(self.failed, token=f'spci_{"x" * 43}', status=401),
            '403': lambda: self.retry(self.failed, token=self.reading_token, status=403),
            '404': lambda: self.retry(2 ** 31 - 1, status=404),
            '422, a wrong body': lambda: self.retry(self.failed, {'failed_only': 'perhaps'}, status=422),
            '422, a used key': lambda: self.retry(self.passed, key='used', status=422),
            '422, nothing failed': lambda: self.retry(self.passed, {'failed_only': True}, status=422),
            '422, not finished': lambda: self.retry(self.queued, {'failed_only': True}, status=422),
            '429': lambda: self.retry(self.failed, status=429, client=self.limited_client),
            'retries': self._list_attempts,
            'page of a run': lambda: self.alice.page(f'/test/{self.newest_retry}'),
            'list of runs': lambda: self.alice.page('/test/'),
            'retry_run': self._retry_in_process,
            'comment': self._comment,
            'commit status': self._post_commit_status,
            'flask runs-api retry': lambda: self._command('retry', self.failed, '--as', 'alice'),
            'flask runs-api attempts': lambda: self._command('attempts', self.newest_retry),
        }
