"""The first request after the database was away."""

from __future__ import annotations

from flask import Response, current_app, request
from sqlalchemy.exc import DBAPIError

from . import host
from .authentication import IDENTITY_KEY
from .faults import causes

#: Kept in the environment of the request: ``flask.g`` may outlive one.
TRIED_KEY = 'mod_runs_api.second_try'


def second_try(error: Exception) -> Response | None:
    """
    Handle the current request once more where it failed on a connection that had died in the pool.

    The platform's engine does not look whether a pooled connection is alive, and its hooks use one before any route
    of the blueprint is reached. SQLAlchemy empties the pool when it meets the first dead one. What happens later is
    not for a second try: the transactions of the package look after their own connections, and may have done
    something.

    Parameters
    ----------
    error : Exception
        What a hook of the host raised.

    Returns
    -------
    Response or None
        The answer of the second try; None where the connection was not the trouble, or this was the second try.

    Raises
    ------
    Exception
        Whatever the second try raises.
    """
    died = any(isinstance(cause, DBAPIError) and cause.connection_invalidated for cause in causes(error))
    # Who asks is the first thing that the package itself looks at.
    if not died or IDENTITY_KEY in request.environ or TRIED_KEY in request.environ:
        return None
    request.environ[TRIED_KEY] = True
    host.give_up_request_session()
    try:
        answer = current_app.preprocess_request()
        if answer is None:
            answer = current_app.dispatch_request()
    except Exception as fault:
        # Raised while the first one is handled, it would pass for a consequence of it.
        for cause in causes(fault):
            if cause.__context__ is error:
                cause.__context__ = None
        raise
    return current_app.make_response(answer)
