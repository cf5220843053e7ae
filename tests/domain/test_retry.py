"""The tests that a retry runs, and the digests of its key (docs/api.rst, "Which tests are run")."""

import pytest

from mod_runs_api import InactiveTests, NothingFailed, RefusedByCheck, RunNotFinished
from mod_runs_api.domain.outcomes import Result, RunTests
from mod_runs_api.domain.retry import RetryRules, digest_key
from mod_runs_api.domain.run import Run
from mod_runs_api.domain.users import User

ACTIVE, INACTIVE = 1, 2
ROLES = frozenset({'admin', 'tester'})
REJECT, DROP = RetryRules(ROLES, drop_inactive_tests=False), RetryRules(ROLES, drop_inactive_tests=True)


def run(stage='completed', **changes):
    """Return run 5 of a pull request."""
    return Run(**{'id': 5, 'platform': 'linux', 'test_type': 'pr', 'fork_id': 1, 'branch': 'pull_request',
                  'commit': 'c0ffee', 'pr_nr': 7, 'stage': stage, 'root_id': 5, 'full_set_id': 5,
                  'failed_only': False, **changes})  # type: ignore[arg-type]


def failed(tests, *, has_selection=True):
    """Return the tests of a run, none of which passed."""
    return RunTests({test: Result(1, 0) for test in tests}, {*tests}, {*tests}, has_selection)


def test_a_user_with_one_of_the_roles_may_retry():
    assert [role for role in ('admin', 'tester', 'user', 'Admin', '', None)
            if REJECT.allow(User(1, 'alice', role))] == ['admin', 'tester']


def test_a_failed_only_retry_runs_each_test_that_did_not_pass():
    results = {1: Result(0, 0), 2: Result(1, 0), 3: Result(0, 0, outputs_without_file=[False])}
    tests = RunTests(results, {1, 2, 3, 4}, {1, 2, 3, 4})

    assert REJECT.option_for_failed(5, 'completed', tests, range(10)).regression_test_ids == [2, 3, 4]


@pytest.mark.parametrize('stage', [None, 'preparation', 'testing'])
def test_only_a_run_that_has_ended_has_failed_tests(stage):
    refusal = DROP.option_for_failed(5, stage, failed([ACTIVE]), {ACTIVE}).refusal

    assert isinstance(refusal, RunNotFinished)
    assert refusal.details == {'refusal': 'run_not_finished', 'run_status': 'running' if stage else 'queued'}


@pytest.mark.parametrize(('tests', 'rules', 'run_ids', 'inactive_ids'), [
    ([ACTIVE], REJECT, [ACTIVE], []),
    ([ACTIVE, INACTIVE], DROP, [ACTIVE], [INACTIVE]),
    ([ACTIVE, INACTIVE], REJECT, [], [INACTIVE]),
    # Without a test a run would run every test there is.
    ([INACTIVE], DROP, [], [INACTIVE]), ([INACTIVE], REJECT, [], [INACTIVE]), ([], REJECT, [], [])])
def test_inactive_tests_refuse_a_full_retry_or_are_left_out_unless_they_are_all(tests, rules, run_ids, inactive_ids):
    option = rules.option_for_all(tests, {ACTIVE})

    assert (option.regression_test_ids, option.inactive_ids) == (run_ids, inactive_ids)
    if not run_ids:
        assert isinstance(option.refusal, InactiveTests)
        assert option.refusal.details == {'refusal': 'inactive_tests', 'inactive_ids': inactive_ids}
    else:
        assert option.refusal is None


@pytest.mark.parametrize(('tests', 'rules', 'has_selection', 'run_ids'), [
    ([ACTIVE, INACTIVE], DROP, True, [ACTIVE]), ([ACTIVE, INACTIVE], REJECT, True, []),
    # Nobody selected the inactive tests of a run without a selection.
    ([ACTIVE, INACTIVE], REJECT, False, [ACTIVE]), ([INACTIVE], REJECT, False, [])])
def test_inactive_tests_that_were_selected_refuse_a_failed_only_retry(tests, rules, has_selection, run_ids):
    option = rules.option_for_failed(5, 'completed', failed(tests, has_selection=has_selection), {ACTIVE})

    assert (option.regression_test_ids, option.inactive_ids) == (run_ids, [INACTIVE])
    assert isinstance(option.refusal, InactiveTests) == (not run_ids)


@pytest.mark.parametrize(('count', 'named'), [
    (1, '2'), (10, '2, 3, 4, 5, 6, 7, 8, 9, 10, 11'), (11, '2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 1 more')])
def test_the_message_names_up_to_ten_inactive_tests_because_comments_show_nothing_else(count, named):
    for rules, beginning in ((REJECT, 'Some of the tests to run are inactive now'),
                             (DROP, 'None of the tests to run is active now')):
        refusal = rules.option_for_all(range(2, 2 + count), {ACTIVE}).refusal
        assert refusal and refusal.message == f'{beginning}: {named}.'


def test_an_option_that_a_check_refuses_leaves_out_nothing():
    option = DROP.option_for_all([ACTIVE, INACTIVE], {ACTIVE})
    assert option.inactive_ids == [INACTIVE]

    refused = option.refuse(RefusedByCheck('No.', run_id=5))
    assert (refused.regression_test_ids, refused.inactive_ids) == ([], [])


def test_nothing_to_run_is_refused():
    assert isinstance(REJECT.option_for_failed(5, 'completed', failed([]), {ACTIVE}).refusal, NothingFailed)
    refusal = REJECT.option_for_all([], {ACTIVE}).refusal
    assert refusal and refusal.message == 'None of the tests to run is active now.'


def test_a_key_belongs_to_its_owner_and_a_request_without_one_equals_no_other():
    digests = [digest_key(*key) for key in ((1, 'k'), (2, 'k'), (None, 'k'), (1, 'K'), (1, None), (1, None))]

    assert len({*digests}) == 6 and digest_key(1, 'k') == digests[0]
