"""The settings are read and checked once, when the blueprint is registered (docs/settings.rst)."""

import pytest
import seed
from application import create_app
from mod_auth.models import Role

from mod_runs_api import MountError

WRONG_VALUES = {
    'RUNS_API_RATE_LIMIT': ['often', '', '12', None, 5, '5 per fortnight'],
    'RUNS_API_READ_RATE_LIMIT': ['often', None],
    'RUNS_API_RATE_LIMIT_STORAGE_URI': [
        'nonsense', 'floppy://a', '', None, 5, 'redis://[::1', 'redis://localhost:port'],
    'RUNS_API_RETRY_ROLES': ['admin', ['admin', 1], None],
    'RUNS_API_INACTIVE_TESTS': ['keep', None],
    'RUNS_API_BEFORE_RETRY': [
        'mod_ci.checks', [print, 'mod_runs_api.github.no_such_check'], 'mod_runs_api.__version__', [5], ''],
    'RUNS_API_AUTOMATIC_RETRIES': [-1, True, '1', None],
    'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE': [0, True],
    'RUNS_API_AUTHOR_RETRIES': [-1, True, '2', None],
    'RUNS_API_RATELIMIT': ['5 per minute'],
    'GCP_INSTANCE_MAX_RUNTIME': ['90', 0, None]}


@pytest.mark.parametrize(('setting', 'values'), WRONG_VALUES.items(), ids=WRONG_VALUES)
def test_registration_fails_if_a_setting_has_a_wrong_value(setting, values):
    for value in values:
        with pytest.raises(MountError, match=setting):
            create_app('sqlite://', True, **{setting: value})


@pytest.mark.parametrize('code', ['1 +', 'raise SystemExit', '1 / 0', 'import nothing_of_this_name'])
def test_a_check_whose_module_fails_in_whatever_way_is_refused_and_named(tmp_path, monkeypatch, code):
    (tmp_path / 'own_checks.py').write_text(code)
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(MountError, match='own_checks.is_allowed'):
        create_app('sqlite://', True, RUNS_API_BEFORE_RETRY='own_checks.is_allowed')


@pytest.mark.parametrize('settings', [
    {'RUNS_API_BEFORE_RETRY': name} for name in (
        'mod_runs_api.github.every_attempt_has_ended', ['mod_runs_api.github.every_attempt_has_ended'])])
def test_a_check_may_be_named(retry, run_id):
    assert [retry(run_id).status_code for _ in range(2)] == [202, 422]


@pytest.mark.options(
    RUNS_API_RATE_LIMIT='1 per day', RUNS_API_RETRY_ROLES='nonsense', RUNS_API_INACTIVE_TESTS=5,
    RUNS_API_BEFORE_RETRY=lambda source: 'No.', RUNS_API_RATE_LIMIT_STORAGE_URI='redis://nowhere')
def test_a_setting_that_is_changed_after_registration_has_no_effect(retry, run_id):
    bob = seed.token(seed.user('bob', Role.user))

    assert [retry(run_id).status_code for _ in range(2)] == [202, 202]
    assert retry(run_id, token=bob) == 403
