"""Which tests a retry runs: contract section 4, sentence by sentence, with the run's page as judge."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import seed
import verdict
from database import db
from flask import Flask
from mod_auth.models import User
from mod_regression.models import RegressionTest
from mod_test.models import Test, TestResultFile, TestStatus
from outcome import Outcome
from sqlalchemy import null
from support.api import ApiCall
from support.rows import Rows

Failed = Callable[..., list[int]]


@pytest.fixture
def rerun(retry: ApiCall, rows: Rows) -> Failed:
    """Give the tests that a failed-only retry of a run runs; none where it is refused because nothing failed."""
    def ask(run: Test) -> list[int]:
        response = retry(run, {'failed_only': True})
        if response.status_code == 422:
            assert response.json['details'] == {'failed_tests': 0}
            return []
        return rows.selection(response.json['new_run_id'])

    return ask


@pytest.fixture
def test(alice: User) -> RegressionTest:
    """Give a regression test with two outputs, that should end with 0."""
    return seed.regression_test(outputs=2)


def completed(test: RegressionTest, outcome: Outcome | None = None) -> Test:
    """Give a completed run of one test."""
    run = seed.run([test], stages=seed.COMPLETED)
    seed.result(run, test, outcome)
    return run


def page_says_failed(run: Test) -> bool:
    """Say whether the run's page shows a failure."""
    return any(test.error for test in verdict.by_test(db.session, run))


# What did not pass


def test_a_test_that_came_out_as_expected_passed(rerun: Failed, test: RegressionTest) -> None:
    run = completed(test)

    assert not page_says_failed(run)
    assert rerun(run) == []


def test_another_exit_code_than_expected_failed(rerun: Failed, test: RegressionTest) -> None:
    run = completed(test, seed.passing(test).exits(1))

    assert page_says_failed(run)
    assert rerun(run) == [test.id]


def test_a_failure_that_was_expected_passed(rerun: Failed, alice: User) -> None:
    test = seed.regression_test(expected_rc=10)
    run = completed(test, seed.passing(test).exits(10))

    assert not page_says_failed(run)
    assert rerun(run) == []


def test_success_where_failure_was_expected_failed(rerun: Failed, alice: User) -> None:
    test = seed.regression_test(expected_rc=10)
    run = completed(test, seed.passing(test).exits(0))

    assert page_says_failed(run)
    assert rerun(run) == [test.id]


def test_the_expectation_is_that_of_the_time_of_the_run(rerun: Failed, test: RegressionTest) -> None:
    run = completed(test)
    test.expected_rc = 10

    assert not page_says_failed(run)
    assert rerun(run) == []


@pytest.mark.parametrize('expected_rc', [0, None])
def test_no_exit_code_failed(rerun: Failed, alice: User, expected_rc: int | None) -> None:
    test = seed.regression_test(expected_rc=expected_rc)
    run = completed(test, seed.passing(test).exits(None))

    assert rerun(run) == [test.id]


def test_an_output_that_differs_failed(rerun: Failed, test: RegressionTest) -> None:
    run = completed(test, seed.passing(test).makes(test.output_files[1], seed.digest()))

    assert page_says_failed(run)
    assert rerun(run) == [test.id]


def test_an_output_that_differs_failed_where_failure_was_expected_too(rerun: Failed, alice: User) -> None:
    test = seed.regression_test(expected_rc=10)
    run = completed(test, seed.passing(test).makes(test.output_files[0], seed.digest()))

    assert page_says_failed(run)
    assert rerun(run) == [test.id]


def test_an_output_that_differs_failed_although_it_is_ignored(rerun: Failed, test: RegressionTest) -> None:
    ignored = seed.output(test, ignore=True)
    run = completed(test, seed.passing(test).makes(ignored, seed.digest()))

    assert page_says_failed(run)
    assert rerun(run) == [test.id]


def test_an_accepted_variant_of_the_output_passed(rerun: Failed, test: RegressionTest) -> None:
    seed.variant(test.output_files[0])
    accepted = seed.variant(test.output_files[0])
    seed.variant(test.output_files[0])
    run = completed(test, seed.passing(test).makes(test.output_files[0], accepted))

    assert not page_says_failed(run)
    assert rerun(run) == []


def test_an_accepted_variant_of_another_output_failed(rerun: Failed, test: RegressionTest) -> None:
    accepted = seed.variant(test.output_files[0])
    run = completed(test, seed.passing(test).makes(test.output_files[1], accepted))

    assert page_says_failed(run)
    assert rerun(run) == [test.id]


@pytest.mark.parametrize('got', ['ABCDEF', 'abcdef ', ''])
def test_a_variant_is_accepted_to_the_letter(rerun: Failed, test: RegressionTest, got: str) -> None:
    seed.variant(test.output_files[0], 'abcdef')
    run = completed(test, seed.passing(test).makes(test.output_files[0], got))

    assert page_says_failed(run)
    assert rerun(run) == [test.id]


