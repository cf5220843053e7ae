"""The package's state in one application."""

from dataclasses import dataclass

from flask import current_app, has_request_context, request

from .database.transactions import Transactions
from .errors import MountError
from .platform.github import GitHub
from .settings import Settings

#: The key in ``app.extensions``.
KEY = 'mod_runs_api'


@dataclass(frozen=True)
class ExtensionState:
    """The state that registering the blueprint has set up."""

    #: The name of the blueprint in the application: the first part of its endpoints.
    name: str
    settings: Settings
    transactions: Transactions
    github: GitHub

    def endpoint(self, view: str) -> str:
        """Return the endpoint of a view of the blueprint."""
        return f'{self.name}.{view}'


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
    """Return whether the current request, if there is one, is for a route of the API."""
    if not has_request_context():
        return False
    state = extension_state()
    # The blueprint has no other routes than those of the API and its files.
    return request.blueprint == state.name and request.endpoint != state.endpoint('static')
