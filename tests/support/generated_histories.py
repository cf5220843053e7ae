"""Whole databases with the attempts of a run, generated, and what they prove, read from the contract (section 1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from database import Base
from hypothesis import strategies as st
from mod_auth.models import Role
from mod_test.models import TestPlatform, TestStatus, TestType
from sqlalchemy.orm import Session
from support.generated_databases import add_tests

from mod_runs_api.verdict import Verdict

#: The first attempt and its retries, with runs of others before, between and after them.
ROOT_ID, RETRY_IDS = 2, (3, 5, 6)
ATTEMPTS = (ROOT_ID, *RETRY_IDS)
OTHERS = (1, 4, 7)
RUNS = tuple(sorted(ATTEMPTS + OTHERS))
NOW = datetime(2026, 11, 24)
#: Few, so that they meet; alike to a collation, so that they must not.
HASHES = st.sampled_from(['a', 'A', 'a ', 'á', 'b', ''])


@dataclass(frozen=True)
class File:
    """What a run stored of an output."""

    expected: str
    got: str | None


@dataclass(frozen=True)
class Output:
    """An output of a regression test, and its file in some of the runs."""

    ignore: bool | None
    variants: list[str]
    files: dict[int, File]


@dataclass(frozen=True)
class Test:
    """A regression test: how often runs select it, its exit code and the expected one there, and marks on them."""

    __test__ = False

    active: bool | None
    in_category: bool
    rows: dict[int, int]
    results: dict[int, tuple[int | None, int | None]]
    outputs: list[Output]
    #: By run, whether the progress row that the mark names is there.
    marks: dict[int, str]


@dataclass(frozen=True)
class World:
    """Everything in a database that matters to the verdict on run 2."""

    tests: list[Test]
    stages: dict[int, list[TestStatus]]


def in_some(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[int, Any]]:
    """Generate a value for some of the runs."""
    return st.dictionaries(st.sampled_from(RUNS), values, max_size=4)


def in_most(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[int, Any]]:
    """Generate a value for all attempts, or for some of the runs."""
    return st.one_of(in_some(values), *[st.fixed_dictionaries(dict.fromkeys(ATTEMPTS, values))] * 3)


CODES = st.sampled_from([0, 0, 0, 0, 10, None])
FILES = st.builds(File, expected=st.sampled_from(['right', 'right', 'right', 'right', 'right now']),
                  got=st.one_of(st.none(), st.none(), HASHES))
OUTPUTS = st.builds(Output, ignore=st.sampled_from([False, False, True, None]), variants=st.lists(HASHES, max_size=2),
                    files=in_most(FILES))
MARKS = st.sampled_from(['counts', 'counts', 'row is gone', 'row of another time', 'row of another run'])
TESTS = st.builds(
    Test, active=st.sampled_from([True, True, True, False, None]), in_category=st.sampled_from([True, True, False]),
    rows=in_some(st.integers(1, 2)), results=in_most(st.tuples(CODES, st.sampled_from([*[0] * 8, 10, None]))),
    outputs=st.lists(OUTPUTS, max_size=2), marks=in_some(MARKS))
ENDED = st.sampled_from([[TestStatus.completed], [TestStatus.preparation, TestStatus.canceled],
                         [TestStatus.completed, TestStatus.canceled]])
STAGES = st.one_of(ENDED, st.lists(st.sampled_from(list(TestStatus)), max_size=3))
ALL_ENDED = st.fixed_dictionaries(dict.fromkeys(RUNS, ENDED))
WORLDS = st.builds(World, tests=st.lists(TESTS, max_size=4),
                   stages=st.one_of(ALL_ENDED, ALL_ENDED, st.fixed_dictionaries(dict.fromkeys(RUNS, STAGES))))


# The contract, read


def has_ended(world: World, run_id: int) -> bool:
    """Read whether the last row of a run's progress is an end."""
    return world.stages[run_id][-1:] in ([TestStatus.completed], [TestStatus.canceled])


def was_told(world: World, test: Test, run_id: int) -> bool:
    """Read whether a run was told to run a test: its rows say so; one without rows runs what is active now."""
    return run_id in test.rows if any(run_id in other.rows for other in world.tests) else bool(test.active)


def outcome(world: World, test: Test, run_id: int) -> str | None:
    """Read how a test came out in a run; None if the run does not show it."""
    if run_id not in test.results:
        return 'not_run' if was_told(world, test, run_id) and test.in_category else None
    # A mark counts while there is a progress row to point at.
    if test.marks.get(run_id) == 'counts' and world.stages[run_id]:
        return 'carried_over'
    exit_code, expected_rc = test.results[run_id]
    if any(not output.ignore and run_id not in output.files for output in test.outputs):
        return 'missing_output'
    if exit_code is None or exit_code != expected_rc:
        return 'fail'
    files = [(output, output.files[run_id]) for output in test.outputs if run_id in output.files]
    if any(file.got is not None and file.got not in output.variants for output, file in files):
        return 'fail'
    return 'pass'


