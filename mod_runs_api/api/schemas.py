"""
The objects in the answers of the API, and the arguments of its lists (docs/api.rst).

They describe the answers field by field: the routes in the platform's OpenAPI document are checked against them.
"""

import re
from collections.abc import Sequence
from functools import partial
from typing import Any, get_args

from marshmallow import EXCLUDE, Schema, fields, validate

from ..domain.attempts import RunStatus
from ..domain.causes import CAUSES
from ..domain.outcomes import RAN, Outcome
from ..domain.run import MAX_ID
from ..domain.verdict import VERDICTS, Overall
from ..errors import MAX_MESSAGE_LENGTH

#: The annotation of each field, without which the types of the package are not complete for its callers.
Field = fields.Field[Any]

#: The number of entries of a list that are answered at once.
DEFAULT_LIMIT, MAX_LIMIT = 50, 100


class QueryInteger(fields.Integer):
    """A number in the query string, in ASCII digits: int() also takes other digits, blanks and underscores."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        # int() takes no more digits.
        if not re.fullmatch('-?[0-9]{1,4300}', value):
            raise self.make_error('invalid', input=value)
        return int(value)


class UTCDateTime(fields.DateTime):
    """A time in UTC, to the second: 2026-11-24T13:00:00Z."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return None if value is None else f'{value:%Y-%m-%dT%H:%M:%SZ}'


def word(words: Sequence[str], **options: Any) -> fields.String:
    """Return a field that has one of these words."""
    return fields.String(required=True, validate=validate.OneOf(words), **options)


Id = partial(fields.Integer, required=True, validate=validate.Range(min=1))
Count = partial(fields.Integer, required=True, validate=validate.Range(min=0))
Flag = partial(fields.Boolean, required=True)
Text = partial(fields.String, required=True)
Listed = partial(fields.List, required=True)
Nested = partial(fields.Nested, required=True)
Message = partial(fields.String, required=True, validate=validate.Length(max=MAX_MESSAGE_LENGTH))
STATUSES = get_args(RunStatus)


class ErrorResponseSchema(Schema):
    """An error."""

    code: Field = fields.String(required=True, validate=validate.Length(max=100))
    message: Field = Message()
    details: Field = fields.Dict(keys=fields.String(), required=True)


class RetryResultSchema(Schema):
    """The answer to a retry, in the platform's shape for actions on runs. Retries only answer retry and accepted."""

    run_id: Field = Id()
    new_run_id: Field = Id(allow_none=True)
    action: Field = word(('retry', 'cancel'))
    status: Field = word(('accepted', 'rejected', 'no_op'))
    message: Field = Message()


class RetryOptionSchema(Schema):
    """A retry of all tests, or of those that did not pass."""

    test_count: Field = Count()
    regression_test_ids: Field = Listed(Id())
    inactive_ids: Field = Listed(Id())
    refusal: Field = Nested(ErrorResponseSchema, allow_none=True)


class RetryFailedOnlyOptionSchema(RetryOptionSchema):
    """A retry of the tests that did not pass."""

    hint: Field = Text(allow_none=True)


class RetryPreviewSchema(Schema):
    """A retry as it would be now."""

    run_id: Field = Id()
    status: Field = word(STATUSES)
    all: Field = Nested(RetryOptionSchema)
    failed_only: Field = Nested(RetryFailedOnlyOptionSchema)


class PageArgsSchema(Schema):
    """The requested part of a list, in the query string."""

    class Meta:
        """Ignore other arguments."""

        unknown = EXCLUDE

    limit: Field = QueryInteger(load_default=DEFAULT_LIMIT, validate=validate.Range(1, MAX_LIMIT))
    offset: Field = QueryInteger(load_default=0, validate=validate.Range(0, MAX_ID))


class RetryPaginationSchema(Schema):
    """The part of a list that is answered."""

    limit: Field = Count()
    offset: Field = Count()
    total: Field = Count()
    next_offset: Field = Count(allow_none=True)


class OtherBuildSchema(Schema):
    """Results that were carried over from attempts of another build."""

    built_commit_sha: Field = Text()
    results: Field = Count()


class RunAttemptSchema(Schema):
    """One run among the attempts."""

    run_id: Field = Id()
    source_run_id: Field = Id(attribute='retry.source_run_id', allow_none=True)
    attempt: Field = Id()
    status: Field = word(STATUSES)
    tests: Field = Count()
    passed: Field = Count()
    failed: Field = Count()
    not_run: Field = Count()
    carried_over: Field = Count()
    to_carry_over: Field = Count()
    built_commit_sha: Field = Text(allow_none=True)
    other_builds: Field = Listed(fields.Nested(OtherBuildSchema))
    cause: Field = word(CAUSES, attribute='cause.name', allow_none=True)
    cause_detail: Field = Text(attribute='cause.detail', allow_none=True)
    cause_sentence: Field = Message(attribute='cause.sentence', allow_none=True)
    failed_only: Field = Flag(attribute='retry.failed_only', allow_none=True)
    automatic: Field = Flag(attribute='retry.automatic', allow_none=True)
    reason: Field = Text(attribute='retry.reason', allow_none=True)
    requested_by: Field = Text(attribute='retry.requested_by', allow_none=True)
    created_at: Field = UTCDateTime(required=True, attribute='retry.created_at', allow_none=True)

    def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
        """Return an attribute of the attempt, or one of its retry or cause; None without a retry or cause."""
        name, _, inner = attr.partition('.')
        value = getattr(obj, name)
        return value if value is None or not inner else getattr(value, inner)


class RunAttemptsMetaSchema(Schema):
    """The requested run, the root run of its attempts, and the attempt whose results stand for it."""

    run_id: Field = Id()
    root_run_id: Field = Id()
    decisive_run_id: Field = Id()


class RunAttemptsSchema(Schema):
    """A page of the attempts of a run."""

    data: Field = Listed(fields.Nested(RunAttemptSchema))
    pagination: Field = Nested(RetryPaginationSchema)
    meta: Field = Nested(RunAttemptsMetaSchema)


class VerdictArgsSchema(PageArgsSchema):
    """The requested part of the tests, in the query string."""

    verdict: Field = fields.List(fields.String(), validate=validate.ContainsOnly(VERDICTS))


class AttemptOutcomeSchema(Schema):
    """The outcome of a test in one attempt."""

    run_id: Field = Id()
    attempt: Field = Id()
    outcome: Field = word(get_args(Outcome))


class TestVerdictSchema(Schema):
    """The verdict on one test."""

    regression_test_id: Field = Id()
    command: Field = Text()
    verdict: Field = word(VERDICTS)
    latest: Field = word(RAN, allow_none=True)
    attempts: Field = Listed(fields.Nested(AttemptOutcomeSchema))


class VerdictCountsSchema(Schema.from_dict({verdict: Count() for verdict in VERDICTS})):  # type: ignore[misc]
    """The number of tests with each verdict."""


class RunVerdictMetaSchema(Schema):
    """The verdict on the commit."""

    run_id: Field = Id()
    root_run_id: Field = Id()
    attempts: Field = Listed(Id())
    overall: Field = word(get_args(Overall))
    counts: Field = Nested(VerdictCountsSchema)
    sentence: Field = Text(allow_none=True)


class RunVerdictSchema(Schema):
    """A page of the verdicts on the tests of a run."""

    data: Field = Listed(fields.Nested(TestVerdictSchema))
    pagination: Field = Nested(RetryPaginationSchema)
    meta: Field = Nested(RunVerdictMetaSchema)
