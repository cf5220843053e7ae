"""Rows of a database: to begin with, and of a run after retries."""

from collections import defaultdict
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import seed
from application import in_application
from database import db
from mod_auth.models import Role
from sqlalchemy import NullPool, create_engine
from support.rows import RetryRow, Rows

#: What a retry has in common with its source.
CONFIGURATION = ('platform', 'test_type', 'fork_id', 'branch', 'commit', 'pr_nr')


@dataclass(frozen=True)
class Scenario:
    """Two people, and completed runs of the same tests, the first of which failed."""

    #: The run to retry, which carol owns.
    run_id: int
    #: Further ones like it, without an owner.
    other_run_ids: list[int]
    test_ids: list[int]
    failed_ids: list[int]
    #: The ids of alice and carol.
    people: dict[str, int]
    #: A token of alice's.
    token: str


def create_scenario(database, tests=5, failed=2, others=1):
    """Make the tables, and in them `1 + others` runs of so many tests."""
    with in_application(database.uri):
        alice, carol = seed.user('alice', Role.contributor), seed.user('carol', Role.admin)
        people, token = {'alice': alice.id, 'carol': carol.id}, seed.token(alice)
        test_ids = seed.bulk_regression_tests(tests)
        run_id, *other_run_ids = seed.bulk_runs(1 + others, tests, failed)
        seed.add(seed.TestFork(test_id=run_id, user_id=carol.id))
        db.session.commit()
    return Scenario(run_id, other_run_ids, test_ids, test_ids[:failed], people, token)


@dataclass
class Run:
    """All that there is of one run. Of other tables, a number for each row, sorted."""

    id: int
    token: str
    configuration: list[Any]
    test_ids: list[int]
    owner_ids: list[int]
    #: How many stages it has reached.
    progress: int
    #: The tests of its results, of its files, and of what was carried over into it.
    result_ids: list[int]
    file_ids: list[int]
    carried_over: list[int]
    #: What is recorded of it if it is a retry.
    retry: RetryRow | None

    @property
    def failed_only(self):
        """Whether it is a retry of the failed tests only."""
        return self.retry is not None and self.retry.failed_only


def rows_of(database):
    """Return the rows of a database."""
    return Rows(create_engine(database.url, poolclass=NullPool))


def read_runs(database):
    """Return every run that there is, by id."""
    rows = rows_of(database)

    def numbers(table, column, key='test_id'):
        found = defaultdict(list)
        for row in sorted(rows.of(table), key=itemgetter(column)):
            found[row[key]].append(row[column])
        return found

    tests, owners = numbers('customized_test', 'regression_id'), numbers('test_fork', 'user_id')
    results, files = numbers('test_result', 'regression_test_id'), numbers('test_result_file', 'regression_test_id')
    marks, progress = numbers('run_carried_over', 'regression_test_id', 'run_id'), numbers('test_progress', 'id')
    retries = {retry.run_id: retry for retry in rows.retries}
    return {run['id']: Run(
        run['id'], run['token'], [run[name] for name in CONFIGURATION], tests[run['id']], owners[run['id']],
        len(progress[run['id']]), results[run['id']], files[run['id']], marks[run['id']], retries.get(run['id']))
        for run in rows.of('test')}


def expected_run(run, source, scenario, *, failed_only=False, person='alice', ended=False, is_whole=True):
    """
    Return what a retry of the scenario's run must be, with the id, the token and the reason that it has.

    If it has ended, then without a result of its own; whole if the results of the source were carried over into it.
    """
    test_ids = scenario.failed_ids if failed_only else scenario.test_ids
    carried_over = scenario.test_ids if failed_only and ended and is_whole else []
    requester_id = scenario.people[person] if person else None
    return Run(
        run.id, run.token, source.configuration, carried_over or test_ids,
        sorted({*source.owner_ids, *([requester_id] if requester_id else [])}), int(ended), carried_over,
        [test_id for test_id in source.file_ids if test_id in carried_over], carried_over,
        RetryRow(run.id, source.id, source.id, failed_only, run.retry.reason, requester_id, len(test_ids)))


def assert_whole(before, runs, run_id, scenario, **how):
    """Check that a run is a whole retry of the scenario's run, which is as it was before."""
    source = before[scenario.run_id]
    assert runs[scenario.run_id] == source
    assert runs[run_id] == expected_run(runs[run_id], source, scenario, **how)
