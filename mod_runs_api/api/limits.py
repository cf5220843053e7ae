"""The rate limit of the API, by Flask-Limiter (docs/settings.rst)."""

from __future__ import annotations

import math
import time
from typing import NamedTuple

from flask import Flask, Response, request
from flask_limiter import Limiter, RateLimitExceeded, RequestLimit
from limits.errors import ConfigurationError

from ..errors import MountError
from ..extension import extension_state
from ..settings import Settings
from .auth import rate_limit_key
from .errors import RateLimited

#: All routes of the API share one window.
SCOPE = 'mod_runs_api'


def create_limiter(app: Flask, settings: Settings, api_endpoints: frozenset[str]) -> Limiter:
    """Return a limiter that is set up in an application. Raises :exc:`MountError` if its storage cannot be used."""
    limiter = Limiter(
        rate_limit_key,
        strategy='fixed-window',
        storage_uri=settings.rate_limit_storage_uri,
        # A frozen Redis must not keep people waiting.
        storage_options=({'socket_timeout': 1, 'socket_connect_timeout': 1}
                         if settings.rate_limit_storage_uri.startswith('redis') else {}),
        # Without the storage each process counts for itself, and a request that cannot be counted is let through.
        in_memory_fallback_enabled=True,
        swallow_errors=True,
        # Flask-Limiter's headers would put Retry-After on every answer: see `add_rate_limit_headers`.
        headers_enabled=False)
    # What the host's own RATELIMIT_* settings do here: docs/settings.rst, "Flask-Limiter's own settings".
    limiter.request_filter(lambda: request.endpoint not in api_endpoints)
    try:
        limiter.init_app(app)
    except (ConfigurationError, ValueError):  # ValueError: it is no valid URI.
        # Without the address: there may be a password in it.
        raise MountError('RUNS_API_RATE_LIMIT_STORAGE_URI names no storage that can be used: it is no valid URI, it is '
                         'unknown to Flask-Limiter, or its client library is not installed.') from None
    return limiter


def rate_limit_error(exceeded: RateLimitExceeded) -> RateLimited:
    """Return the API's error for one of Flask-Limiter's."""
    item = exceeded.limit.limit
    current = extension_state().limiter.current_limit
    window = None if current is None or not current.breached else _read_window(current)
    # Without a window of ours, a limiter of the host's own has raised it.
    seconds = item.get_expiry()
    if window is not None:
        # Flask-Limiter rounds the end of the window up.
        seconds = min(seconds, math.ceil(window.reset_at - time.time()))
    return RateLimited(retry_after=max(1, seconds), limit=item.amount, window=item.get_expiry())


def add_rate_limit_headers(response: Response) -> None:
    """Add how many requests are left to a response, if the request was counted."""
    current = extension_state().limiter.current_limit
    window = None if current is None else _read_window(current)
    if window is not None:
        response.headers['X-RateLimit-Limit'] = str(window.limit)
        response.headers['X-RateLimit-Remaining'] = str(window.remaining)
        response.headers['X-RateLimit-Reset'] = str(window.reset_at)


class Window(NamedTuple):
    """The window that a request was counted in."""

    limit: int
    remaining: int
    #: Unix time.
    reset_at: int


def _read_window(current: RequestLimit) -> Window | None:
    """Return the window of a request that was counted; None if the storage has gone away since."""
    item = current.limit
    try:
        return Window(item.amount, current.remaining, current.reset_at)
    except Exception:
        if not current.breached:
            return None
        # It was counted as one too many, so this much is known: the window ends in its full length at the latest.
        return Window(item.amount, 0, int(time.time()) + item.get_expiry())
