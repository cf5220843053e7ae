"""The tests that a retry runs, and the digests of its key (docs/api.rst, "Which tests are run")."""

import pytest

from mod_runs_api import InactiveTests, NothingFailed, RunNotFinished
from mod_runs_api.domain.outcomes import Outcome
from mod_runs_api.domain.retry import RetryRules, Source, digest_key
from mod_runs_api.domain.run import Run
from mod_runs_api.domain.users import User

ACTIVE, INACTIVE = 1, 2
ROLES = frozenset({'admin', 'tester'})
REJECT, DROP = RetryRules(ROLES, drop_inactive_tests=False), RetryRules(ROLES, drop_inactive_tests=True)


def run(status='completed', **changes):
    """Return run 5 of a pull request."""
    return Run(**{'id': 5, 'platform': 'linux', 'test_type': 'pr', 'fork_id': 1, 'branch': 'pull_request',
                  'commit': 'c0ffee', 'pr_nr': 7, 'status': status, 'root_id': 5, 'full_set_id': 5,
                  'failed_only': False, **changes})  # type: ignore[arg-type]


def source(tests, *, status='completed', has_selection=True):
    """Return a run of some tests, none of which passed."""
    return Source(run(status), dict.fromkeys(tests, 'fail'), has_selection, tests, {ACTIVE})


def test_a_user_with_one_of_the_roles_may_retry():
    assert [role for role in ('admin', 'tester', 'user', 'Admin', '', None)
            if REJECT.allow(User(1, 'alice', role))] == ['admin', 'tester']


def test_a_failed_only_retry_runs_each_test_that_did_not_pass_and_a_full_one_all():
    outcomes: dict[int, Outcome] = {1: 'pass', 2: 'fail', 3: 'missing_output', 4: 'not_run'}
    of_all = Source(run(), outcomes, True, [1, 2, 3, 4, 5], range(10))

    assert REJECT.choose_tests(of_all, failed_only=True) == [2, 3, 4]
    assert REJECT.choose_tests(of_all, failed_only=False) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize('status', [None, 'preparation', 'testing'])
def test_only_a_run_that_has_ended_has_failed_tests_and_any_may_be_run_in_full(status):
    with pytest.raises(RunNotFinished) as raised:
        DROP.choose_tests(source([ACTIVE], status=status), failed_only=True)
    assert raised.value.details == {'refusal': 'run_not_finished', 'run_status': 'running' if status else 'queued'}
    assert DROP.choose_tests(source([ACTIVE], status=status), failed_only=False) == [1]


@pytest.mark.parametrize('failed_only', [False, True])
@pytest.mark.parametrize(('tests', 'rules', 'inactive_ids'), [
    ([ACTIVE], REJECT, None), ([ACTIVE, INACTIVE], DROP, None), ([ACTIVE, INACTIVE], REJECT, [2]),
    # Without a test a run would run every test there is.
    ([INACTIVE], DROP, [2]), ([INACTIVE], REJECT, [2])])
def test_inactive_tests_refuse_a_retry_or_are_left_out_unless_they_are_all(tests, failed_only, rules, inactive_ids):
    if inactive_ids is None:
        assert rules.choose_tests(source(tests), failed_only) == [1]
        return
    with pytest.raises(InactiveTests) as raised:
        rules.choose_tests(source(tests), failed_only)
    assert raised.value.details == {'refusal': 'inactive_tests', 'inactive_ids': inactive_ids}


@pytest.mark.parametrize('rules', [REJECT, DROP])
def test_inactive_tests_of_a_run_without_a_selection_are_left_out(rules):
    assert rules.choose_tests(source([ACTIVE, INACTIVE], has_selection=False), failed_only=True) == [1]

    with pytest.raises(InactiveTests) as raised:
        rules.choose_tests(source([INACTIVE], has_selection=False), failed_only=True)
    assert raised.value.details == {'refusal': 'inactive_tests', 'inactive_ids': [2]}


def test_nothing_to_run_is_refused():
    with pytest.raises(NothingFailed):
        REJECT.choose_tests(source([]), failed_only=True)
    with pytest.raises(InactiveTests):
        REJECT.choose_tests(source([]), failed_only=False)


def test_a_key_belongs_to_its_owner_and_a_request_without_one_equals_no_other():
    digests = [digest_key(*key) for key in ((1, 'k'), (2, 'k'), (None, 'k'), (1, 'K'), (1, None), (1, None))]

    assert len({*digests}) == 6 and digest_key(1, 'k') == digests[0]
