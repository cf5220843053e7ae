"""
Bearer tokens: the platform's own as they are, or the package's own where the platform has none (contract section 3).

A token is ``spci_`` and a secret. Its first 16 characters are stored to look it up, the SHA-256 of all of it to
compare with, and never the token itself.
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

from sqlalchemy import (Connection, Select, String, bindparam, insert, select,
                        type_coerce, update)

from . import clock
from .host import ApiTokenEntity, Host, Person

PREFIX = 'spci_'
PREFIX_LENGTH = 16
#: Longer ones are not looked up. The platform's have 48 characters.
MAX_LENGTH = 255

SCOPES = ('runs:read', 'runs:write')


@dataclass(frozen=True)
class Token:
    """A token that was presented, in the shape that Authlib's validator asks for."""

    id: int
    person: Person
    scopes: tuple[str, ...]
    expires_at: datetime | None
    revoked_at: datetime | None

    def is_expired(self) -> bool:
        """Say whether its time is over."""
        return self.expires_at is None or clock.utc(self.expires_at) <= clock.now()

    def is_revoked(self) -> bool:
        """Say whether it was taken back."""
        return self.revoked_at is not None

    def get_scope(self) -> str:
        """Give its scopes as OAuth writes them."""
        return ' '.join(self.scopes)


def scopes(scopes_json: str) -> tuple[str, ...]:
    """
    Read the scopes of a token.

    Parameters
    ----------
    scopes_json : str
        As they are stored: a JSON list of strings.

    Returns
    -------
    tuple of str
        None at all where it is anything else.
    """
    try:
        found = json.loads(scopes_json)
    except ValueError:
        found = None
    return tuple(scope for scope in found if isinstance(scope, str)) if isinstance(found, list) else ()


def find_statement(host: Host, tokens: ApiTokenEntity) -> Select[Any]:
    """
    Write the statement that finds the tokens with a prefix, and whose they are.

    Parameters
    ----------
    host : Host
        Whose people the tokens belong to.
    tokens : ApiTokenEntity
        The table of tokens.

    Returns
    -------
    Select
    """
    user = host.user
    return (select(tokens.id, tokens.token_hash, tokens.scopes_json, tokens.expires_at, tokens.revoked_at,
                   user.id.label('user_id'), user.name.label('user_name'),
                   type_coerce(user.role, String).label('user_role'))
            .join(user.table, user.id == tokens.user_id)
            .where(tokens.token_prefix == bindparam('prefix')))


def find(connection: Connection, statement: Select[Any], secret: str) -> Token | None:
    """
    Find the token that a secret belongs to, be it valid or not.

    Parameters
    ----------
    connection : Connection
        A connection to the host's database.
    statement : Select
        What :func:`find_statement` wrote.
    secret : str
        What was presented: anything at all.

    Returns
    -------
    Token or None
    """
    if not (secret.startswith(PREFIX) and secret.isascii() and len(secret) <= MAX_LENGTH):
        return None
    rows = connection.execute(statement, {'prefix': secret[:PREFIX_LENGTH]}).all()
    digest = _digest(secret).encode()
    for row in rows:
        if hmac.compare_digest(digest, row.token_hash.encode()):
            person = Person.of_row(row.user_id, row.user_name, row.user_role)
            return Token(row.id, person, scopes(row.scopes_json), row.expires_at, row.revoked_at)
    return None


def create(connection: Connection, tokens: ApiTokenEntity, user_id: int, name: str, granted: Iterable[str],
           days: int) -> str | None:
    """
    Write a new token of the package's own down.

    Parameters
    ----------
    connection : Connection
        Whose transaction it is written in.
    tokens : ApiTokenEntity
        The package's own table of tokens.
    user_id : int
        Whom it belongs to.
    name : str
        What its owner calls it, at most 50 characters, once for each person.
    granted : iterable of str
        Some of :data:`SCOPES`.
    days : int
        How long it is valid.

    Returns
    -------
    str or None
        The token, for the only time; None where the person has one of this name.
    """
    taken = select(tokens.id).where(tokens.user_id == user_id, tokens.token_name == name)
    if connection.execute(taken).first() is not None:
        return None
    secret = PREFIX + secrets.token_urlsafe(32)
    created_at = clock.now()
    connection.execute(insert(tokens.table).values(
        user_id=user_id, token_name=name, token_prefix=secret[:PREFIX_LENGTH], token_hash=_digest(secret),
        scopes_json=json.dumps(sorted(set(granted))), created_at=created_at,
        expires_at=created_at + timedelta(days=days)))
    return secret


def revoke(connection: Connection, tokens: ApiTokenEntity, token_id: int) -> bool:
    """
    Take a token of the package's own back, from this moment on.

    Parameters
    ----------
    connection : Connection
        Whose transaction it is done in.
    tokens : ApiTokenEntity
        The package's own table of tokens.
    token_id : int
        The token's id, as ``flask runs-api token list`` shows it.

    Returns
    -------
    bool
        Whether there is such a token, and it was not revoked before.
    """
    changed = connection.execute(update(tokens.table)
                                 .where(tokens.id == token_id, tokens.revoked_at.is_(None))
                                 .values(revoked_at=clock.now()))
    return bool(changed.rowcount)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
