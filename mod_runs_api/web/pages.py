"""
What the macros of ``templates/runs_api/retry.html`` show on the host's pages.

A macro that is imported without context sees Jinja's globals only: these functions are there, as ``runs_api``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from flask import g, url_for

from ..attempts import Attempt
from ..errors import RunsApiError
from ..extension import extension_state
from ..host.runtime import run_page, run_page_pattern
from ..service import attempts_of, count_failed
from ..validation import MAX_REASON_LENGTH
from ..version import __version__
from .session import csrf_token

#: How many attempts a page lists: the newest.
LISTED = 10


@dataclass(frozen=True)
class RetryButton:
    """What the button of one run is written from."""

    run_id: int
    #: Where its retry is asked for.
    url: str
    #: How many tests a failed-only retry would run; None where they were not counted.
    failed: int | None
    #: Why there can be no failed-only retry.
    refusal: str | None


@dataclass(frozen=True)
class RetryHistory:
    """What a run's page says of its attempts."""

    run_id: int
    root_run_id: int
    #: The run itself; None where it is the first.
    own: Attempt | None
    #: The attempts after it, by run id: the newest of them.
    later: list[Attempt]
    #: How many more there are.
    left_out: int


def retry_button(test: Any, counted: bool) -> RetryButton | None:
    """
    Return the button of a run, for a user who may press it.

    None where nobody is logged in, where their role does not allow it, and in a host without Flask-WTF: without a CSRF
    token a session proves nothing. Counting the failed tests takes a few statements: for the page of one run, not for
    a list.
    """
    state = extension_state()
    user = state.host.logged_in_user()
    if user is None or user.role not in state.settings.retry_roles or find_spec('flask_wtf') is None:
        return None
    run_id = state.host.run_id(test)
    failed, refusal = None, None
    if counted:
        try:
            failed = count_failed(state, run_id)
        except RunsApiError as error:
            refusal = _to_sentence(error)
    return RetryButton(run_id, url_for(f'{state.name}.retry', run_id=run_id), failed, refusal)


def _to_sentence(error: RunsApiError) -> str:
    inactive = error.details.get('inactive_ids')
    return f'{error.message} ({", ".join(map(str, inactive))})' if inactive else error.message


def retry_history(test: Any) -> RetryHistory | None:
    """
    Return what a run's page says of its attempts.

    None where there is one only, and where they cannot be read: the page has more to show than that.
    """
    state = extension_state()
    run_id = state.host.run_id(test)
    try:
        found = attempts_of(state, run_id, limit=100, on_page=True)
    except RunsApiError:
        return None
    if len(found.attempts) == 1:
        return None
    own = next(attempt for attempt in found.attempts if attempt.run_id == run_id)
    later = [attempt for attempt in found.attempts if attempt.run_id > run_id]
    return RetryHistory(run_id, found.root_run_id, None if own.source_run_id is None else own, later[-LISTED:],
                        max(0, len(later) - LISTED))


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
    'retry_button': retry_button,
    'retry_history': retry_history,
    'run_page': run_page,
    'run_page_pattern': run_page_pattern,
}
