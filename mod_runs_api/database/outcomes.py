"""
The rule for the outcome of a regression test in a run (docs/api.rst, "Outcomes").

A failed-only retry runs every test whose outcome is not ``pass``, the attempts count the outcomes, and the verdict
compares them. The rule applies to carried-over results as well. Only the verdict names them, as ``carried_over``.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from sqlalchemy import (ColumnElement, SelectBase, SQLColumnExpression, Subquery, and_, case, exists, func, or_, select,
                        true, union)

from ..domain.outcomes import Evidence, File, Outcome
from ..domain.run import RegressionTest
from . import BY_PRIMARY_KEY, Database, as_bytes
from .carry_over import is_carried_over


def _select_outcomes(db: Database, run_ids: Sequence[int], outcome: ColumnElement[str]) -> Subquery:
    """Select ``run_id``, ``regression_test_id`` and an outcome of ``TestResult`` of each test of some runs."""
    # The tests of a run are its selected tests and the tests of which it has a result.
    result = db.host.TestResult
    has_result = result.test_id.is_not(None)
    tests = union(*_select_selected(db, run_ids), select(result.test_id, result.regression_test_id)
                  .where(result.test_id.in_(run_ids))).subquery()
    return (select(tests.c.run_id, tests.c.regression_test_id,
                   case((has_result, outcome), else_='not_run').label('outcome'))
            .with_hint(result, BY_PRIMARY_KEY)
            .outerjoin_from(tests, result, and_(result.test_id == tests.c.run_id,
                                                result.regression_test_id == tests.c.regression_test_id))
            .where(or_(has_result, is_given_to_workers(db, tests.c.regression_test_id))).subquery())


def _outcome_of_result(db: Database) -> ColumnElement[str]:
    """Return the outcome of a row of the host's ``TestResult``."""
    # An ignored output may be missing. If it has a file, the file counts like any other.
    result, file = db.host.TestResult, db.host.TestResultFile
    output, variant = db.host.RegressionTestOutput, db.host.RegressionTestOutputFiles
    files = select(file.test_id).with_hint(file, BY_PRIMARY_KEY).where(
        file.test_id == result.test_id, file.regression_test_id == result.regression_test_id)
    lacks_an_output = exists().where(
        output.regression_id == result.regression_test_id, output.ignore.is_not(true()),
        ~files.where(file.regression_test_output_id == output.id).correlate(result, output).exists())
    # Without ``got`` the output is identical to the expected one.
    has_differing_output = files.where(
        file.got.is_not(None),
        ~exists().where(variant.regression_test_output_id == file.regression_test_output_id,
                        as_bytes(variant.file_hashes) == as_bytes(file.got))).exists()
    return case((lacks_an_output, 'missing_output'),
                # Without an exit code the end of the test is unknown, whatever was expected.
                (or_(result.exit_code.is_(None), result.exit_code.is_distinct_from(result.expected_rc)), 'fail'),
                (has_differing_output, 'fail'),
                else_='pass')


def _select_selected(db: Database, run_ids: Sequence[int]) -> list[SelectBase]:
    """Select ``run_id`` and ``regression_test_id`` of each test that was selected for some runs, for a union."""
    # A run without rows in customized_test ran every test of its time. The original selection is unknown, so every test
    # that is active now stands for it.
    run, customized, regression_test = db.host.Test, db.host.CustomizedTest, db.host.RegressionTest
    # Without the ids here, too, MariaDB reads the rows of all runs.
    has_rows = exists().where(customized.test_id == run.id, customized.test_id.in_(run_ids))
    return [
        select(customized.test_id.label('run_id'), customized.regression_id.label('regression_test_id'))
        .where(customized.test_id.in_(run_ids)),
        select(run.id, regression_test.id)
        .join_from(run, regression_test, regression_test.active == true())
        .where(run.id.in_(run_ids), ~has_rows)]


def is_given_to_workers(db: Database, regression_test_id: SQLColumnExpression[int]) -> ColumnElement[bool]:
    """Return the condition that workers receive a regression test: it has a category."""
    return exists().where(db.host.regressionTestLinkTable.c.regression_id == regression_test_id)


