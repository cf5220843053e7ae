"""
The OpenAPI document of the routes, made from the schemas that check what goes in and out.

It uses the names of the platform's own document for what is the same (``bearerAuth``, ``ErrorResponse``, the tag
``Runs``), so that its paths and components can be pasted there. apispec makes it, and is needed for nothing else.
"""

from __future__ import annotations

from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema

from ..domain.run import MAX_ID
from ..domain.verdict import VERDICTS
from ..errors import RunsApiError, ServiceUnavailable
from ..service.validation import IDEMPOTENCY_KEY, RetryRequestSchema
from ..version import __version__
from .errors import (ERRORS, BadRequest, MethodNotAllowed, PayloadTooLarge,
                     RateLimited, Unauthorized, UnsupportedMediaType)
from .request_body import MAX_BODY
from .schemas import (DEFAULT_LIMIT, MAX_LIMIT, AttemptSchema,
                      AttemptsMetaSchema, AttemptsSchema, ChoiceSchema,
                      ErrorSchema, FailedOnlyChoiceSchema, OutcomeSchema,
                      PaginationSchema, PreviewSchema, RunActionSchema,
                      TestVerdictSchema, VerdictMetaSchema, VerdictSchema)

#: Every schema by its name in the document.
SCHEMA_NAMES: dict[type[Schema], str] = {
    RetryRequestSchema: 'RunRetryRequest',
    RunActionSchema: 'RunRetryResult',
    PreviewSchema: 'RunRetryPreview',
    ChoiceSchema: 'RunRetryChoice',
    FailedOnlyChoiceSchema: 'RunRetryFailedOnlyChoice',
    AttemptsSchema: 'RunAttempts',
    AttemptsMetaSchema: 'RunAttemptsMeta',
    AttemptSchema: 'RunAttempt',
    PaginationSchema: 'RunAttemptsPagination',
    VerdictSchema: 'RunVerdict',
    VerdictMetaSchema: 'RunVerdictMeta',
    TestVerdictSchema: 'RunTestVerdict',
    OutcomeSchema: 'RunTestOutcome',
    ErrorSchema: 'ErrorResponse',
}

RATE_LIMIT_HEADERS = {
    'X-RateLimit-Limit': 'Requests allowed in the current window.',
    'X-RateLimit-Remaining': 'Requests left in the current window.',
    'X-RateLimit-Reset': 'When the window ends, in Unix time.',
}


