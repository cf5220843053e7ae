"""Generated databases, and a plain reading of contract section 4 that the package is compared with."""

from __future__ import annotations

from collections.abc import Callable
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

#: Few, so that they meet. Some are equal to a collation, and must not be taken for equal.
HASHES = st.sampled_from(['a', 'A', 'a ', 'á', 'b', ''])
NOW = datetime(2026, 11, 24)
#: The run that is retried. There is another before it and another after it.
FIRST_ID, SOURCE_ID, LAST_ID = 1, 2, 3
#: A run that has been deleted.
DELETED_ID = 99


@dataclass(frozen=True)
class Output:
    """An output of a regression test, and what it was in each run. A run that is not in ``got`` has no file of it."""

    ignore: bool | None
    variants: list[str]
    got: dict[int, str | None]

    def is_right(self, run_id: int) -> bool:
        """Return whether the output of a run is as it should be."""
        if run_id not in self.got:
            return self.ignore is True
        return self.got[run_id] is None or self.got[run_id] in self.variants


@dataclass(frozen=True)
class GeneratedTest:
    """A regression test: by run, how often the run was told to run it, and its exit code and the expected one."""

    active: bool | None
    in_category: bool
    rows: dict[int, int]
    results: dict[int, tuple[int | None, int | None]]
    outputs: list[Output]

    def passed(self, run_id: int) -> bool:
        """Return whether the test passed in a run."""
        exit_code, expected = self.results.get(run_id, (None, None))
        return exit_code is not None and exit_code == expected and all(
            output.is_right(run_id) for output in self.outputs)


@dataclass(frozen=True)
class Content:
    """
    All that matters to a retry of the source.

    The source's first run is the source itself, or another run, which may have been deleted.
    """

    tests: list[GeneratedTest]
    stages: list[TestStatus]
    root_id: int


def _by_run(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[int, Any]]:
    return st.dictionaries(st.sampled_from([FIRST_ID, SOURCE_ID, SOURCE_ID, LAST_ID]), values, max_size=3)


CODES = st.sampled_from([0, 0, 0, 10, None])
OUTPUTS = st.builds(Output, ignore=st.sampled_from([False, False, True, None]), variants=st.lists(HASHES, max_size=3),
                    got=_by_run(st.one_of(st.none(), HASHES)))
TESTS = st.builds(GeneratedTest, active=st.sampled_from([True, True, True, False, None]),
                  in_category=st.sampled_from([True, True, False]), rows=_by_run(st.integers(1, 3)),
                  results=_by_run(st.tuples(CODES, CODES)), outputs=st.lists(OUTPUTS, max_size=3))
FINISHED = st.sampled_from([[TestStatus.completed], [TestStatus.preparation, TestStatus.canceled],
                            [TestStatus.completed, TestStatus.canceled]])
CONTENTS = st.builds(Content, tests=st.lists(TESTS, max_size=5),
                     stages=st.one_of(FINISHED, FINISHED, st.lists(st.sampled_from(list(TestStatus)), max_size=3)),
                     root_id=st.sampled_from([SOURCE_ID, SOURCE_ID, FIRST_ID, DELETED_ID]))


def expected_outcome(content: Content, failed_only: bool, drop_inactive: bool) -> list[int] | str:
    """Return which tests section 4 has a retry run, by their place from 1, or why it refuses the retry."""
    has_ended = content.stages[-1:] in ([TestStatus.completed], [TestStatus.canceled])
    if failed_only and not has_ended:
        return 'unfinished'
    run_id = SOURCE_ID if failed_only or content.root_id == DELETED_ID else content.root_id
    has_rows = any(run_id in test.rows for test in content.tests)
    chosen = []
    for place, test in enumerate(content.tests, 1):
        if has_rows:
            belongs_to_run = run_id in test.rows
        else:
            belongs_to_run = bool(test.active) or (failed_only and run_id in test.results)
        if failed_only:
            # No worker is ever given a test in no category.
            was_there = test.in_category or run_id in test.results
            belongs_to_run = belongs_to_run and was_there and not test.passed(run_id)
        if belongs_to_run:
            chosen.append((place, test))
    inactive = [place for place, test in chosen if not test.active]
    if inactive and not drop_inactive:
        return f'inactive {inactive}'
    return [place for place, test in chosen if test.active] or 'nothing'


