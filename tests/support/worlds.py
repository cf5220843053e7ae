"""
Generated databases with the attempts of a run, and a plain reading of the docs that the package is compared with.

What a run shows of a test is read from docs/api.rst, "Which tests are run" and docs/api.rst, "Outcomes". What follows
from that is left to the domain, whose rules have tables of their own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from database import Base, db
from hypothesis import strategies as st
from mod_auth.models import Role
from mod_test.models import TestPlatform, TestStatus, TestType
from sqlalchemy import select
from support.rows import add_mark, add_retries, insert

from mod_runs_api import attempts_verdict, retry_run
from mod_runs_api.domain.outcomes import Evidence
from mod_runs_api.domain.outcomes import File as ProducedFile
from mod_runs_api.domain.outcomes import Outcome
from mod_runs_api.domain.retry import RetryRules
from mod_runs_api.domain.run import RegressionTest, Run
from mod_runs_api.domain.verdict import AttemptOutcome, TestVerdict, judge, judge_commit
from mod_runs_api.errors import Refusal

#: The first attempt and its retries, with runs of others before, between and after them.
ROOT, RETRIES = 2, (3, 5, 6)
ATTEMPTS = (ROOT, *RETRIES)
RUNS = range(1, 8)
#: What a mark points to that points to no progress row.
NOWHERE = 99
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
class GeneratedTest:
    """A regression test: by run how often it is selected, exit code and expected one, and marks as carried over."""

    active: bool | None
    in_category: bool
    rows: dict[int, int]
    results: dict[int, tuple[int | None, int | None]]
    outputs: list[Output]
    marks: dict[int, str]


@dataclass(frozen=True)
class World:
    """Everything in a database that matters to the attempts of run 2. The nth regression test has the id n."""

    tests: list[GeneratedTest]
    stages: dict[int, list[TestStatus]]
    #: The order in which the runs reach all their stages.
    order: list[int]

    @property
    def progress(self) -> list[tuple[int, int, TestStatus]]:
        """The rows of the progress: id, run and stage."""
        rows = [(run_id, stage) for run_id in self.order for stage in self.stages[run_id]]
        return [(row_id, *row) for row_id, row in enumerate(rows, 1)]

    def end_of(self, run_id: int) -> int:
        """Return the row that ended a run: the first completed one, or the first of the canceled ones at its end."""
        rows = [(row_id, stage) for row_id, of, stage in self.progress if of == run_id]
        completed = [row_id for row_id, stage in rows if stage == TestStatus.completed]
        before = max([row_id for row_id, stage in rows if stage != TestStatus.canceled], default=0)
        return min(completed or [row_id for row_id, _ in rows if row_id > before])


def in_some(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[int, Any]]:
    """Generate a value for some of the runs."""
    return st.dictionaries(st.sampled_from(RUNS), values, max_size=4)


def in_most(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[int, Any]]:
    """Generate a value for all attempts, or for some of the runs."""
    return st.one_of(in_some(values), *[st.fixed_dictionaries(dict.fromkeys(ATTEMPTS, values))] * 3)


CODES = st.tuples(st.sampled_from([0, 0, 0, 0, 10, None]), st.sampled_from([*[0] * 8, 10, None]))
FILES = st.builds(File, expected=st.sampled_from(['right', 'right', 'right', 'right', 'right now']),
                  got=st.one_of(st.none(), st.none(), HASHES))
OUTPUTS = st.builds(Output, ignore=st.sampled_from([False, False, True, None]), variants=st.lists(HASHES, max_size=3),
                    files=in_most(FILES))
TESTS = st.builds(
    GeneratedTest, active=st.sampled_from([True, True, True, False, None]),
    in_category=st.sampled_from([True, True, False]), rows=in_some(st.integers(1, 3)), results=in_most(CODES),
    outputs=st.lists(OUTPUTS, max_size=2),
    marks=in_some(st.sampled_from(['counts', 'counts', 'row is gone', 'row of another time', 'row of another run'])))
ENDED = st.sampled_from([[TestStatus.completed], [TestStatus.preparation, TestStatus.canceled],
                         [TestStatus.completed, TestStatus.canceled]])
STAGES = st.one_of(ENDED, ENDED, st.lists(st.sampled_from(list(TestStatus)), max_size=3))
WORLDS = st.builds(
    World, tests=st.lists(TESTS, max_size=4), order=st.permutations(RUNS),
    stages=st.one_of(st.fixed_dictionaries(dict.fromkeys(RUNS, ENDED)),
                     st.fixed_dictionaries(dict.fromkeys(RUNS, STAGES))))


# The docs, read


def has_ended(world: World, run_id: int) -> bool:
    """Read whether the last row of a run's progress is an end."""
    return world.stages[run_id][-1:] in ([TestStatus.completed], [TestStatus.canceled])


