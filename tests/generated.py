"""Whole databases, generated, and a plain reading of contract section 4 to hold the package against."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from database import Base
from flask import g
from hypothesis import strategies as st
from mod_auth.models import Role
from mod_test.models import TestPlatform, TestStatus, TestType
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from mod_runs_api import Unprocessable, retry_run

#: Few, so that they meet; alike to a collation, so that they must not.
HASHES = st.sampled_from(['a', 'A', 'a ', 'á', 'b', ''])
THREE_WAYS = st.sampled_from([True, True, True, False, None])
NOW = datetime(2026, 11, 24)
#: The run that is retried; there is another before and after it.
SOURCE_ID = 2


@dataclass(frozen=True)
class Output:
    """An output of a regression test, and what each run made of it: nothing where it is not in ``got``."""

    ignore: bool | None
    variants: list[str]
    got: dict[int, str | None]


@dataclass(frozen=True)
class Test:
    """A regression test, the runs that select it and how often, and its exit code and the expected one in each."""

    __test__ = False

    active: bool | None
    rows: dict[int, int]
    results: dict[int, tuple[int | None, int | None]]
    outputs: list[Output]


@dataclass(frozen=True)
class World:
    """Everything in a database that matters to a retry of run 2."""

    tests: list[Test]
    stages: list[TestStatus]


def by_run(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[int, Any]]:
    """Generate a value for some of the three runs."""
    return st.dictionaries(st.sampled_from([1, SOURCE_ID, SOURCE_ID, 3]), values, max_size=3)


CODES = st.sampled_from([0, 0, 0, 10, None])
OUTPUTS = st.builds(Output, ignore=st.sampled_from([False, False, True, None]), variants=st.lists(HASHES, max_size=3),
                    got=by_run(st.one_of(st.none(), HASHES)))
TESTS = st.builds(Test, active=THREE_WAYS, rows=by_run(st.integers(1, 3)), results=by_run(st.tuples(CODES, CODES)),
                  outputs=st.lists(OUTPUTS, max_size=3))
FINISHED = st.sampled_from([[TestStatus.completed], [TestStatus.preparation, TestStatus.canceled],
                            [TestStatus.completed, TestStatus.canceled]])
WORLDS = st.builds(World, tests=st.lists(TESTS, max_size=5),
                   stages=st.one_of(FINISHED, FINISHED, st.lists(st.sampled_from(list(TestStatus)), max_size=3)))


def passed(output: Output, run_id: int) -> bool:
    """Read of an output whether it is as it should be."""
    if run_id not in output.got:
        return output.ignore is not False
    return output.got[run_id] is None or output.got[run_id] in output.variants


def reading(world: World, failed_only: bool, drop_inactive: bool) -> list[int] | str:
    """Read from contract section 4 which tests a retry runs, by their place from 1 on, or why it is refused."""
    has_rows = any(SOURCE_ID in test.rows for test in world.tests)
    candidates = [
        (place, test) for place, test in enumerate(world.tests, 1)
        if (SOURCE_ID in test.rows if has_rows else test.active or failed_only and SOURCE_ID in test.results)]
    if failed_only:
        if not world.stages or world.stages[-1] not in (TestStatus.completed, TestStatus.canceled):
            return 'unfinished'
        candidates = [
            (place, test) for place, test in candidates
            if SOURCE_ID not in test.results
            or test.results[SOURCE_ID][0] is None
            or test.results[SOURCE_ID][0] != test.results[SOURCE_ID][1]
            or not all(passed(output, SOURCE_ID) for output in test.outputs)]
    if not candidates:
        return 'nothing'
    inactive = [place for place, test in candidates if not test.active]
    if inactive and not drop_inactive:
        return f'inactive {inactive}'
    return [place for place, test in candidates if test.active] or 'nothing'


def write(session: Session | scoped_session[Session], world: World) -> None:
    """Put a world in the place of what is in the database; the nth regression test has the id n."""
    tables = Base.metadata.tables
    for table in reversed(Base.metadata.sorted_tables):
        session.execute(table.delete())

    def add(table: str, rows: list[dict[str, Any]]) -> None:
        if rows:
            session.execute(tables[table].insert(), rows)

    runs = (1, SOURCE_ID, 3)
    tests = list(enumerate(world.tests, 1))
    output_ids = count(1)
    outputs = [(next(output_ids), test_id, output) for test_id, test in tests for output in test.outputs]
    add('user', [{'id': 1, 'name': 'alice', 'role': Role.tester, 'password': ''}])
    add('fork', [{'id': 1, 'github': 'https://github.com/CCExtractor/ccextractor.git'}])
    add('sample', [{'id': 1, 'sha': 'x', 'extension': 'ts', 'original_name': 'x'}])
    add('test', [{'id': run_id, 'platform': TestPlatform.linux, 'test_type': TestType.commit, 'token': f'{run_id:064}',
                  'fork_id': 1, 'branch': 'master', 'commit': 'c0ffee', 'pr_nr': 0} for run_id in runs])
    add('test_progress', [{'test_id': SOURCE_ID, 'status': stage, 'message': '', 'timestamp': NOW}
                          for stage in world.stages])
    add('regression_test', [{'id': test_id, 'sample_id': 1, 'command': '', 'active': test.active}
                            for test_id, test in tests])
    add('regression_test_output', [
        {'id': output_id, 'regression_id': test_id, 'correct': 'right', 'correct_extension': '.srt',
         'ignore': output.ignore} for output_id, test_id, output in outputs])
    add('regression_test_output_files', [
        {'regression_test_output_id': output_id, 'file_hashes': variant}
        for output_id, _, output in outputs for variant in output.variants])
    add('customized_test', [{'test_id': run_id, 'regression_id': test_id}
                            for test_id, test in tests for run_id, times in test.rows.items() for _ in range(times)])
    add('test_result', [{'test_id': run_id, 'regression_test_id': test_id, 'exit_code': code, 'expected_rc': expected}
                        for test_id, test in tests for run_id, (code, expected) in test.results.items()])
    add('test_result_file', [
        {'test_id': run_id, 'regression_test_id': test_id, 'regression_test_output_id': output_id,
         'expected': 'right', 'got': got} for output_id, test_id, output in outputs
        for run_id, got in output.got.items()])
    session.commit()


def outcome(failed_only: bool) -> list[int] | str:
    """Retry run 2 in the current application, and say what comes of it in the words of :func:`reading`."""
    try:
        made = retry_run(SOURCE_ID, failed_only=failed_only)
    except Unprocessable as error:
        if 'run_status' in error.details:
            return 'unfinished'
        inactive = error.details.get('inactive_ids')
        return f'inactive {inactive}' if 'inactive now' in error.message else 'nothing'
    with g.db.get_bind().connect() as connection:
        chosen = Base.metadata.tables['customized_test'].c
        return list(connection.scalars(
            select(chosen.regression_id).where(chosen.test_id == made.new_run_id).order_by(chosen.id)))