def test_no_output_where_there_should_be_one_failed(rerun: Failed, test: RegressionTest) -> None:
    run = completed(test, Outcome(0, {}))

    assert page_says_failed(run)
    assert rerun(run) == [test.id]


def test_one_output_of_two_missing_failed(rerun: Failed, test: RegressionTest) -> None:
    # The page overlooks it as long as another file is there; section 4 does not.
    run = completed(test, seed.passing(test).lacks(test.output_files[0]))

    assert rerun(run) == [test.id]


@pytest.mark.parametrize('ignore', [True, null()])
def test_no_output_passed_where_it_is_ignored(rerun: Failed, alice: User, ignore: bool) -> None:
    test = seed.regression_test(outputs=0)
    seed.output(test, ignore=ignore)
    run = completed(test, Outcome(0, {}))

    assert not page_says_failed(run)
    assert rerun(run) == []


def test_a_test_without_outputs_passed(rerun: Failed, alice: User) -> None:
    run = completed(seed.regression_test(outputs=0))

    assert not page_says_failed(run)
    assert rerun(run) == []


@pytest.mark.parametrize('outputs', [0, 1])
def test_no_result_at_all_failed(rerun: Failed, alice: User, outputs: int) -> None:
    test = seed.regression_test(outputs=outputs)

    assert rerun(seed.run([test], stages=seed.COMPLETED)) == [test.id]


def test_files_without_a_result_failed(rerun: Failed, test: RegressionTest) -> None:
    run = seed.run([test], stages=seed.COMPLETED)
    for output in test.output_files:
        seed.add(TestResultFile(test_id=run.id, regression_test_id=test.id, regression_test_output_id=output.id,
                                expected=output.correct, got=None))

    assert rerun(run) == [test.id]


def test_a_run_canceled_half_way_reruns_its_rest(rerun: Failed, alice: User) -> None:
    passed, failed, never = (seed.regression_test() for _ in range(3))
    run = seed.run([passed, failed, never], stages=seed.CANCELED)
    seed.result(run, passed)
    seed.result(run, failed, seed.passing(failed).exits(1))

    assert rerun(run) == [failed.id, never.id]


def test_a_run_canceled_before_it_began_reruns_everything(rerun: Failed, alice: User) -> None:
    tests = [seed.regression_test() for _ in range(3)]

    assert rerun(seed.run(tests, stages=[TestStatus.canceled])) == [test.id for test in tests]


def test_the_results_of_other_runs_do_not_count(rerun: Failed, test: RegressionTest) -> None:
    completed(test, seed.passing(test).exits(1))
    run = completed(test)
    completed(test, Outcome(0, {}))

    assert rerun(run) == []


# What is not to be run, and when


@pytest.mark.parametrize('stages', [[], seed.COMPLETED[:1], seed.COMPLETED[:2],
                                    [*seed.COMPLETED, TestStatus.testing]])
