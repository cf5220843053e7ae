"""Which tests a retry runs (contract section 4), compared with what the run's page shows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import seed
import verdict
from database import db
from flask import Flask
from mod_regression.models import RegressionTest
from mod_test.models import Test, TestResultFile, TestStatus
from outcome import Outcome
from sqlalchemy import null
from support.api import ApiCall
from support.rows import Rows

Rerun = Callable[[Test], list[int]]
HalfInactive = tuple[Test, RegressionTest, RegressionTest, RegressionTest]

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
    """Return a regression test with two outputs that is expected to exit with 0."""
    return seed.regression_test(outputs=2)


def completed(test: RegressionTest, outcome: Outcome | None = None) -> Test:
    """Return a completed run of one test."""
    run = seed.run([test], stages=seed.COMPLETED)
    seed.result(run, test, outcome)
    return run


def page_shows_failure(run: Test) -> bool:
    """Return whether the run's page shows a failure."""
    return any(test.error for test in verdict.by_test(db.session, run))


# What did not pass


def test_a_test_with_the_expected_result_passed(rerun: Rerun, test: RegressionTest) -> None:
    run = completed(test)

    assert not page_shows_failure(run)
    assert rerun(run) == []


def test_a_test_that_the_run_was_not_told_to_run_is_none_of_its_tests(rerun: Rerun, test: RegressionTest) -> None:
    seed.regression_test()
    run = completed(test, seed.passing(test).exits(1))

    assert rerun(run) == [test.id]


def test_an_inactive_test_without_a_result_is_one_of_those_that_the_run_was_told_to_run(
        retry: ApiCall, test: RegressionTest) -> None:
    run = seed.run([test], stages=seed.COMPLETED)
    test.active = False

    assert retry(run, {'failed_only': True}).json['details'] == {'inactive_ids': [test.id]}


def test_a_test_with_another_exit_code_failed(rerun: Rerun, test: RegressionTest) -> None:
    run = completed(test, seed.passing(test).exits(1))

    assert page_shows_failure(run)
    assert rerun(run) == [test.id]


def test_an_expected_failure_passed(rerun: Rerun) -> None:
    test = seed.regression_test(expected_rc=10)
    run = completed(test, seed.passing(test).exits(10))

    assert not page_shows_failure(run)
    assert rerun(run) == []


def test_a_success_in_the_place_of_an_expected_failure_failed(rerun: Rerun) -> None:
    test = seed.regression_test(expected_rc=10)
    run = completed(test, seed.passing(test).exits(0))

    assert page_shows_failure(run)
    assert rerun(run) == [test.id]


def test_the_expected_exit_code_is_the_one_of_the_time_of_the_run(rerun: Rerun, test: RegressionTest) -> None:
    run = completed(test)
    test.expected_rc = 10

    assert not page_shows_failure(run)
    assert rerun(run) == []


@pytest.mark.parametrize('expected_rc', [0, None])
def test_a_test_without_an_exit_code_failed(rerun: Rerun, expected_rc: int | None) -> None:
    test = seed.regression_test(expected_rc=expected_rc)
    run = completed(test, seed.passing(test).exits(None))

    assert rerun(run) == [test.id]


def test_a_test_with_a_different_output_failed(rerun: Rerun, test: RegressionTest) -> None:
    run = completed(test, seed.passing(test).makes(test.output_files[1], seed.digest()))

    assert page_shows_failure(run)
    assert rerun(run) == [test.id]


def test_a_test_with_a_different_output_failed_even_if_a_failure_was_expected(rerun: Rerun) -> None:
    test = seed.regression_test(expected_rc=10)
    run = completed(test, seed.passing(test).makes(test.output_files[0], seed.digest()))

    assert page_shows_failure(run)
    assert rerun(run) == [test.id]


def test_a_test_with_a_different_output_failed_even_if_the_output_is_ignored(
        rerun: Rerun, test: RegressionTest) -> None:
    ignored = seed.output(test, ignore=True)
    run = completed(test, seed.passing(test).makes(ignored, seed.digest()))

    assert page_shows_failure(run)
    assert rerun(run) == [test.id]


def test_an_accepted_variant_of_the_output_passed(rerun: Rerun, test: RegressionTest) -> None:
    seed.variant(test.output_files[0])
    accepted = seed.variant(test.output_files[0])
    seed.variant(test.output_files[0])
    run = completed(test, seed.passing(test).makes(test.output_files[0], accepted))

    assert not page_shows_failure(run)
    assert rerun(run) == []


def test_an_accepted_variant_of_another_output_failed(rerun: Rerun, test: RegressionTest) -> None:
    accepted = seed.variant(test.output_files[0])
    run = completed(test, seed.passing(test).makes(test.output_files[1], accepted))

    assert page_shows_failure(run)
    assert rerun(run) == [test.id]


