"""
Bearer tokens: the platform's own as they are, or the package's own if the platform has none.

A token is ``spci_`` and a secret. The database holds its first 16 characters, to look it up, and its SHA-256 digest,
never the token itself.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from . import clock
from .database import Database
from .database.users import find_tokens, write_token
from .host.models import User

PREFIX = 'spci_'
PREFIX_LENGTH = 16
#: Longer ones are not looked up. The platform's have 48 characters.
MAX_LENGTH = 255

SCOPES = ('runs:read', 'runs:write', 'results:read')


@dataclass(frozen=True)
class Token:
    """A token that was presented, in the shape that Authlib's validator asks for."""

    id: int
    user: User
    scopes: tuple[str, ...]
    expires_at: datetime | None
    revoked_at: datetime | None

    def is_expired(self) -> bool:
        """Return whether its time is over."""
        return self.expires_at is None or clock.to_utc(self.expires_at) <= clock.now()

    def is_revoked(self) -> bool:
        """Return whether it was revoked."""
        return self.revoked_at is not None

    def get_scope(self) -> str:
        """Return its scopes as OAuth writes them."""
        return ' '.join(self.scopes)


def read_scopes(scopes_json: Any) -> tuple[str, ...]:
    """Return the scopes of a token, which are stored as a JSON list. There are none in anything else."""
    try:
        scopes = json.loads(scopes_json)
    except (TypeError, ValueError, RecursionError):
        return ()
    return tuple(scope for scope in scopes if isinstance(scope, str)) if isinstance(scopes, list) else ()


def find_token(db: Database, secret: str) -> Token | None:
    """
    Return the token that a secret belongs to, whether it is still valid or not.

    Tokens of deactivated accounts are not found.
    """
    if not (secret.startswith(PREFIX) and secret.isascii() and len(secret) <= MAX_LENGTH):
        return None
    digest = _digest(secret).encode()
    for row in find_tokens(db, secret[:PREFIX_LENGTH]):
        user = User.from_row(row.user_id, row.user_name, row.user_role)
        if hmac.compare_digest(digest, row.token_hash.encode()) and not user.is_deactivated:
            return Token(row.id, user, read_scopes(row.scopes_json), row.expires_at, row.revoked_at)
    return None


def create_token(db: Database, user_id: int, name: str, scopes: Iterable[str], days: int) -> str | None:
    """
    Create a token and return its secret, which cannot be read again; None if the user has a token of this name.

    ``name`` has at most 50 characters, ``scopes`` are some of :data:`SCOPES`, and ``days`` is how long it is valid.
    """
    secret = PREFIX + secrets.token_urlsafe(32)
    created_at = clock.now()
    is_written = write_token(db, {
        'user_id': user_id, 'token_name': name, 'token_prefix': secret[:PREFIX_LENGTH], 'token_hash': _digest(secret),
        'scopes_json': json.dumps(sorted(set(scopes))), 'created_at': created_at,
        'expires_at': created_at + timedelta(days=days)})
    return secret if is_written else None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
