"""Making the blueprint, and what happens when an application registers it (contract section 2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from flask import Blueprint, Flask, Response
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import default_exceptions

from . import cli, host, pages, responses, settings, tables, views
from .errors import MountError, RunsApiError
from .host import HostSession
from .mount import KEY, Mount, current_mount, is_own_request


def create_blueprint(name: str = 'runs_api', *, models: Mapping[str, type] | None = None,
                     session: Callable[[], HostSession] | None = None,
                     names: Mapping[str, str] | None = None) -> Blueprint:
    """
    Make the blueprint, for the sample platform or for a host that differs from it (contract section 2).

    Parameters
    ----------
    name : str
        What the blueprint is called: the first part of its endpoints.
    models : Mapping of str to type, optional
        The host's models by the platform's names for them: Test, TestProgress, TestResult, TestResultFile,
        CustomizedTest, TestFork, RegressionTest, RegressionTestOutput, RegressionTestOutputFiles, User and, where
        the host has tokens, ApiToken. By default the platform's modules are looked at.
    session : callable, optional
        Returns a session on the host's database. By default ``flask.g.db``.
    names : Mapping of str to str, optional
        Attributes that the host calls otherwise, for example ``{'Test.pr_nr': 'pull_request'}``.

    Returns
    -------
    Blueprint
        Any number of applications may register it. Registering raises :exc:`MountError` where the application
        cannot be worked with, and says what it lacks.
    """
    blueprint = Blueprint(name, __name__, template_folder='templates', cli_group='runs-api')

    def on_register(state: BlueprintSetupState) -> None:
        app = cast(Flask, state.app)
        if KEY in app.extensions:
            raise MountError('mod_runs_api is already mounted in this application.')
        checked = settings.read(app.config)
        found = host.find(models, session, names)
        full_name = f'{state.name_prefix}.{state.name}'.lstrip('.')
        endpoints = frozenset(f'{full_name}.{endpoint}' for endpoint in views.API)
        mount = Mount(name=full_name, prefix=state.url_prefix or '', endpoints=endpoints, host=found,
                      retries=tables.run_retry(found), api_tokens=tables.api_token(found),
                      storage_uri=checked.rate_limit_storage_uri)
        if checked.rate_limit_storage_uri != settings.DEFAULTS['RUNS_API_RATE_LIMIT_STORAGE_URI']:
            mount.route_limiter  # So that a mistake in it shows now.
        app.extensions[KEY] = mount
        app.before_request(_count)
        for endpoint, view in views.API.items():
            state.add_url_rule(f'/runs/<run_id>/{endpoint}', endpoint, view, provide_automatic_options=False)
            for rule in app.url_map.iter_rules(f'{full_name}.{endpoint}'):
                # Every verb, so that the others are refused by the blueprint, in its shape, and not by the host.
                rule.methods = None
        pages.register(state)

    blueprint.record(on_register)
    blueprint.register_error_handler(RunsApiError, responses.from_error)
    blueprint.register_error_handler(Exception, responses.from_exception)
    for status in default_exceptions:
        # By number too: Flask prefers a host's page for the number to a blueprint's handler of all exceptions.
        blueprint.register_error_handler(status, responses.from_exception)
    blueprint.after_request(_add_rate_limit_headers)
    for command in (cli.token, cli.openapi, cli.retry_command, cli.family_command):
        blueprint.cli.add_command(command)
    return blueprint


def _count() -> None:
    # Before every request of the application, since a blueprint's own hooks come after all of the host's.
    if is_own_request():
        current_mount().route_limiter.count()


def _add_rate_limit_headers(response: Response) -> Response:
    if not is_own_request():
        return response
    from . import limits
    return limits.add_headers(response)
