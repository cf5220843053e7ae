"""Finding the user who requests a retry: by a token, by a GitHub account, or as an argument of a function."""

from sqlalchemy import Connection, inspect

from ..database.users import (find_blocked, find_github_users, find_tokens,
                              find_users)
from ..domain.comments import Comment, Writer, identify_writer
from ..domain.retry import RetryRules
from ..domain.run import MAX_ID
from ..domain.users import Token
from ..errors import InvalidFields
from ..platform.models import User


def find_token(connection: Connection, secret: str) -> Token | None:
    """Return the token that a secret belongs to, valid or not; None if the account is deactivated."""
    return next((token for token in find_tokens(connection, secret)
                 if token.belongs_to(secret) and not token.user.is_deactivated), None)


def find_writer(connection: Connection, comment: Comment, rules: RetryRules) -> Writer:
    """Return the writer of a comment. Raises :exc:`IgnoredComment` if the writer may not request retries."""
    # The payload names the author, so that no request to GitHub is necessary.
    accounts = [account for account in (comment.account_id, comment.author_id) if account is not None]
    users, blocked = find_github_users(connection, comment.login), find_blocked(connection, accounts)
    return identify_writer(comment, users, blocked, rules)


def find_user_id(connection: Connection, user: int | str | User) -> int:
    """Return the id of a user, given by id, name or model. Raises :exc:`InvalidFields` if the user does not exist."""
    wanted = _identify(user) if isinstance(user, User) else user
    is_id = type(wanted) is int and 1 <= wanted <= MAX_ID
    users = find_users(connection, wanted) if isinstance(wanted, str) or is_id else []
    if not users:
        raise InvalidFields({'requested_by': ['There is no such user.']})
    return users[0].id


def _identify(user: User) -> int:
    """Return the id of a model; 0 if it was never stored. Its attributes may have expired with its session."""
    identity = inspect(user).identity
    return identity[0] if identity else 0
