"""
What the macros of ``templates/runs_api/retry.html`` show on the host's pages, and the script and style they need.

A macro that is imported without context sees Jinja's globals only: these functions are there, as ``runs_api``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from flask import Response, abort, request, url_for
from flask.blueprints import BlueprintSetupState

from . import host, page_session, service
from .errors import RunsApiError
from .family import Attempt
from .mount import current_mount
from .tables import REASON_LENGTH

#: What has been written on the current page once and need not be again: kept in the environment of the request.
WRITTEN_KEY = 'mod_runs_api.written'

#: How many later runs of a family a page lists: the newest.
LISTED = 10

#: The script and the style, by the end of their names.
TYPES = {'js': 'text/javascript', 'css': 'text/css'}


def _contents() -> dict[str, bytes]:
    return {kind: Path(__file__).with_name('static').joinpath(f'retry.{kind}').read_bytes() for kind in TYPES}


#: Read when the package is imported: a file that changes under a running server would not be what its name says.
CONTENTS = _contents()

#: Named by what is in them, so that browsers may keep them for good and yet never have an old one.
NAMES = {kind: f'retry.{sha256(content).hexdigest()[:16]}.{kind}' for kind, content in CONTENTS.items()}


@dataclass(frozen=True)
class Button:
    """
    What the button of one run is written from.

    Attributes
    ----------
    run_id : int
        The run.
    url : str
        Where its retry is asked for.
    failed : int or None
        How many tests a retry of the failed ones would run; None where they were not counted.
    refusal : str or None
        Why there can be no such retry.
    """

    run_id: int
    url: str
    failed: int | None
    refusal: str | None


@dataclass(frozen=True)
class Relatives:
    """
    What a run's page says of its family.

    Attributes
    ----------
    run_id : int
        The run.
    root_run_id : int
        The first run of the family.
    own : Attempt or None
        What the run itself is a retry of; None where it is the first.
    later : list of Attempt
        The runs of the family that came after it, by run id: the newest of them.
    left_out : int
        How many more there are.
    """

    run_id: int
    root_run_id: int
    own: Attempt | None
    later: list[Attempt]
    left_out: int


def button(test: Any, counted: bool) -> Button | None:
    """
    Give what the button of one run is written from, for a person who may press it.

    Parameters
    ----------
    test : Test
        The run, as the host's model.
    counted : bool
        Whether to count its failed tests, which takes a statement or two: for the page of one run, not for a list.

    Returns
    -------
    Button or None
        None where nobody is logged in, where their role does not allow it, and in a host without Flask-WTF: there is
        no CSRF token then that a session could be believed by.
    """
    mount = current_mount()
    person = mount.host.person_logged_in()
    if person is None or person.role not in mount.settings.retry_roles or find_spec('flask_wtf') is None:
        return None
    run_id = mount.host.run_id(test)
    failed, refusal = None, None
    if counted:
        try:
            failed = service.count_failed(mount, run_id)
        except RunsApiError as error:
            refusal = _sentence(error)
    return Button(run_id, url_for(f'{mount.name}.retry', run_id=run_id), failed, refusal)


def _sentence(error: RunsApiError) -> str:
    inactive = error.details.get('inactive_ids')
    return f'{error.message} ({", ".join(map(str, inactive))})' if inactive else error.message


def relatives(test: Any) -> Relatives | None:
    """
    Give what the page of a run says of its family.

    Parameters
    ----------
    test : Test
        The run, as the host's model.

    Returns
    -------
    Relatives or None
        None for a family of one, and where the family cannot be read: the page has more to show than that.
    """
    mount = current_mount()
    run_id = mount.host.run_id(test)
    try:
        family = service.family_of(mount, run_id)
    except RunsApiError:
        return None
    if len(family.attempts) == 1:
        return None
    own = next(attempt for attempt in family.attempts if attempt.run_id == run_id)
    later = [attempt for attempt in family.attempts if attempt.run_id > run_id]
    return Relatives(run_id, family.root_run_id, None if own.source_run_id is None else own, later[-LISTED:],
                     max(0, len(later) - LISTED))


def once(name: str) -> bool:
    """
    Tell whether something is not on the current page yet, and take it that it is now.

    Parameters
    ----------
    name : str
        What is to be written once, however often a macro is called.

    Returns
    -------
    bool
    """
    written: set[str] = request.environ.setdefault(WRITTEN_KEY, set())
    if name in written:
        return False
    written.add(name)
    return True


def asset_url(kind: str) -> str:
    """
    Give the address of the script or the style.

    Parameters
    ----------
    kind : str
        "js" or "css".

    Returns
    -------
    str
    """
    return url_for(f'{current_mount().name}.asset', name=NAMES[kind])


def asset(name: str) -> Response:
    """
    Answer with the script or the style: ``GET /retry-assets/{name}``.

    Parameters
    ----------
    name : str
        With the hash of the content.

    Returns
    -------
    Response
        To be kept for good; 404 for any other name.
    """
    for kind, known in NAMES.items():
        if name == known:
            response = Response(CONTENTS[kind], mimetype=TYPES[kind])
            response.headers['Cache-Control'] = 'public, max-age=31536000, immutable'
            response.headers['X-Content-Type-Options'] = 'nosniff'
            return response
    abort(404)


#: What the macros call.
GLOBALS: Mapping[str, Any] = {
    'asset_url': asset_url,
    'button': button,
    'csrf_token': page_session.csrf_token,
    'once': once,
    'reason_length': REASON_LENGTH,
    'relatives': relatives,
    'run_page': host.run_page,
    'run_page_of_any': host.run_page_of_any,
}


def register(state: BlueprintSetupState) -> None:
    """
    Add the route of the script and the style, and what the macros call, to an application.

    Parameters
    ----------
    state : BlueprintSetupState
        Of the registration.
    """
    state.add_url_rule('/retry-assets/<name>', 'asset', asset)
    state.app.jinja_env.globals['runs_api'] = GLOBALS
