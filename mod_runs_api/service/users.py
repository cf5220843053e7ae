"""Finding the user who requests a retry: by a token, by a GitHub account, or as an argument of a function."""

from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import InstanceState

from ..database import Database
from ..database.users import find_github_users, find_tokens, find_users, is_blocked
from ..domain.comments import Comment, IgnoredComment
from ..domain.retry import RetryRules
from ..domain.run import MAX_ID
from ..domain.users import Token, User
from ..errors import InvalidFields


def find_token(db: Database, secret: str) -> Token | None:
    """Return the token that a secret belongs to, valid or not; None if the account is deactivated."""
    return next((token for token in find_tokens(db, secret)
                 if token.belongs_to(secret) and not token.user.is_deactivated), None)


def find_writer(db: Database, comment: Comment, rules: RetryRules) -> User:
    """Return the user who wrote a comment, if the user may retry. Raises :exc:`IgnoredComment`."""
    if is_blocked(db, comment.account_id):
        # A blocked user gets no reply either.
        raise IgnoredComment('The writer of the comment is blocked.')
    users = find_github_users(db, comment.login)
    if not users:
        raise IgnoredComment(f'The GitHub account {comment.login} belongs to no user of this platform.')
    if len(users) > 1:
        raise IgnoredComment(f'The GitHub account {comment.login} belongs to several users of this platform.',
                             gets_reply=True)
    if not rules.allow(users[0]):
        raise IgnoredComment(f'The role of {comment.login} does not have permission to run tests.', gets_reply=True)
    # The payload names the author, so that no request to GitHub is necessary.
    if comment.author_id is not None and is_blocked(db, comment.author_id):
        raise IgnoredComment('The author of this pull request is blocked.', gets_reply=True)
    return users[0]


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
