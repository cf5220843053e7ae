"""Requests to an application in this process, without a server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from werkzeug.test import EnvironBuilder

#: The path of the request that does nothing.
NOTHING = '/benchmark/nothing'

Environ = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What the application answered."""

    status: int
    body: bytes


def call(app: Any, environ: Environ) -> Answer:
    """Have an application handle a request, up to the moment when a server has all of the answer."""
    said: list[str] = []

    def start(status: str, _headers: Any, _error: Any = None) -> Any:
        said.append(status)

    parts = app(environ, start)
    try:
        body = b''.join(parts)
    finally:
        if hasattr(parts, 'close'):
            parts.close()
    return Answer(int(said[0][:3]), body)


def request(method: str, path: str, token: str | None = None, key: str | None = None, body: Any = None,
            base_url: str | None = None) -> Environ:
    """Write a request down."""
    headers = [] if token is None else [('Authorization', f'Bearer {token}')]
    if key is not None:
        headers.append(('Idempotency-Key', key))
    return EnvironBuilder(path, base_url, method=method, headers=headers, json=body).get_environ()


def expecting(status: int) -> Callable[[Answer], None]:
    """Fail for an answer of any other status."""
    def check(answer: Answer) -> None:
        if answer.status != status:
            raise AssertionError(f'{answer.status} instead of {status}: {answer.body!r}')

    return check
