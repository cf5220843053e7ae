"""The miniature on one database: runs to retry in it, and requests to it in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import seed
from application import create_app, dispose
from database import db
from flask import Flask
from mod_auth.models import Role
from sqlalchemy import Engine, text

from mod_runs_api import retry_run

from .floor import Floor
from .measuring import NOTHING, Answer, Environ, call, request
from .stores import Store

UNLIMITED = '1000000000 per minute'

#: What somebody else's token looks like.
WRONG_TOKEN = 'spci_' + 'x' * 43

#: In a run one test in so many has an output that is another than the expected one, and accepted.
ACCEPTED = 10
VARIANT, OTHER = 'a' * 64, 'd' * 64


class Stage:
    """
    The miniature on a database.

    Parameters
    ----------
    store : Store
        The database, empty or with the platform's tables.
    tests : int
        How many regression tests there are.

    Attributes
    ----------
    app : Flask
        The miniature. The limit is out of the way, and so is the host's check for its tables: the real platform shows
        what that costs.
    token : str
        Alice's.
    """

    def __init__(self, store: Store, tests: int) -> None:
        self.store = store
        self.app: Flask = create_app(store.uri, RUNS_API_RATE_LIMIT=UNLIMITED, LOOKS_FOR_TABLES=False)
        self.limited_app: Flask = create_app(store.uri, RUNS_API_RATE_LIMIT='1 per day', LOOKS_FOR_TABLES=False)
        self.app.add_url_rule(NOTHING, 'nothing', lambda: '')
        with self.app.app_context():
            db.create_all()
            self.engine: Engine = db.engine
            alice, self.owner_id = seed.user('alice'), seed.user('carol', Role.admin).id
            self.token = seed.token(alice, ['runs:read', 'runs:write', 'results:read'])
            self.user_id = alice.id
            self.tests = seed.bulk_regression_tests(tests)
            self.fork_id = seed.fork().id
            db.session.execute(text(
                'INSERT INTO regression_test_output_files (file_hashes, regression_test_output_id) '
                f"SELECT '{VARIANT}', id FROM regression_test_output WHERE id % {ACCEPTED} = 0"))
            db.session.commit()
            db.session.remove()
        self.floor = Floor(store, self.token, tests)

    def close(self) -> None:
        """Close all connections."""
        self.floor.close()
        dispose(self.app)
        dispose(self.limited_app)

    def runs(self, count: int, tests: int, failed: int) -> list[int]:
        """
        Add completed runs that have an owner.

        Parameters
        ----------
        count : int
            How many.
        tests : int
            How many tests each has.
        failed : int
            How many of them did not pass in each, the first ones: in turn by an exit code, an output that differs, an
            output that is missing, and no result at all.

        Returns
        -------
        list of int
            Their ids.
        """
        with self.app.app_context():
            made: list[int] = seed.bulk_runs(count, tests, failed)
            within = f'test_id BETWEEN {made[0]} AND {made[-1]}'
            first = self.tests[0]
            spoiled = f'{within} AND regression_test_id < {first + failed} AND (regression_test_id - {first}) % 4'
            for statement in (
                    f'INSERT INTO test_fork (user_id, test_id) SELECT {self.owner_id}, id FROM test '
                    f'WHERE id BETWEEN {made[0]} AND {made[-1]}',
                    f'UPDATE test_result SET exit_code = expected_rc WHERE {spoiled} <> 0',
                    f"UPDATE test_result_file SET got = '{OTHER}' WHERE {spoiled} = 1",
                    f'DELETE FROM test_result_file WHERE {spoiled} >= 2',
                    f'DELETE FROM test_result WHERE {spoiled} = 3',
                    f"UPDATE test_result_file SET got = '{VARIANT}' "
                    f'WHERE {within} AND got IS NULL AND regression_test_output_id % {ACCEPTED} = 0'):
                db.session.execute(text(statement))
            db.session.commit()
            db.session.remove()
        return made

    def ask(self, *arguments: Any, **keywords: Any) -> Environ:
        """Write a request down; by default alice sends it."""
        keywords.setdefault('token', self.token)
        return request(*arguments, **keywords)

    def retry(self, run_id: int, body: Any = None, **keywords: Any) -> Environ:
        """Write a request for a retry down."""
        return self.ask('POST', f'/api/v1/runs/{run_id}/retry', body=body, **keywords)

    def call(self, environ: Environ) -> Answer:
        """Have the miniature handle a request."""
        return call(self.app, environ)

    def call_limited(self, environ: Environ) -> Answer:
        """Have the miniature handle a request, with a limit that the first one uses up."""
        return call(self.limited_app, environ)

    def made(self, answer: Answer) -> int:
        """Return the run that a retry made."""
        assert answer.status == 202, (answer.status, answer.body)
        return int(json.loads(answer.body)['new_run_id'])

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Be in a request whose hooks have run."""
        with self.app.test_request_context():
            self.app.preprocess_request()
            yield

    def retry_inside(self, run_id: int, **keywords: Any) -> int:
        """Call `retry_run` as alice."""
        return retry_run(run_id, requested_by=self.user_id, **keywords).new_run_id


@contextmanager
def staged(store: Store, tests: int) -> Iterator[Stage]:
    """Return the miniature on a database while the block lasts."""
    with closing(Stage(store, tests)) as stage:
        yield stage
