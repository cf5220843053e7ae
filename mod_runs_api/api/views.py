"""The views of the routes. They translate between HTTP and the service, and do nothing else (docs/api.rst)."""

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

from flask import request, url_for

from ..domain.retry import RetryRequest, digest_key
from ..domain.sentences import counted, queued_again
from ..domain.verdict import VERDICTS
from ..errors import InvalidFields, RunNotFound
from ..extension import extension_state
from ..service.attempts import read_attempts_page
from ..service.conditions import policy_for_person
from ..service.preview import preview_retry
from ..service.retry import create_retry
from ..service.validation import RetryRequestSchema, load_retry_fields
from ..service.verdict import read_verdict
from .auth import may_retry, requester
from .limits import count_preview
from .request_body import read_object


class Answer(NamedTuple):
    """The result of a view."""

    #: The object that the schema of the route turns into JSON.
    body: object
    headers: Mapping[str, str] | None = None


def retry(run_id: str) -> Answer:
    """Retry a run."""
    user = requester()
    key = request.headers.get('Idempotency-Key')
    _refuse_fields_in_query()
    failed_only, reason = load_retry_fields(read_object(), key)
    state = extension_state()
    retry_request = RetryRequest(_to_id(run_id), failed_only, reason, user.id,
                                 idempotency_digest=digest_key(user.id, key))
    created = create_retry(state, retry_request, policy_for_person(state.settings))

    # The page of a run is the platform's route. Its path differs from this route's in the end only.
    headers = {'Location': url_for(state.endpoint('retry'), run_id=created.new_run_id).removesuffix('/retry')}
    if created.replayed:
        headers['Idempotent-Replayed'] = 'true'
    message = queued_again(f'Run {created.run_id}', f'run {created.new_run_id}', counted(created.test_count, 'test'))
    return Answer({'run_id': created.run_id, 'new_run_id': created.new_run_id, 'action': 'retry', 'status': 'accepted',
                   'message': message}, headers)


def _refuse_fields_in_query() -> None:
    # The route would ignore ?failed_only=true as unknown, and run all tests.
    names = RetryRequestSchema().fields.keys() & request.args.keys()
    if names:
        raise InvalidFields({name: ['Send it in the body.'] for name in sorted(names)})


def preview(run_id: str) -> Answer:
    """Preview a retry."""
    return Answer(preview_retry(extension_state(), _to_id(run_id), may_ask_github=_may_ask_github))


def _may_ask_github() -> bool:
    """Return whether the current preview may ask GitHub, and count it if so."""
    # GitHub is asked for those who might go on, and not only to learn the headers.
    return request.method == 'GET' and may_retry() and count_preview()


def attempts(run_id: str, limit: int, offset: int) -> Answer:
    """List the attempts of a run."""
    page = extension_state().transactions.run(read_attempts_page, _to_id(run_id), limit, offset)
    return Answer({'data': page.attempts, 'pagination': _pagination(limit, offset, page.total), 'meta': page})


def verdicts(run_id: str, limit: int, offset: int, verdict: Collection[str]) -> Answer:
    """List the verdicts on the tests of a run."""
    found = extension_state().transactions.run(read_verdict, _to_id(run_id))
    tests = [test for test in found.tests if test.verdict in (verdict or VERDICTS)]
    return Answer({'data': tests[offset:offset + limit], 'pagination': _pagination(limit, offset, len(tests)),
                   'meta': found})


def _pagination(limit: int, offset: int, total: int) -> dict[str, int | None]:
    following = offset + limit
    return {'limit': limit, 'offset': offset, 'total': total, 'next_offset': following if following < total else None}


def _to_id(text: str) -> int:
    # ASCII digits only: int() would take those of every script, underscores and spaces as well.
    if not re.fullmatch('-?[0-9]{1,20}', text):
        raise RunNotFound(text)
    return int(text)
