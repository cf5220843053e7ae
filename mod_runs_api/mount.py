"""What the package knows of one application that it is mounted in."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

from flask import Flask, current_app, has_request_context, request
from sqlalchemy import Select, Table

from . import family, retry, settings, tokens
from .errors import MountError
from .host import ApiTokenEntity, Host
from .settings import Settings

if TYPE_CHECKING:
    from .limits import RouteLimiter

#: The key in ``app.extensions``.
KEY = 'mod_runs_api'


class Statements:
    """
    The statements of the routes: writing one anew for each request would take as long as running it.

    Parameters
    ----------
    host : Host
        The models to work on.
    retries : Table
        The table ``run_retry``.
    api_tokens : ApiTokenEntity
        The table of tokens.
    """

    def __init__(self, host: Host, retries: Table, api_tokens: ApiTokenEntity) -> None:
        self.retry = retry.Statements(host, retries)
        self.family = family.Statements(host, retries)
        self.find_token: Select[Any] = tokens.find_statement(host, api_tokens)


@dataclass(frozen=True)
class Mount:
    """One application with the blueprint in it."""

    #: What the blueprint is called there: the first part of its endpoints.
    name: str
    #: What the paths of its routes begin with.
    prefix: str
    #: The endpoints of the API, which are limited and answer in JSON.
    endpoints: frozenset[str]
    host: Host
    retries: Table
    api_tokens: ApiTokenEntity
    #: Where the counts of the rate limit are kept.
    storage_uri: str = field(repr=False)  # There may be a password in it.
    _lock: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    @cached_property
    def statements(self) -> Statements:
        """The statements of the routes. The first request has them written, and not the start of the host."""
        return Statements(self.host, self.retries, self.api_tokens)

    @property
    def route_limiter(self) -> RouteLimiter:
        """The limiter. The first request has it set up, and only the first: it keeps the counts."""
        with self._lock:
            return self._route_limiter

    @cached_property
    def _route_limiter(self) -> RouteLimiter:
        from . import limits
        return limits.make_limiter(self.storage_uri)

    @property
    def settings(self) -> Settings:
        """The settings as they are now: an application may change them after the mount."""
        return settings.read(current_app.config)


def current_mount() -> Mount:
    """
    Give the mount of the current application.

    Returns
    -------
    Mount

    Raises
    ------
    MountError
        The blueprint is not registered in this application.
    """
    app: Flask = current_app
    mount: Mount | None = app.extensions.get(KEY)
    if mount is None:
        raise MountError('mod_runs_api is not mounted here: app.register_blueprint(mod_runs_api, url_prefix=...).')
    return mount


def is_own_request() -> bool:
    """Tell whether the current request, if there is one, is to one of the package's routes."""
    if not has_request_context():
        return False
    mount: Mount | None = current_app.extensions.get(KEY)
    return mount is not None and request.endpoint in mount.endpoints
