"""Reading the rows that the outcomes of regression tests depend on. ``domain/outcomes.py`` decides."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, case, exists, func, or_, select, true

from ..domain.outcomes import DifferingFile, Evidence, File, Result, RunTests
from . import BY_PRIMARY_KEY, Database, as_bytes
from .carry_over import read_marks
from .runs import read_active


def read_tests(db: Database, run_ids: Sequence[int]) -> dict[int, RunTests]:
    """Return the tests of each run: its results, their marks, and the selected tests."""
    selected = _read_selected_with_category(db, run_ids)
    # A run without rows ran every test of its time. The tests that are active now stand for its unknown selection.
    active = {} if all(selected.values()) else _read_active_with_category(db)
    results, marks = _read_results(db, run_ids), read_marks(db, run_ids)
    return {run_id: RunTests(results[run_id], tests or active, bool(tests), marks[run_id])
            for run_id, tests in selected.items()}


def _read_selected_with_category(db: Database, run_ids: Sequence[int]) -> dict[int, dict[int, bool]]:
    """Return the selected tests of each run, each with whether it is in a category."""
    customized = db.host.CustomizedTest
    selected: dict[int, dict[int, bool]] = {run_id: {} for run_id in run_ids}
    for run_id, test_id, in_category in db.read_about(
            run_ids, select(customized.test_id, customized.regression_id, is_in_category(db, customized.regression_id))
            .where(customized.test_id.in_(run_ids), customized.regression_id.is_not(None))):
        selected[run_id][test_id] = in_category
    return selected


def _read_active_with_category(db: Database) -> dict[int, bool]:
    """Return the tests that are active now, each with whether it is in a category."""
    test = db.host.RegressionTest
    return {test_id: in_category for test_id, in_category in db.connection.execute(
        select(test.id, is_in_category(db, test.id)).where(test.active == true()))}


def _read_results(db: Database, run_ids: Sequence[int]) -> dict[int, dict[int, Result]]:
    result, test = db.host.TestResult, db.host.RegressionTest
    statement = (select(result.test_id, result.regression_test_id, result.exit_code, result.expected_rc,
                        test.expected_rc, result.runtime)
                 .with_hint(result, BY_PRIMARY_KEY)
                 .outerjoin_from(result, test, test.id == result.regression_test_id)
                 .where(result.test_id.in_(run_ids)))
    without_file, differing = _read_outputs_without_file(db, run_ids), _read_differing(db, run_ids)
    results: dict[int, dict[int, Result]] = {run_id: {} for run_id in run_ids}
    for run_id, test_id, exit_code, expected_rc, expected_rc_today, runtime in db.read_about(run_ids, statement):
        key = run_id, test_id
        results[run_id][test_id] = Result(exit_code, expected_rc, without_file.get(key, ()), differing.get(key, ()),
                                          expected_rc_today, runtime or 0)
    return results


def _read_outputs_without_file(db: Database, run_ids: Sequence[int]) -> dict[tuple[int, int], list[bool | None]]:
    """Return whether each expected output without a file is ignored, by the run and the test of a result."""
    result, file, output = db.host.TestResult, db.host.TestResultFile, db.host.RegressionTestOutput
    outputs: dict[tuple[int, int], list[bool | None]] = defaultdict(list)
    for run_id, test_id, is_ignored in db.read_about(
            run_ids, select(result.test_id, result.regression_test_id, output.ignore)
            .with_hint(file, BY_PRIMARY_KEY)
            .join_from(result, output, output.regression_id == result.regression_test_id)
            .outerjoin(file, and_(file.test_id == result.test_id, file.regression_test_id == result.regression_test_id,
                                  file.regression_test_output_id == output.id))
            .where(result.test_id.in_(run_ids), file.test_id.is_(None))):
        outputs[run_id, test_id].append(is_ignored)
    return outputs


def _read_differing(db: Database, run_ids: Sequence[int]) -> dict[tuple[int, int], Collection[DifferingFile]]:
    """Return the files that are not what was expected at the time, or not what is expected today, by run and test."""
    file, output, variant = db.host.TestResultFile, db.host.RegressionTestOutput, db.host.RegressionTestOutputFiles
    # A file that was as expected has no ``got``.
    was_expected, produced = file.got.is_(None), as_bytes(func.coalesce(file.got, file.expected))
    # NULL if the test no longer has the output.
    expected_today = as_bytes(case((output.id.is_not(None), func.coalesce(output.correct, ''))))
    # A file has a row for each variant that is accepted for its output.
    statement = (select(file.test_id, file.regression_test_id, file.regression_test_output_id, produced, was_expected,
                        expected_today, as_bytes(variant.file_hashes))
                 .with_hint(file, BY_PRIMARY_KEY)
                 .outerjoin_from(file, output, and_(output.id == file.regression_test_output_id,
                                                    output.regression_id == file.regression_test_id))
                 .outerjoin(variant, variant.regression_test_output_id == file.regression_test_output_id)
                 .where(file.test_id.in_(run_ids), or_(~was_expected, produced != expected_today)))
    files: dict[tuple[int, int], dict[int, DifferingFile]] = defaultdict(dict)
    for run_id, test_id, output_id, *of_file, accepted in db.read_about(run_ids, statement):
        hash_produced, was_expected_then, hash_today = of_file
        one = DifferingFile(hash_produced, set(), bool(was_expected_then), hash_today)
        files[run_id, test_id].setdefault(output_id, one).accepted.add(accepted)
    return {key: by_output.values() for key, by_output in files.items()}


def is_in_category(db: Database, regression_test_id: SQLColumnExpression[int]) -> ColumnElement[bool]:
    """Return the condition that a regression test is in a category."""
    return exists().where(db.host.regressionTestLinkTable.c.regression_id == regression_test_id)


def read_selected(db: Database, run_ids: Sequence[int]) -> dict[int, Sequence[int]]:
    """Return the tests that were selected for each run, in order: their full test sets."""
    customized = db.host.CustomizedTest
    selected: dict[int, list[int]] = {run_id: [] for run_id in run_ids}
    for run_id, test_id in db.read_about(
            run_ids, select(customized.test_id, customized.regression_id).distinct()
            .where(customized.test_id.in_(run_ids), customized.regression_id.is_not(None))
            .order_by(customized.regression_id)):
        selected[run_id].append(test_id)
    every_active = [] if all(selected.values()) else sorted(read_active(db))
    return {run_id: tests or every_active for run_id, tests in selected.items()}


def read_evidence(db: Database, run_ids: Sequence[int],
                  regression_test_ids: Sequence[int]) -> dict[tuple[int, int], Evidence]:
    """Return the evidence of each result of these tests in these runs, by regression test and run."""
    result, file = db.host.TestResult, db.host.TestResultFile
    rows = db.connection.execute(
        select(result.regression_test_id, result.test_id, result.exit_code, result.expected_rc,
               file.regression_test_output_id, file.expected, file.got)
        .outerjoin_from(result, file, and_(file.test_id == result.test_id,
                                           file.regression_test_id == result.regression_test_id))
        .where(result.test_id.in_(run_ids), result.regression_test_id.in_(regression_test_ids)))
    codes: dict[tuple[int, int], tuple[int | None, int | None]] = {}
    hashes: dict[tuple[int, int], dict[int, tuple[str, str | None]]] = defaultdict(dict)
    for regression_test_id, run_id, exit_code, expected_rc, output_id, expected, got in rows:
        codes[regression_test_id, run_id] = exit_code, expected_rc
        if output_id is not None:
            hashes[regression_test_id, run_id][output_id] = expected, got
    oldest = _find_oldest_runs(db, {output_id for files in hashes.values() for output_id in files})
    return {(test_id, run_id): Evidence(*codes[test_id, run_id], {
        output_id: File(*of_file, oldest[output_id])
        for output_id, of_file in hashes[test_id, run_id].items()}) for test_id, run_id in codes}


def _find_oldest_runs(db: Database, output_ids: Collection[int]) -> dict[int, int]:
    """Return for each output the oldest run that has a file of it."""
    file = db.host.TestResultFile
    rows = db.read_about(
        output_ids, select(file.regression_test_output_id, func.min(file.test_id))
        .where(file.regression_test_output_id.in_(output_ids))
        .group_by(file.regression_test_output_id))
    return {output_id: run_id for output_id, run_id in rows}
