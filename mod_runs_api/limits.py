"""
How often somebody may ask: Flask-Limiter, on the routes of the blueprint only (contract section 1).

This module is imported by the first request that it counts, or by a mount that is told where to keep the counts:
Flask-Limiter takes longer to import than all else that the mount adds to the start of the host.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from logging import Logger
from types import SimpleNamespace
from typing import NamedTuple, cast

from flask import Flask, Response, request
from flask_limiter import ApplicationLimit, Limiter, RateLimitExceeded
from limits import parse_many
from limits.errors import ConfigurationError
from werkzeug.local import LocalProxy

from . import host
from .authentication import identify
from .errors import MountError, RateLimited
from .mount import current_mount

#: What the counts are kept under, beside whose they are.
SCOPE = 'mod_runs_api'


@dataclass(frozen=True)
class RouteLimiter:
    """The limiter of one application."""

    limiter: Limiter
    #: Counts the current request, and raises RateLimitExceeded where it is one too many.
    count: Callable[[], None]


def make_limiter(storage_uri: str) -> RouteLimiter:
    """
    Set up the limiter of one application.

    Parameters
    ----------
    storage_uri : str
        Where the counts are kept. The limit itself is read at each request.

    Returns
    -------
    RouteLimiter

    Raises
    ------
    MountError
        The storage is unknown, or its client library is not installed.
    """
    # A client that waits for ever for a server that does not answer would fail the request after all.
    patience = {'socket_timeout': 1, 'socket_connect_timeout': 1} if 'redis' in storage_uri else {}
    limiter = Limiter(
        requester_key,
        # One window for all of these routes: an "application limit" that is blind to the rest of the host.
        application_limits=[ApplicationLimit(lambda: current_mount().settings.rate_limit, scope=SCOPE)],
        storage_uri=storage_uri,
        storage_options=cast('dict[str, str | int]', patience),
        in_memory_fallback_enabled=True,
        headers_enabled=False,  # They would carry Retry-After on every answer: see add_headers.
    )
    # Where the operator looks; the library's own logger says nothing unless somebody sets it up.
    limiter.logger = cast(Logger, LocalProxy(host.log))
    # In the place of the application, whose RATELIMIT_* settings are for a limiter of its own, and which would have
    # this one called at every request. The other two hooks are not needed: headers are written by `add_headers`, and
    # what is noted of a request goes with it.
    before_request: list[Callable[[], None]] = []
    app = SimpleNamespace(config={}, extensions={}, before_request=before_request.append,
                          after_request=lambda _: None, teardown_request=lambda _: None)
    try:
        limiter.init_app(cast(Flask, app))
    except ConfigurationError:
        # Without the address: there may be a password in it.
        raise MountError('RUNS_API_RATE_LIMIT_STORAGE_URI names no storage that can be used: it is unknown to '
                         'Flask-Limiter, or its client library is not installed.') from None
    count, = before_request
    return RouteLimiter(limiter, count)


def requester_key() -> str:
    """Name whose requests are counted together: of a token, of a person on the pages, or of an address."""
    return identify().key or f'address:{request.remote_addr}'


def refusal(exceeded: RateLimitExceeded) -> RateLimited:
    """
    Turn a breach into the error of the contract.

    Parameters
    ----------
    exceeded : RateLimitExceeded
        What Flask-Limiter raised.

    Returns
    -------
    RateLimited
    """
    item = exceeded.limit.limit
    current = current_mount().route_limiter.limiter.current_limit
    # A limiter of the host's own may have raised it.
    own = current is not None and current.breached
    seconds = math.ceil(_window().reset_time - time.time()) if own else item.get_expiry()
    return RateLimited(retry_after=max(1, seconds), limit=item.amount, window=item.get_expiry())


def add_headers(response: Response) -> Response:
    """
    Tell the requester of the API how many requests are left.

    Parameters
    ----------
    response : Response
        Any answer of the API.

    Returns
    -------
    Response
    """
    window = _window()
    response.headers['X-RateLimit-Limit'] = str(window.limit)
    response.headers['X-RateLimit-Remaining'] = str(window.remaining)
    response.headers['X-RateLimit-Reset'] = str(math.ceil(window.reset_time))
    return response


class Window(NamedTuple):
    """The window that the current request is counted in."""

    limit: int
    remaining: int
    #: Unix time.
    reset_time: float


def _window() -> Window:
    mount = current_mount()
    current = mount.route_limiter.limiter.current_limit
    if current is not None:
        item, key = current.limit, current.request_args
    else:
        # A hook of the host failed before the limit was looked at, so nobody has asked yet who this is.
        item, key = min(parse_many(mount.settings.rate_limit)), [f'address:{request.remote_addr}', SCOPE]
    try:
        stats = mount.route_limiter.limiter.limiter.get_window_stats(item, *key)
    except Exception:
        # The storage went away since the limit was looked at; the next request finds that out and falls back.
        return Window(item.amount, 0, time.time() + item.get_expiry())
    return Window(item.amount, stats.remaining, stats.reset_time)
