"""
The session of a person who is logged in, in the place of a bearer token: for the platform's own pages only.

A cookie is sent along by every page of the web, so it counts only beside proofs that no other site's page can give:
the CSRF token of the session (Flask-WTF's, which the platform's forms have), JSON, and the browser's word that the
request comes from a page of the same origin.
"""

from __future__ import annotations

from flask import request

from .host import Person
from .mount import current_mount

#: The header that the page's script sends the CSRF token in.
CSRF_HEADER = 'X-CSRFToken'


def csrf_token() -> str:
    """
    Give the CSRF token of the current session, for a page of the host to send back.

    Returns
    -------
    str
    """
    from flask_wtf.csrf import generate_csrf
    token: str = generate_csrf()
    return token


def person() -> Person | None:
    """
    Give the person who pressed a button on a page of the host.

    Returns
    -------
    Person or None
        None where the request proves no such thing; why is not said.
    """
    if not (request.method == 'POST' and request.mimetype == 'application/json' and _from_the_same_origin()
            and _csrf_token_is_right()):
        return None
    return current_mount().host.person_logged_in()


def _from_the_same_origin() -> bool:
    # The scheme is not compared: behind a proxy the host may not know that it is spoken to by HTTPS.
    return (request.headers.get('Origin', '').partition('://')[2] == request.host
            and request.headers.get('Sec-Fetch-Site', 'same-origin') == 'same-origin')


def _csrf_token_is_right() -> bool:
    sent = request.headers.get(CSRF_HEADER)
    if not sent:
        return False
    try:
        from flask_wtf.csrf import validate_csrf
    except ModuleNotFoundError:
        return False  # A host without Flask-WTF has no such pages.
    from wtforms import ValidationError
    try:
        validate_csrf(sent)
    except ValidationError:
        return False
    return True
