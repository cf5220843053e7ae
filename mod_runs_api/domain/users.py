"""
Users of the platform, and their bearer tokens (docs/api.rst, "Tokens").

A token is ``spci_`` and a secret. The database holds its first 16 characters, to look it up, and its SHA-256 digest,
never the token itself.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .. import clock

#: How long the login of a GitHub account may be.
MAX_LOGIN_LENGTH = 39

TOKEN_PREFIX = 'spci_'
TOKEN_PREFIX_LENGTH = 16
#: A longer secret is not looked up. The platform's tokens have 48 characters.
MAX_TOKEN_LENGTH = 255


@dataclass(frozen=True)
class User:
    """A user."""

    id: int
    name: str | None
    role: str | None

    @classmethod
    def from_row(cls, id: int, name: str | None, role: str | None) -> 'User':
        """Return the user from a row. Like the platform, ignore blanks around the role."""
        return cls(id, name, None if role is None else role.strip())

    @property
    def is_deactivated(self) -> bool:
        """Whether the account was deactivated: the platform blanks the name, but leaves role and GitHub account."""
        return not self.name or self.name == f'Anonymous {self.id}'


def name_requester(user: User | None, author_login: str | None) -> str | None:
    """Return who requested a retry: a user, or else the author of a pull request; None for neither."""
    if author_login is not None and (user is None or user.is_deactivated):
        return f'{author_login} on GitHub'
    return None if user is None else user.name


@dataclass(frozen=True)
class Token:
    """A token, with the methods that Authlib's validator calls."""

    id: int
    user: User
    scopes: tuple[str, ...]
    digest: str = field(repr=False)
    expires_at: datetime | None
    revoked_at: datetime | None

    def belongs_to(self, secret: str) -> bool:
        """Return whether a secret is the secret of this token."""
        return hmac.compare_digest(hashlib.sha256(secret.encode()).hexdigest().encode(), self.digest.encode())

    def is_expired(self) -> bool:
        """Return whether the token has expired."""
        return self.expires_at is None or clock.to_utc(self.expires_at) <= clock.now()

    def is_revoked(self) -> bool:
        """Return whether the token was revoked."""
        return self.revoked_at is not None

    def get_scope(self) -> str:
        """Return the scopes as OAuth writes them."""
        return ' '.join(self.scopes)


def is_well_formed(secret: str) -> bool:
    """Return whether a secret has the form of a token, so that a look-up is worthwhile."""
    return secret.startswith(TOKEN_PREFIX) and secret.isascii() and len(secret) <= MAX_TOKEN_LENGTH


def read_scopes(scopes_json: Any) -> tuple[str, ...]:
    """Return the scopes of a token from the stored JSON list. Anything else has no scopes."""
    try:
        scopes = json.loads(scopes_json)
    except (TypeError, ValueError, RecursionError):
        return ()
    return tuple(scope for scope in scopes if isinstance(scope, str)) if isinstance(scopes, list) else ()
