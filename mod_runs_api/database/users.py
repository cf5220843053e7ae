"""Reading users, their API tokens, and blocked accounts."""

from collections.abc import Collection

from sqlalchemy import func, select

from ..domain.users import TOKEN_PREFIX_LENGTH, Token, User, read_scopes
from . import Database, as_text


def find_users(db: Database, wanted: int | str) -> list[User]:
    """Return the users with an id or a name, without deactivated ones."""
    user = db.host.User
    if isinstance(wanted, int):
        condition = user.id == wanted
    else:
        # The connection or the table may lack other characters, so all names are read.
        condition = user.name == wanted if wanted.isascii() else user.name.is_not(None)
    rows = db.connection.execute(select(user.id, user.name, as_text(user.role)).where(condition))
    users = [User.from_row(user_id, name, role) for user_id, name, role in rows]
    # The database's collation may ignore case, but must not decide who a user is.
    return [user for user in users if wanted in (user.id, user.name) and not user.is_deactivated]


def find_github_users(db: Database, login: str) -> list[User]:
    """Return the users with a GitHub account, without deactivated ones."""
    user = db.host.User
    rows = db.connection.execute(
        select(user.id, user.name, as_text(user.role), user.github_login)
        .where(func.lower(user.github_login) == login.lower()))
    # GitHub ignores only upper and lower case. The database's collation also equates letters with accents and trailing
    # blanks.
    users = [User.from_row(user_id, name, role) for user_id, name, role, github_login in rows
             if github_login.isascii() and github_login.lower() == login.lower()]
    return [user for user in users if not user.is_deactivated]


def find_blocked(db: Database, account_ids: Collection[int]) -> set[int]:
    """Return those of the GitHub accounts that the platform has blocked."""
    user_id = db.host.BlockedUsers.user_id
    return set(db.connection.scalars(select(user_id).where(user_id.in_(account_ids))))


def find_tokens(db: Database, secret: str) -> list[Token]:
    """Return the tokens with the prefix of a secret."""
    token, user = db.host.ApiToken, db.host.User
    rows = db.connection.execute(
        select(token.id, user.id, user.name, as_text(user.role), token.scopes_json, token.token_hash, token.expires_at,
               token.revoked_at)
        .join_from(token, user, user.id == token.user_id)
        .where(token.token_prefix == secret[:TOKEN_PREFIX_LENGTH]))
    return [Token(token_id, User.from_row(user_id, name, role), read_scopes(scopes), digest, expires_at, revoked_at)
            for token_id, user_id, name, role, scopes, digest, expires_at, revoked_at in rows]
