"""
What the macros of ``templates/runs_api/retry.html`` show on the host's pages.

A macro that is imported without context sees Jinja's globals only: these functions are there, as ``runs_api``.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, NamedTuple

from flask import g, url_for

from ..database.tables import MAX_REASON_LENGTH
from ..errors import RunsApiError
from ..extension import extension_state
from ..host.runtime import (logged_in_user, regression_test_page, run_page,
                            run_page_pattern)
from ..version import __version__
from .history import RetryHistory, read_history


class RetryButton(NamedTuple):
    """What the button of one run is written from."""

    run_id: int
    #: Where its retry is previewed and asked for.
    url: str


def retry_button(test: Any) -> RetryButton | None:
    """
    Return the button of a run, for a user who may press it.

    None if nobody is logged in, if their role does not allow it, and in a host without Flask-WTF: without a CSRF
    token a session proves nothing.
    """
    state = extension_state()
    user = logged_in_user()
    if user is None or user.role not in state.settings.retry_roles or find_spec('flask_wtf') is None:
        return None
    return RetryButton(test.id, url_for(f'{state.name}.retry', run_id=test.id))


def csrf_token() -> str:
    """Return the CSRF token of the current session, for the dialog to send back."""
    from flask_wtf.csrf import generate_csrf
    token: str = generate_csrf()
    return token


def retry_history(test: Any) -> RetryHistory | None:
    """
    Return what a run's page says of its attempts.

    None if there is only one, or if they cannot be read: the page has more to show than that.
    """
    try:
        return extension_state().transactions.read(read_history, int(test.id))
    except RunsApiError:
        return None


def first_use_on_page(name: str) -> bool:
    """Return whether this is the first call with a name on the current page."""
    used: set[str] = g.setdefault('runs_api_used_on_page', set())
    if name in used:
        return False
    used.add(name)
    return True


def asset_url(filename: str) -> str:
    """Return the address of the script or the style, which changes with the version."""
    return url_for(f'{extension_state().name}.static', filename=filename, v=__version__)


#: What the macros call.
GLOBALS: Mapping[str, Any] = {
    'asset_url': asset_url,
    'csrf_token': csrf_token,
    'first_use_on_page': first_use_on_page,
    'max_reason_length': MAX_REASON_LENGTH,
    'regression_test_page': regression_test_page,
    'retry_button': retry_button,
    'retry_history': retry_history,
    'run_page': run_page,
    'run_page_pattern': run_page_pattern,
}
