"""
Which tests a retry runs (docs/api.rst, "Which tests are run"), compared with what the run's page shows.

More: test_worlds, where runs have any rows, results, files and categories.
"""

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
from support.api import ApiCall, assert_error
from support.rows import Rows

Change = Callable[[RegressionTest, Outcome], Outcome]


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


def makes(place: int, got: str) -> Change:
    """Return a change: another file for one of the outputs."""
    return lambda test, outcome: outcome.makes(test.output_files[place], got)


def expects(code: int | None, change: Change = lambda test, outcome: outcome) -> Change:
    """Return a change: the test is expected to exit with a code, and does, unless something else is changed."""
    def expect(test: RegressionTest, outcome: Outcome) -> Outcome:
        test.expected_rc = code
        return change(test, outcome.exits(code))

    return expect


def has_no_file_of(ignore: object) -> Change:
    """Return a change: there is another output, and no file of it."""
    def add(test: RegressionTest, outcome: Outcome) -> Outcome:
        seed.output(test, ignore=ignore)
        return outcome

    return add


PASSED: dict[str, Change] = {
    'all as expected': lambda test, outcome: outcome,
    'an expected failure': expects(10),
    'a variant that is accepted': makes(0, 'abcdef'),
    'another one': makes(0, 'another'),
    'no file of an ignored output': has_no_file_of(True)}
FAILED: dict[str, Change] = {
    'another exit code': lambda test, outcome: outcome.exits(1),
    'a success in the place of a failure': expects(10, lambda test, outcome: outcome.exits(0)),
    'no exit code': lambda test, outcome: outcome.exits(None),
    'a different output': makes(1, 'different'),
    'a different output that has variants': makes(0, 'different'),
    'a different output of an expected failure': expects(10, makes(1, 'different')),
    'a variant of another output': makes(1, 'abcdef'),
    'a variant in upper case': makes(0, 'ABCDEF'),
    'a variant with a blank': makes(0, 'abcdef '),
    'an empty hash': makes(0, ''),
    'no output at all': lambda test, outcome: Outcome(0, {}),
    'a different output that is ignored': lambda test, outcome: outcome.makes(seed.output(test, ignore=True), 'x')}
#: The page does not show them, the platform's API does, or both take a null for something else.
FAILED_UNSEEN: dict[str, Change] = {
    'no exit code where none is expected either': expects(None),
    'one of several outputs is missing': lambda test, outcome: outcome.lacks(test.output_files[0]),
    'no file of an output of which nobody says whether it is ignored': has_no_file_of(null())}


@pytest.mark.parametrize('change', [*PASSED, *FAILED, *FAILED_UNSEEN])
def test_what_page_or_api_show_as_failed_is_run_again_and_nothing_else(
        retry: ApiCall, rows: Rows, test: RegressionTest, change: str) -> None:
    run = completed(test, {**PASSED, **FAILED, **FAILED_UNSEEN}[change](test, passing(test)))
    # The expectation is the one of the time of the run, and only the run itself counts.
    test.expected_rc = 99
    completed(test, Outcome(1, {}))
    seed.regression_test()

    if change not in FAILED_UNSEEN:
        assert any(shown.error for shown in verdict.by_test(db.session, run)) == (change in FAILED)
    response = retry(run, {'failed_only': True})
    if change in PASSED:
        assert_error(response, 422, 'unprocessable', {'failed_tests': 0})
        assert response.json['message'] == f'No test of run {run.id} failed: there is nothing to run again.'
        assert rows.retries == []
    else:
        assert rows.selection(response.json['new_run_id']) == [test.id]


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
        retry: ApiCall, test: RegressionTest, stages: list[TestStatus]) -> None:
    run = seed.run([test], stages=stages)
    seed.result(run, test, passing(test).exits(1))

    response = retry(run, {'failed_only': True})

    assert response == 422
    assert response.json == {'code': 'unprocessable',
                             'message': f'Run {run.id} has not finished: it has no failed tests yet.',
                             'details': {'run_status': stages[-1].value if stages else 'queued'}}


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
        assert_error(response, 422, 'unprocessable', {'inactive_ids': to_run_and_inactive})
        assert 'active' in response.json['message'] and rows.retries == []
    else:
        assert rows.selection(response.json['new_run_id']) == [failed.id]
