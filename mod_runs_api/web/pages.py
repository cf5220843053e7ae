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
from sqlalchemy import Connection

from ..errors import RunsApiError
from ..extension import ExtensionState, extension_state
from ..host.runtime import regression_test_page, run_page, run_page_pattern
from ..retry import RetryRequest, choose_tests, find_source
from ..service import read_for_page
from ..summary import hint
from ..validation import MAX_REASON_LENGTH
from ..version import __version__
from .history import RetryHistory, read_history
from .session import csrf_token


@dataclass(frozen=True)
class RetryButton:
    """What the button of one run is written from."""

    run_id: int
    #: Where its retry is asked for.
    url: str
    #: The tests that a full retry would run; None if they were not looked up, or if it would be refused.
    all_tests: list[int] | None = None
    #: The same for a failed-only retry.
    failed_tests: list[int] | None = None
    #: Why there can be no failed-only retry.
    refusal: str | None = None
    #: What the attempts so far have shown about the failed tests.
    hint: str = ''


def retry_button(test: Any, with_tests: bool) -> RetryButton | None:
    """
    Return the button of a run, for a user who may press it.

    None if nobody is logged in, if their role does not allow it, and in a host without Flask-WTF: without a CSRF
    token a session proves nothing. Finding the tests takes a few statements: for the page of one run, not for a list.
    """
    state = extension_state()
    user = state.runtime.logged_in_user()
    if user is None or user.role not in state.settings.retry_roles or find_spec('flask_wtf') is None:
        return None
    run_id = state.runtime.run_id(test)
    url = url_for(f'{state.name}.retry', run_id=run_id)
    if not with_tests:
        return RetryButton(run_id, url)
    all_tests, _ = _find_tests(state, run_id, failed_only=False)
    failed_tests, refusal = _find_tests(state, run_id, failed_only=True)
    history = retry_history(test)
    verdict = history.verdict if history else None
    return RetryButton(run_id, url, all_tests, failed_tests, refusal,
                       hint(verdict, failed_tests) if verdict and failed_tests else '')


def _find_tests(state: ExtensionState, run_id: int, failed_only: bool) -> tuple[list[int] | None, str | None]:
    """Return the tests that a retry would run, or else why it would be refused."""
    request = RetryRequest(run_id=run_id, failed_only=failed_only, drop_inactive=state.settings.drop_inactive_tests)

    def work(connection: Connection) -> list[int]:
        return choose_tests(connection, state.tables, request, find_source(connection, state.tables, run_id))

    try:
        return read_for_page(state, work), None
    except RunsApiError as error:
        return None, _to_sentence(error)


def _to_sentence(error: RunsApiError) -> str:
    inactive = error.details.get('inactive_ids')
    return f'{error.message} ({", ".join(map(str, inactive))})' if inactive else error.message


def retry_history(test: Any) -> RetryHistory | None:
    """
    Return what a run's page says of its attempts, read once for a page.

    None if there is only one, or if they cannot be read: the page has more to show than that.
    """
    state = extension_state()
    run_id = state.runtime.run_id(test)
    found: dict[int, RetryHistory | None] = g.setdefault('runs_api_retry_histories', {})
    if run_id not in found:
        try:
            found[run_id] = read_for_page(state, lambda connection: read_history(connection, state.tables, run_id))
        except RunsApiError:
            found[run_id] = None
    return found[run_id]


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
