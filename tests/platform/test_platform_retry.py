"""A retry on the real platform, over HTTP (contract sections 1 and 4)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import pytest
from rows import Rows
from serving import WORKERS, Client

pytestmark = pytest.mark.platform

CONFIGURATION = ('platform', 'test_type', 'fork_id', 'branch', 'commit', 'pr_nr')


@dataclass(frozen=True)
class Source:
    """A completed run of three regression tests, one of which passed."""

    id: int
    passed: int
    failed: tuple[int, int]
    owner_ids: tuple[int, int]

    @property
    def tests(self) -> list[int]:
        """All three."""
        return sorted([self.passed, *self.failed])


@pytest.fixture
def source(rows: Rows, people: dict[str, int]) -> Source:
    """Give a run of two people's, on Windows."""
    passed, crashed, differed = (rows.regression_test() for _ in range(3))
    owners = people['tess'], people['una']
    run_id = rows.run([passed, crashed, differed], owners=owners, platform='windows', branch='feature/subtitles')
    rows.result(run_id, passed)
    rows.result(run_id, crashed, exit_code=1)
    rows.result(run_id, differed, got='something else')
    return Source(run_id, passed, (crashed, differed), owners)


@pytest.fixture
def retried(client: Client, token: Callable[..., str], source: Source) -> int:
    """Have alice retry the whole run, and give the new one."""
    answer = client.retry(source.id, token())
    assert answer.status == 202, answer.body
    return int(answer.json['new_run_id'])


def test_a_token_of_the_platforms_own_is_good_for_a_retry(client: Client, token: Callable[..., str],
                                                          source: Source) -> None:
    answer = client.retry(source.id, token())

    assert answer.status == 202
    assert answer.headers['Content-Type'] == 'application/json'
    new_run_id, message = answer.json['new_run_id'], answer.json['message']
    assert answer.json == {'run_id': source.id, 'new_run_id': new_run_id, 'action': 'retry', 'status': 'accepted',
                           'message': message}
    assert isinstance(new_run_id, int) and new_run_id > source.id
    assert isinstance(message, str) and 1 <= len(message) <= 500


def test_the_platform_shows_the_new_run_where_location_says(client: Client, token: Callable[..., str],
                                                            source: Source, rows: Rows) -> None:
    answer = client.retry(source.id, token())
    assert answer.headers['Location'] == f'/api/v1/runs/{answer.json["new_run_id"]}'

    shown = client.ask('GET', answer.headers['Location'], token=token())

    assert shown.status == 200
    assert shown.json['run_id'] == answer.json['new_run_id']
    assert shown.json['status'] == 'queued'
    assert shown.json['commit_sha'] == rows.one('test', id=source.id)['commit']


def test_a_retry_is_a_new_run_with_the_same_configuration(rows: Rows, source: Source, retried: int) -> None:
    old, new = rows.one('test', id=source.id), rows.one('test', id=retried)

    assert {name: new[name] for name in CONFIGURATION} == {name: old[name] for name in CONFIGURATION}
    assert set(new) == {'id', 'token', *CONFIGURATION}


def test_a_retry_has_a_secret_of_its_own(rows: Rows, source: Source, retried: int) -> None:
    secret = rows.one('test', id=retried)['token']

    assert len(secret) == 64
    assert secret != rows.one('test', id=source.id)['token']


def test_a_retry_starts_without_progress_and_results(rows: Rows, retried: int) -> None:
    for table in ('test_progress', 'test_result', 'test_result_file', 'gcp_instance'):
        assert rows.of(table, test_id=retried) == []


def test_the_owners_and_the_requester_own_the_retry(rows: Rows, people: dict[str, int], source: Source,
                                                    retried: int) -> None:
    assert rows.values('test_fork', 'user_id', test_id=retried) == sorted([*source.owner_ids, people['alice']])


def test_a_retry_runs_the_tests_of_its_source(rows: Rows, source: Source, retried: int) -> None:
    assert rows.values('customized_test', 'regression_id', test_id=retried) == source.tests


def test_a_test_that_the_source_had_twice_is_run_once(client: Client, token: Callable[..., str], rows: Rows) -> None:
    test_id = rows.regression_test()
    answer = client.retry(rows.run([test_id, test_id]), token())

    assert rows.values('customized_test', 'regression_id', test_id=answer.json['new_run_id']) == [test_id]


