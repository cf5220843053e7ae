"""What the package knows of one application that it is mounted in."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, current_app
from flask_limiter import Limiter
from sqlalchemy import Table

from . import settings
from .errors import MountError
from .host import ApiTokenEntity, Host
from .settings import Settings

#: The key in ``app.extensions``.
KEY = 'mod_runs_api'


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
    limiter: Limiter

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