def test_a_run_that_has_not_finished_has_no_failures(
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


def test_nothing_failed_is_refused_and_makes_nothing(retry: ApiCall, test: RegressionTest, rows: Rows) -> None:
    run = completed(test)
    db.session.commit()
    before = rows.snapshot()

    response = retry(run, {'failed_only': True})

    assert response.status_code == 422
    assert response.json == {'code': 'unprocessable', 'details': {'failed_tests': 0},
                             'message': f'No test of run {run.id} failed: there is nothing to run again.'}
    assert rows.snapshot() == before
    assert rows.of('run_retry') == []


class CutOff:
    """`group_concat` with a limit, as MySQL has it."""

    limit = 0

    def __init__(self) -> None:
        self.text = ''

    def step(self, item: int | None, separator: str) -> None:
        """Take one more, null being none."""
        if item is not None:
            self.text += f'{separator if self.text else ""}{item}'

    def finalize(self) -> str | None:
        """Give all of it that fits."""
        return self.text[:self.limit] or None


@pytest.fixture(params=['', '1,2,3,4,', '1,2,3,4,5', '1,2,3,4,5,6,7,8,9,1'])
def cut_off(request: pytest.FixtureRequest, alice: User) -> None:
    """Have the database cut texts off behind so many characters: behind a number, a comma, or within a number."""
    limit = len(request.param)
    connection = db.session.connection().connection.dbapi_connection
    connection.create_aggregate('group_concat', 2, type('', (CutOff,), {'limit': limit}))  # type: ignore[union-attr]


@pytest.mark.usefixtures('cut_off')
@pytest.mark.parametrize('failed_only', [False, True])
def test_a_database_that_cuts_long_texts_off_changes_nothing(retry: ApiCall, rows: Rows, failed_only: bool) -> None:
    tests = [seed.regression_test() for _ in range(12)]
    run = seed.run([*tests, tests[0]], stages=seed.CANCELED)

    made = retry(run, {'failed_only': failed_only})

    assert rows.selection(made.json['new_run_id']) == [test.id for test in tests] == list(range(1, 13))


@pytest.mark.usefixtures('cut_off')
def test_a_database_that_cuts_long_texts_off_hides_no_inactive_test(retry: ApiCall) -> None:
    tests = [seed.regression_test(active=place == 0) for place in range(13)]
    run = seed.run(tests)

    assert retry(run).json['details'] == {'inactive_ids': [test.id for test in tests[1:]]}


# Runs without rows of their own, and rows that repeat


def test_a_source_without_rows_is_retried_with_every_active_test(retry: ApiCall, rows: Rows, alice: User) -> None:
    active = [seed.regression_test() for _ in range(2)]
    seed.regression_test(active=False)
    seed.regression_test(active=null())  # type: ignore[arg-type]
    later = seed.run(stages=seed.COMPLETED)

    new_run_id = retry(later).json['new_run_id']

    assert rows.selection(new_run_id) == [test.id for test in active]


def test_a_source_without_rows_reruns_what_failed_or_never_ran(rerun: Failed, alice: User) -> None:
    passed, failed, never = (seed.regression_test() for _ in range(3))
    seed.regression_test(active=False)
    run = seed.run(stages=seed.COMPLETED)
    seed.result(run, passed)
    seed.result(run, failed, seed.passing(failed).makes(failed.output_files[0], seed.digest()))

    assert rerun(run) == [failed.id, never.id]


def test_a_source_without_rows_knows_the_inactive_tests_that_failed_in_it(retry: ApiCall, alice: User) -> None:
    failed, passed = seed.regression_test(active=False), seed.regression_test(active=False)
    run = seed.run(stages=seed.COMPLETED)
    seed.result(run, failed, seed.passing(failed).exits(1))
    seed.result(run, passed)

    response = retry(run, {'failed_only': True})

    assert response.status_code == 422
    assert response.json['details'] == {'inactive_ids': [failed.id]}


def test_a_source_without_rows_is_refused_where_no_test_is_active(retry: ApiCall, rows: Rows, alice: User) -> None:
    seed.regression_test(active=False)

    response = retry(seed.run(stages=seed.COMPLETED))

    assert response.status_code == 422
    assert rows.of('run_retry') == []


@pytest.mark.parametrize('failed_only', [False, True])
def test_rows_that_repeat_are_run_once(retry: ApiCall, rows: Rows, alice: User, failed_only: bool) -> None:
    tests = [seed.regression_test() for _ in range(2)]
    run = seed.run([*tests, *tests, tests[0]], stages=seed.COMPLETED)

    new_run_id = retry(run, {'failed_only': failed_only}).json['new_run_id']

    assert rows.selection(new_run_id) == [test.id for test in tests]


# Inactive tests


@pytest.fixture
def half_inactive(alice: User) -> tuple[Test, RegressionTest, RegressionTest, RegressionTest]:
    """Give a completed run with a failed test, an inactive failed one, and an inactive one that passed."""
    failed, inactive, passed = seed.regression_test(), seed.regression_test(), seed.regression_test()
    run = seed.run([failed, inactive, passed], stages=seed.COMPLETED)
    for test in (failed, inactive):
        seed.result(run, test, seed.passing(test).exits(1))
    seed.result(run, passed)
    inactive.active = passed.active = False
    return run, failed, inactive, passed


HalfInactive = tuple[Test, RegressionTest, RegressionTest, RegressionTest]


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


@pytest.mark.parametrize('failed_only', [False, True])
def test_inactive_tests_are_left_out_where_the_setting_says_so(
        app: Flask, retry: ApiCall, rows: Rows, half_inactive: HalfInactive, failed_only: bool) -> None:
    app.config['RUNS_API_INACTIVE_TESTS'] = 'drop'
    run, failed, _, _ = half_inactive

    new_run_id = retry(run, {'failed_only': failed_only}).json['new_run_id']

    assert rows.selection(new_run_id) == [failed.id]


def test_a_retry_of_inactive_tests_alone_is_refused_though_they_may_be_left_out(
        app: Flask, retry: ApiCall, rows: Rows, test: RegressionTest) -> None:
    app.config['RUNS_API_INACTIVE_TESTS'] = 'drop'
    run = completed(test, seed.passing(test).exits(1))
    test.active = False

    response = retry(run, {'failed_only': True})

    assert response.status_code == 422
    assert response.json['details'] == {'inactive_ids': [test.id]}
    assert rows.of('run_retry') == []
