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
    """
    What a database begins with: people, and completed runs of the same tests, the first ones of which failed.

    Attributes
    ----------
    run_id : int
        The run to retry. Carol owns it.
    other_run_ids : tuple of int
        Further ones like it, without an owner.
    passed_run_id : int
        One in which nothing failed.
    test_ids : tuple of int
        The tests of each.
    failed_ids : tuple of int
        Those that failed in each but the one that passed.
    people : dict of str to int
        The ids of alice, bob and carol.
    tokens : dict of str to str
        The secrets of alice and bob.
    """

    run_id: int
    other_run_ids: tuple[int, ...]
    passed_run_id: int
    test_ids: tuple[int, ...]
    failed_ids: tuple[int, ...]
    people: dict[str, int]
    tokens: dict[str, str]


def create_scenario(database: Database, tests: int = 5, failed: int = 2, others: int = 1) -> Scenario:
    """
    Make the tables, and a scenario in them.

    Parameters
    ----------
    database : Database
        A fresh one.
    tests, failed : int
        How many tests a run has, and how many of them failed.
    others : int
        How many further runs there are.

    Returns
    -------
    Scenario
    """
    app = create_app(database.uri())
    with app.app_context():
        db.create_all()
        people = {name: seed.user(name, role) for name, role in (
            ('alice', Role.contributor), ('bob', Role.tester), ('carol', Role.admin))}
        tokens = {name: seed.token(people[name]) for name in ('alice', 'bob')}
        ids = {name: person.id for name, person in people.items()}
        run_id, *other_run_ids = seed.bulk_runs(1 + others, tests, failed)
        passed_run_id, = seed.bulk_runs(1, tests, 0)
        seed.add(TestFork(test_id=run_id, user_id=ids['carol']))
        db.session.commit()
    dispose(app)
    test_ids = tuple(row[0] for row in database.query('SELECT id FROM regression_test ORDER BY id'))
    return Scenario(run_id, tuple(other_run_ids), passed_run_id, test_ids, test_ids[:failed], ids, tokens)


@dataclass(frozen=True)
class Run:
    """
    All that there is of one run.

    Attributes
    ----------
    id : int
        Its id.
    configuration : tuple
        What it is a run of.
    token : str
        What its worker reports with.
    test_ids, owner_ids : tuple of int
        What it runs and who owns it, a number for each row, sorted.
    progress : int
        How many stages it has reached.
    result_ids, file_ids : tuple of int
        The tests that it has results of, and files: a number for each row, sorted.
    carried_over : tuple of int
        The tests whose results were carried over into it, sorted.
    retry : tuple or None
        Its row in `run_retry` but for the time: source, root, failed only, user, number of tests.
    reason : bytes or None
        The reason in that row.
    """

    id: int
    configuration: tuple[Any, ...]
    token: str
    test_ids: tuple[int, ...]
    owner_ids: tuple[int, ...]
    progress: int
    result_ids: tuple[int, ...]
    file_ids: tuple[int, ...]
    carried_over: tuple[int, ...]
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
    Return what a retry of the scenario's run must be.

    Parameters
    ----------
    run : Run
        The retry as it is: its id, its token and its reason are taken from there.
    source : Run
        The scenario's run.
    scenario : Scenario
        The scenario.
    failed_only : bool
        Whether only the failed tests were asked for.
    person : str or None
        Who asked.
    ended : bool
        Whether it has ended, without a result of its own.
    is_whole : bool
        Whether the results of the source were carried over into it when it ended.

    Returns
    -------
    Run
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
