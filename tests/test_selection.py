"""Which tests a retry runs (docs/api.rst, "Which tests are run"), compared with what the run's page shows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import seed
import verdict
from database import db
from flask import Flask
from mod_regression.models import RegressionTest
from mod_test.models import Test, TestResultFile, TestStatus
from outcome import Outcome, passing
from sqlalchemy import null
from support.api import ApiCall
from support.rows import Rows

Rerun = Callable[[Test], list[int]]
Change = Callable[[RegressionTest, Outcome], Outcome]

DROP_INACTIVE = pytest.mark.parametrize('app_settings', [{'RUNS_API_INACTIVE_TESTS': 'drop'}])


@pytest.fixture
def rerun(retry: ApiCall, rows: Rows) -> Rerun:
    """Return the tests that a failed-only retry of a run runs; none if it is refused because nothing failed."""
    def post(run: Test) -> list[int]:
        response = retry(run, {'failed_only': True})
        if response.status_code == 422:
            assert response.json['details'] == {'failed_tests': 0}
            return []
        return rows.selection(response.json['new_run_id'])

    return post


@pytest.fixture
def test(app: Flask) -> RegressionTest:
    """Return a regression test with two outputs that is expected to exit with 0. Two variants of the first are fine."""
    test = seed.regression_test(outputs=2)
    for file_hash in ('abcdef', 'another'):
        seed.variant(test.output_files[0], file_hash)
    return test


def completed(test: RegressionTest, outcome: Outcome | None = None) -> Test:
    """Return a completed run of one test."""
    run = seed.run([test], stages=seed.COMPLETED)
    seed.result(run, test, outcome)
    return run


def page_shows_failure(run: Test) -> bool:
    """Return whether the run's page shows a failure."""
    return any(test.error for test in verdict.by_test(db.session, run))


def makes(place: int, got: str) -> Change:
    """Return a change: another file for one of the outputs."""
    return lambda test, outcome: outcome.makes(test.output_files[place], got)


def expects(code: int, change: Change = lambda test, outcome: outcome) -> Change:
    """Return a change: the test is expected to exit with a code, and does, unless something else is changed."""
    def expect(test: RegressionTest, outcome: Outcome) -> Outcome:
        test.expected_rc = code
        return change(test, outcome.exits(code))

    return expect


@pytest.mark.parametrize('change', [
    pytest.param(lambda test, outcome: outcome, id='all as expected'),
    pytest.param(expects(10), id='an expected failure'),
    pytest.param(makes(0, 'abcdef'), id='a variant that is accepted'),
    pytest.param(makes(0, 'another'), id='another one'),
])
def test_what_the_page_shows_as_passed_is_not_run_again(rerun: Rerun, test: RegressionTest, change: Change) -> None:
    run = completed(test, change(test, passing(test)))

    assert not page_shows_failure(run)
    assert rerun(run) == []


@pytest.mark.parametrize('change', [
    pytest.param(lambda test, outcome: outcome.exits(1), id='another exit code'),
    pytest.param(expects(10, lambda test, outcome: outcome.exits(0)), id='a success in the place of a failure'),
    pytest.param(lambda test, outcome: outcome.exits(None), id='no exit code'),
    pytest.param(makes(1, 'different'), id='a different output'),
    pytest.param(makes(0, 'different'), id='a different output that has variants'),
    pytest.param(expects(10, makes(1, 'different')), id='a different output of an expected failure'),
    pytest.param(makes(1, 'abcdef'), id='a variant of another output'),
    pytest.param(makes(0, 'ABCDEF'), id='a variant in upper case'),
    pytest.param(makes(0, 'abcdef '), id='a variant with a blank'),
    pytest.param(makes(0, ''), id='an empty hash'),
    pytest.param(lambda test, outcome: Outcome(0, {}), id='no output at all'),
    pytest.param(lambda test, outcome: outcome.makes(seed.output(test, ignore=True), 'different'),
                 id='a different output that is ignored'),
])
def test_what_the_page_shows_as_failed_is_run_again(rerun: Rerun, test: RegressionTest, change: Change) -> None:
    run = completed(test, change(test, passing(test)))

    assert page_shows_failure(run)
    assert rerun(run) == [test.id]


