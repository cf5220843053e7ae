"""Reading the rows that the outcomes of regression tests depend on. ``domain/outcomes.py`` decides."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import and_, exists, func, select

from ..domain.causes import MAX_RUNTIME_OF_TEST
from ..domain.outcomes import Catalogue, DifferingFile, Evidence, File, Result, RunTests
from . import BY_PRIMARY_KEY, Database, as_bytes
from .carry_over import read_marks

#: The run and the test of a result.
Key = tuple[int, int]


def read_catalogue(db: Database) -> Catalogue:
    """Return the regression tests of the platform, as they are now."""
    test, link = db.host.RegressionTest, db.host.regressionTestLinkTable.c
    rows = db.connection.execute(
        select(test.id, test.active, exists().where(link.regression_id == test.id), test.expected_rc)).all()
    return Catalogue(active={test_id for test_id, is_active, _, _ in rows if is_active},
                     in_category={test_id for test_id, _, is_in_category, _ in rows if is_in_category},
                     expected_rc={test_id: expected_rc for test_id, _, _, expected_rc in rows})


def read_tests(db: Database, run_ids: Sequence[int], catalogue: Catalogue) -> dict[int, RunTests]:
    """Return the tests of each run: its results, their marks, and the selected tests."""
    selected, results, marks = _read_selected(db, run_ids), _read_results(db, run_ids), read_marks(db, run_ids)
    # A run without rows ran every test of its time. The tests that are active now stand for its unknown selection.
    return {run_id: RunTests(results[run_id], selected.get(run_id, catalogue.active), catalogue.in_category,
                             run_id in selected, marks[run_id]) for run_id in run_ids}


def read_today(db: Database, tests: Mapping[int, RunTests], catalogue: Catalogue) -> dict[int, RunTests]:
    """Add what is expected today to the tests of each run."""
    differing = _read_differing(db, tests.keys(), today=True)
    return {run_id: of_run._replace(today={
        test_id: result._replace(expected_rc=catalogue.expected_rc.get(test_id),
                                 differing=differing.get((run_id, test_id), ()))
        for test_id, result in of_run.results.items()}) for run_id, of_run in tests.items()}


def _read_selected(db: Database, run_ids: Collection[int]) -> dict[int, set[int]]:
    """Return the selected tests of each run for which tests were selected."""
    customized = db.host.CustomizedTest
    selected: dict[int, set[int]] = {}
    for run_id, test_id in db.read_about(
            run_ids, select(customized.test_id, customized.regression_id)
            .where(customized.test_id.in_(run_ids), customized.regression_id.is_not(None))):
        selected.setdefault(run_id, set()).add(test_id)
    return selected


def _read_results(db: Database, run_ids: Sequence[int]) -> dict[int, dict[int, Result]]:
    result = db.host.TestResult
    has_timed_out = (func.coalesce(result.runtime, 0) >= MAX_RUNTIME_OF_TEST).label('has_timed_out')
    results: dict[int, dict[int, Result]] = {run_id: {} for run_id in run_ids}
    for run_id, test_id, exit_code, expected_rc, timed_out in db.read_about(
            run_ids, select(result.test_id, result.regression_test_id, result.exit_code, result.expected_rc,
                            has_timed_out)
            .with_hint(result, BY_PRIMARY_KEY)
            .where(result.test_id.in_(run_ids))):
        results[run_id][test_id] = Result(exit_code, expected_rc, has_timed_out=bool(timed_out))
    without_file, differing = _read_outputs_without_file(db, run_ids), _read_differing(db, run_ids)
    for run_id, test_id in without_file.keys() | differing.keys():
        if test_id in results[run_id]:
            results[run_id][test_id] = results[run_id][test_id]._replace(
                outputs_without_file=without_file.get((run_id, test_id), ()),
                differing=differing.get((run_id, test_id), ()))
    return results


def _read_outputs_without_file(db: Database, run_ids: Sequence[int]) -> dict[Key, list[bool | None]]:
    """Return whether each expected output without a file is ignored."""
    result, file, output = db.host.TestResult, db.host.TestResultFile, db.host.RegressionTestOutput
    outputs: dict[Key, list[bool | None]] = defaultdict(list)
    for run_id, test_id, is_ignored in db.read_about(
            run_ids, select(result.test_id, result.regression_test_id, output.ignore)
            .with_hint(file, BY_PRIMARY_KEY)
            .join_from(result, output, output.regression_id == result.regression_test_id)
            .outerjoin(file, and_(file.test_id == result.test_id, file.regression_test_id == result.regression_test_id,
                                  file.regression_test_output_id == output.id))
            .where(result.test_id.in_(run_ids), file.test_id.is_(None))):
        outputs[run_id, test_id].append(is_ignored)
    return outputs


def _read_differing(db: Database, run_ids: Collection[int], *,
                    today: bool = False) -> dict[Key, Collection[DifferingFile]]:
    """Return the files that are not what was expected at the time, or with ``today`` what is expected today."""
    file, output, variant = db.host.TestResultFile, db.host.RegressionTestOutput, db.host.RegressionTestOutputFiles
    produced = as_bytes(func.coalesce(file.got, file.expected))
    # A file has a row for each variant that is accepted for its output.
    statement = (select(file.test_id, file.regression_test_id, file.regression_test_output_id, produced,
                        as_bytes(variant.file_hashes))
                 .with_hint(file, BY_PRIMARY_KEY)
                 .outerjoin_from(file, variant, variant.regression_test_output_id == file.regression_test_output_id)
                 .where(file.test_id.in_(run_ids)))
    if today:
        # A file of an output that the test no longer has does not count.
        statement = (statement.join(output, and_(output.id == file.regression_test_output_id,
                                                 output.regression_id == file.regression_test_id))
                     .where(produced != as_bytes(func.coalesce(output.correct, ''))))
    else:
        # A file that was as expected has no ``got``.
        statement = statement.where(file.got.is_not(None))
    files: dict[Key, dict[int, DifferingFile]] = defaultdict(dict)
    for run_id, test_id, output_id, hash_produced, accepted in db.read_about(run_ids, statement):
        files[run_id, test_id].setdefault(output_id, DifferingFile(hash_produced, set())).accepted.add(accepted)
    return {key: by_output.values() for key, by_output in files.items()}


def read_full_sets(db: Database, run_ids: Collection[int], catalogue: Catalogue) -> dict[int, Sequence[int]]:
    """Return the tests that were selected for each run, in order: their full test sets."""
    selected = _read_selected(db, run_ids)
    return {run_id: sorted(selected.get(run_id, catalogue.active)) for run_id in run_ids}


def read_evidence(db: Database, run_ids: Sequence[int],
                  regression_test_ids: Sequence[int]) -> dict[Key, Evidence]:
    """Return the evidence of each result of these tests in these runs."""
    result, file = db.host.TestResult, db.host.TestResultFile
    rows = db.connection.execute(
        select(result.test_id, result.regression_test_id, result.exit_code, result.expected_rc,
               file.regression_test_output_id, file.expected, file.got)
        .outerjoin_from(result, file, and_(file.test_id == result.test_id,
                                           file.regression_test_id == result.regression_test_id))
        .where(result.test_id.in_(run_ids), result.regression_test_id.in_(regression_test_ids)))
    codes: dict[Key, tuple[int | None, int | None]] = {}
    hashes: dict[Key, dict[int, tuple[str, str | None]]] = defaultdict(dict)
    for run_id, test_id, exit_code, expected_rc, output_id, expected, got in rows:
        codes[run_id, test_id] = exit_code, expected_rc
        if output_id is not None:
            hashes[run_id, test_id][output_id] = expected, got
    oldest = _find_oldest_runs(db, {output_id for files in hashes.values() for output_id in files})
    return {key: Evidence(*of_test, {
        output_id: File(*of_file, oldest[output_id]) for output_id, of_file in hashes[key].items()})
        for key, of_test in codes.items()}


def _find_oldest_runs(db: Database, output_ids: Collection[int]) -> dict[int, int]:
    """Return for each output the oldest run that has a file of it."""
    file = db.host.TestResultFile
    rows = db.read_about(
        output_ids, select(file.regression_test_output_id, func.min(file.test_id))
        .where(file.regression_test_output_id.in_(output_ids))
        .group_by(file.regression_test_output_id))
    return {output_id: run_id for output_id, run_id in rows}
