"""
The functions of the macros in ``templates/runs_api/retry.html`` (docs/web-pages.rst).

A macro that is imported without context sees only Jinja's globals. These functions are there, as ``runs_api``.
"""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from flask import request, url_for

from ..domain.history import PageNotes
from ..domain.retry import MAX_REASON_LENGTH
from ..extension import extension_state
from ..log import describe, log
from ..platform.runtime import (logged_in_user, regression_test_page, run_page,
                                run_page_pattern)
from ..service.history import read_list_notes, read_page_notes

#: A part of each static file's address that changes with its content, because browsers cache the files for a year.
DIGESTS = {name: sha256(Path(__file__).with_name('static').joinpath(name).read_bytes()).hexdigest()[:16]
           for name in ('retry.css', 'retry.js')}


def retry_url(test: Any) -> str | None:
    """Return the address of a run's preview and retry; None if the visitor may not retry it, and has no button."""
    state = extension_state()
    user = logged_in_user()
    if user is None or not state.settings.retry_rules.allow(user):
        return None
    return url_for(state.endpoint('retry'), run_id=test.id)


def csrf_token() -> str:
    """Return the CSRF token of the current session. The dialog sends it back."""
    from flask_wtf.csrf import generate_csrf
    return str(generate_csrf())


def notes_of(test: Any) -> PageNotes:
    """Return what the page of a run says about retries, read once for the page; nothing on any error."""
    # In the platform's tests flask.g outlives a request, so it is kept in the request's environment.
    notes: dict[int, PageNotes] = request.environ.setdefault('mod_runs_api.notes', {})
    if test.id not in notes:
        notes[test.id] = PageNotes()
        state = extension_state()
        try:
            notes[test.id] = state.transactions.read(read_page_notes, state, int(test.id),
                                                     has_button=retry_url(test) is not None)
        except Exception as fault:
            log.error(f'the attempts of run {test.id} are missing on its page: {describe(fault)}')
    return notes[test.id]


def sources_of(tests: Iterable[Any]) -> dict[int, int]:
    """Return the source of each run of a list that is a retry, in one statement for the list; nothing on any error."""
    try:
        return extension_state().transactions.read(read_list_notes, [int(test.id) for test in tests])
    except Exception as fault:
        log.error(f'the retries are not marked in the list of runs: {describe(fault)}')
        return {}


def first_use_on_page(name: str) -> bool:
    """Return whether this is the first call with a name on the current page."""
    used: set[str] = request.environ.setdefault('mod_runs_api.used_on_page', set())
    if name in used:
        return False
    used.add(name)
    return True


def asset_url(filename: str) -> str:
    """Return the address of the script or the style, which changes with its content."""
    return url_for(extension_state().endpoint('static'), filename=filename, v=DIGESTS[filename])


#: ``runs_api`` in the macros.
GLOBALS: dict[str, Any] = {
    'asset_url': asset_url,
    'csrf_token': csrf_token,
    'first_use_on_page': first_use_on_page,
    'max_reason_length': MAX_REASON_LENGTH,
    'notes_of': notes_of,
    'regression_test_page': regression_test_page,
    'retry_url': retry_url,
    'run_page': run_page,
    'run_page_pattern': run_page_pattern,
    'sources_of': sources_of,
}
