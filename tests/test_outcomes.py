"""The outcome of each test (docs/verdicts.rst, "Outcomes"), and which tests a retry runs (docs/api.rst)."""

import pytest
import seed
from database import db
from mod_customized.models import CustomizedTest
from support.outcomes import NOT_SELECTED, SELECTED, add_run, assert_marks_count, assert_shown


@pytest.fixture
def selected(retry, rows):
    """Return a function that retries a run, and returns the names of the tests that the retry selects."""
    def find(run_id, body):
        commands = {test['id']: test['command'] for test in rows.of('regression_test')}
        return [commands[test_id] for test_id in rows.selection(retry(run_id, body).json['new_run_id'])]

    return find


@pytest.mark.parametrize('executions', [SELECTED, NOT_SELECTED], ids=['with rows', 'without rows'])
def test_the_verdict_shows_each_outcome(app, executions):
    assert_shown(executions)


def test_the_mark_of_a_carried_over_result_counts_while_the_end_is_there(app):
    assert_marks_count()


@pytest.mark.parametrize('settings', [{'RUNS_API_INACTIVE_TESTS': 'drop'}])
def test_a_failed_only_retry_runs_what_did_not_pass_and_a_full_one_what_was_selected(selected):
    run_id = add_run(SELECTED)
    active = {name: execution for name, execution in SELECTED.items() if execution.active}

    assert selected(run_id, {'failed_only': True}) == [
        'another exit code', 'no exit code', 'another output', 'another output that is ignored',
        'a variant in upper case', 'no file', 'no file of one of two outputs',
        'no file, and nobody knows whether it is ignored', 'no result', 'no result, but a file',
        'selected three times', 'not selected', 'a failure that was carried over']
    assert selected(run_id, {}) == [name for name, execution in active.items() if execution.selected]


def test_a_row_without_a_test_selects_nothing(selected):
    run_id = add_run(NOT_SELECTED)
    seed.add(CustomizedTest(test_id=run_id, regression_id=None))
    db.session.commit()

    assert selected(run_id, {'failed_only': True}) == ['active']


def test_a_retry_of_a_run_without_rows_runs_active_tests(selected):
    run_id = add_run(NOT_SELECTED)

    assert selected(run_id, {'failed_only': True}) == ['active']
    assert selected(run_id, {}) == ['active', 'active, in no category']
