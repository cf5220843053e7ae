"""Reading the platform's API tokens."""

from sqlalchemy import select

from ..domain.tokens import PREFIX_LENGTH, Token, read_scopes
from ..domain.users import User
from . import Database, as_text


def find_tokens(db: Database, secret: str) -> list[Token]:
    """Return the tokens that begin as a secret does."""
    token, user = db.host.ApiToken, db.host.User
    rows = db.rows(
        select(token.id, user.id.label('user_id'), user.name, as_text(user.role).label('role'), token.scopes_json,
               token.token_hash, token.expires_at, token.revoked_at)
        .join_from(token, user, user.id == token.user_id)
        .where(token.token_prefix == secret[:PREFIX_LENGTH]))
    return [Token(id=row.id, user=User.from_row(row.user_id, row.name, row.role), scopes=read_scopes(row.scopes_json),
                  digest=row.token_hash, expires_at=row.expires_at, revoked_at=row.revoked_at) for row in rows]
