"""Creating the blueprint, and registering it in an application (docs/settings.rst)."""

from typing import cast

from flask import Blueprint, Flask, Response, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import default_exceptions
from werkzeug.routing import RequestRedirect

from . import cli
from .api import auth, limits, responses
from .api.routes import ROUTES, create_view_function
from .database.transactions import Transactions
from .errors import MountError, RunsApiError
from .extension import KEY, ExtensionState, is_api_request
from .github.report import retry_report
from .platform.github import GitHub, read_artifact_search
from .platform.runtime import require_platform
from .platform.sessions import listen_to_sessions
from .service.carry_over import complete_runs
from .settings import read_settings
from .web import pages


class _Blueprint(Blueprint):
    """A blueprint whose static files are cached for long: their addresses change with their content."""

    def get_send_file_max_age(self, filename: str | None) -> int:
        """Return for how many seconds a file may be cached: a year."""
        return 365 * 24 * 60 * 60


def create_blueprint(name: str = 'runs_api') -> Blueprint:
    """
    Create the blueprint, for another prefix or name than that of ``mod_runs_api`` (README.rst, "Mount it").

    Parameters
    ----------
    name : str
        The name of the blueprint: the first part of its endpoints.

    Returns
    -------
    Blueprint
        Any number of applications may register it, each once. Registration fails with :exc:`MountError` if a setting is
        wrong, or if the application already has one of the routes. If the platform lacks a name that the package reads
        later, it fails with :exc:`MountError` or ``ImportError``.
    """
    blueprint = _Blueprint(name, __name__, template_folder='web/templates', static_folder='web/static',
                           static_url_path='/retry-assets', cli_group='runs-api')

    def on_register(setup: BlueprintSetupState) -> None:
        app = cast(Flask, setup.app)
        if KEY in app.extensions:
            raise MountError('mod_runs_api is already registered in this application.')
        settings = read_settings(app.config)
        require_platform(app)
        limiter = limits.create_limiter(app, settings)
        state = app.extensions[KEY] = ExtensionState(
            name=f'{setup.name_prefix}.{setup.name}'.lstrip('.'), settings=settings,
            transactions=Transactions(is_api_request), github=GitHub(app.config, read_artifact_search()))
        for route in ROUTES:
            limit = limits.create_limit(limiter, settings, route.method)
            setup.add_url_rule(route.path, route.view.__name__, limit(create_view_function(route)),
                               methods=[route.method])
            _require_own_route(app, state.endpoint(route.view.__name__), route.method)
        listen_to_sessions(complete_runs)
        app.jinja_env.globals['runs_api'] = {**pages.GLOBALS, 'retry_report': retry_report}

    blueprint.record(on_register)
    blueprint.before_request(_identify)
    blueprint.after_request(_add_headers)
    blueprint.register_error_handler(RunsApiError, responses.from_error)
    blueprint.register_error_handler(Exception, responses.from_exception)
    for status in default_exceptions:
        # The number, too: Flask prefers the platform's page for a number to a blueprint's handler of exceptions. The
        # platform may have one for a refusal of its own hooks, or for 429.
        blueprint.register_error_handler(status, responses.from_exception)
    for command in cli.COMMANDS:
        blueprint.cli.add_command(command)
    return blueprint


def _require_own_route(app: Flask, endpoint: str, method: str) -> None:
    """Raise :exc:`MountError` if a route of the application hides one of the package's."""
    addresses = app.url_map.bind('localhost')
    path = addresses.build(endpoint, {'run_id': 1}, method)
    try:
        found, _ = addresses.match(path, method)
    except RequestRedirect as redirect:  # To the same path with a slash, for example.
        found = redirect.new_url
    if found != endpoint:
        raise MountError(f'{method} {path} leads to {found}, which the application already has.')


def _identify() -> None:
    # This comes before the request is counted, because the count depends on the requester. Flask answers OPTIONS.
    if is_api_request() and request.method != 'OPTIONS':
        auth.identify()


def _add_headers(response: Response) -> Response:
    if is_api_request():
        response.headers.update(responses.HEADERS)
        limits.add_rate_limit_headers(response)
    return response