def write(session: Session | scoped_session[Session], content: Content) -> None:
    """Replace the content of a database. The nth regression test gets the id n."""
    tables = Base.metadata.tables
    for table in reversed(Base.metadata.sorted_tables):
        session.execute(table.delete())

    def add(table: str, rows: list[dict[str, Any]]) -> None:
        if rows:
            session.execute(tables[table].insert(), rows)

    tests = list(enumerate(content.tests, 1))
    output_ids = count(1)
    outputs = [(next(output_ids), test_id, output) for test_id, test in tests for output in test.outputs]
    add('user', [{'id': 1, 'name': 'alice', 'role': Role.tester, 'password': ''}])
    add('fork', [{'id': 1, 'github': 'https://github.com/CCExtractor/ccextractor.git'}])
    add('sample', [{'id': 1, 'sha': 'x', 'extension': 'ts', 'original_name': 'x'}])
    add('category', [{'id': 1, 'name': 'General', 'description': ''}])
    add('test', [{'id': run_id, 'platform': TestPlatform.linux, 'test_type': TestType.commit, 'token': f'{run_id:064}',
                  'fork_id': 1, 'branch': 'master', 'commit': 'c0ffee', 'pr_nr': 0}
                 for run_id in (FIRST_ID, SOURCE_ID, LAST_ID)])
    if content.root_id != SOURCE_ID:
        add('run_retry', [{'run_id': SOURCE_ID, 'source_run_id': content.root_id, 'root_run_id': content.root_id,
                           'failed_only': True, 'created_at': NOW, 'test_count': 1, 'idempotency_digest': ''}])
    add('test_progress', [{'test_id': SOURCE_ID, 'status': stage, 'message': '', 'timestamp': NOW}
                          for stage in content.stages])
    add_tests(add, tests, outputs)
    add('test_result_file', [
        {'test_id': run_id, 'regression_test_id': test_id, 'regression_test_output_id': output_id,
         'expected': 'right', 'got': got} for output_id, test_id, output in outputs
        for run_id, got in output.got.items()])
    session.commit()


def add_tests(add: Callable[[str, list[dict[str, Any]]], None], tests: list[tuple[int, Any]],
              outputs: list[tuple[int, int, Any]]) -> None:
    """
    Add regression tests to a database, what the runs were told to run, and their results without files.

    Parameters
    ----------
    add : callable
        Adds rows to a table.
    tests : list of (int, test)
        Ids and tests, as this module and `generated_histories` have them.
    outputs : list of (int, int, output)
        Ids of outputs and of their tests, and the outputs.
    """
    add('regression_test', [{'id': test_id, 'sample_id': 1, 'command': '', 'active': test.active}
                            for test_id, test in tests])
    add('regression_test_category', [{'regression_id': test_id, 'category_id': 1}
                                     for test_id, test in tests if test.in_category])
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


def actual_outcome(failed_only: bool) -> list[int] | str:
    """Retry the source in the current application, and return the outcome as :func:`expected_outcome` does."""
    try:
        created = retry_run(SOURCE_ID, failed_only=failed_only)
    except Unprocessable as error:
        if 'run_status' in error.details:
            return 'unfinished'
        inactive = error.details.get('inactive_ids')
        return f'inactive {inactive}' if 'inactive now' in error.message else 'nothing'
    with g.db.get_bind().connect() as connection:
        chosen = Base.metadata.tables['customized_test'].c
        return list(connection.scalars(
            select(chosen.regression_id).where(chosen.test_id == created.new_run_id).order_by(chosen.id)))
