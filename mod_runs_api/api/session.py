"""
The session of a logged-in user in place of a bearer token, for the platform's own pages only.

Browsers send the cookie with requests from any site. Therefore the session counts only with proofs that no other site
can give: the CSRF token of the session (Flask-WTF's), and headers that show a page of the same origin. A body must also
be JSON. See docs/api.rst, "The session in place of a token".
"""

from flask import request

from ..domain.users import User
from ..extension import extension_state
from ..platform.runtime import logged_in_user

#: The header in which the page's script sends the CSRF token.
CSRF_HEADER = 'X-CSRFToken'


def user_of_session() -> User | None:
    """Return the user who pressed the button on a page of the platform; None if the request does not prove it."""
    state = extension_state()
    if request.endpoint not in (state.endpoint('preview'), state.endpoint('retry')):
        return None  # The button uses no other route.
    if request.method == 'POST' and request.mimetype != 'application/json':
        return None
    if not _is_same_origin() or not _has_valid_csrf_token():
        return None
    return logged_in_user()


def _is_same_origin() -> bool:
    # Older browsers do not send this header.
    if request.headers.get('Sec-Fetch-Site', 'same-origin') != 'same-origin':
        return False
    origin = request.headers.get('Origin')
    if origin is None:
        # Browsers send no Origin with a GET to the same origin.
        return request.method in ('GET', 'HEAD')
    # The scheme is not compared, because behind a proxy the platform may not know that it is requested over HTTPS.
    return origin.partition('://')[2] == request.host


def _has_valid_csrf_token() -> bool:
    sent = request.headers.get(CSRF_HEADER)
    if not sent:
        return False
    from flask_wtf.csrf import validate_csrf
    from wtforms import ValidationError
    try:
        validate_csrf(sent)
    except ValidationError:
        return False
    return True
