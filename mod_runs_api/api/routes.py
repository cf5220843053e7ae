"""
The table of the routes (docs/api.rst), and their view functions.

A new route is a view in ``views.py`` and an entry here. The blueprint adds a rule for each entry. The generic tests and
the comparison with the platform's OpenAPI document read the table, too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Response, request
from marshmallow import Schema, ValidationError, fields

from ..errors import InvalidFields
from ..extension import extension_state
from . import schemas, views
from .auth import require
from .responses import json_response


@dataclass(frozen=True)
class Route:
    """One method at one path."""

    #: ``GET`` includes ``HEAD``.
    method: str
    #: Below the prefix of the blueprint.
    path: str
    #: The scope that the token must have.
    scope: str
    #: Its name is that of the endpoint. It is called with the variables of the path, as text, and with the arguments.
    view: Callable[..., views.Answer]
    #: The schema of the answer.
    answer: type[Schema]
    status: int = 200
    #: The schema of the query string, if the route reads it.
    arguments: type[Schema] | None = None
    #: Whether the user must have one of the roles in ``RUNS_API_RETRY_ROLES``.
    needs_retry_role: bool = False


ROUTES = (
    Route('POST', '/runs/<run_id>/retry', 'runs:write', views.retry, schemas.RetryResultSchema,
          status=202, needs_retry_role=True),
    Route('GET', '/runs/<run_id>/retry', 'runs:read', views.preview, schemas.RetryPreviewSchema),
    Route('GET', '/runs/<run_id>/retries', 'runs:read', views.attempts, schemas.RunAttemptsSchema,
          arguments=schemas.PageArgsSchema),
    Route('GET', '/runs/<run_id>/verdict', 'results:read', views.verdicts, schemas.RunVerdictSchema,
          arguments=schemas.VerdictArgsSchema),
)


def create_view_function(route: Route) -> Callable[..., Response]:
    """Return the view function of a route: its view, after the checks that the table names, with the answer as JSON."""
    # Flask-Limiter tells the view functions apart by their qualified names.
    @wraps(route.view)
    def answer_request(**path_variables: str) -> Response:
        require(route.scope, extension_state().settings.retry_rules if route.needs_retry_role else None)
        arguments = _load_query(route.arguments()) if route.arguments else {}
        answer = route.view(**path_variables, **arguments)
        return json_response(route.answer().dump(answer.body), route.status, answer.headers)

    return answer_request


def _load_query(schema: Schema) -> dict[str, Any]:
    """Return the arguments of the query string. An argument that is a list may be repeated."""
    lists = [name for name, field in schema.fields.items() if isinstance(field, fields.List)]
    for name in lists:
        # Some clients write a list like this. The route would ignore it as unknown, and answer without the filter.
        if f'{name}[]' in request.args:
            raise InvalidFields({f'{name}[]': [f'Unknown parameter. Repeat "{name}" instead.']})
    try:
        loaded: dict[str, Any] = schema.load({**request.args.to_dict(),
                                              **{name: request.args.getlist(name) for name in lists}})
    except ValidationError as error:
        raise InvalidFields(error.messages_dict) from None
    return loaded