def test_a_source_without_rows_is_retried_with_every_active_test(client: Client, token: Callable[..., str],
                                                                 rows: Rows) -> None:
    rows.regression_test(active=False)
    rows.regression_test(active=True)

    answer = client.retry(rows.run(), token())

    assert answer.status == 202
    selection = rows.values('customized_test', 'regression_id', test_id=answer.json['new_run_id'])
    assert selection == rows.values('regression_test', 'id', active=True)


def test_only_what_failed_is_run_again(client: Client, token: Callable[..., str], rows: Rows, source: Source) -> None:
    answer = client.retry(source.id, token(), {'failed_only': True})

    assert answer.status == 202
    selection = rows.values('customized_test', 'regression_id', test_id=answer.json['new_run_id'])
    assert selection == sorted(source.failed)


def test_a_retry_can_be_retried(client: Client, token: Callable[..., str], rows: Rows, source: Source,
                                retried: int) -> None:
    answer = client.retry(retried, token())

    assert answer.status == 202
    origin = rows.one('run_retry', test_id=answer.json['new_run_id'])
    assert (origin['source_test_id'], origin['root_test_id']) == (retried, source.id)


def test_the_answer_says_how_many_requests_are_left(client: Client, token: Callable[..., str],
                                                    source: Source) -> None:
    headers = client.retry(source.id, token()).headers

    for name in ('X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset'):
        assert len(headers.get_all(name, [])) == 1
    assert headers['X-RateLimit-Limit'] == '120'
    assert 0 <= int(headers['X-RateLimit-Remaining']) < 120
    assert int(headers['X-RateLimit-Reset']) > 0


def test_anybody_with_a_token_may_list_the_attempts(client: Client, token: Callable[..., str],
                                                    source: Source) -> None:
    reason = 'flaky VM \N{CLAPPER BOARD}'
    new_run_id = client.retry(source.id, token(), {'failed_only': True, 'reason': reason}).json['new_run_id']

    answer = client.ask('GET', f'/api/v1/runs/{new_run_id}/retries', token=token('una', 'runs:read'))

    assert answer.status == 200
    first, second = answer.json['data']
    assert datetime.strptime(second.pop('created_at'), '%Y-%m-%dT%H:%M:%SZ')
    assert (first['run_id'], first['attempt'], first['source_run_id']) == (source.id, 1, None)
    assert second == {
        'run_id': new_run_id, 'source_run_id': source.id, 'attempt': 2, 'status': 'queued', 'tests': 2, 'passed': 0,
        'failed': 0, 'not_run': 2, 'carried_over': 0, 'failed_only': True, 'reason': reason, 'requested_by': 'alice'}
    assert answer.json['meta'] == {'run_id': new_run_id, 'root_run_id': source.id}


def test_a_reason_of_four_byte_characters_is_stored_as_it_is(client: Client, token: Callable[..., str], rows: Rows,
                                                             source: Source) -> None:
    reason = '\N{CLAPPER BOARD} caf\N{LATIN SMALL LETTER E WITH ACUTE} '.ljust(255, '\N{TELEVISION}')

    answer = client.retry(source.id, token(), {'reason': reason})

    assert answer.status == 202
    assert rows.stored_bytes('run_retry', 'reason', test_id=answer.json['new_run_id']) == reason.encode()


@pytest.mark.parametrize('failed_only', [False, True])
def test_every_row_that_was_there_is_there_unchanged(client: Client, token: Callable[..., str], rows: Rows,
                                                     source: Source, failed_only: bool) -> None:
    secret = token()
    before = rows.snapshot()

    assert client.retry(source.id, secret, {'failed_only': failed_only, 'reason': 'flaky VM'}).status == 202

    after = rows.snapshot()
    assert {table: before[table] - after[table] for table in before} == {table: {} for table in before}
    changed = {table for table in after if after[table] - before[table]}
    assert changed == {'test', 'customized_test', 'test_fork', 'run_retry'}


def test_one_key_makes_one_run_whichever_worker_answers(client: Client, token: Callable[..., str], rows: Rows,
                                                        source: Source) -> None:
    secret = token()

    def ask(_: int) -> tuple[int, int]:
        answer = client.retry(source.id, secret, headers={'Idempotency-Key': f'key-{source.id}'})
        return answer.status, answer.json.get('new_run_id')

    with ThreadPoolExecutor(2 * WORKERS) as pool:
        answers = set(pool.map(ask, range(2 * WORKERS)))

    new_run_id, = rows.values('run_retry', 'test_id', source_test_id=source.id)
    assert answers == {(202, new_run_id)}
