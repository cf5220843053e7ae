"""
The OpenAPI document of the routes, made from the schemas that check what goes in and out.

It uses the names of the platform's own document (``bearerAuth``, ``RunActionResult``, ``ErrorResponse``, the tag
``Runs``), so that its paths and components can be copied there. apispec makes it, and is needed for nothing else.
"""

from __future__ import annotations

from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema

from . import __version__, responses
from .body import MAX_BODY
from .errors import (BadRequest, MethodNotAllowed, PayloadTooLarge,
                     RateLimited, RunsApiError, ServiceUnavailable,
                     Unauthorized, Unprocessable, UnsupportedMediaType)
from .schemas import (IDEMPOTENCY_KEY, AttemptSchema, ErrorSchema,
                      FamilySchema, RetryRequestSchema, RunActionSchema)
from .service import MAX_ID

#: Every schema by its name in the document.
SCHEMA_NAMES: dict[type[Schema], str] = {
    RetryRequestSchema: 'RunRetryRequest',
    RunActionSchema: 'RunActionResult',
    FamilySchema: 'RunFamily',
    AttemptSchema: 'RunAttempt',
    ErrorSchema: 'ErrorResponse',
}

RATE_LIMIT_HEADERS = {
    'X-RateLimit-Limit': 'Requests allowed in the current window.',
    'X-RateLimit-Remaining': 'Requests left in the current window.',
    'X-RateLimit-Reset': 'When the window ends, in Unix time.',
}


def document(prefix: str, retry_roles: list[str]) -> dict[str, Any]:
    """
    Make the document.

    Parameters
    ----------
    prefix : str
        Where the routes are mounted.
    retry_roles : list of str
        The roles that may retry a run.

    Returns
    -------
    dict
        OpenAPI 3.1, in JSON types.
    """
    spec = APISpec(title='Retries of test runs', version=__version__, openapi_version='3.1.0',
                   plugins=[MarshmallowPlugin(schema_name_resolver=_schema_name)],
                   servers=[{'url': prefix or '/'}],
                   tags=[{'name': 'Runs', 'description': 'CI runs'}],
                   info={'license': {'name': 'ISC', 'identifier': 'ISC'}})
    spec.components.security_scheme('bearerAuth', {'type': 'http', 'scheme': 'bearer', 'bearerFormat': 'opaque'})
    for name, description in RATE_LIMIT_HEADERS.items():
        spec.components.header(name, {'description': description, 'required': True,
                                      'schema': {'type': 'integer', 'minimum': 0}})
    for kind in responses.STATUSES:
        spec.components.response(kind.__name__, _error(kind))
    spec.components.parameter('RunId', 'path', {
        'name': 'run_id', 'description': 'The run.',
        'schema': {'type': 'integer', 'minimum': 1, 'maximum': MAX_ID}})
    spec.components.parameter('IdempotencyKey', 'header', {
        'name': 'Idempotency-Key',
        'description': 'The same key, with the same run and body from the same person, makes one run.',
        'schema': {'type': 'string', 'minLength': 1, 'maxLength': 255, 'pattern': f'^{IDEMPOTENCY_KEY}$'}})

    spec.path('/runs/{run_id}/retry', operations={'post': {
        'tags': ['Runs'],
        'operationId': 'retryRun',
        'summary': 'Run a run again as a new run',
        'description': 'The source run and all its results are kept. The new run has its configuration and its '
                       'tests, or those of them that did not pass.',
        'security': [{'bearerAuth': []}],
        'x-required-scope': 'runs:write',
        'x-required-roles': retry_roles,
        'parameters': ['RunId', 'IdempotencyKey'],
        'requestBody': {
            'required': False,
            'description': f'At most {MAX_BODY} bytes. No body means all defaults.',
            'content': {'application/json': {'schema': RetryRequestSchema}}},
        'responses': {'202': _success('The retry is queued.', RunActionSchema, {
            'Location': {'description': 'The new run.', 'required': True, 'schema': {'type': 'string'}},
            'Idempotent-Replayed': {'description': 'This answers an earlier request with the same key again.',
                                    'schema': {'type': 'string', 'const': 'true'}}}), **_errors()}}})
    spec.path('/runs/{run_id}/retries', operations={'get': {
        'tags': ['Runs'],
        'operationId': 'listRunRetries',
        'summary': 'List the family of a run',
        'description': 'What the run was retried from, and what became of it: all runs of the family, by run id.',
        'security': [{'bearerAuth': []}],
        'x-required-scope': 'runs:read',
        'parameters': ['RunId'],
        'responses': {'200': _success('The family.', FamilySchema, {}), **_errors(
            BadRequest, PayloadTooLarge, UnsupportedMediaType, Unprocessable)}}})
    return spec.to_dict()


def _schema_name(schema: Any) -> str:
    kind: type[Schema] = schema if isinstance(schema, type) else type(schema)
    return SCHEMA_NAMES[kind]


def _success(description: str, schema: type, headers: dict[str, Any]) -> dict[str, Any]:
    return {'description': description,
            'headers': {**{name: name for name in RATE_LIMIT_HEADERS}, **headers},
            'content': {'application/json': {'schema': schema}}}


def _error(kind: type[RunsApiError]) -> dict[str, Any]:
    headers: dict[str, Any] = {name: name for name in RATE_LIMIT_HEADERS}
    text = {'required': True, 'schema': {'type': 'string'}}
    if kind is Unauthorized:
        headers['WWW-Authenticate'] = {'description': 'A challenge as RFC 6750 has it.', **text}
    elif kind is MethodNotAllowed:
        headers['Allow'] = {'description': 'The verbs that are allowed.', **text}
    elif kind in (RateLimited, ServiceUnavailable):
        headers['Retry-After'] = {'description': 'Seconds to wait.', 'required': True,
                                  'schema': {'type': 'integer', 'minimum': 1}}
    return {'description': (kind.__doc__ or '').strip().splitlines()[0],
            'headers': headers,
            'content': {'application/json': {'schema': ErrorSchema}}}


def _errors(*without: type[RunsApiError]) -> dict[str, str]:
    return {str(status): kind.__name__ for kind, status in responses.STATUSES.items() if kind not in without}
