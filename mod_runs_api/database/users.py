"""Reading users and blocked accounts."""

from sqlalchemy import func, select

from ..domain.users import User
from . import Database, as_text


def find_users(db: Database, wanted: int | str) -> list[User]:
    """Return the users with an id, or with a name, without the deactivated ones."""
    user = db.host.User
    column = user.name if isinstance(wanted, str) else user.id
    rows = db.rows(select(user.id, user.name, as_text(user.role)).where(column == wanted))
    users = [User.from_row(*row) for row in rows]
    # The database's collation may ignore case; it must not decide who somebody is.
    return [user for user in users if wanted in (user.id, user.name) and not user.is_deactivated]


def find_github_users(db: Database, login: str) -> list[User]:
    """Return the users with an account on GitHub, without the deactivated ones."""
    user = db.host.User
    rows = db.rows(
        select(user.id, user.name, as_text(user.role), user.github_login)
        .where(func.lower(user.github_login) == login.lower()))
    # Upper and lower case are the same to GitHub, and nothing else is. The database's collation takes more for the
    # same: letters with accents, or trailing blanks.
    users = [User.from_row(*row) for *row, found in rows if found.isascii() and found.lower() == login.lower()]
    return [user for user in users if not user.is_deactivated]


def is_blocked(db: Database, account_id: int) -> bool:
    """Return whether an account on GitHub may start nothing."""
    user_id = db.host.BlockedUsers.user_id
    return db.scalar(select(user_id).where(user_id == account_id)) is not None