def create_document(prefix: str, retry_roles: list[str]) -> dict[str, Any]:
    """Return the OpenAPI document of the routes under a prefix, in JSON types."""
    spec = APISpec(title='Retries of test runs', version=__version__, openapi_version='3.0.3',
                   plugins=[MarshmallowPlugin(schema_name_resolver=_schema_name)],
                   servers=[{'url': prefix or '/'}],
                   tags=[{'name': 'Runs', 'description': 'CI runs'}],
                   info={'license': {'name': 'ISC'}})
    spec.components.security_scheme('bearerAuth', {'type': 'http', 'scheme': 'bearer', 'bearerFormat': 'opaque'})
    for name, description in RATE_LIMIT_HEADERS.items():
        spec.components.header(name, {'description': description, 'required': True,
                                      'schema': {'type': 'integer', 'minimum': 0}})
    for error in ERRORS:
        spec.components.response(error.__name__, _error(error))
    spec.components.parameter('RunId', 'path', {
        'name': 'run_id', 'description': 'The run.',
        'schema': {'type': 'integer', 'minimum': 1, 'maximum': MAX_ID}})
    spec.components.parameter('IdempotencyKey', 'header', {
        'name': 'Idempotency-Key',
        'description': 'The same key, with the same run and body from the same user, creates one run.',
        'schema': {'type': 'string', 'minLength': 1, 'maxLength': 255, 'pattern': f'^{IDEMPOTENCY_KEY}$'}})

    spec.components.parameter('Limit', 'query', {
        'name': 'limit', 'description': 'How many to list.',
        'schema': {'type': 'integer', 'minimum': 1, 'maximum': MAX_LIMIT, 'default': DEFAULT_LIMIT}})
    spec.components.parameter('Offset', 'query', {
        'name': 'offset', 'description': 'How many to leave out at the beginning.',
        'schema': {'type': 'integer', 'minimum': 0, 'maximum': MAX_ID, 'default': 0}})
    spec.components.parameter('Verdict', 'query', {
        'name': 'verdict', 'description': 'List only tests with one of these verdicts. May be repeated.',
        'schema': {'type': 'array', 'items': {'type': 'string', 'enum': list(VERDICTS)}}})

    spec.path('/runs/{run_id}/retry', operations={'get': {
        'tags': ['Runs'],
        'operationId': 'previewRunRetry',
        'summary': 'Preview a retry',
        'description': 'Which tests a retry of the run would run now, or what it would be refused with. Creates '
                       'nothing.',
        'security': [{'bearerAuth': []}],
        'x-required-scope': 'runs:read',
        'parameters': ['RunId'],
        'responses': {'200': _success('The preview.', PreviewSchema, {}),
                      **_errors(BadRequest, PayloadTooLarge, UnsupportedMediaType)}}, 'post': {
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
                                    'schema': {'type': 'string', 'enum': ['true']}}}), **_errors()}}})
    spec.path('/runs/{run_id}/retries', operations={'get': {
        'tags': ['Runs'],
        'operationId': 'listRunRetries',
        'summary': 'List the attempts of a run',
        'description': 'The first run, its retries and their retries, by run id.',
        'security': [{'bearerAuth': []}],
        'x-required-scope': 'runs:read',
        'parameters': ['RunId', 'Limit', 'Offset'],
        'responses': {'200': _success('The attempts.', AttemptsSchema, {}),
                      **_errors(BadRequest, PayloadTooLarge, UnsupportedMediaType)}}})
    spec.path('/runs/{run_id}/verdict', operations={'get': {
        'tags': ['Runs'],
        'operationId': 'getRunVerdict',
        'summary': 'Read what the attempts of a run prove',
        'description': 'What all attempts of the run together prove about each test, by regression test id.',
        'security': [{'bearerAuth': []}],
        'x-required-scope': 'results:read',
        'parameters': ['RunId', 'Verdict', 'Limit', 'Offset'],
        'responses': {'200': _success('The verdicts.', VerdictSchema, {}),
                      **_errors(BadRequest, PayloadTooLarge, UnsupportedMediaType)}}})
    return spec.to_dict()


def _schema_name(schema: Any) -> str:
    cls: type[Schema] = schema if isinstance(schema, type) else type(schema)
    return SCHEMA_NAMES[cls]


def _success(description: str, schema: type, headers: dict[str, Any]) -> dict[str, Any]:
    return {'description': description,
            'headers': {**{name: name for name in RATE_LIMIT_HEADERS}, **headers},
            'content': {'application/json': {'schema': schema}}}


def _error(error: type[RunsApiError]) -> dict[str, Any]:
    headers: dict[str, Any] = {name: name for name in RATE_LIMIT_HEADERS}
    text = {'required': True, 'schema': {'type': 'string'}}
    if error is Unauthorized:
        headers['WWW-Authenticate'] = {'description': 'A challenge as RFC 6750 has it.', **text}
    elif error is MethodNotAllowed:
        headers['Allow'] = {'description': 'The methods that are allowed.', **text}
    elif error in (RateLimited, ServiceUnavailable):
        headers['Retry-After'] = {'description': 'Seconds to wait.', 'required': True,
                                  'schema': {'type': 'integer', 'minimum': 1}}
    return {'description': (error.__doc__ or '').strip().splitlines()[0],
            'headers': headers,
            'content': {'application/json': {'schema': ErrorSchema}}}


def _errors(*without: type[RunsApiError]) -> dict[str, str]:
    return {str(error.status): error.__name__ for error in ERRORS if error not in without}
