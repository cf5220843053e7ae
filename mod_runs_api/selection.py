"""Which regression tests a retry runs, as SQL (contract section 4)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (ColumnElement, LargeBinary, Select, and_, cast, exists,
                        or_, select, true)

from .host.models import HostModels


def full_test_set(host: HostModels, run_id: int, has_rows: bool) -> Select[Any]:
    """
    Select id and ``active`` of every test that a run was told to run.

    A run without rows in ``customized_test`` ran every test there was. Which those were is no longer known, so every
    test that is active now stands for them.
    """
    tests = _tests_of_run(host, run_id, has_rows)
    return tests if has_rows else tests.where(host.regression_test.active == true())


def tests_that_did_not_pass(host: HostModels, run_id: int, has_rows: bool) -> Select[Any]:
    """
    Select id and ``active`` of every test of a finished run that did not pass there.

    That is every test that the run's page shows as failed, and every test that the API's summary does not count as
    passed. The tests of a run without rows in ``customized_test`` are those that are active now or have a result in it.
    """
    test, result = host.regression_test, host.test_result
    results = select(result.regression_test_id).where(result.test_id == run_id)
    as_expected = with_expected_exit_code(host).with_only_columns(result.regression_test_id).where(
        result.test_id == run_id)
    differing = differing_outputs(host).with_only_columns(host.test_result_file.regression_test_id).where(
        host.test_result_file.test_id == run_id)
    missing = missing_outputs(host).with_only_columns(result.regression_test_id).where(result.test_id == run_id)

    tests = _tests_of_run(host, run_id, has_rows).where(
        or_(test.id.not_in(as_expected), test.id.in_(differing), test.id.in_(missing)),
        or_(can_run(host), test.id.in_(results)))
    return tests if has_rows else tests.where(or_(test.active == true(), test.id.in_(results)))


def _tests_of_run(host: HostModels, run_id: int, has_rows: bool) -> Select[Any]:
    test, customized = host.regression_test, host.customized_test
    tests = select(test.id, test.active).distinct().order_by(test.id)
    if not has_rows:
        return tests
    return _in_this_order(tests.select_from(customized.table)
                          .join(test.table, test.id == customized.regression_id)
                          .where(customized.test_id == run_id))


def can_run(host: HostModels) -> ColumnElement[bool]:
    """Return the condition that a regression test is ever given to a worker: only tests in a category are."""
    category = host.regression_test_category
    if category is None:
        return true()
    return host.regression_test.id.in_(select(category.regression_id))


def with_expected_exit_code(host: HostModels) -> Select[Any]:
    """Select (run, test) for each result with the expected exit code. None is never the expected one."""
    result = host.test_result
    return select(result.test_id, result.regression_test_id).where(result.exit_code == result.expected_rc)


def differing_outputs(host: HostModels) -> Select[Any]:
    """Select (run, test) for each output that differs from what was expected, and is no accepted variant of it."""
    file, variant = host.test_result_file, host.regression_test_output_files
    is_accepted = exists().where(
        variant.regression_test_output_id == file.regression_test_output_id,
        # As bytes: the database's collation may ignore case, and blanks at the end.
        cast(variant.file_hashes, LargeBinary) == cast(file.got, LargeBinary))
    return (select(file.test_id, file.regression_test_id)
            .where(file.got.is_not(None), ~is_accepted))


def missing_outputs(host: HostModels) -> Select[Any]:
    """Select (run, test) for each expected output of a test with a result that has no file, and is not ignored."""
    result, output, file = host.test_result, host.regression_test_output, host.test_result_file
    is_there = (select(file.test_id)
                .where(file.test_id == result.test_id, file.regression_test_id == result.regression_test_id,
                       file.regression_test_output_id == output.id)
                .correlate(result.table, output.table))
    for dialect in ('mysql', 'mariadb'):
        # The files of a run lie together there. By another index, each is looked for on another page.
        is_there = is_there.with_hint(file.table, 'FORCE INDEX (PRIMARY)', dialect)
    return _in_this_order(
        select(result.test_id, result.regression_test_id)
        .select_from(result.table)
        .join(output.table, and_(output.regression_id == result.regression_test_id, output.ignore.is_not(true())))
        .where(~is_there.exists()))


def _in_this_order(statement: Select[Any]) -> Select[Any]:
    """
    Have MariaDB read the tables of a statement in the order in which they are written.

    Left to itself it may begin with all regression tests, and go through all runs of each: its statistics say little
    about tables that have grown since.
    """
    return statement.prefix_with('STRAIGHT_JOIN', dialect='mysql').prefix_with('STRAIGHT_JOIN', dialect='mariadb')