def test_one_of_several_outputs_may_not_be_missing(rerun: Rerun, test: RegressionTest) -> None:
    # The page overlooks it as long as another file is there.
    assert rerun(completed(test, passing(test).lacks(test.output_files[0]))) == [test.id]


@pytest.mark.parametrize(('ignore', 'passed'), [(True, True), (False, False), (null(), False)])
def test_only_an_ignored_output_may_be_missing(rerun: Rerun, ignore: object, passed: bool) -> None:
    # The page takes a null for "ignored", the platform's API does not; what either shows as failed is run again.
    test = seed.regression_test(outputs=0)
    seed.output(test, ignore=ignore)

    assert rerun(completed(test, Outcome(0, {}))) == ([] if passed else [test.id])


def test_a_test_that_has_no_outputs_passed(rerun: Rerun) -> None:
    assert rerun(completed(seed.regression_test(outputs=0))) == []


def test_no_exit_code_did_not_pass_where_none_is_expected_either(rerun: Rerun) -> None:
    test = seed.regression_test(expected_rc=None)

    assert rerun(completed(test)) == [test.id]


def test_the_expected_exit_code_is_the_one_of_the_time_of_the_run(rerun: Rerun, test: RegressionTest) -> None:
    run = completed(test)
    test.expected_rc = 10

    assert rerun(run) == []


@pytest.mark.parametrize('outputs', [0, 1])
def test_a_test_without_a_result_did_not_pass_even_if_there_are_files(rerun: Rerun, outputs: int) -> None:
    test = seed.regression_test(outputs=outputs)
    run = seed.run([test], stages=seed.COMPLETED)
    for output in test.output_files:
        seed.add(TestResultFile(test_id=run.id, regression_test_id=test.id, regression_test_output_id=output.id,
                                expected=output.correct, got=None))

    assert rerun(run) == [test.id]


@pytest.mark.parametrize('has_rows', [True, False])
def test_a_run_canceled_half_way_reruns_its_rest(rerun: Rerun, has_rows: bool) -> None:
    passed, failed, never = tests = seed.regression_tests(3)
    if not has_rows:
        seed.regression_test(active=False)
    run = seed.run(tests if has_rows else None, stages=seed.CANCELED)
    seed.result(run, passed)
    seed.result(run, failed, passing(failed).exits(1))

    assert rerun(run) == [failed.id, never.id]


def test_only_the_run_itself_counts(rerun: Rerun, test: RegressionTest) -> None:
    completed(test, passing(test).exits(1))
    run = completed(test)
    completed(test, Outcome(0, {}))
    seed.regression_test()

    assert rerun(run) == []


def test_a_test_in_no_category_is_never_run_and_so_failed_only_if_it_has_a_result(rerun: Rerun) -> None:
    # The platform gives a worker only tests in a category: a green run could be retried for ever.
    never, failed = tests = seed.regression_tests(2)
    run = seed.run(tests, stages=seed.COMPLETED)
    seed.result(run, failed, passing(failed).exits(1))
    for test in tests:
        test.categories.clear()

    assert rerun(run) == [failed.id]


# Retries that are refused


@pytest.mark.parametrize('stages', [[], seed.COMPLETED[:1], seed.COMPLETED[:2],
                                    [*seed.COMPLETED, TestStatus.testing]])
def test_a_failed_only_retry_of_a_run_that_has_not_finished_is_refused(
        retry: ApiCall, test: RegressionTest, stages: list[TestStatus]) -> None:
    run = seed.run([test], stages=stages)
    seed.result(run, test, passing(test).exits(1))

    response = retry(run, {'failed_only': True})

    assert response == 422
    assert response.json == {'code': 'unprocessable',
                             'message': f'Run {run.id} has not finished: it has no failed tests yet.',
                             'details': {'run_status': stages[-1].value if stages else 'queued'}}


