"""The routes: they translate between HTTP and the service, and nothing else (contract section 1)."""

from __future__ import annotations

import re

from flask import Response, request, url_for
from marshmallow import ValidationError

from . import authentication, service
from .body import read_object
from .errors import InvalidFields, MethodNotAllowed, RunNotFound
from .mount import current_mount
from .responses import json_response
from .retry import Order
from .schemas import FAMILY, RETRY_REQUEST, RUN_ACTION, check_idempotency_key


def retry(run_id: str) -> Response:
    """
    Retry a run (contract section 1): ``POST /runs/{run_id}/retry``.

    Parameters
    ----------
    run_id : str
        The path's part. Whatever is no run's id is a run that does not exist.

    Returns
    -------
    Response
        202 with the new run.

    Raises
    ------
    RunsApiError
        Any of the contract's, in the contract's order.
    """
    _allow('POST')
    mount = current_mount()
    settings = mount.settings
    person = authentication.require('runs:write', settings.retry_roles)
    key = request.headers.get('Idempotency-Key')
    try:
        fields = RETRY_REQUEST.load(read_object())
        if key is not None:
            check_idempotency_key(key)
    except ValidationError as error:
        raise InvalidFields(error.messages_dict) from None
    made = service.place(mount, Order(run_id=_id(run_id), requester_id=person.id, idempotency_key=key,
                                      drop_inactive=settings.drop_inactive_tests, check=settings.before_retry,
                                      **fields))
    response = json_response(RUN_ACTION.dump({
        'run_id': made.run_id,
        'new_run_id': made.new_run_id,
        'action': 'retry',
        'status': 'accepted',
        'message': f'Run {made.run_id} is queued again as run {made.new_run_id}, with {made.test_count} '
                   f'{"test" if made.test_count == 1 else "tests"}.',
    }), 202)
    # A run's own page is the host's; its address differs from this route's in the end only.
    response.headers['Location'] = url_for('.retry', run_id=made.new_run_id).removesuffix('/retry')
    if made.replayed:
        response.headers['Idempotent-Replayed'] = 'true'
    return response


def retries(run_id: str) -> Response:
    """
    Give the family of a run (contract section 1): ``GET /runs/{run_id}/retries``.

    Parameters
    ----------
    run_id : str
        The path's part. Whatever is no run's id is a run that does not exist.

    Returns
    -------
    Response
        200 with every run of the family.

    Raises
    ------
    RunsApiError
        Any of the contract's, in the contract's order.
    """
    _allow('GET', 'HEAD')
    authentication.require('runs:read')
    return json_response(FAMILY.dump(service.family_of(current_mount(), _id(run_id))), 200)


#: The routes under ``/runs/{run_id}/``, by the last part of their path, which is their endpoint too.
API = {'retry': retry, 'retries': retries}


def _allow(*methods: str) -> None:
    if request.method not in methods:
        raise MethodNotAllowed(methods)


def _id(text: str) -> int:
    # ASCII digits only: int() would take those of every script, underscores and spaces as well.
    if not re.fullmatch('-?[0-9]{1,20}', text):
        raise RunNotFound(text)
    return int(text)
