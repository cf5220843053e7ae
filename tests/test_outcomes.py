"""The outcome of each test of a run, and which tests a retry runs (docs/api.rst, "Outcomes", "Which tests are run")."""

import pytest
from support.outcomes import NOT_SELECTED, SELECTED, add_run, assert_shown

CASES = pytest.mark.parametrize('cases', [SELECTED, NOT_SELECTED], ids=['with rows', 'without rows'])


@CASES
def test_the_verdict_shows_each_outcome(app, cases):
    assert_shown(cases)


@CASES
@pytest.mark.parametrize('settings', [{'RUNS_API_INACTIVE_TESTS': 'drop'}])
def test_a_failed_only_retry_runs_what_did_not_pass(retry, rows, cases):
    run_id, names = add_run(cases)

    selection = rows.selection(retry(run_id, {'failed_only': True}).json['new_run_id'])

    assert [names[test_id] for test_id in selection] == [name for name, case in cases.items() if case.is_run_again]


def test_a_failed_only_retry_of_a_run_without_rows_leaves_inactive_tests_out(retry, rows):
    run_id, names = add_run(NOT_SELECTED)

    selection = rows.selection(retry(run_id, {'failed_only': True}).json['new_run_id'])

    assert [names[test_id] for test_id in selection] == ['active']


@CASES
@pytest.mark.parametrize('settings', [{'RUNS_API_INACTIVE_TESTS': 'drop'}])
def test_a_full_retry_runs_the_selected_tests_or_without_rows_those_that_are_active(retry, rows, cases):
    run_id, names = add_run(cases)

    selection = rows.selection(retry(run_id).json['new_run_id'])

    has_rows = any(case.selected for case in cases.values())
    assert [names[test_id] for test_id in selection] == [
        name for name, case in cases.items() if case.active and (case.selected or not has_rows)]


def test_nothing_is_run_again_if_all_passed(retry):
    run_id, _ = add_run({name: case for name, case in SELECTED.items() if case.outcome in ('pass', None)})

    response = retry(run_id, {'failed_only': True})

    assert (response.status_code, response.json['details']) == (422, {'refusal': 'nothing_failed'})
    assert response.json['message'] == f'No test of run {run_id} failed: there is nothing to run again.'
