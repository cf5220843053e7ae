"""
Which tests a retry runs (docs/api.rst, "Which tests are run"), compared with what the run's page shows.

More: test_worlds, where runs have any rows, results, files and categories.
"""

import pytest
import seed
import verdict
from database import db
from mod_regression.models import RegressionTest
from mod_test.models import Test, TestResultFile, TestStatus
from outcome import passing
from sqlalchemy import null
from support.api import ApiCall, assert_error
from support.histories import FAIL, NO_CODE, NO_FILE, PASS, Came, add_attempts
from support.rows import Rows

ACCEPTED = 'accepted'

PASSED = {'all as expected': PASS, 'an expected failure': Came(10, 10), 'an accepted variant': Came(got=ACCEPTED)}
FAILED = {
    'another exit code': Came(1), 'a success in the place of a failure': Came(0, 10), 'no exit code': NO_CODE,
    'a different output': FAIL, 'a different output of an expected failure': Came(10, 10, got='wrong'),
    'a variant in upper case': Came(got=ACCEPTED.upper()), 'a variant with a blank': Came(got=f'{ACCEPTED} '),
    'an empty hash': Came(got=''), 'no output': NO_FILE}
#: The page takes a null for something else.
FAILED_UNSEEN = {'no exit code where none is expected either': Came(None, None)}


@pytest.mark.parametrize('case', [*PASSED, *FAILED, *FAILED_UNSEEN])
def test_what_the_page_shows_as_failed_is_run_again_and_nothing_else(retry: ApiCall, rows: Rows, case: str) -> None:
    run_id, _ = add_attempts([{**PASSED, **FAILED, **FAILED_UNSEEN}[case], PASS], ['', FAIL])
    run, test = db.session.get_one(Test, run_id), db.session.get_one(RegressionTest, 1)
    seed.variant(test.output_files[0], ACCEPTED)
    # The expectation is the one of the time of the run.
    test.expected_rc = 99

    response = retry(run_id, {'failed_only': True})

    if case not in FAILED_UNSEEN:
        assert any(shown.error for shown in verdict.by_test(db.session, run)) == (case in FAILED)
    if case in PASSED:
        assert_error(response, 422, 'unprocessable', {'refusal': 'nothing_failed'})
        assert response.json['message'] == f'No test of run {run_id} failed: there is nothing to run again.'
    else:
        assert rows.selection(response.json['new_run_id']) == [test.id]


@pytest.mark.parametrize(('ignore', 'status'), [(True, 422), (False, 202), (None, 202)])
def test_an_output_without_a_file_has_failed_unless_it_is_ignored(
        retry: ApiCall, tests: list[RegressionTest], ignore: bool | None, status: int) -> None:
    run = seed.run(tests[:1], stages=seed.COMPLETED)
    seed.result(run, tests[0])
    seed.output(tests[0], ignore=null() if ignore is None else ignore)

    assert retry(run, {'failed_only': True}) == status


@pytest.mark.parametrize('has_rows', [True, False])
def test_a_run_canceled_half_way_reruns_its_rest_files_without_a_result_too(
        retry: ApiCall, rows: Rows, has_rows: bool) -> None:
    passed, failed, never = tests = seed.regression_tests(3)
    if not has_rows:
        seed.regression_test(active=False)
    run = seed.run(tests if has_rows else None, stages=seed.CANCELED)
    seed.result(run, passed)
    seed.result(run, failed, passing(failed).exits(1))
    seed.add(TestResultFile(test_id=run.id, regression_test_id=never.id, got=None, expected='x',
                            regression_test_output_id=never.output_files[0].id))

    assert rows.selection(retry(run, {'failed_only': True}).json['new_run_id']) == [failed.id, never.id]


@pytest.mark.parametrize('stages', [[], seed.COMPLETED[:1], [*seed.CANCELED, TestStatus.testing]])
def test_a_failed_only_retry_of_a_run_that_has_not_finished_is_refused(
        retry: ApiCall, tests: list[RegressionTest], stages: list[TestStatus]) -> None:
    run = seed.run(tests, stages=stages)
    seed.result(run, tests[0], passing(tests[0]).exits(1))

    response = retry(run, {'failed_only': True})

    assert response == 422
    assert response.json == {'code': 'unprocessable',
                             'message': f'Run {run.id} has not finished: it has no failed tests yet.',
                             'details': {'refusal': 'run_not_finished',
                                         'run_status': 'running' if stages else 'queued'}}


# Runs without rows of their own, and rows that repeat


@pytest.mark.parametrize('active', [[True, True, False], [False]])
def test_a_full_retry_of_a_run_without_rows_runs_every_active_test_or_is_refused(
        retry: ApiCall, rows: Rows, active: list[bool]) -> None:
    tests = [seed.regression_test(active=value) for value in active]

    response = retry(seed.run(stages=seed.COMPLETED))

    assert response == (202 if active[0] else 422)
    assert rows.selection(response.json.get('new_run_id', 0)) == [test.id for test in tests if test.active]


def test_a_test_that_is_selected_twice_is_run_once(
        retry: ApiCall, tests: list[RegressionTest], rows: Rows) -> None:
    run = seed.run([*tests, *tests, tests[0]], stages=seed.COMPLETED)

    for failed_only in (False, True):
        new_run_id = retry(run, {'failed_only': failed_only}).json['new_run_id']
        assert rows.selection(new_run_id) == [test.id for test in tests]


# Inactive tests


@pytest.mark.parametrize('app_settings', [{}, {'RUNS_API_INACTIVE_TESTS': 'drop'}], ids=['reject', 'drop'])
@pytest.mark.parametrize(('failed_only', 'alone'), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize('has_rows', [True, False])
def test_inactive_tests_among_those_to_run_are_refused_or_left_out_unless_they_are_all(
        retry: ApiCall, rows: Rows, tests: list[RegressionTest], app_settings: dict[str, str], failed_only: bool,
        alone: bool, has_rows: bool) -> None:
    failed, inactive, passed = tests
    run = seed.run(tests if has_rows else None, stages=seed.COMPLETED)
    seed.result(run, failed, None if alone else passing(failed).exits(1))
    seed.result(run, inactive, passing(inactive).exits(1))
    seed.result(run, passed)
    inactive.active = passed.active = False
    # Without rows nobody knows that an inactive test was selected, unless it has a result that counts.
    to_run_and_inactive = [inactive.id] if failed_only else [inactive.id, passed.id] if has_rows else []

    response = retry(run, {'failed_only': failed_only})

    if to_run_and_inactive and (alone or not app_settings):
        assert_error(response, 422, 'unprocessable', {'refusal': 'inactive_tests', 'inactive_ids': to_run_and_inactive})
        assert 'active' in response.json['message'] and rows.retries == []
    else:
        assert rows.selection(response.json['new_run_id']) == [failed.id]
