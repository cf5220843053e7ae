"""The rate limits of the API, by Flask-Limiter (docs/settings.rst)."""

import math
import time
from contextlib import suppress

from flask import Flask, Response, current_app
from flask_limiter import Limiter, RateLimitExceeded, RouteLimit
from limits import RateLimitItemPerMinute

from ..errors import MountError
from ..extension import is_api_request
from ..settings import Settings, storage_options
from .auth import rate_limit_key, requester
from .errors import RateLimited

#: The key of the limiter in ``app.extensions``. Flask-Limiter keeps those of the platform under its own key.
KEY = 'mod_runs_api.limiter'
#: How many previews of a user ask GitHub, which allows the platform 5,000 requests an hour for everything.
PREVIEWS_THAT_ASK = RateLimitItemPerMinute(5)


def create_limiter(app: Flask, settings: Settings) -> Limiter:
    """Return a limiter that is set up in an application. Raises :exc:`MountError` if its cluster is away."""
    limiter = Limiter(
        rate_limit_key,
        strategy='fixed-window',
        storage_uri=settings.rate_limit_storage_uri,
        storage_options=storage_options(settings.rate_limit_storage_uri),
        # Without the storage each process counts for itself, and a request that cannot be counted is let through.
        in_memory_fallback_enabled=True,
        swallow_errors=True,
        headers_enabled=False)
    # The effect of the platform's own RATELIMIT_* settings here: docs/settings.rst, "Where requests are counted".
    limiter.request_filter(lambda: not is_api_request())
    try:
        limiter.init_app(app)
    except Exception as error:  # The settings are checked, but a cluster of Redis is connected to only here.
        # Neither the URI nor the message of the error: there may be a password in them.
        raise MountError('RUNS_API_RATE_LIMIT_STORAGE_URI names a cluster that cannot be reached '
                         f'({type(error).__name__}).') from None
    app.extensions[KEY] = limiter
    return limiter


def create_limit(limiter: Limiter, settings: Settings, method: str) -> RouteLimit:
    """Return the limit of routes with a method: ``POST`` has one window over all routes, and reading another."""
    if method == 'POST':
        return limiter.shared_limit(settings.rate_limit, 'mod_runs_api')
    return limiter.shared_limit(settings.read_rate_limit, 'mod_runs_api read')


def count_preview() -> bool:
    """Count a preview that would ask GitHub, and return whether it is one of the first of its user in a minute."""
    user_id = str(requester().id)
    try:
        return bool(current_app.extensions[KEY].limiter.hit(PREVIEWS_THAT_ASK, 'mod_runs_api github', user_id))
    except Exception:  # As a request, a preview that cannot be counted is let through.
        return True


def rate_limit_error(exceeded: RateLimitExceeded) -> RateLimited:
    """Return the API's error for one of Flask-Limiter's."""
    item = exceeded.limit.limit
    current = current_app.extensions[KEY].current_limit
    seconds = item.get_expiry()
    with suppress(Exception):  # The storage may have gone away since: the window ends in its full length at the latest.
        # Flask-Limiter rounds the end up.
        seconds = min(seconds, math.ceil(current.reset_at - time.time())) if current else seconds
    return RateLimited(retry_after=max(1, seconds), limit=item.amount, window=item.get_expiry())


def add_rate_limit_headers(response: Response) -> None:
    """Add the headers of the rate limit to a response, if the request was counted."""
    # Flask-Limiter's own headers would put Retry-After on every answer, and change that of a 503.
    current = current_app.extensions[KEY].current_limit
    if current is not None:
        with suppress(Exception):  # As above. A window that cannot be read has no headers.
            response.headers.update({'X-RateLimit-Limit': str(current.limit.amount),
                                     'X-RateLimit-Remaining': str(current.remaining),
                                     'X-RateLimit-Reset': str(current.reset_at)})
