"""Reading and writing API tokens."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert, select, update

from .. import clock
from . import Database, as_text


def find_tokens(db: Database, prefix: str) -> Sequence[Any]:
    """Return the tokens with a prefix, each with ``user_id``, ``user_name`` and ``user_role``."""
    token, user = db.tables.token, db.host.User
    return db.rows(
        select(token.id.label('id'), token.token_hash.label('token_hash'), token.scopes_json.label('scopes_json'),
               token.expires_at.label('expires_at'), token.revoked_at.label('revoked_at'), user.id.label('user_id'),
               user.name.label('user_name'), as_text(user.role).label('user_role'))
        .join(user, user.id == token.user_id)
        .where(token.token_prefix == prefix))


def list_tokens(db: Database) -> Sequence[Any]:
    """Return the package's own tokens, each with the ``name`` of its user."""
    token, user = db.tables.runs_api_token.c, db.host.User
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
