"""Rows of a database: to begin with, and of a run after retries."""

from dataclasses import dataclass
from typing import Any

import seed
from application import create_app, dispose
from database import db
from mod_auth.models import Role
from mod_customized.models import TestFork

#: The columns of `run_retry` that are compared.
RETRY = ('source_run_id', 'root_run_id', 'failed_only', 'user_id', 'test_count')


@dataclass(frozen=True)
class Scenario:
    """Two people, and completed runs of the same tests, the first of which failed."""

    #: The run to retry, which carol owns.
    run_id: int
    #: Further ones like it, without an owner.
    other_run_ids: list[int]
    test_ids: tuple[int, ...]
    failed_ids: tuple[int, ...]
    #: The ids of alice and carol.
    people: dict[str, int]
    #: A token of alice's.
    token: str


def create_scenario(database, tests=5, failed=2, others=1):
    """Make the tables, and in them `1 + others` runs of so many tests."""
    app = create_app(database.uri)
    with app.app_context():
        db.create_all()
        alice, carol = seed.user('alice', Role.contributor), seed.user('carol', Role.admin)
        people, token = {'alice': alice.id, 'carol': carol.id}, seed.token(alice)
        run_id, *other_run_ids = seed.bulk_runs(1 + others, tests, failed)
        seed.add(TestFork(test_id=run_id, user_id=carol.id))
        db.session.commit()
    dispose(app)
    test_ids = tuple(row.id for row in database.query('SELECT id FROM regression_test ORDER BY id'))
    return Scenario(run_id, other_run_ids, test_ids, test_ids[:failed], people, token)


@dataclass
class Run:
    """All that there is of one run. Of other tables, a number for each row, sorted."""

    id: int
    token: str
    configuration: tuple[Any, ...]
    test_ids: tuple[int, ...] = ()
    owner_ids: tuple[int, ...] = ()
    #: How many stages it has reached.
    progress: int = 0
    #: The tests of its results, of its files, and of what was carried over into it.
    result_ids: tuple[int, ...] = ()
    file_ids: tuple[int, ...] = ()
    carried_over: tuple[int, ...] = ()
    #: What is recorded of the retry in `run_retry`, but for the time, the digest and the reason; and the reason.
    retry: dict[str, int | None] | None = None
    reason: bytes | None = None

    @property
    def failed_only(self):
        """Whether it is a retry of the failed tests only."""
        return self.retry is not None and bool(self.retry['failed_only'])


def read_runs(database):
    """Return every run that there is, by id."""
    runs = {run_id: Run(run_id, token, tuple(configuration)) for run_id, token, *configuration in database.query(
        'SELECT id, token, platform, test_type, fork_id, branch, `commit`, pr_nr FROM test')}
    for name, table, key, column in (
            ('test_ids', 'customized_test', 'test_id', 'regression_id'),
            ('owner_ids', 'test_fork', 'test_id', 'user_id'),
            ('result_ids', 'test_result', 'test_id', 'regression_test_id'),
            ('file_ids', 'test_result_file', 'test_id', 'regression_test_id'),
            ('carried_over', 'run_carried_over', 'run_id', 'regression_test_id')):
        for run_id, number in database.query(f'SELECT {key}, {column} FROM {table} ORDER BY {column}'):
            setattr(runs[run_id], name, (*getattr(runs[run_id], name), number))
    for run_id, count in database.query('SELECT test_id, COUNT(*) FROM test_progress GROUP BY test_id'):
        runs[run_id].progress = count
    for row in database.query('SELECT * FROM run_retry'):
        runs[row.run_id].reason = row.reason
        runs[row.run_id].retry = {name: row._mapping[name] for name in RETRY}
    return runs


def expected_run(run, source, scenario, *, failed_only=False, person='alice', ended=False, is_whole=True):
    """
    Return what a retry of the scenario's run must be, with the id, the token and the reason that it has.

    If it has ended, then without a result of its own; whole if the results of the source were carried over into it.
    """
    test_ids = scenario.failed_ids if failed_only else scenario.test_ids
    carried_over = scenario.test_ids if failed_only and ended and is_whole else ()
    requester = scenario.people[person] if person else None
    return Run(
        id=run.id, configuration=source.configuration, token=run.token, test_ids=carried_over or test_ids,
        owner_ids=tuple(sorted({*source.owner_ids, *([requester] if requester else [])})),
        progress=int(ended), result_ids=carried_over, carried_over=carried_over,
        file_ids=tuple(test_id for test_id in source.file_ids if test_id in carried_over),
        retry={'source_run_id': source.id, 'root_run_id': source.id, 'failed_only': int(failed_only),
               'user_id': requester, 'test_count': len(test_ids)}, reason=run.reason)
