"""
How a regression test came out in a run: the one rule, that everybody asks (docs/api.rst, "Outcomes").

A failed-only retry runs every test whose outcome is not ``pass``, the attempts count the outcomes, and the verdict
compares them. A result that was carried over passes or fails by this rule like any other; the verdict alone sets it
apart, as ``carried_over``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (ColumnElement, LargeBinary, Select, Subquery, and_,
                        case, cast, exists, func, or_, select, true, union)

from . import RUN_IDS, Database, RunIds, built_once, by_key
from .carry_over import select_marks


def select_outcomes(db: Database, run_ids: RunIds) -> Select[Any]:
    """
    Select ``run_id``, ``regression_test_id`` and ``outcome`` of each test of some runs.

    A run's tests are those that were selected for it, and those that it has a result of.
    """
    result = db.host.TestResult
    has_result = result.test_id.is_not(None)
    tests = union(*_select_selected(db, run_ids), select(result.test_id, result.regression_test_id)
                  .where(result.test_id.in_(run_ids))).subquery()
    return by_key(
        result, select(tests.c.run_id, tests.c.regression_test_id,
                       case((has_result, _outcome_of_result(db)), else_='not_run').label('outcome'))
        .outerjoin_from(tests, result, and_(result.test_id == tests.c.run_id,
                                            result.regression_test_id == tests.c.regression_test_id))
        .where(or_(has_result, is_given_to_workers(db, tests.c.regression_test_id))))


def _outcome_of_result(db: Database) -> ColumnElement[str]:
    """
    Return the outcome of a row of the host's ``TestResult``.

    An output that is to be ignored may be missing. A file that it has counts like any other.
    """
    result, file = db.host.TestResult, db.host.TestResultFile
    output, variant = db.host.RegressionTestOutput, db.host.RegressionTestOutputFiles
    files = by_key(file, select(file.test_id).where(file.test_id == result.test_id,
                                                    file.regression_test_id == result.regression_test_id))
    lacks_an_output = exists().where(
        output.regression_id == result.regression_test_id, output.ignore.is_not(true()),
        ~files.where(file.regression_test_output_id == output.id).correlate(result, output).exists())
    # No ``got``: what came is what was expected.
    has_differing_output = files.where(
        file.got.is_not(None),
        ~exists().where(variant.regression_test_output_id == file.regression_test_output_id,
                        # As bytes: the database's collation may ignore case, and blanks at the end.
                        cast(variant.file_hashes, LargeBinary) == cast(file.got, LargeBinary))).exists()
    return case((lacks_an_output, 'missing_output'),
                # None is never the expected exit code.
                (or_(result.exit_code.is_(None), result.exit_code.is_distinct_from(result.expected_rc)), 'fail'),
                (has_differing_output, 'fail'),
                else_='pass')


def _select_selected(db: Database, run_ids: RunIds) -> list[Select[Any]]:
    """
    Select ``run_id`` and ``regression_test_id`` of each test that was selected for some runs, for a union.

    A run without rows in ``customized_test`` ran every test there was. Which those were is no longer known, so every
    test that is active now stands for them.
    """
    run, customized, regression_test = db.host.Test, db.host.CustomizedTest, db.host.RegressionTest
    # The ids again, or MariaDB reads the rows of all runs.
    has_rows = exists().where(customized.test_id == run.id, customized.test_id.in_(run_ids))
    return [
        select(customized.test_id.label('run_id'), customized.regression_id.label('regression_test_id'))
        .where(customized.test_id.in_(run_ids)),
        select(run.id, regression_test.id)
        .join_from(run, regression_test, regression_test.active == true())
        .where(run.id.in_(run_ids), ~has_rows)]


def is_given_to_workers(db: Database, regression_test_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Return the condition that a regression test is ever given to a worker: only tests in a category are."""
    category = db.host.regressionTestLinkTable
    return true() if category is None else exists().where(category.c.regression_id == regression_test_id)


def read_selected(db: Database, run_id: int) -> Sequence[Any]:
    """Return ``id`` and ``active`` of each test that was selected for a run, in order: its full test set."""
    return db.rows(_select_full_set(db), {'run_ids': [run_id]})


@built_once
def _select_full_set(db: Database) -> Select[Any]:
    return _select_tests(db, union(*_select_selected(db, RUN_IDS)).subquery())


def read_not_passed(db: Database, run_id: int) -> Sequence[Any]:
    """Return ``id`` and ``active`` of each test of a run whose outcome is not ``pass``, in order."""
    return db.rows(_select_not_passed(db), {'run_ids': [run_id]})


@built_once
def _select_not_passed(db: Database) -> Select[Any]:
    outcomes = select_outcomes(db, RUN_IDS).subquery()
    return _select_tests(db, outcomes).where(outcomes.c.outcome != 'pass')


def _select_tests(db: Database, tests: Subquery) -> Select[Any]:
    test = db.host.RegressionTest
    return (select(test.id.label('id'), test.active.label('active'))
            .join_from(tests, test, test.id == tests.c.regression_test_id)
            .order_by(test.id))


def count_outcomes(db: Database, run_ids: Sequence[int]) -> dict[int, Counter[str]]:
    """Return how often there is each outcome in each of some runs."""
    outcomes = select_outcomes(db, run_ids).subquery()
    rows = db.execute(select(outcomes.c.run_id, outcomes.c.outcome, func.count())
                      .group_by(outcomes.c.run_id, outcomes.c.outcome))
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for run_id, outcome, count in rows:
        counts[run_id][outcome] = count
    return counts


def read_outcomes(db: Database, run_ids: Sequence[int]) -> list[tuple[int, int, str]]:
    """Return regression test, run and outcome of each test of some runs, without what was carried over into them."""
    rows = db.rows(_select_own_outcomes(db), {'run_ids': run_ids})
    return [(test_id, run_id, outcome) for run_id, test_id, outcome in rows]


@built_once
def _select_own_outcomes(db: Database) -> Select[Any]:
    outcomes, marks = select_outcomes(db, RUN_IDS), select_marks(db, RUN_IDS).subquery()
    result = db.host.TestResult
    is_carried_over = exists().where(marks.c.run_id == result.test_id,
                                     marks.c.regression_test_id == result.regression_test_id)
    return outcomes.where(or_(result.test_id.is_(None), ~is_carried_over))


def read_evidence(db: Database, run_ids: Sequence[int], regression_test_ids: Sequence[int]) -> Sequence[Any]:
    """
    Return what was expected of some tests and what came, in each of some runs.

    There is a row for each output that has a file, or one with ``output_id`` None: ``run_id``, ``regression_test_id``,
    ``exit_code``, ``expected_rc``, ``output_id``, ``expected`` and ``produced``, the hash of what came.
    """
    result, file = db.host.TestResult, db.host.TestResultFile
    return db.rows(
        select(result.test_id.label('run_id'), result.regression_test_id.label('regression_test_id'),
               result.exit_code.label('exit_code'), result.expected_rc.label('expected_rc'),
               file.regression_test_output_id.label('output_id'), file.expected.label('expected'),
               func.coalesce(file.got, file.expected).label('produced'))
        .outerjoin_from(result, file, and_(file.test_id == result.test_id,
                                           file.regression_test_id == result.regression_test_id))
        .where(result.test_id.in_(run_ids), result.regression_test_id.in_(regression_test_ids)))