def is_selected(world: World, test: GeneratedTest, run_id: int) -> bool:
    """Read whether a run selects a test: its rows say so; one without rows runs what is active now."""
    return run_id in test.rows if any(run_id in other.rows for other in world.tests) else bool(test.active)


def came_out(test: GeneratedTest, run_id: int) -> Outcome:
    """Read what the result of a test in a run says."""
    exit_code, expected_rc = test.results[run_id]
    if any(not output.ignore and run_id not in output.files for output in test.outputs):
        return 'missing_output'
    files = [(output, output.files[run_id]) for output in test.outputs if run_id in output.files]
    is_right = all(file.got is None or file.got in output.variants for output, file in files)
    return 'pass' if exit_code is not None and exit_code == expected_rc and is_right else 'fail'


def outcome(world: World, test: GeneratedTest, run_id: int) -> Outcome | None:
    """Read how a test came out in a run; None if the run does not show it."""
    if run_id not in test.results:
        # No worker is ever given a test in no category.
        return 'not_run' if is_selected(world, test, run_id) and test.in_category else None
    # A mark counts while there is a progress row to point at.
    if test.marks.get(run_id) == 'counts' and world.stages[run_id]:
        return 'carried_over'
    return came_out(test, run_id)


def expected_selection(world: World, source: int, failed_only: bool, drop_inactive: bool) -> list[int]:
    """Read which tests a retry of a run runs. Raises :exc:`Refusal`."""
    chosen = []
    for test_id, test in enumerate(world.tests, 1):
        if not failed_only:
            is_chosen = is_selected(world, test, ROOT)
        elif source in test.results:
            is_chosen = came_out(test, source) != 'pass'
        else:
            is_chosen = outcome(world, test, source) == 'not_run'
        if is_chosen:
            chosen.append(RegressionTest(test_id, bool(test.active)))
    status = world.stages[source][-1].value if world.stages[source] else None
    run = Run(source, '', '', 1, '', '', 0, status, ROOT, ROOT, failed_only=True)
    return RetryRules(drop_inactive).choose_tests(run, chosen, failed_only)


def evidence_of(test: GeneratedTest, run_id: int) -> Evidence:
    """Read what a run that ran a test has stored of it."""
    files = {place: output.files[run_id] for place, output in enumerate(test.outputs) if run_id in output.files}
    return Evidence(*test.results[run_id], {
        place: ProducedFile(file.expected, file.expected if file.got is None else file.got)
        for place, file in files.items()})


def expected_verdict(world: World) -> tuple[str, list[int], list[tuple[Any, ...]]]:
    """Read what the attempts prove: overall, the attempts, and their tests as :func:`plain` has them."""
    tests = []
    for test_id, test in enumerate(world.tests, 1):
        outcomes = [(run_id, place, outcome(world, test, run_id)) for place, run_id in enumerate(ATTEMPTS, 1)]
        if any(shown for *_, shown in outcomes):
            tests.append(judge(test_id, '', bool(test.active), [
                AttemptOutcome(run_id, place, world.end_of(run_id), None, shown,
                               evidence_of(test, run_id) if run_id in test.results else Evidence())
                for run_id, place, shown in outcomes if shown and has_ended(world, run_id)]))
    all_ended = all(has_ended(world, run_id) for run_id in ATTEMPTS)
    return judge_commit(tests, all_ended=all_ended), list(ATTEMPTS), plain(tests)


# The package, asked