@pytest.mark.parametrize('got', ['ABCDEF', 'abcdef ', ''])
def test_variants_are_compared_exactly(rerun: Rerun, test: RegressionTest, got: str) -> None:
    seed.variant(test.output_files[0], 'abcdef')
    run = completed(test, seed.passing(test).makes(test.output_files[0], got))

    assert page_shows_failure(run)
    assert rerun(run) == [test.id]


def test_a_test_without_any_of_its_outputs_failed(rerun: Rerun, test: RegressionTest) -> None:
    run = completed(test, Outcome(0, {}))

    assert page_shows_failure(run)
    assert rerun(run) == [test.id]


def test_a_test_without_one_of_its_outputs_failed(rerun: Rerun, test: RegressionTest) -> None:
    # The page overlooks it as long as another file is there; section 4 does not.
    run = completed(test, seed.passing(test).lacks(test.output_files[0]))

    assert rerun(run) == [test.id]


def test_an_ignored_output_may_be_missing(rerun: Rerun) -> None:
    test = seed.regression_test(outputs=0)
    seed.output(test, ignore=True)
    run = completed(test, Outcome(0, {}))

    assert not page_shows_failure(run)
    assert rerun(run) == []


def test_an_output_that_is_neither_ignored_nor_not_may_not_be_missing(rerun: Rerun) -> None:
    # The page takes a null for "ignored", the platform's API does not; what either shows as failed is run again.
    test = seed.regression_test(outputs=0)
    seed.output(test, ignore=null())  # type: ignore[arg-type]
    run = completed(test, Outcome(0, {}))

    assert rerun(run) == [test.id]


def test_a_test_that_has_no_outputs_passed(rerun: Rerun) -> None:
    run = completed(seed.regression_test(outputs=0))

    assert not page_shows_failure(run)
    assert rerun(run) == []


@pytest.mark.parametrize('outputs', [0, 1])
def test_a_test_without_a_result_did_not_pass(rerun: Rerun, outputs: int) -> None:
    test = seed.regression_test(outputs=outputs)

    assert rerun(seed.run([test], stages=seed.COMPLETED)) == [test.id]


def test_a_test_with_files_but_no_result_did_not_pass(rerun: Rerun, test: RegressionTest) -> None:
    run = seed.run([test], stages=seed.COMPLETED)
    for output in test.output_files:
        seed.add(TestResultFile(test_id=run.id, regression_test_id=test.id, regression_test_output_id=output.id,
                                expected=output.correct, got=None))

    assert rerun(run) == [test.id]


def test_a_run_canceled_half_way_reruns_its_rest(rerun: Rerun) -> None:
    passed, failed, never = (seed.regression_test() for _ in range(3))
    run = seed.run([passed, failed, never], stages=seed.CANCELED)
    seed.result(run, passed)
    seed.result(run, failed, seed.passing(failed).exits(1))

    assert rerun(run) == [failed.id, never.id]


def test_a_run_canceled_before_it_began_reruns_everything(rerun: Rerun) -> None:
    tests = [seed.regression_test() for _ in range(3)]

    assert rerun(seed.run(tests, stages=[TestStatus.canceled])) == [test.id for test in tests]


def test_the_results_of_other_runs_do_not_count(rerun: Rerun, test: RegressionTest) -> None:
    completed(test, seed.passing(test).exits(1))
    run = completed(test)
    completed(test, Outcome(0, {}))

    assert rerun(run) == []


def test_a_test_in_no_category_is_never_run_and_so_did_not_fail(rerun: Rerun, test: RegressionTest) -> None:
    # The platform gives a worker only tests in a category: a green run could be retried for ever.
    test.categories.clear()
    failed = seed.regression_test()
    run = seed.run([test, failed], stages=seed.COMPLETED)

    assert rerun(run) == [failed.id]


def test_a_test_that_has_left_its_category_since_it_failed_is_run_again(rerun: Rerun, test: RegressionTest) -> None:
    run = completed(test, seed.passing(test).exits(1))
    test.categories.clear()

    assert rerun(run) == [test.id]


# Retries that are refused


@pytest.mark.parametrize('stages', [[], seed.COMPLETED[:1], seed.COMPLETED[:2],
                                    [*seed.COMPLETED, TestStatus.testing]])
def test_a_failed_only_retry_of_a_run_that_has_not_finished_is_refused(
        retry: ApiCall, test: RegressionTest, rows: Rows, stages: list[TestStatus]) -> None:
    run = seed.run([test], stages=stages)
    seed.result(run, test, seed.passing(test).exits(1))
    db.session.commit()
    before = rows.snapshot()

    response = retry(run, {'failed_only': True})

    assert response.status_code == 422
    assert response.json['code'] == 'unprocessable'
    assert response.json['details'] == {'run_status': stages[-1].value if stages else 'queued'}
    assert rows.snapshot() == before


