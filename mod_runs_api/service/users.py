"""Finding the user who requests a retry: by a token, by a GitHub account, or as an argument of a function."""

from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import InstanceState

from ..database import Database
from ..database.users import find_blocked, find_github_users, find_tokens, find_users
from ..domain.comments import Comment, Writer, identify_writer
from ..domain.retry import RetryRules
from ..domain.run import MAX_ID
from ..domain.users import Token
from ..errors import InvalidFields


def find_token(db: Database, secret: str) -> Token | None:
    """Return the token that a secret belongs to, valid or not; None if the account is deactivated."""
    return next((token for token in find_tokens(db, secret)
                 if token.belongs_to(secret) and not token.user.is_deactivated), None)


def find_writer(db: Database, comment: Comment, rules: RetryRules) -> Writer:
    """Return the writer of a comment. Raises :exc:`IgnoredComment` if the writer may not request retries."""
    # The payload names the author, so that no request to GitHub is necessary.
    accounts = [account for account in (comment.account_id, comment.author_id) if account is not None]
    return identify_writer(comment, find_github_users(db, comment.login), find_blocked(db, accounts), rules)


def find_user_id(db: Database, user: Any) -> int:
    """Return the id of a user, given by id, name or model. Raises :exc:`InvalidFields` if the user does not exist."""
    instance = inspect(user, raiseerr=False)
    if isinstance(instance, InstanceState) and isinstance(user, db.host.User) and instance.identity:
        user = instance.identity[0]
    is_id = type(user) is int and 1 <= user <= MAX_ID
    users = find_users(db, user) if isinstance(user, str) or is_id else []
    if not users:
        raise InvalidFields({'requested_by': ['There is no such user.']})
    return users[0].id
