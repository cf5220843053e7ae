"""Authentication and authorization of requests (docs/api.rst, "Tokens")."""

from dataclasses import dataclass

from authlib.integrations.flask_oauth2 import ResourceProtector
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6750 import BearerTokenValidator
from flask import g, request

from ..domain.retry import RetryRules
from ..domain.users import Token, User, is_well_formed
from ..errors import RunsApiError
from ..extension import extension_state
from ..service.users import find_token
from .errors import MissingRole, MissingScope, Unauthorized
from .session import user_of_session

#: The scopes of a session: its user may open the dialog and press the button, if their role allows it.
SESSION_SCOPES = ('runs:read', 'runs:write')


@dataclass(frozen=True)
class Identity:
    """The sender of a request: a known user, or a stranger."""

    #: Requests with the same key are counted together.
    rate_limit_key: str
    user: User | None = None
    #: The scopes of the token, or of the session.
    scopes: tuple[str, ...] = ()
    #: Whether a stranger has sent a token, or other credentials.
    has_credentials: bool = False


class TokenValidator(BearerTokenValidator):
    """Authlib's checks of a bearer token, on the tokens of the current application."""

    def authenticate_token(self, token_string: str) -> Token | None:
        """Return the token with this text, whether it is still valid or not."""
        # As the platform does, blanks around the token are ignored.
        secret = token_string.strip()
        return extension_state().transactions.run(find_token, secret) if is_well_formed(secret) else None


protector = ResourceProtector()
protector.register_token_validator(TokenValidator())


def identify() -> None:
    """Find out who sends the current request. A bad token is no error yet, but an error of the database is."""
    # Only a bearer token excludes the session. Behind a proxy with a password, browsers send "Basic" with each request.
    is_bearer = request.headers.get('Authorization', '').lower().split()[:1] == ['bearer']
    g.runs_api_identity = (_by_token() if is_bearer else _by_session()) or Identity(
        rate_limit_key=f'address:{request.remote_addr}', has_credentials='Authorization' in request.headers)


def _by_token() -> Identity | None:
    try:
        token: Token = protector.acquire_token()  # type: ignore[no-untyped-call]
    except OAuth2Error:
        return None
    return Identity(rate_limit_key=f'token:{token.id}', user=token.user, scopes=token.scopes)


def _by_session() -> Identity | None:
    user = user_of_session()
    return None if user is None else Identity(rate_limit_key=f'user:{user.id}', user=user, scopes=SESSION_SCOPES)


def rate_limit_key() -> str:
    """Return the key that the current request is counted by: a token, a user of the pages, or an address."""
    identity: Identity | None = g.get('runs_api_identity')
    # Limits that the platform has configured for all routes are looked at before `identify` runs.
    return identity.rate_limit_key if identity else f'address:{request.remote_addr}'


def requester() -> User:
    """Return the user who sent the current request. Raises :exc:`Unauthorized`."""
    identity: Identity = g.runs_api_identity
    if identity.user is None:
        raise Unauthorized(identity.has_credentials)
    return identity.user


def require(scope: str, rules: RetryRules | None = None) -> None:
    """
    Check that the user who sent the current request has the scope, and may retry by the rules.

    Raises :exc:`Unauthorized` or :exc:`Forbidden`.
    """
    identity: Identity = g.runs_api_identity
    user = requester()
    if scope not in identity.scopes:
        raise MissingScope(scope, identity.scopes)
    if rules is not None and not rules.allow(user):
        raise MissingRole(rules.roles, user.role)


def may_retry() -> bool:
    """Return whether the user who sent the current request could retry a run with the same token or session."""
    try:
        require('runs:write', extension_state().settings.retry_rules)
    except RunsApiError:
        return False
    return True
