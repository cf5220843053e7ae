"""What is in a database: to begin with, and after retries."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import seed
from application import create_app, dispose
from database import db
from mod_auth.models import Role
from mod_customized.models import TestFork
from support.rows import ROOT, RUN, SOURCE

from .databases import Database


@dataclass(frozen=True)
class Scenario:
    """What a database begins with: two people, and completed runs of the same tests, the first of which failed."""

    #: The run to retry, which carol owns.
    run_id: int
    #: Further ones like it, without an owner.
    other_run_ids: list[int]
    test_ids: tuple[int, ...]
    failed_ids: tuple[int, ...]
    #: The ids of alice and carol.
    people: dict[str, int]
    #: The secrets of those who ask: alice's.
    tokens: dict[str, str]


def create_scenario(database: Database, tests: int = 5, failed: int = 2, others: int = 1) -> Scenario:
    """Make the tables, and in them `1 + others` runs of so many tests."""
    app = create_app(database.uri())
    with app.app_context():
        db.create_all()
        alice, carol = seed.user('alice', Role.contributor), seed.user('carol', Role.admin)
        people, tokens = {'alice': alice.id, 'carol': carol.id}, {'alice': seed.token(alice)}
        run_id, *other_run_ids = seed.bulk_runs(1 + others, tests, failed)
        seed.add(TestFork(test_id=run_id, user_id=carol.id))
        db.session.commit()
    dispose(app)
    test_ids = tuple(row[0] for row in database.query('SELECT id FROM regression_test ORDER BY id'))
    return Scenario(run_id, other_run_ids, test_ids, test_ids[:failed], people, tokens)


@dataclass(frozen=True)
class Run:
    """All that there is of one run. Of other tables, a number for each row, sorted."""

    id: int
    configuration: tuple[Any, ...]
    #: What its worker reports with.
    token: str
    test_ids: tuple[int, ...]
    owner_ids: tuple[int, ...]
    #: How many stages it has reached.
    progress: int
    #: The tests of its results, of its files, and of what was carried over into it.
    result_ids: tuple[int, ...]
    file_ids: tuple[int, ...]
    carried_over: tuple[int, ...]
    #: Its row in `run_retry` but for the time: source, root, failed only, user, number of tests; and the reason.
    retry: tuple[int | None, ...] | None
    reason: bytes | None

    @property
    def failed_only(self) -> bool:
        """Whether it is a retry of the failed tests only."""
        return self.retry is not None and bool(self.retry[2])


def read_runs(database: Database) -> dict[int, Run]:
    """Return every run that there is, by id."""
    tests, owners = _pairs(database, 'customized_test', 'regression_id'), _pairs(database, 'test_fork', 'user_id')
    progress = _pairs(database, 'test_progress', 'id')
    results, files = (_pairs(database, table, 'regression_test_id') for table in ('test_result', 'test_result_file'))
    carried_over = _pairs(database, 'run_carried_over', 'regression_test_id', RUN)
    retries = {row[0]: row[1:] for row in database.query(
        f'SELECT {RUN}, reason, {SOURCE}, {ROOT}, failed_only, user_id, test_count FROM run_retry')}
    return {
        row.id: Run(
            id=row.id, configuration=tuple(row[2:]), token=row.token, test_ids=tests[row.id],
            owner_ids=owners[row.id], progress=len(progress[row.id]), result_ids=results[row.id],
            file_ids=files[row.id], carried_over=carried_over[row.id],
            retry=tuple(retries[row.id][1:]) if row.id in retries else None,
            reason=retries[row.id][0] if row.id in retries else None)
        for row in database.query(
            'SELECT id, token, platform, test_type, fork_id, branch, `commit`, pr_nr FROM test ORDER BY id')}


def _pairs(database: Database, table: str, column: str, key: str = 'test_id') -> defaultdict[int, tuple[int, ...]]:
    found: defaultdict[int, tuple[int, ...]] = defaultdict(tuple)
    for run_id, other in database.query(f'SELECT {key}, {column} FROM {table} ORDER BY {column}'):
        found[run_id] += (other,)
    return found


def expected_run(run: Run, source: Run, scenario: Scenario, *, failed_only: bool = False, person: str | None = 'alice',
                 ended: bool = False, is_whole: bool = True) -> Run:
    """
    Return what a retry of the scenario's run must be, with the id, the token and the reason that it has.

    If it has ended, then without a result of its own; whole if the results of the source were carried over into it.
    """
    test_ids = scenario.failed_ids if failed_only else scenario.test_ids
    carried_over = scenario.test_ids if failed_only and ended and is_whole else ()
    requester = None if person is None else scenario.people[person]
    return Run(
        id=run.id, configuration=source.configuration, token=run.token,
        test_ids=carried_over or test_ids,
        owner_ids=tuple(sorted({*source.owner_ids, *([] if requester is None else [requester])})),
        progress=int(ended), result_ids=carried_over, carried_over=carried_over,
        file_ids=tuple(test_id for test_id in source.file_ids if test_id in carried_over),
        retry=(source.id, source.id, int(failed_only), requester, len(test_ids)), reason=run.reason)


def assert_tokens(runs: dict[int, Run]) -> None:
    """Check that each run has a secret of its own."""
    tokens = [run.token for run in runs.values()]
    assert all(len(token) == 64 and token.isascii() and token.isalnum() for token in tokens)
    assert len(set(tokens)) == len(tokens)
