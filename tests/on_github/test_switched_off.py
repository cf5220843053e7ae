"""All retries are switched off by three settings (docs/operations.rst, "Switch everything off")."""

from typing import Any

import pytest
from on_platform.documented import literal_block
from support.api import assert_error

SWITCHED_OFF: dict[str, Any] = {}
exec(literal_block('docs/operations.rst', 'RUNS_API_RETRY_ROLES = []'), {}, SWITCHED_OFF)


@pytest.mark.parametrize('settings', [{}, SWITCHED_OFF], ids=['on', 'off'])
def test_button_api_and_comments_retry_nothing_with_the_documented_settings(
        settings, linux, comment, retry, visitor, rows):
    run_id, is_on = linux.id, not settings

    assert ('runs-api-retry' in visitor.page(f'/test/{run_id}')) == is_on
    outcome = comment('/retry linux')
    assert bool(outcome.retries) == is_on
    answer = retry(run_id)
    assert answer.status_code == (202 if is_on else 403)
    if not is_on:
        assert outcome.reply == 'No run is retried: `Retries by users are switched off.`'
        assert_error(answer, 403, 'forbidden', {'required_roles': [], 'user_role': 'contributor'})
        assert answer.json['message'] == 'Retries by users are switched off.'
    assert len(rows.of('run_retry')) == (2 if is_on else 0)


@pytest.mark.parametrize('settings', [{'RUNS_API_AUTOMATIC_RETRIES': 1}, SWITCHED_OFF], ids=['on', 'off'])
def test_the_sweep_retries_nothing_with_the_documented_settings(settings, linux, command):
    # The run completed, but it lacks a result: an infrastructure failure.
    swept = command('sweep', '--dry-run', '--json')

    assert (swept.exit_code, str(linux.id) in swept.output) == (0, settings is not SWITCHED_OFF)
