"""
Which tests a retry runs (docs/api.rst, "Which tests are run"), compared with what the run's page shows.

More: test_worlds, where runs have any rows, results, files and categories.
"""

import pytest
import seed
import verdict
from database import db
from mod_regression.models import RegressionTest
from mod_test.models import Test, TestResultFile
from outcome import passing
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
