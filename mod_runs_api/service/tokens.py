"""Finding the token that a secret belongs to (docs/api.rst, "Tokens")."""

from ..database import Database
from ..database.tokens import find_tokens
from ..domain.tokens import Token


def find_token(db: Database, secret: str) -> Token | None:
    """Return the token that a secret belongs to, valid or not; none of a deactivated account."""
    return next((token for token in find_tokens(db, secret)
                 if token.belongs_to(secret) and not token.user.is_deactivated), None)
