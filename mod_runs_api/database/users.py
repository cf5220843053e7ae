"""Reading users and blocked accounts, and reading and writing API tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (Select, String, bindparam, func, insert, select,
                        type_coerce, update)

from .. import clock
from ..host.models import User
from . import Database, built_once


def find_user_ids(db: Database, user: int | str) -> list[int]:
    """Return the ids of the users with an id, or with a name."""
    column = db.host.User.name if isinstance(user, str) else db.host.User.id
    rows = db.execute(select(db.host.User.id, column).where(column == user))
    # The database's collation may ignore case; it must not decide who somebody is.
    return [user_id for user_id, found in rows if found == user]


def find_github_users(db: Database, login: str) -> list[User]:
    """Return the users with an account on GitHub, without the deactivated ones."""
    user = db.host.User
    rows = db.execute(
        select(user.id, user.name, type_coerce(user.role, String), user.github_login)
        .where(func.lower(user.github_login) == login.lower()))
    # Upper and lower case are the same to GitHub, and nothing else is. The database's collation takes more for the
    # same: letters with accents, or trailing blanks.
    users = [User.from_row(*row) for *row, found in rows if found.isascii() and found.lower() == login.lower()]
    return [user for user in users if not user.is_deactivated]


def is_blocked(db: Database, account_id: int | None) -> bool:
    """Return whether an account on GitHub may start nothing."""
    user_id = db.host.BlockedUsers.user_id
    return db.scalar(select(user_id).where(user_id == account_id)) is not None


def find_tokens(db: Database, prefix: str) -> Sequence[Any]:
    """Return the tokens with a prefix, each with ``user_id``, ``user_name`` and ``user_role``."""
    return db.rows(_select_tokens(db), {'prefix': prefix})


@built_once
def _select_tokens(db: Database) -> Select[Any]:
    token, user = db.tables.token, db.host.User
    return (
        select(token.id.label('id'), token.token_hash.label('token_hash'), token.scopes_json.label('scopes_json'),
               token.expires_at.label('expires_at'), token.revoked_at.label('revoked_at'), user.id.label('user_id'),
               user.name.label('user_name'), type_coerce(user.role, String).label('user_role'))
        .join(user, user.id == token.user_id)
        .where(token.token_prefix == bindparam('prefix')))


def list_tokens(db: Database) -> Sequence[Any]:
    """Return the package's own tokens, each with the ``name`` of its user."""
    token, user = db.tables.token, db.host.User
    return db.rows(
        select(token.id, user.name.label('name'), token.token_name, token.scopes_json, token.expires_at,
               token.revoked_at)
        .join(user, user.id == token.user_id)
        .order_by(token.id))


def write_token(db: Database, token: Mapping[str, Any]) -> bool:
    """Write a token of the package's own, and return whether its name was free among the user's."""
    table = db.tables.runs_api_token
    taken = select(table.c.id).where(table.c.user_id == token['user_id'], table.c.token_name == token['token_name'])
    if db.scalar(taken) is not None:
        return False
    db.execute(insert(table).values(**token))
    return True


def revoke_token(db: Database, token_id: int) -> bool:
    """Revoke a token of the package's own, and return whether it was there and not revoked yet."""
    table = db.tables.runs_api_token
    changed = db.execute(update(table).where(table.c.id == token_id, table.c.revoked_at.is_(None))
                         .values(revoked_at=clock.now()))
    return bool(changed.rowcount)
