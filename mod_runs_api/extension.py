"""The package's state in one application."""

from dataclasses import dataclass

from flask import current_app, has_request_context, request

from .database.transactions import Transactions
from .errors import MountError
from .host.github import GitHub
from .settings import Settings

#: The key in ``app.extensions``.
KEY = 'mod_runs_api'


@dataclass(frozen=True)
class ExtensionState:
    """The state that registering the blueprint has set up."""

    #: The name of the blueprint in the application: the first part of its endpoints.
    name: str
    #: The endpoints of the API, which are limited and answer in JSON.
    api_endpoints: frozenset[str]
    settings: Settings
    transactions: Transactions
    github: GitHub

    @property
    def retry_endpoint(self) -> str:
        """The endpoint of a run's preview and retry."""
        return f'{self.name}.retry'


def extension_state() -> ExtensionState:
    """Return the state of the current application. Raises :exc:`MountError` without one, or without the blueprint."""
    if not current_app:
        raise MountError('There is no application context. Call mod_runs_api in a request, or within '
                         '"with app.app_context():".')
    state = find_extension_state()
    if state is None:
        raise MountError('mod_runs_api is not registered in this application: '
                         'app.register_blueprint(mod_runs_api, url_prefix=...).')
    return state


def find_extension_state() -> ExtensionState | None:
    """Return the state of the current application; None without an application, or without the blueprint in it."""
    return current_app.extensions.get(KEY) if current_app else None


def is_api_request() -> bool:
    """Return whether the current request, if there is one, is for the API."""
    return has_request_context() and request.endpoint in extension_state().api_endpoints