def test_a_failed_only_retry_of_a_run_without_failures_is_refused_and_creates_nothing(
        retry: ApiCall, test: RegressionTest, rows: Rows) -> None:
    run = completed(test)
    db.session.commit()
    before = rows.snapshot()

    response = retry(run, {'failed_only': True})

    assert response.status_code == 422
    assert response.json == {'code': 'unprocessable', 'details': {'failed_tests': 0},
                             'message': f'No test of run {run.id} failed: there is nothing to run again.'}
    assert rows.snapshot() == before
    assert rows.of('run_retry') == []


# Runs without rows of their own, and rows that repeat


def test_a_full_retry_of_a_run_without_rows_runs_every_active_test(retry: ApiCall, rows: Rows) -> None:
    active = [seed.regression_test() for _ in range(2)]
    seed.regression_test(active=False)
    seed.regression_test(active=null())  # type: ignore[arg-type]
    later = seed.run(stages=seed.COMPLETED)

    new_run_id = retry(later).json['new_run_id']

    assert rows.selection(new_run_id) == [test.id for test in active]


def test_a_failed_only_retry_of_a_run_without_rows_runs_what_failed_or_never_ran(rerun: Rerun) -> None:
    passed, failed, never = (seed.regression_test() for _ in range(3))
    seed.regression_test(active=False)
    run = seed.run(stages=seed.COMPLETED)
    seed.result(run, passed)
    seed.result(run, failed, seed.passing(failed).makes(failed.output_files[0], seed.digest()))

    assert rerun(run) == [failed.id, never.id]


def test_the_inactive_tests_that_failed_in_a_run_without_rows_are_named(retry: ApiCall) -> None:
    failed, passed = seed.regression_test(active=False), seed.regression_test(active=False)
    run = seed.run(stages=seed.COMPLETED)
    seed.result(run, failed, seed.passing(failed).exits(1))
    seed.result(run, passed)

    response = retry(run, {'failed_only': True})

    assert response.status_code == 422
    assert response.json['message'] == 'Some of the tests to run are inactive now.'
    assert response.json['details'] == {'inactive_ids': [failed.id]}


def test_a_retry_of_a_run_without_rows_is_refused_if_no_test_is_active(retry: ApiCall, rows: Rows) -> None:
    seed.regression_test(active=False)

    response = retry(seed.run(stages=seed.COMPLETED))

    assert response.status_code == 422
    assert rows.of('run_retry') == []


@pytest.mark.parametrize('failed_only', [False, True])
def test_a_test_that_is_selected_twice_is_run_once(retry: ApiCall, rows: Rows, failed_only: bool) -> None:
    tests = [seed.regression_test() for _ in range(2)]
    run = seed.run([*tests, *tests, tests[0]], stages=seed.COMPLETED)

    new_run_id = retry(run, {'failed_only': failed_only}).json['new_run_id']

    assert rows.selection(new_run_id) == [test.id for test in tests]


# Inactive tests


@pytest.fixture
def half_inactive(app: Flask) -> HalfInactive:
    """Return a completed run, its failed test, and a failed and a passed test that are inactive now."""
    failed, inactive, passed = seed.regression_test(), seed.regression_test(), seed.regression_test()
    run = seed.run([failed, inactive, passed], stages=seed.COMPLETED)
    for test in (failed, inactive):
        seed.result(run, test, seed.passing(test).exits(1))
    seed.result(run, passed)
    inactive.active = passed.active = False
    return run, failed, inactive, passed


@pytest.mark.parametrize('failed_only', [False, True])
def test_inactive_tests_among_those_to_run_are_refused(
        retry: ApiCall, rows: Rows, half_inactive: HalfInactive, failed_only: bool) -> None:
    run, _, inactive, passed = half_inactive

    response = retry(run, {'failed_only': failed_only})

    assert response.status_code == 422
    assert response.json['code'] == 'unprocessable'
    assert response.json['details'] == {
        'inactive_ids': [inactive.id] if failed_only else [inactive.id, passed.id]}
    assert rows.of('run_retry') == []


@DROP_INACTIVE
@pytest.mark.parametrize('failed_only', [False, True])
def test_inactive_tests_are_left_out_if_the_setting_says_so(
        retry: ApiCall, rows: Rows, half_inactive: HalfInactive, failed_only: bool) -> None:
    run, failed, _, _ = half_inactive

    new_run_id = retry(run, {'failed_only': failed_only}).json['new_run_id']

    assert rows.selection(new_run_id) == [failed.id]


@DROP_INACTIVE
def test_a_retry_of_inactive_tests_alone_is_refused_even_if_they_may_be_left_out(
        retry: ApiCall, rows: Rows, test: RegressionTest) -> None:
    run = completed(test, seed.passing(test).exits(1))
    test.active = False

    response = retry(run, {'failed_only': True})

    assert response.status_code == 422
    assert response.json['details'] == {'inactive_ids': [test.id]}
    assert rows.of('run_retry') == []
