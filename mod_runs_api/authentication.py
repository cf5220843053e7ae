"""Who asks, and may they (contract section 1)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import cast

from flask import request

from . import page_session
from .errors import Forbidden, Unauthorized
from .host import Person

#: What the tokens are for, as the challenge of a 401 calls it.
REALM = 'runs-api'

#: What a person may do from a page of the host, as far as the role lets them.
PAGE_SCOPES = ('runs:write',)

#: Kept in the environment of the request: ``flask.g`` may outlive one.
IDENTITY_KEY = 'mod_runs_api.identity'


@dataclass(frozen=True)
class Identity:
    """
    What is known of the requester of this request.

    Attributes
    ----------
    person : Person or None
        Who it is; None where they did not prove it.
    scopes : tuple of str
        What their token allows, or the session of a page.
    key : str or None
        Whose requests theirs are counted with, where they are known.
    error : Exception or None
        What to refuse them with, where they are not.
    """

    person: Person | None = None
    scopes: tuple[str, ...] = ()
    key: str | None = None
    error: Exception | None = None


def identify() -> Identity:
    """Authenticate the current request, once. A fault of the database is kept for :func:`require`."""
    identity: Identity | None = request.environ.get(IDENTITY_KEY)
    if identity is None:
        try:
            identity = _by_token() if 'Authorization' in request.headers else _by_page()
        except Exception as error:
            identity = Identity(error=error)
        request.environ[IDENTITY_KEY] = identity
    return identity


def _by_token() -> Identity:
    # Here, because Authlib takes longer to import than most that the mount adds to the start of the host.
    from . import bearer
    token = bearer.token()
    return Identity(token.person, token.scopes, f'token:{token.id}')


def _by_page() -> Identity:
    person = page_session.person()
    if person is None:
        return Identity(error=Unauthorized(presented=False))
    return Identity(person, PAGE_SCOPES, f'person:{person.id}')


def require(scope: str, roles: Collection[str] | None = None) -> Person:
    """
    Give the person who sent the current request, where they may do what it asks for.

    Parameters
    ----------
    scope : str
        What their token must allow.
    roles : collection of str, optional
        The roles of which they must have one; any will do by default.

    Returns
    -------
    Person

    Raises
    ------
    Unauthorized
        There is no valid token.
    Forbidden
        The token lacks the scope, or the person the role.
    """
    identity = identify()
    if identity.error is not None:
        raise identity.error
    if scope not in identity.scopes:
        raise Forbidden.by_scope(scope, identity.scopes)
    person = cast(Person, identity.person)
    if roles is not None and person.role not in roles:
        raise Forbidden.by_role(roles, person.role)
    return person
