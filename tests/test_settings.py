"""The settings are read and checked once, when the blueprint is registered (docs/settings.rst)."""

import pytest
import seed
from application import create_app
from mod_auth.models import Role

from mod_runs_api import MountError
from mod_runs_api.settings import read_settings

WRONG_VALUES = {
    'RUNS_API_RATE_LIMIT': ['often', '', '12', None, 5, '5 per fortnight'],
    'RUNS_API_READ_RATE_LIMIT': ['often', None],
    'RUNS_API_RATE_LIMIT_STORAGE_URI': [
        'nonsense', 'floppy://a', '', None, 5, 'redis://[::1', 'redis://localhost:port'],
    'RUNS_API_RETRY_ROLES': ['admin', ['admin', 1], None, {'admin': True}, [Role.admin], [['admin']]],
    'RUNS_API_INACTIVE_TESTS': ['keep', None],
    'RUNS_API_CHECKS': [None, 1, 'True'],
    'RUNS_API_PENDING_STATUS': [None, 0, 'False'],
    'RUNS_API_AUTOMATIC_RETRIES': [-1, True, '1', None],
    'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE': [0, True],
    'RUNS_API_AUTHOR_RETRIES': [-1, True, '2', None],
    'RUNS_API_RATELIMIT': ['5 per minute']}


@pytest.mark.parametrize(('setting', 'values'), WRONG_VALUES.items(), ids=WRONG_VALUES)
def test_registration_fails_if_a_setting_has_a_wrong_value(setting, values):
    for value in values:
        with pytest.raises(MountError, match=setting):
            create_app('sqlite://', True, **{setting: value})


@pytest.mark.parametrize(('roles', 'unknown'), [
    (['admin', 'testr'], "'testr'"), (['Admin'], "'Admin'"), ({'tester ', '', 'admin'}, "'', 'tester '")])
def test_a_role_that_the_platform_does_not_have_is_refused_with_those_that_it_has(roles, unknown):
    config = {'RUNS_API_RETRY_ROLES': roles}
    message = f'RUNS_API_RETRY_ROLES: there is no role {unknown}. The roles are admin, contributor, tester, user.'

    for read in (read_settings, lambda config: create_app('sqlite://', True, **config)):
        with pytest.raises(MountError) as raised:
            read(config)
        assert str(raised.value) == message


@pytest.mark.parametrize('roles', [[], (), ['admin', 'admin'], ('user',), {role.value for role in Role}])
def test_the_roles_of_the_platform_may_retry_in_any_number(roles):
    assert read_settings({'RUNS_API_RETRY_ROLES': roles}).retry_roles == set(roles)


@pytest.mark.options(
    RUNS_API_RATE_LIMIT='1 per day', RUNS_API_RETRY_ROLES='nonsense', RUNS_API_INACTIVE_TESTS=5,
    RUNS_API_CHECKS=True, RUNS_API_RATE_LIMIT_STORAGE_URI='redis://nowhere')
def test_a_setting_that_is_changed_after_registration_has_no_effect(retry, run_id):
    bob = seed.token(seed.user('bob', Role.user))

    assert [retry(run_id).status_code for _ in range(2)] == [202, 202]
    assert retry(run_id, token=bob) == 403
