"""Reading the rows that the outcomes of regression tests depend on. ``domain/outcomes.py`` decides."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Connection, and_, exists, func, select

from ..domain.catalogue import Catalogue
from ..domain.causes import MAX_RUNTIME_OF_TEST
from ..domain.outcomes import (DifferingFile, Evidence, ExpectedToday, File,
                               Result, RunTests)
from ..platform.models import (CustomizedTest, RegressionTestOutput,
                               RegressionTestOutputFiles, TestResult,
                               TestResultFile)
from .carry_over import read_marks
from .expressions import BY_PRIMARY_KEY, as_bytes

#: The run and the test of a result.
Key = tuple[int, int]


def read_tests(connection: Connection, run_ids: Sequence[int], catalogue: Catalogue) -> dict[int, RunTests]:
    """Return the tests of each run: its results, their marks, and the selected tests."""
    selected, results = _read_selected(connection, run_ids), _read_results(connection, run_ids)
    marks = read_marks(connection, run_ids)
    return {run_id: RunTests(results[run_id], catalogue.find_selected(selected.get(run_id)), catalogue.in_category,
                             has_selection=run_id in selected, marks=marks[run_id])
            for run_id in run_ids}


def read_full_sets(connection: Connection, run_ids: Collection[int], catalogue: Catalogue) -> dict[int, Sequence[int]]:
    """Return the tests that were selected for each run, in order: their full test sets."""
    selected = _read_selected(connection, run_ids)
    return {run_id: sorted(catalogue.find_selected(selected.get(run_id))) for run_id in run_ids}


def _read_selected(connection: Connection, run_ids: Collection[int]) -> dict[int, set[int]]:
    """Return the selected tests of each run for which tests were selected."""
    selected: dict[int, set[int]] = {}
    for run_id, regression_test_id in connection.execute(
            select(CustomizedTest.test_id, CustomizedTest.regression_id)
            .where(CustomizedTest.test_id.in_(run_ids))):
        # The platform's columns may be null.
        if run_id is not None and regression_test_id is not None:
            selected.setdefault(run_id, set()).add(regression_test_id)
    return selected


def _read_results(connection: Connection, run_ids: Sequence[int]) -> dict[int, dict[int, Result]]:
    has_timed_out = func.coalesce(TestResult.runtime, 0) >= MAX_RUNTIME_OF_TEST
    rows = connection.execute(
        select(TestResult.test_id, TestResult.regression_test_id, TestResult.exit_code, TestResult.expected_rc,
               has_timed_out.label('has_timed_out'))
        .with_hint(TestResult, BY_PRIMARY_KEY)
        .where(TestResult.test_id.in_(run_ids))).all()
    without_file = _read_outputs_without_file(connection, run_ids)
    differing = _read_differing(connection, run_ids, TestResultFile.got.is_not(None))
    results: dict[int, dict[int, Result]] = {run_id: {} for run_id in run_ids}
    for row in rows:
        key = row.test_id, row.regression_test_id
        results[row.test_id][row.regression_test_id] = Result(
            row.exit_code, row.expected_rc, outputs_without_file=without_file.get(key, ()),
            differing=differing.get(key, ()), has_timed_out=bool(row.has_timed_out))
    return results


def _read_outputs_without_file(connection: Connection, run_ids: Sequence[int]) -> dict[Key, list[bool | None]]:
    """Return whether each expected output without a file is ignored."""
    rows = connection.execute(
        select(TestResult.test_id, TestResult.regression_test_id, RegressionTestOutput.ignore)
        .with_hint(TestResultFile, BY_PRIMARY_KEY)
        .join_from(TestResult, RegressionTestOutput,
                   RegressionTestOutput.regression_id == TestResult.regression_test_id)
        .outerjoin(TestResultFile, and_(
            TestResultFile.test_id == TestResult.test_id,
            TestResultFile.regression_test_id == TestResult.regression_test_id,
            TestResultFile.regression_test_output_id == RegressionTestOutput.id))
        .where(TestResult.test_id.in_(run_ids), TestResultFile.test_id.is_(None)))
    outputs: dict[Key, list[bool | None]] = defaultdict(list)
    for run_id, regression_test_id, is_ignored in rows:
        outputs[run_id, regression_test_id].append(is_ignored)
    return outputs


#: The hash of the file that a run produced. A file that was as expected has no ``got``.
PRODUCED = as_bytes(func.coalesce(TestResultFile.got, TestResultFile.expected))


def read_expected_today(connection: Connection, run_ids: Collection[int],
                        catalogue: Catalogue) -> dict[int, ExpectedToday]:
    """Return what is expected today of the tests of each run."""
    # A file of an output that the test no longer has does not count.
    is_differing = exists().where(
        RegressionTestOutput.id == TestResultFile.regression_test_output_id,
        RegressionTestOutput.regression_id == TestResultFile.regression_test_id,
        as_bytes(func.coalesce(RegressionTestOutput.correct, '')) != PRODUCED)
    by_run: dict[int, dict[int, Collection[DifferingFile]]] = {run_id: {} for run_id in run_ids}
    for (run_id, regression_test_id), files in _read_differing(connection, run_ids, is_differing).items():
        by_run[run_id][regression_test_id] = files
    return {run_id: ExpectedToday(catalogue.expected_rc, by_run[run_id]) for run_id in run_ids}


def _read_differing(connection: Connection, run_ids: Collection[int],
                    is_differing: ColumnElement[bool]) -> dict[Key, list[DifferingFile]]:
    """Return the files of these runs that are not as expected by a condition."""
    # A file has a row for each variant that is accepted for its output.
    rows = connection.execute(
        select(TestResultFile.test_id, TestResultFile.regression_test_id, TestResultFile.regression_test_output_id,
               PRODUCED, as_bytes(RegressionTestOutputFiles.file_hashes))
        .with_hint(TestResultFile, BY_PRIMARY_KEY)
        .outerjoin_from(TestResultFile, RegressionTestOutputFiles,
                        RegressionTestOutputFiles.regression_test_output_id == TestResultFile.regression_test_output_id)
        .where(TestResultFile.test_id.in_(run_ids), is_differing))
    accepted: dict[tuple[int, int, int, bytes], list[bytes | None]] = defaultdict(list)
    for run_id, regression_test_id, output_id, produced, variant in rows:
        accepted[run_id, regression_test_id, output_id, produced].append(variant)
    files: dict[Key, list[DifferingFile]] = defaultdict(list)
    for (run_id, regression_test_id, _, produced), variants in accepted.items():
        files[run_id, regression_test_id].append(DifferingFile(produced, variants))
    return files


def read_evidence(connection: Connection, run_ids: Collection[int],
                  regression_test_ids: Collection[int]) -> dict[Key, Evidence]:
    """Return the evidence of each result of these tests in these runs."""
    rows = connection.execute(
        select(TestResult.test_id, TestResult.regression_test_id, TestResult.exit_code, TestResult.expected_rc,
               TestResultFile.regression_test_output_id, TestResultFile.expected, TestResultFile.got)
        .outerjoin_from(TestResult, TestResultFile, and_(
            TestResultFile.test_id == TestResult.test_id,
            TestResultFile.regression_test_id == TestResult.regression_test_id))
        .where(TestResult.test_id.in_(run_ids), TestResult.regression_test_id.in_(regression_test_ids))).all()
    oldest = _find_oldest_runs(connection, {row.regression_test_output_id for row in rows
                                            if row.regression_test_output_id is not None})
    codes: dict[Key, tuple[int | None, int | None]] = {}
    files: dict[Key, dict[int, File]] = defaultdict(dict)
    for row in rows:
        key, output_id = (row.test_id, row.regression_test_id), row.regression_test_output_id
        codes[key] = row.exit_code, row.expected_rc
        if output_id is not None:
            files[key][output_id] = File(row.expected, row.got, oldest[output_id])
    return {key: Evidence(exit_code, expected_rc, files[key]) for key, (exit_code, expected_rc) in codes.items()}


def _find_oldest_runs(connection: Connection, output_ids: Collection[int]) -> dict[int, int]:
    """Return for each output the oldest run that has a file of it."""
    rows = connection.execute(
        select(TestResultFile.regression_test_output_id, func.min(TestResultFile.test_id))
        .where(TestResultFile.regression_test_output_id.in_(output_ids))
        .group_by(TestResultFile.regression_test_output_id))
    return {output_id: run_id for output_id, run_id in rows}
