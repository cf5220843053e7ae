"""The routes. They translate between HTTP and the service, and do nothing else (docs/api.rst)."""

import re
from typing import Any

from flask import Response, request, url_for
from marshmallow import Schema, ValidationError

from ..domain.retry import RetryRequest, digest_key
from ..domain.verdict import VERDICTS
from ..domain.words import counted
from ..errors import InvalidFields, RunNotFound
from ..extension import extension_state
from ..service.attempts import read_page
from ..service.preview import preview_retry
from ..service.retry import create_retry
from ..service.validation import load_retry_fields
from ..service.verdict import read_verdict
from .auth import may, require
from .errors import MethodNotAllowed
from .request_body import read_object
from .responses import json_response
from .schemas import AttemptsSchema, PageArgsSchema, PreviewSchema, RetryResultSchema, VerdictArgsSchema, VerdictSchema


def retry(run_id: str) -> Response:
    """Retry a run, or preview a retry: ``POST`` and ``GET /runs/{run_id}/retry``."""
    _allow('GET', 'HEAD', 'POST')
    return _create_retry(run_id) if request.method == 'POST' else _preview_retry(run_id)


def _create_retry(run_id: str) -> Response:
    state = extension_state()
    user = require('runs:write', state.settings.retry_roles)
    key = request.headers.get('Idempotency-Key')
    fields = load_retry_fields(read_object(), key)
    created = create_retry(state, RetryRequest(
        _to_id(run_id), fields.failed_only, fields.reason, user.id, idempotency_digest=digest_key(user.id, key)))

    tests = counted(created.test_count, 'test')
    response = json_response(RetryResultSchema().dump({
        'run_id': created.run_id, 'new_run_id': created.new_run_id, 'action': 'retry', 'status': 'accepted',
        'message': f'Run {created.run_id} is queued again as run {created.new_run_id}, with {tests}.',
    }), 202)
    # A run's own resource is the host's. Its path differs from this route's in the end only.
    response.headers['Location'] = url_for('.retry', run_id=created.new_run_id).removesuffix('/retry')
    if created.replayed:
        response.headers['Idempotent-Replayed'] = 'true'
    return response


def _preview_retry(run_id: str) -> Response:
    require('runs:read')
    state = extension_state()
    # Checks may query GitHub: for those who might go on, and not only to learn the headers.
    calls_checks = request.method == 'GET' and may('runs:write', state.settings.retry_roles)
    preview = preview_retry(state, _to_id(run_id), calls_checks=calls_checks)
    return json_response(PreviewSchema().dump(preview), 200)


def retries(run_id: str) -> Response:
    """List the attempts of a run: ``GET /runs/{run_id}/retries``."""
    _allow('GET', 'HEAD')
    require('runs:read')
    args = _load_args(PageArgsSchema())
    page = extension_state().transactions.run(read_page, _to_id(run_id), **args)
    return json_response(AttemptsSchema().dump(
        {'data': page.attempts, 'pagination': _pagination(total=page.total, **args), 'meta': page}), 200)


def verdict(run_id: str) -> Response:
    """Return the verdict on each test of a run: ``GET /runs/{run_id}/verdict``."""
    _allow('GET', 'HEAD')
    require('results:read')
    args = _load_args(VerdictArgsSchema(), verdict=request.args.getlist('verdict'))
    wanted = args.pop('verdict') or VERDICTS
    found = extension_state().transactions.run(read_verdict, _to_id(run_id))
    tests = [test for test in found.tests if test.verdict in wanted]
    return json_response(VerdictSchema().dump(
        {'data': tests[args['offset']:args['offset'] + args['limit']],
         'pagination': _pagination(total=len(tests), **args), 'meta': found}), 200)


#: The routes under ``/runs/{run_id}/``, by the last part of their path, which is their endpoint too.
VIEWS = {'retry': retry, 'retries': retries, 'verdict': verdict}


def _allow(*methods: str) -> None:
    if request.method not in methods:
        raise MethodNotAllowed(methods)


def _load_args(schema: Schema, **repeated: list[str]) -> dict[str, Any]:
    """Return the arguments of the query string. Those that may be repeated are given as lists."""
    try:
        args: dict[str, Any] = schema.load({**request.args, **repeated})
    except ValidationError as error:
        raise InvalidFields(error.messages_dict) from None
    return args


def _pagination(limit: int, offset: int, total: int) -> dict[str, int | None]:
    following = offset + limit
    return {'limit': limit, 'offset': offset, 'total': total, 'next_offset': following if following < total else None}


def _to_id(text: str) -> int:
    # ASCII digits only: int() would take those of every script, underscores and spaces as well.
    if not re.fullmatch('-?[0-9]{1,20}', text):
        raise RunNotFound(text)
    return int(text)