def test_a_failed_only_retry_of_a_run_without_failures_is_refused_and_creates_nothing(
        retry: ApiCall, test: RegressionTest, rows: Rows) -> None:
    run = completed(test)
    db.session.commit()
    before = rows.snapshot()

    response = retry(run, {'failed_only': True})

    assert response == 422
    assert response.json == {'code': 'unprocessable', 'details': {'failed_tests': 0},
                             'message': f'No test of run {run.id} failed: there is nothing to run again.'}
    assert rows.snapshot() == before
    assert rows.retries == []


# Runs without rows of their own, and rows that repeat


def test_a_full_retry_of_a_run_without_rows_runs_every_active_test(retry: ApiCall, rows: Rows) -> None:
    active = seed.regression_tests(2)
    for value in (False, null()):
        seed.regression_test(active=value)

    new_run_id = retry(seed.run(stages=seed.COMPLETED)).json['new_run_id']

    assert rows.selection(new_run_id) == [test.id for test in active]


def test_a_retry_of_a_run_without_rows_is_refused_if_no_test_is_active(retry: ApiCall, rows: Rows) -> None:
    seed.regression_test(active=False)

    assert retry(seed.run(stages=seed.COMPLETED)) == 422
    assert rows.retries == []


@pytest.mark.parametrize('failed_only', [False, True])
def test_a_test_that_is_selected_twice_is_run_once(retry: ApiCall, rows: Rows, failed_only: bool) -> None:
    tests = seed.regression_tests(2)
    run = seed.run([*tests, *tests, tests[0]], stages=seed.COMPLETED)

    new_run_id = retry(run, {'failed_only': failed_only}).json['new_run_id']

    assert rows.selection(new_run_id) == [test.id for test in tests]


# Inactive tests


@pytest.fixture
def half_inactive(app: Flask) -> tuple[Test, list[int]]:
    """Return a completed run, and its tests: a failed one, and a failed and a passed one that are inactive now."""
    failed, inactive, passed = tests = seed.regression_tests(3)
    run = seed.run(tests, stages=seed.COMPLETED)
    for test in (failed, inactive):
        seed.result(run, test, passing(test).exits(1))
    seed.result(run, passed)
    inactive.active = passed.active = False
    return run, [test.id for test in tests]


@pytest.mark.parametrize('failed_only', [False, True])
def test_inactive_tests_among_those_to_run_are_refused(
        retry: ApiCall, rows: Rows, half_inactive: tuple[Test, list[int]], failed_only: bool) -> None:
    run, (_, *inactive) = half_inactive

    response = retry(run, {'failed_only': failed_only})

    assert response == 422
    assert response.json == {'code': 'unprocessable', 'message': 'Some of the tests to run are inactive now.',
                             'details': {'inactive_ids': inactive[:1] if failed_only else inactive}}
    assert rows.retries == []


@DROP_INACTIVE
@pytest.mark.parametrize('failed_only', [False, True])
def test_inactive_tests_are_left_out_if_the_setting_says_so(
        retry: ApiCall, rows: Rows, half_inactive: tuple[Test, list[int]], failed_only: bool) -> None:
    run, (failed, *_) = half_inactive

    assert rows.selection(retry(run, {'failed_only': failed_only}).json['new_run_id']) == [failed]


@pytest.mark.parametrize('app_settings', [{}, {'RUNS_API_INACTIVE_TESTS': 'drop'}])
@pytest.mark.parametrize(('has_rows', 'has_result'), [(True, True), (True, False), (False, True)])
def test_a_failed_only_retry_of_inactive_tests_alone_is_refused(
        retry: ApiCall, rows: Rows, has_rows: bool, has_result: bool) -> None:
    failed, passed = tests = seed.regression_tests(2)
    run = seed.run(tests if has_rows else None, stages=seed.COMPLETED)
    seed.result(run, passed)
    if has_result:
        seed.result(run, failed, passing(failed).exits(1))
    for test in tests:
        test.active = False

    response = retry(run, {'failed_only': True})

    assert (response.status_code, response.json['details']) == (422, {'inactive_ids': [failed.id]})
    assert rows.retries == []
