"""The bearer token of a request: Authlib's resource protector on the host's tokens (contract section 1)."""

from __future__ import annotations

from authlib.integrations.flask_oauth2 import ResourceProtector
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6750 import BearerTokenValidator

from . import tokens, transaction
from .errors import Unauthorized
from .mount import current_mount
from .tokens import Token


class TokenValidator(BearerTokenValidator):
    """Looks tokens up among those of the current application."""

    def authenticate_token(self, token_string: str) -> Token | None:
        """Find the token, whatever was sent as one."""
        mount = current_mount()
        return transaction.run(
            mount.host.transaction,
            lambda connection, _: tokens.find(connection, mount.statements.find_token, token_string.strip()),
            commit=False)


protector = ResourceProtector()
protector.register_token_validator(TokenValidator())


def token() -> Token:
    """
    Give the token of the current request.

    Returns
    -------
    Token
        Valid now.

    Raises
    ------
    Unauthorized
        There is none, or it is not valid.
    """
    try:
        found: Token = protector.acquire_token()  # type: ignore[no-untyped-call]
    except OAuth2Error:
        raise Unauthorized() from None
    return found
