"""
The session of a logged-in user in the place of a bearer token, for the platform's own pages only.

Browsers send the cookie with requests from any site, so it counts only beside proofs that no other site can give:
the CSRF token of the session (Flask-WTF's, which the platform's forms have), JSON, and the browser's word that the
request comes from a page of the same origin.
"""

from __future__ import annotations

from flask import request

from ..extension import extension_state
from ..host.models import User

#: The header in which the page's script sends the CSRF token.
CSRF_HEADER = 'X-CSRFToken'


def csrf_token() -> str:
    """Return the CSRF token of the current session, for a page of the host to send back."""
    from flask_wtf.csrf import generate_csrf
    token: str = generate_csrf()
    return token


def user_of_session() -> User | None:
    """Return the user who pressed a button on a page of the host, or None if the request does not prove it."""
    if request.method != 'POST' or request.mimetype != 'application/json':
        return None
    if not _is_same_origin() or not _has_valid_csrf_token():
        return None
    return extension_state().runtime.logged_in_user()


def _is_same_origin() -> bool:
    # The scheme is not compared: behind a proxy the host may not know that it is asked over HTTPS.
    has_own_origin = request.headers.get('Origin', '').partition('://')[2] == request.host
    # Older browsers do not send it.
    return has_own_origin and request.headers.get('Sec-Fetch-Site', 'same-origin') == 'same-origin'


def _has_valid_csrf_token() -> bool:
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
