"""Finding and creating API tokens (docs/api.rst, "Tokens")."""

import hmac
import json
import secrets
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from .. import clock
from ..database import tokens
from ..domain.tokens import (MAX_LENGTH, PREFIX, PREFIX_LENGTH, Token,
                             digest_secret, read_scopes)
from ..domain.users import User
from ..extension import extension_state


def find_token(secret: str) -> Token | None:
    """
    Return the token that a secret belongs to, whether it is still valid or not.

    Tokens of deactivated accounts are not found.
    """
    if not (secret.startswith(PREFIX) and secret.isascii() and len(secret) <= MAX_LENGTH):
        return None
    digest = digest_secret(secret).encode()
    for row in extension_state().transactions.run(tokens.find_tokens, secret[:PREFIX_LENGTH]):
        user = User.from_row(row.user_id, row.user_name, row.user_role)
        if hmac.compare_digest(digest, row.token_hash.encode()) and not user.is_deactivated:
            return Token(row.id, user, read_scopes(row.scopes_json), row.expires_at, row.revoked_at)
    return None


def create_token(user_id: int, name: str, scopes: Iterable[str], days: int) -> str | None:
    """
    Create a token and return its secret, which cannot be read again; None if the user has a token of this name.

    ``name`` has at most 50 characters, ``scopes`` are some of :data:`mod_runs_api.domain.tokens.SCOPES`, and ``days``
    is how long it is valid.
    """
    secret = PREFIX + secrets.token_urlsafe(32)
    created_at = clock.now()
    is_written = extension_state().transactions.run(tokens.write_token, {
        'user_id': user_id, 'token_name': name, 'token_prefix': secret[:PREFIX_LENGTH],
        'token_hash': digest_secret(secret), 'scopes_json': json.dumps(sorted(set(scopes))), 'created_at': created_at,
        'expires_at': created_at + timedelta(days=days)})
    return secret if is_written else None


def list_tokens() -> Sequence[Any]:
    """Return the package's own tokens, each with the ``name`` of its user."""
    return extension_state().transactions.run(tokens.list_tokens)


def revoke_token(token_id: int) -> bool:
    """Revoke a token of the package's own, and return whether it was there and not revoked yet."""
    return extension_state().transactions.run(tokens.revoke_token, token_id)
