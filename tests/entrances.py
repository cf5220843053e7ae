"""Every way into the package, and what is sent to the database on each: for what must hold of all of it."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest import mock

import seed
from application import create_app
from database import db
from flask import Flask, g
from mod_auth.models import Role
from mod_customized.models import CustomizedTest
from mod_test.models import Test, TestPlatform, TestType
from recording import Sent, is_no_question_for_tables, recording
from sqlalchemy import Engine, delete, event
from sqlalchemy.orm import ORMExecuteState, Session
from visiting import Visitor

from mod_runs_api import retry_run
from mod_runs_api.github import post_queued_status, retry_from_comment

PR = 1342


def is_the_packages() -> bool:
    """Tell whether the package is among the callers."""
    frame = sys._getframe()
    while frame is not None:
        name = frame.f_globals.get('__name__', '')
        # What the host creates goes through `known_tables`, which sends nothing itself.
        if name.startswith('mod_runs_api.') and True:
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def recording_the_package() -> AbstractContextManager[list[Sent]]:
    """Record what the package sends, to any engine: a command has one of its own."""
    return recording(Engine, lambda statement: is_no_question_for_tables(statement) and is_the_packages())


@contextmanager
def recording_loads() -> Iterator[list[str]]:
    """Record what the package has the ORM load: models, or attributes of models that were not loaded yet."""
    loads: list[str] = []

    def record(state: ORMExecuteState) -> None:
        if is_the_packages() and (state.is_orm_statement or state.is_column_load or state.is_relationship_load):
            loads.append(str(state.statement))

    event.listen(Session, 'do_orm_execute', record)
    try:
        yield loads
    finally:
        event.remove(Session, 'do_orm_execute', record)


class Entrances:
    """
    A database with people and runs in it, and every way into the package.

    Parameters
    ----------
    database_uri : str
        An empty database.
    tests : int
        How many tests a run has, half of which failed.
    runs : int
        How many further runs there are like those that are asked for, each retried once; and how many further people.
    relatives : int
        How many times a run was retried in a row.
    """

    def __init__(self, database_uri: str, tests: int, runs: int, relatives: int) -> None:
        self.app: Flask = create_app(database_uri, RUNS_API_RATE_LIMIT='1000000 per day', GITHUB_OWNER='CCExtractor',
                                     GITHUB_REPOSITORY='ccextractor')
        with self.app.app_context():
            db.create_all()
            self.engine = db.engine
            people = [seed.user(f'person {number}', Role.user, github_login=f'person-{number}')
                      for number in range(runs)]
            alice = seed.user('alice', Role.contributor, github_login='alice')
            for person in people:
                seed.token(person)
            self.token, self.reading = seed.token(alice), seed.token(alice, ['runs:read'])
            self.failed, self.without_rows, self.of_pull_request, *others = seed.bulk_runs(3 + runs, tests, tests // 2)
            self.passed, = seed.bulk_runs(1, tests, 0)
            seed.bulk_regression_tests(max(2, tests // 2))
            self.queued = seed.run(owners=[alice]).id
            db.session.execute(delete(CustomizedTest).where(CustomizedTest.test_id == self.without_rows))
            run = db.session.get_one(Test, self.of_pull_request)
            run.pr_nr, run.test_type, run.platform = PR, TestType.pull_request, TestPlatform.linux
            db.session.commit()
            g.db = db.session
            for run_id in others:
                retry_run(run_id, requested_by='alice')
            self.relative = self.passed
            for number in range(relatives):
                self.relative = retry_run(self.relative, requested_by='alice', reason='x',
                                          idempotency_key=f'relative-{number}').new_run_id
            db.session.remove()
        self.alice = Visitor(self.app, 'alice')
        self.client = self.app.test_client()
        self.retry(self.failed, key='used')

    def close(self) -> None:
        """Close the connections to the database."""
        self.engine.dispose()

    def retry(self, run_id: int, body: Any = None, *, status: int = 202, token: str | None = '',
              key: str | None = None) -> None:
        """Ask for a retry, of alice's by default."""
        headers = {} if token is None else {'Authorization': f'Bearer {token or self.token}'}
        if key is not None:
            headers['Idempotency-Key'] = key
        response = self.client.post(f'/api/v1/runs/{run_id}/retry', headers=headers, json=body)
        assert response.status_code == status, response.text

    def limited(self) -> None:
        """Ask once too often."""
        limit = self.app.config['RUNS_API_RATE_LIMIT']
        self.app.config['RUNS_API_RATE_LIMIT'] = '1 per day'
        try:
            self.client.post('/api/v1/runs/1/retry', headers={'Authorization': f'Bearer {self.reading}'})
            self.retry(self.failed, token=self.reading, status=429)
        finally:
            self.app.config['RUNS_API_RATE_LIMIT'] = limit

    def family(self) -> None:
        """Ask for a family."""
        response = self.client.get(f'/api/v1/runs/{self.relative}/retries',
                                   headers={'Authorization': f'Bearer {self.token}'})
        assert response.status_code == 200

    def in_process(self) -> None:
        """Retry a run in a request of the host's."""
        with self.app.test_request_context():
            self.app.preprocess_request()
            retry_run(self.failed, failed_only=True, requested_by='alice', reason='x')

    def comment(self) -> None:
        """Comment on GitHub."""
        payload = {
            'action': 'created', 'repository': {'full_name': 'CCExtractor/ccextractor'},
            'issue': {'number': PR, 'state': 'open', 'pull_request': {}},
            'comment': {'id': 1, 'body': '/retry linux', 'performed_via_github_app': None,
                        'user': {'login': 'Alice', 'id': 5, 'type': 'User'}}}
        with self.app.test_request_context():
            self.app.preprocess_request()
            outcome = retry_from_comment(payload, secrets.token_hex(8))
        assert len(outcome.retries) == 1, outcome

    def commit_status(self) -> None:
        """Post the status of a commit."""
        with self.app.test_request_context(), \
                mock.patch.object(host, 'github'), mock.patch.object(host, 'post_pending_status'):
            self.app.preprocess_request()
            post_queued_status(self.app, new_run_id=self.failed)

    def command(self, *arguments: object) -> None:
        """Run a command."""
        result = self.app.test_cli_runner().invoke(args=['runs-api', *map(str, arguments)])
        assert result.exit_code == 0, result.output

    @property
    def ways(self) -> dict[str, Callable[[], None]]:
        """All of them, by what they are."""
        return {
            'full': lambda: self.retry(self.failed),
            'failed only': lambda: self.retry(self.failed, {'failed_only': True}),
            'full, a source without rows': lambda: self.retry(self.without_rows),
            'failed only, a source without rows': lambda: self.retry(self.without_rows, {'failed_only': True}),
            'full, a retry': lambda: self.retry(self.relative),
            'replay': lambda: self.retry(self.failed, key='used'),
            '401, no token': lambda: self.retry(self.failed, token=None, status=401),
            '401, another token': lambda: self.retry(self.failed, token=f'spci_{"x" * 43}', status=401),
            '403': lambda: self.retry(self.failed, token=self.reading, status=403),
            '404': lambda: self.retry(2 ** 31 - 1, status=404),
            '422, a bad body': lambda: self.retry(self.failed, {'failed_only': 'perhaps'}, status=422),
            '422, a used key': lambda: self.retry(self.passed, key='used', status=422),
            '422, nothing failed': lambda: self.retry(self.passed, {'failed_only': True}, status=422),
            '422, not finished': lambda: self.retry(self.queued, {'failed_only': True}, status=422),
            '429': self.limited,
            'retries': self.family,
            'page of a run': lambda: bool(self.alice.page(f'/test/{self.passed}')) and None,
            'list of runs': lambda: bool(self.alice.page('/test/')) and None,
            'retry_run': self.in_process,
            'comment': self.comment,
            'commit status': self.commit_status,
            'flask runs-api retry': lambda: self.command('retry', self.failed, '--as', 'alice'),
            'flask runs-api attempts': lambda: self.command('attempts', self.relative),
        }
