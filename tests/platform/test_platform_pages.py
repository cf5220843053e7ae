"""The platform's own pages and its own API are with the mount what they are without (docs/adopt.rst)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rows import Rows
from serving import Answer, Client

pytestmark = pytest.mark.platform

#: Values that differ from one request to the next.
PASSING = ('Date', 'X-RateLimit-Remaining', 'X-RateLimit-Reset')


@pytest.fixture(scope='module')
def run_id(rows: Rows) -> int:
    """Give a completed run, partly failed."""
    passed, failed = rows.regression_test(), rows.regression_test()
    run_id = rows.run([passed, failed])
    rows.result(run_id, passed)
    rows.result(run_id, failed, exit_code=1)
    return run_id


def stable(name: str, value: str) -> str:
    """Give as much of a header as the same request always gets."""
    if name == 'Allow':
        return ', '.join(sorted(value.split(', ')))
    return '' if name in PASSING else value


def seen(answer: Answer) -> tuple[int, list[tuple[str, str]], bytes]:
    """Give all of an answer that the same request always gets."""
    return (answer.status,
            sorted((name, stable(name, value)) for name, value in answer.headers.items()),
            answer.body)


@pytest.mark.parametrize('method, path, status, content_type', [
    ('GET', '/', 200, 'text/html'),
    ('GET', '/test/', 200, 'text/html'),
    ('GET', '/test/{run_id}', 200, 'text/html'),
    ('GET', '/test/get_json_data/{run_id}', 200, 'application/json'),
    ('GET', '/test/2147483647', 404, 'text/html'),
    ('GET', '/no/such/page', 404, 'text/html'),
    ('POST', '/test/', 405, 'text/html'),
    ('OPTIONS', '/test/', 200, 'text/html'),
    ('GET', '/account/manage', 302, 'text/html'),
    ('GET', '/api/v1/no/such/resource', 404, 'application/json'),
    ('GET', '/api/v1/runs/{run_id}', 401, 'application/json'),
    ('PUT', '/api/v1/runs/{run_id}', 405, 'application/json'),
    ('POST', '/api/v1/runs', 401, 'application/json'),
    ('GET', '/api/v1/runs/{run_id}/no-such-thing', 404, 'application/json'),
    ('GET', '/api/v1/auth/tokens/1', 405, 'application/json'),
])
def test_a_stranger_sees_what_they_saw(client: Client, plain_client: Client, run_id: int, method: str, path: str,
                                       status: int, content_type: str) -> None:
    path = path.format(run_id=run_id)

    answer = client.ask(method, path)

    assert answer.status == status
    assert answer.headers.get_content_type() == content_type
    assert seen(answer) == seen(plain_client.ask(method, path))


@pytest.mark.parametrize('path, status', [
    ('/api/v1/runs/{run_id}', 200),
    ('/api/v1/runs/{run_id}/summary', 200),
    ('/api/v1/runs/2147483647', 404),
    ('/api/v1/runs/none', 400),
    ('/api/v1/users', 403),
])
def test_a_token_shows_what_it_showed(client: Client, plain_client: Client, token: Callable[..., str], run_id: int,
                                      path: str, status: int) -> None:
    path = path.format(run_id=run_id)

    answer = client.ask('GET', path, token=token())

    assert answer.status == status
    assert answer.headers.get_content_type() == 'application/json'
    assert seen(answer) == seen(plain_client.ask('GET', path, token=token()))


def test_only_the_mount_has_the_route(client: Client, plain_client: Client, run_id: int) -> None:
    assert client.retry(run_id, None).status == 401
    assert plain_client.retry(run_id, None).status == 404
