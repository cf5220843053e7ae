"""The settings are read and checked once, when the blueprint is registered (docs/settings.rst)."""

import sys
from socket import socket

import pytest
import seed
from application import create_app
from flask import Flask
from flask_limiter.constants import ConfigVars
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from mod_auth.models import Role

from mod_runs_api import MountError
from mod_runs_api.settings import read_settings

WRONG_VALUES = {
    'RUNS_API_RATE_LIMIT': ['often', '', '12', None, 5, '5 per fortnight'],
    'RUNS_API_READ_RATE_LIMIT': ['often', None],
    'RUNS_API_RATE_LIMIT_STORAGE_URI': [
        'memory', 'floppy://a', '', None, 5, b'memory://', 'redis://[::1', 'redis://localhost:port', 'async+memory://'],
    'RUNS_API_RETRY_ROLES': ['admin', ['admin', 1], None, {'admin': True}, [Role.admin], [['admin']]],
    'RUNS_API_INACTIVE_TESTS': ['keep', None],
    'RUNS_API_CHECKS': [None, 1, 'True'],
    'RUNS_API_PENDING_STATUS': [None, 0, 'False'],
    'RUNS_API_AUTOMATIC_RETRIES': [-1, True, '1', None],
    'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE': [0, True],
    'RUNS_API_AUTHOR_RETRIES': [-1, True, '2', None],
    'RUNS_API_RATELIMIT': ['5 per minute'],
    'RUNS_API_NONSENSE': [True],
    'MOD_RUNS_API_CHECKS': [True],
    'RUN_API_CHECKS': [True]}


@pytest.mark.parametrize(('setting', 'values'), WRONG_VALUES.items(), ids=WRONG_VALUES)
def test_registration_fails_if_a_setting_has_a_wrong_value(setting, values):
    for value in values:
        with pytest.raises(MountError, match=setting):
            read_settings({setting: value})
        with pytest.raises(MountError, match=setting):
            create_app('sqlite://', True, **{setting: value})


@pytest.mark.parametrize('name', ['RUN_API_CHECKS', 'RUNS_API_CHECK', 'runs_api_checks', 'Runs_Api_Check'])
def test_a_misspelt_name_is_refused_with_the_name_that_is_meant(name):
    with pytest.raises(MountError) as raised:
        read_settings({name: True})

    assert str(raised.value) == f'There is no setting {name}. Its name is RUNS_API_CHECKS.'


def test_no_setting_of_flask_or_of_its_extensions_is_taken_for_a_misspelt_one():
    app = Flask(__name__)
    app.config['SQLALCHEMY_DATABASE_URI'] = 'sqlite://'
    SQLAlchemy(app), CSRFProtect(app)
    names = {*app.config, *(value for name, value in vars(ConfigVars).items() if name.isupper())}

    assert {'DEBUG', 'WTF_CSRF_ENABLED', 'SQLALCHEMY_BINDS', 'RATELIMIT_STORAGE_URI'} <= names
    assert read_settings(dict.fromkeys(names, 'x')) == read_settings({})


@pytest.mark.parametrize('uri', [
    'redsi://user:hunter2@host', 'redis://user:hunter2/@host', 'async+memory://:hunter2@', b'redis://:hunter2@host'])
def test_a_storage_that_cannot_be_used_is_refused_without_its_password(uri):
    with pytest.raises(MountError, match='RUNS_API_RATE_LIMIT_STORAGE_URI') as raised:
        read_settings({'RUNS_API_RATE_LIMIT_STORAGE_URI': uri})

    assert 'hunter2' not in str(raised.value)
    assert raised.value.__cause__ is None and raised.value.__suppress_context__


#: Storages in Redis, which is away.
IN_REDIS = pytest.mark.parametrize('uri', ['redis://127.0.0.1:1', 'redis+cluster://127.0.0.1:1'])


@IN_REDIS
def test_a_storage_without_its_client_is_refused_with_what_to_install(uri, monkeypatch):
    monkeypatch.setitem(sys.modules, 'redis', None)

    with pytest.raises(MountError, match='RUNS_API_RATE_LIMIT_STORAGE_URI .*"pip install redis"'):
        read_settings({'RUNS_API_RATE_LIMIT_STORAGE_URI': uri})


@IN_REDIS
def test_the_check_of_the_settings_connects_to_no_storage(uri, monkeypatch):
    monkeypatch.setattr(socket, 'connect', None)

    assert read_settings({'RUNS_API_RATE_LIMIT_STORAGE_URI': uri}).rate_limit_storage_uri == uri


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