def read_selected(db: Database, run_ids: Sequence[int]) -> dict[int, list[RegressionTest]]:
    """Return the tests that were selected for each of some runs, in order: their full test sets."""
    test = db.host.RegressionTest
    selected = union(*_select_selected(db, run_ids)).subquery()
    found: dict[int, list[RegressionTest]] = {run_id: [] for run_id in run_ids}
    for run_id, test_id, active in db.connection.execute(
            select(selected.c.run_id, test.id, test.active)
            .join_from(selected, test, test.id == selected.c.regression_test_id).order_by(test.id)):
        found[run_id].append(RegressionTest(test_id, active))
    return found


def read_tests(db: Database, run_ids: Sequence[int]) -> dict[int, dict[RegressionTest, Outcome]]:
    """Return the tests of each of some runs with their outcomes, in order."""
    test = db.host.RegressionTest
    outcomes = _select_outcomes(db, run_ids, _outcome_of_result(db))
    found: dict[int, dict[RegressionTest, Outcome]] = {run_id: {} for run_id in run_ids}
    for run_id, outcome, test_id, active in db.connection.execute(
            select(outcomes.c.run_id, outcomes.c.outcome, test.id, test.active)
            .join_from(outcomes, test, test.id == outcomes.c.regression_test_id).order_by(test.id)):
        found[run_id][RegressionTest(test_id, active)] = outcome
    return found


def count_outcomes(db: Database, run_ids: Sequence[int]) -> dict[int, Counter[Outcome]]:
    """Return the number of each outcome in each of some runs."""
    outcomes = _select_outcomes(db, run_ids, _outcome_of_result(db))
    counts: dict[int, Counter[Outcome]] = {run_id: Counter() for run_id in run_ids}
    for run_id, outcome, count in db.connection.execute(
            select(outcomes.c.run_id, outcomes.c.outcome, func.count())
            .group_by(outcomes.c.run_id, outcomes.c.outcome)):
        counts[run_id][outcome] = count
    return counts


def read_outcomes(db: Database, run_ids: Sequence[int]) -> list[tuple[int, int, Outcome]]:
    """Return regression test, run and outcome of each test of some runs, in order."""
    outcomes = _select_outcomes(
        db, run_ids, case((is_carried_over(db, db.host.TestResult), 'carried_over'), else_=_outcome_of_result(db)))
    rows = db.connection.execute(select(outcomes.c.regression_test_id, outcomes.c.run_id, outcomes.c.outcome))
    return sorted((regression_test_id, run_id, outcome) for regression_test_id, run_id, outcome in rows)


def read_evidence(db: Database, run_ids: Sequence[int],
                  regression_test_ids: Sequence[int]) -> dict[tuple[int, int], Evidence]:
    """Return the evidence of each result of some tests in some runs, by regression test and run."""
    result, file = db.host.TestResult, db.host.TestResultFile
    rows = db.connection.execute(
        select(result.regression_test_id, result.test_id, result.exit_code, result.expected_rc,
               file.regression_test_output_id, file.expected, func.coalesce(file.got, file.expected))
        .outerjoin_from(result, file, and_(file.test_id == result.test_id,
                                           file.regression_test_id == result.regression_test_id))
        .where(result.test_id.in_(run_ids), result.regression_test_id.in_(regression_test_ids)))
    codes: dict[tuple[int, int], tuple[int | None, int | None]] = {}
    found: dict[tuple[int, int], dict[int, tuple[str, str]]] = defaultdict(dict)
    for regression_test_id, run_id, exit_code, expected_rc, output_id, expected, produced in rows:
        codes[regression_test_id, run_id] = exit_code, expected_rc
        if output_id is not None:
            found[regression_test_id, run_id][output_id] = expected, produced
    oldest = _find_oldest_runs(db, {output_id for files in found.values() for output_id in files})
    # A file that was deleted in between has no oldest run.
    return {(test_id, run_id): Evidence(*codes[test_id, run_id], {
        output_id: File(*hashes, oldest.get(output_id, run_id))
        for output_id, hashes in found[test_id, run_id].items()}) for test_id, run_id in codes}


def _find_oldest_runs(db: Database, output_ids: Collection[int]) -> dict[int, int]:
    """Return for each of some outputs the oldest run that has a file of it."""
    # SQLite reads the whole table if there is no output.
    file = db.host.TestResultFile
    rows = db.connection.execute(
        select(file.regression_test_output_id, func.min(file.test_id))
        .where(file.regression_test_output_id.in_(output_ids))
        .group_by(file.regression_test_output_id)) if output_ids else ()
    return {output_id: run_id for output_id, run_id in rows}