def assert_as_documented(world: World, source: int, drop_inactive: bool) -> None:
    """Check a world in the database of the current application: what the attempts prove, and what retries run."""
    write(world)
    verdict = attempts_verdict(source)
    assert (verdict.run_id, verdict.root_run_id) == (source, ROOT)
    assert (verdict.overall, verdict.attempts, plain(verdict.tests)) == expected_verdict(world)
    for failed_only in (False, True):
        assert result_of(lambda: selection(source, failed_only)) == result_of(
            lambda: expected_selection(world, source, failed_only, drop_inactive))


def plain(tests: list[TestVerdict]) -> list[tuple[Any, ...]]:
    """Return verdicts without their evidence."""
    return [(test.regression_test_id, test.verdict, test.latest,
             [(attempt.run_id, attempt.attempt, attempt.outcome) for attempt in test.attempts]) for test in tests]


def selection(source: int, failed_only: bool) -> list[int]:
    """Retry a run, and return the tests of the new one. Raises :exc:`Refusal`."""
    created = retry_run(source, failed_only=failed_only)
    rows = Base.metadata.tables['customized_test'].c
    db.session.commit()  # What was read before is a snapshot.
    return list(db.session.scalars(
        select(rows.regression_id).where(rows.test_id == created.new_run_id).order_by(rows.id)))


def result_of(choose: Callable[[], list[int]]) -> list[int] | tuple[str, dict[str, Any]]:
    """Return what a function returns, or how it refuses."""
    try:
        return choose()
    except Refusal as refusal:
        return refusal.message, refusal.details


def write(world: World) -> None:
    """Put a world in the place of what is in the database."""
    for table in reversed(Base.metadata.sorted_tables):
        db.session.execute(table.delete())
    tests = list(enumerate(world.tests, 1))
    outputs = [(test_id, output) for test_id, test in tests for output in test.outputs]
    insert('user', [{'id': 1, 'name': 'alice', 'role': Role.tester, 'password': ''}])
    insert('fork', [{'id': 1, 'github': 'https://github.com/CCExtractor/ccextractor.git'}])
    insert('category', [{'id': 1, 'name': 'General', 'description': ''}])
    insert('test', [{'id': run_id, 'platform': TestPlatform.linux, 'test_type': TestType.commit,
                     'token': f'{run_id:064}', 'fork_id': 1, 'branch': 'master', 'commit': 'c0ffee', 'pr_nr': 0}
                    for run_id in RUNS])
    insert('test_progress', [{'id': row_id, 'test_id': run_id, 'status': stage, 'message': '', 'timestamp': NOW}
                             for row_id, run_id, stage in world.progress])
    insert('regression_test', [{'id': test_id, 'command': '', 'active': test.active}
                               for test_id, test in tests])
    insert('regression_test_category', [{'regression_id': test_id, 'category_id': 1}
                                        for test_id, test in tests if test.in_category])
    insert('regression_test_output', [
        {'id': output_id, 'regression_id': test_id, 'correct': 'right', 'correct_extension': '.srt',
         'ignore': output.ignore} for output_id, (test_id, output) in enumerate(outputs, 1)])
    insert('regression_test_output_files', [
        {'regression_test_output_id': output_id, 'file_hashes': variant}
        for output_id, (_, output) in enumerate(outputs, 1) for variant in output.variants])
    insert('customized_test', [{'test_id': run_id, 'regression_id': test_id} for test_id, test in tests
                               for run_id, times in test.rows.items() for _ in range(times)])
    insert('test_result', [
        {'test_id': run_id, 'regression_test_id': test_id, 'exit_code': code, 'expected_rc': expected}
        for test_id, test in tests for run_id, (code, expected) in test.results.items()])
    insert('test_result_file', [
        {'test_id': run_id, 'regression_test_id': test_id, 'regression_test_output_id': output_id,
         'expected': file.expected, 'got': file.got} for output_id, (test_id, output) in enumerate(outputs, 1)
        for run_id, file in output.files.items()])
    add_retries(ROOT, RETRIES, failed_only=True)
    last = {run_id: row_id for row_id, run_id, _ in world.progress}
    for test_id, test in tests:
        for run_id, mark in test.marks.items():
            of_another = next((row for of, row in last.items() if of != run_id), NOWHERE)
            row = {'row is gone': NOWHERE, 'row of another run': of_another}.get(mark, last.get(run_id, NOWHERE))
            add_mark(run_id, test_id, ROOT, row, NOW + timedelta(seconds=mark == 'row of another time'))
    db.session.commit()
