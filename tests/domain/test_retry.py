"""The tests that a retry runs, and the digests of its key (docs/api.rst, "Which tests are run")."""

import pytest

from mod_runs_api import InactiveTests, NothingFailed, RefusedByCheck, RunNotFinished
from mod_runs_api.domain.outcomes import Outcome
from mod_runs_api.domain.retry import RetryFacts, RetryRules, digest_key
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


def facts(tests, *, stage='completed', has_selection=True):
    """Return a run of some tests, none of which passed."""
    return RetryFacts(5, stage, dict.fromkeys(tests, 'fail'), has_selection, tests, {ACTIVE})


def test_a_user_with_one_of_the_roles_may_retry():
    assert [role for role in ('admin', 'tester', 'user', 'Admin', '', None)
            if REJECT.allow(User(1, 'alice', role))] == ['admin', 'tester']


def test_a_failed_only_retry_runs_each_test_that_did_not_pass_and_a_full_one_all():
    outcomes: dict[int, Outcome] = {1: 'pass', 2: 'fail', 3: 'missing_output', 4: 'not_run'}
    of_all = RetryFacts(5, 'completed', outcomes, True, [1, 2, 3, 4, 5], range(10))

    assert REJECT.find_option(of_all, failed_only=True).regression_test_ids == [2, 3, 4]
    assert REJECT.find_option(of_all, failed_only=False).regression_test_ids == [1, 2, 3, 4, 5]


@pytest.mark.parametrize('stage', [None, 'preparation', 'testing'])
def test_only_a_run_that_has_ended_has_failed_tests_and_any_may_be_run_in_full(stage):
    with pytest.raises(RunNotFinished) as raised:
        DROP.choose_tests(facts([ACTIVE], stage=stage), failed_only=True)
    assert raised.value.details == {'refusal': 'run_not_finished', 'run_status': 'running' if stage else 'queued'}
    assert DROP.find_option(facts([ACTIVE], stage=stage), failed_only=False).regression_test_ids == [1]


@pytest.mark.parametrize('failed_only', [False, True])
@pytest.mark.parametrize(('tests', 'rules', 'has_selection', 'run_ids', 'inactive_ids'), [
    ([ACTIVE], REJECT, True, [ACTIVE], []),
    ([ACTIVE, INACTIVE], DROP, True, [ACTIVE], [INACTIVE]),
    # Nobody selected the inactive tests of a run without a selection.
    ([ACTIVE, INACTIVE], REJECT, False, [ACTIVE], [INACTIVE]),
    ([ACTIVE, INACTIVE], REJECT, True, None, [INACTIVE]),
    # Without a test a run would run every test there is.
    ([INACTIVE], DROP, True, None, [INACTIVE]), ([INACTIVE], REJECT, True, None, [INACTIVE]),
    ([INACTIVE], REJECT, False, None, [INACTIVE])])
def test_inactive_tests_refuse_a_retry_or_are_left_out_unless_they_are_all(tests, failed_only, rules, has_selection,
                                                                           run_ids, inactive_ids):
    option = rules.find_option(facts(tests, has_selection=has_selection), failed_only)

    assert option.inactive_ids == inactive_ids
    if run_ids is not None:
        assert (option.regression_test_ids, option.refusal) == (run_ids, None)
    else:
        assert option.regression_test_ids == []
        assert isinstance(option.refusal, InactiveTests)
        assert option.refusal.details == {'refusal': 'inactive_tests', 'inactive_ids': inactive_ids}


@pytest.mark.parametrize(('count', 'named'), [
    (1, '2'), (10, '2, 3, 4, 5, 6, 7, 8, 9, 10, 11'), (11, '2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 1 more')])
def test_the_message_names_up_to_ten_inactive_tests_because_comments_show_nothing_else(count, named):
    for rules, beginning in ((REJECT, 'Some of the tests to run are inactive now'),
                             (DROP, 'None of the tests to run is active now')):
        with pytest.raises(InactiveTests) as raised:
            rules.choose_tests(facts(range(2, 2 + count)), failed_only=False)
        assert raised.value.message == f'{beginning}: {named}.'


def test_an_option_that_a_check_refuses_leaves_out_nothing():
    option = DROP.find_option(facts([ACTIVE, INACTIVE]), failed_only=False)
    assert option.inactive_ids == [INACTIVE]

    refused = option.refuse(RefusedByCheck('No.', run_id=5))
    assert (refused.regression_test_ids, refused.inactive_ids) == ([], [])


def test_nothing_to_run_is_refused():
    with pytest.raises(NothingFailed):
        REJECT.choose_tests(facts([]), failed_only=True)
    with pytest.raises(InactiveTests, match='None of the tests to run is active now.$'):
        REJECT.choose_tests(facts([]), failed_only=False)


def test_a_key_belongs_to_its_owner_and_a_request_without_one_equals_no_other():
    digests = [digest_key(*key) for key in ((1, 'k'), (2, 'k'), (None, 'k'), (1, 'K'), (1, None), (1, None))]

    assert len({*digests}) == 6 and digest_key(1, 'k') == digests[0]
