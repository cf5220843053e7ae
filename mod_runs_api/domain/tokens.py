"""
Bearer tokens: the platform's own as they are, or the package's own if the platform has none (docs/api.rst, "Tokens").

A token is ``spci_`` and a secret. The database holds its first 16 characters, to look it up, and its SHA-256 digest,
never the token itself.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .. import clock
from .users import User

PREFIX = 'spci_'
PREFIX_LENGTH = 16
#: Longer ones are not looked up. The platform's have 48 characters.
MAX_LENGTH = 255

#: How long the name of a token may be.
MAX_NAME_LENGTH = 50

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
        return is_expired(self.expires_at)

    def is_revoked(self) -> bool:
        """Return whether it was revoked."""
        return self.revoked_at is not None

    def get_scope(self) -> str:
        """Return its scopes as OAuth writes them."""
        return ' '.join(self.scopes)


def is_expired(expires_at: datetime | None) -> bool:
    """Return whether the time of a token is over."""
    return expires_at is None or clock.to_utc(expires_at) <= clock.now()


def read_scopes(scopes_json: Any) -> tuple[str, ...]:
    """Return the scopes of a token, which are stored as a JSON list. There are none in anything else."""
    try:
        scopes = json.loads(scopes_json)
    except (TypeError, ValueError, RecursionError):
        return ()
    return tuple(scope for scope in scopes if isinstance(scope, str)) if isinstance(scopes, list) else ()


def digest_secret(secret: str) -> str:
    """Return the stored form of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
