"""The settings are read and checked once, when the blueprint is registered (contract section 2)."""

from __future__ import annotations

import pytest
import seed
from application import create_app
from flask import Flask
from mod_auth.models import Role
from support.api import ApiCall

from mod_runs_api import MountError
from mod_runs_api.settings import DEFAULTS


@pytest.mark.parametrize(('setting', 'value'), [
    ('RUNS_API_RETRY_ROLES', 'admin'), ('RUNS_API_RETRY_ROLES', [1]), ('RUNS_API_RETRY_ROLES', None),
    ('RUNS_API_INACTIVE_TESTS', 'keep'), ('RUNS_API_INACTIVE_TESTS', None),
    ('RUNS_API_AUTOMATIC_RETRIES', -1), ('RUNS_API_AUTOMATIC_RETRIES', True), ('RUNS_API_AUTOMATIC_RETRIES', '1'),
    ('RUNS_API_AUTOMATIC_RETRIES_AT_ONCE', 0)])
def test_registration_fails_if_a_setting_has_a_wrong_value(setting: str, value: object) -> None:
    with pytest.raises(MountError, match=setting):
        create_app(**{setting: value})


def test_a_setting_that_is_changed_after_registration_has_no_effect(
        app: Flask, retry: ApiCall, run_id: int) -> None:
    bob = seed.token(seed.user('bob', Role.user))
    app.config.update(RUNS_API_RATE_LIMIT='1 per day', RUNS_API_RETRY_ROLES='nonsense', RUNS_API_INACTIVE_TESTS=5,
                      RUNS_API_BEFORE_RETRY=lambda source: 'No.', RUNS_API_RATE_LIMIT_STORAGE_URI='redis://nowhere')

    assert [retry(run_id).status_code for _ in range(2)] == [202, 202]
    assert retry(run_id, token=bob).status_code == 403


def test_every_setting_has_a_default(app: Flask) -> None:
    assert not set(DEFAULTS) & set(app.config)
    assert set(DEFAULTS) == {'RUNS_API_RATE_LIMIT', 'RUNS_API_RATE_LIMIT_STORAGE_URI', 'RUNS_API_RETRY_ROLES',
                             'RUNS_API_INACTIVE_TESTS', 'RUNS_API_BEFORE_RETRY', 'RUNS_API_AUTOMATIC_RETRIES',
                             'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE'}
