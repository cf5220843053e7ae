"""A retry on the real platform, over HTTP (docs/api.rst, "Retry a run")."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rows import Rows
from serving import Client

pytestmark = pytest.mark.platform

CONFIGURATION = ('platform', 'test_type', 'fork_id', 'branch', 'commit', 'pr_nr')


@pytest.fixture
def source(rows: Rows, people: dict[str, int]) -> int:
    """Give a completed run of two people's, on Windows. Two of its three tests failed."""
    passed, crashed, differed = (rows.regression_test() for _ in range(3))
    run_id = rows.run([passed, crashed, differed], owners=[people['tess'], people['una']], platform='windows',
                      branch='feature/subtitles')
    rows.result(run_id, passed)
    rows.result(run_id, crashed, exit_code=1)
    rows.result(run_id, differed, got='something else')
    return run_id


@pytest.mark.parametrize('failed_only', [False, True])
def test_a_token_of_the_platforms_own_is_good_for_a_retry_that_adds_rows_and_changes_none(
        client: Client, token: Callable[..., str], rows: Rows, source: int, failed_only: bool) -> None:
    secret = token()
    before = rows.snapshot()

    answer = client.retry(source, secret, {'failed_only': failed_only, 'reason': 'flaky VM \N{CLAPPER BOARD}'})

    assert answer.status == 202
    assert answer.headers['Content-Type'] == 'application/json'
    new_run_id, message = answer.json['new_run_id'], answer.json['message']
    assert answer.json == {'run_id': source, 'new_run_id': new_run_id, 'action': 'retry', 'status': 'accepted',
                           'message': message}
    after = rows.snapshot()
    assert {table: before[table] - after[table] for table in before} == {table: {} for table in before}
    changed = {table for table in after if after[table] - before[table]}
    assert changed == {'test', 'customized_test', 'test_fork', 'run_retry'}
    tests = rows.values('customized_test', 'regression_id', test_id=source)
    assert rows.values('customized_test', 'regression_id', test_id=new_run_id) == tests[1 if failed_only else 0:]


def test_a_retry_is_a_new_run_with_the_same_configuration_and_a_secret_of_its_own(
        client: Client, token: Callable[..., str], rows: Rows, people: dict[str, int], source: int) -> None:
    old, new = rows.one('test', id=source), rows.one('test', id=client.retry(source, token()).json['new_run_id'])

    assert {name: new[name] for name in CONFIGURATION} == {name: old[name] for name in CONFIGURATION}
    assert set(new) == {'id', 'token', *CONFIGURATION}
    assert len(new['token']) == 64 and new['token'] != old['token']
    assert rows.values('test_fork', 'user_id', test_id=new['id']) == sorted(
        people[name] for name in ('tess', 'una', 'alice'))


def test_the_platform_shows_the_new_run_where_location_says(client: Client, token: Callable[..., str],
                                                            source: int, rows: Rows) -> None:
    answer = client.retry(source, token())
    assert answer.headers['Location'] == f'/api/v1/runs/{answer.json["new_run_id"]}'

    shown = client.ask('GET', answer.headers['Location'], token=token())

    assert shown.status == 200
    assert shown.json['run_id'] == answer.json['new_run_id']
    assert shown.json['status'] == 'queued'
    assert shown.json['commit_sha'] == rows.one('test', id=source)['commit']
