"""Who asks, and may they: Authlib's resource protector on the host's tokens (contract section 1)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from authlib.integrations.flask_oauth2 import ResourceProtector
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6750 import BearerTokenValidator
from flask import request

from . import tokens, transaction
from .errors import Forbidden, Unauthorized
from .mount import current_mount
from .tokens import Person, Token

#: What the tokens are for, as the challenge of a 401 calls it.
REALM = 'runs-api'

#: Kept in the environment of the request: ``flask.g`` may outlive one.
IDENTITY_KEY = 'mod_runs_api.identity'


class TokenValidator(BearerTokenValidator):
    """Looks tokens up among those of the current application."""

    def authenticate_token(self, token_string: str) -> Token | None:
        """Find the token, whatever was sent as one."""
        mount = current_mount()
        return transaction.run(
            mount.host.session,
            lambda session, _: tokens.find(session, mount.host, mount.api_tokens, token_string.strip()),
            commit=False)


protector = ResourceProtector()
protector.register_token_validator(TokenValidator())


@dataclass(frozen=True)
class Identity:
    """What is known of the requester of this request: a valid token, or why there is none."""

    token: Token | None = None
    error: Exception | None = None


def identify() -> Identity:
    """Authenticate the current request, once. A fault of the database is kept for :func:`require`."""
    identity: Identity | None = request.environ.get(IDENTITY_KEY)
    if identity is None:
        try:
            identity = Identity(token=protector.acquire_token())  # type: ignore[no-untyped-call]
        except OAuth2Error:
            identity = Identity(error=Unauthorized(presented='Authorization' in request.headers))
        except Exception as error:
            identity = Identity(error=error)
        request.environ[IDENTITY_KEY] = identity
    return identity


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
    if identity.token is None:
        raise identity.error or Unauthorized()
    if scope not in identity.token.scopes:
        raise Forbidden.by_scope(scope, identity.token.scopes)
    person = identity.token.person
    if roles is not None and person.role not in roles:
        raise Forbidden.by_role(roles, person.role)
    return person
