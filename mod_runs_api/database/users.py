"""Reading users, their API tokens, and blocked accounts."""

from collections.abc import Collection

from sqlalchemy import Connection, func, select

from ..domain import users
from ..platform.models import ApiToken, BlockedUsers, User
from .expressions import as_text


def find_users(connection: Connection, wanted: int | str) -> list[users.User]:
    """Return the users with an id or a name, without deactivated ones."""
    if isinstance(wanted, int):
        condition = User.id == wanted
    else:
        # The connection or the table may lack other characters, so all names are read.
        condition = User.name == wanted if wanted.isascii() else User.name.is_not(None)
    rows = connection.execute(select(User.id, User.name, as_text(User.role).label('role')).where(condition))
    found = [users.User.from_row(row.id, row.name, row.role) for row in rows]
    # The database's collation may ignore case, but must not decide who a user is.
    return [user for user in found if wanted in (user.id, user.name) and not user.is_deactivated]


def find_github_users(connection: Connection, login: str) -> list[users.User]:
    """Return the users with a GitHub account, without deactivated ones."""
    rows = connection.execute(
        select(User.id, User.name, as_text(User.role).label('role'), User.github_login)
        .where(func.lower(User.github_login) == login.lower()))
    found = [users.User.from_row(row.id, row.name, row.role) for row in rows
             if _is_same_login(row.github_login, login)]
    return [user for user in found if not user.is_deactivated]


def _is_same_login(stored: str | None, login: str) -> bool:
    # GitHub ignores only upper and lower case. The database's collation also equates letters with accents and trailing
    # blanks.
    return stored is not None and stored.isascii() and stored.lower() == login.lower()


def find_blocked(connection: Connection, account_ids: Collection[int]) -> set[int]:
    """Return those of the GitHub accounts that the platform has blocked."""
    return set(connection.scalars(select(BlockedUsers.user_id).where(BlockedUsers.user_id.in_(account_ids))))


def find_tokens(connection: Connection, secret: str) -> list[users.Token]:
    """Return the tokens with the prefix of a secret."""
    rows = connection.execute(
        select(ApiToken.id, ApiToken.user_id, User.name, as_text(User.role).label('role'), ApiToken.scopes_json,
               ApiToken.token_hash, ApiToken.expires_at, ApiToken.revoked_at)
        .join_from(ApiToken, User, User.id == ApiToken.user_id)
        .where(ApiToken.token_prefix == secret[:users.TOKEN_PREFIX_LENGTH]))
    return [users.Token(id=row.id, user=users.User.from_row(row.user_id, row.name, row.role),
                        scopes=users.read_scopes(row.scopes_json), digest=row.token_hash, expires_at=row.expires_at,
                        revoked_at=row.revoked_at)
            for row in rows]