def verdict(world: World, test: Test, ran: list[int]) -> str:
    """Read what the runs that really ran a test prove about it."""
    passes = [run_id for run_id in ran if outcome(world, test, run_id) == 'pass']
    if not ran:
        return 'never_ran'
    if passes == ran:
        return 'passed'
    if passes:
        expected_codes = {test.results[run_id][1] for run_id in ran}
        expected_files = [{output.files[run_id].expected for run_id in ran if run_id in output.files}
                          for output in test.outputs]
        is_the_same = len(expected_codes) == 1 and all(len(hashes) <= 1 for hashes in expected_files)
        return 'flaky' if is_the_same else 'expectation_changed'
    if len(ran) == 1:
        return 'failed_once'
    failures = [
        (test.results[run_id][0],
         {place: output.files[run_id].expected if output.files[run_id].got is None else output.files[run_id].got
          for place, output in enumerate(test.outputs) if run_id in output.files}) for run_id in ran]
    return 'failing_identically' if all(one == failures[0] for one in failures) else 'failing_differently'


def reading(world: World) -> dict[str, Any]:
    """Read from the contract what the attempts of run 2 prove."""
    tests = []
    for place, test in enumerate(world.tests, 1):
        outcomes = [(attempt, run_id, outcome(world, test, run_id)) for attempt, run_id in enumerate(ATTEMPTS, 1)]
        if any(shown is not None for _, _, shown in outcomes):
            ended = [one for one in outcomes if one[2] is not None and has_ended(world, one[1])]
            ran = [run_id for _, run_id, shown in ended if shown not in ('not_run', 'carried_over')]
            tests.append({'regression_test_id': place, 'verdict': verdict(world, test, ran),
                          'latest': outcome(world, test, ran[-1]) if ran else None,
                          'attempts': [{'run_id': run_id, 'attempt': attempt, 'outcome': shown}
                                       for attempt, run_id, shown in ended]})
    active = [found for found in tests if world.tests[found['regression_test_id'] - 1].active]
    if not all(has_ended(world, run_id) for run_id in ATTEMPTS):
        overall = 'pending'
    elif not all(found['latest'] == 'pass' for found in active):
        overall = 'fail'
    elif any(found['verdict'] == 'flaky' for found in active):
        overall = 'unstable'
    else:
        overall = 'pass'
    verdicts = [found['verdict'] for found in tests]
    return {'overall': overall, 'attempts': list(ATTEMPTS), 'tests': tests,
            'counts': {name: verdicts.count(name) for name in (
                'passed', 'flaky', 'failing_identically', 'failing_differently', 'failed_once', 'never_ran',
                'expectation_changed')}}


def plain(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict in the words of :func:`reading`."""
    return {'overall': verdict.overall, 'attempts': verdict.attempts, 'counts': verdict.counts, 'tests': [
        {'regression_test_id': test.regression_test_id, 'verdict': test.verdict, 'latest': test.latest,
         'attempts': [{'run_id': one.run_id, 'attempt': one.attempt, 'outcome': one.outcome} for one in test.attempts]}
        for test in verdict.tests]}


# The database


def write(session: Session, world: World) -> None:
    """Put a world in the place of what is in the database; the nth regression test has the id n."""
    tables = Base.metadata.tables
    for table in reversed(Base.metadata.sorted_tables):
        session.execute(table.delete())

    def add(table: str, rows: list[dict[str, Any]]) -> None:
        if rows:
            session.execute(tables[table].insert(), rows)

    tests = list(enumerate(world.tests, 1))
    output_ids = count(1)
    outputs = [(next(output_ids), test_id, output) for test_id, test in tests for output in test.outputs]
    progress_ids = count(1)
    progress = [{'id': next(progress_ids), 'test_id': run_id, 'status': stage, 'message': '', 'timestamp': NOW}
                for run_id in RUNS for stage in world.stages[run_id]]
    last = {row['test_id']: row['id'] for row in progress}
    add('user', [{'id': 1, 'name': 'alice', 'role': Role.tester, 'password': ''}])
    add('fork', [{'id': 1, 'github': 'https://github.com/CCExtractor/ccextractor.git'}])
    add('sample', [{'id': 1, 'sha': 'x', 'extension': 'ts', 'original_name': 'x'}])
    add('category', [{'id': 1, 'name': 'General', 'description': ''}])
    add('test', [{'id': run_id, 'platform': TestPlatform.linux, 'test_type': TestType.commit, 'token': f'{run_id:064}',
                  'fork_id': 1, 'branch': 'master', 'commit': 'c0ffee', 'pr_nr': 0} for run_id in RUNS])
    add('run_retry', [{'run_id': run_id, 'source_run_id': source_id, 'root_run_id': ROOT_ID, 'failed_only': True,
                       'created_at': NOW, 'test_count': 1, 'idempotency_digest': str(run_id)} for source_id, run_id in zip(ATTEMPTS, RETRY_IDS)])
    add('test_progress', progress)
    add_tests(add, tests, outputs)
    add('test_result_file', [
        {'test_id': run_id, 'regression_test_id': test_id, 'regression_test_output_id': output_id,
         'expected': file.expected, 'got': file.got} for output_id, test_id, output in outputs
        for run_id, file in output.files.items()])
    another_run = {run_id: next((other for of, other in last.items() if of != run_id), 99) for run_id in RUNS}
    add('run_carried_over', [
        {'run_id': run_id, 'regression_test_id': test_id, 'source_run_id': ROOT_ID,
         'progress_id': {'row is gone': 99, 'row of another run': another_run[run_id]}.get(mark, last.get(run_id, 99)),
         'progress_timestamp': NOW + timedelta(seconds=mark == 'row of another time')}
        for test_id, test in tests for run_id, mark in test.marks.items()])
    session.commit()
