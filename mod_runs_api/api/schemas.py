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
from ..domain.outcomes import Outcome
from ..domain.run import MAX_ID
from ..domain.verdict import VERDICTS, Overall
from ..errors import MAX_MESSAGE_LENGTH

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


def word(words: Sequence[str], *, allow_none: bool = False) -> fields.String:
    """Return a field for one of some words."""
    return fields.String(required=True, allow_none=allow_none, validate=validate.OneOf(words))


Id = partial(fields.Integer, required=True, validate=validate.Range(min=1))
Count = partial(fields.Integer, required=True, validate=validate.Range(min=0))
Flag = partial(fields.Boolean, required=True)
Text = partial(fields.String, required=True)
Listed = partial(fields.List, required=True)
Nested = partial(fields.Nested, required=True)
Message = partial(fields.String, required=True, validate=validate.Length(max=MAX_MESSAGE_LENGTH))
STATUSES = get_args(RunStatus)


class ErrorSchema(Schema):
    """An error."""

    code = fields.String(required=True, validate=validate.Length(max=100))
    message = Message()
    details = fields.Dict(keys=fields.String(), required=True)


class RetryResultSchema(Schema):
    """A retry that is queued."""

    run_id = Id()
    new_run_id = Id(allow_none=True)
    action = word(('retry', 'cancel'))
    status = word(('accepted', 'rejected', 'no_op'))
    message = Message()


class ChoiceSchema(Schema):
    """A retry of all tests, or of those that did not pass."""

    test_count = Count()
    regression_test_ids = Listed(Id())
    refusal = Nested(ErrorSchema, allow_none=True)


class FailedOnlyChoiceSchema(ChoiceSchema):
    """A retry of the tests that did not pass."""

    hint = Text(allow_none=True)


class PreviewSchema(Schema):
    """A retry as it would be now."""

    run_id = Id()
    status = word(STATUSES)
    all = Nested(ChoiceSchema)
    failed_only = Nested(FailedOnlyChoiceSchema)


class PageArgsSchema(Schema):
    """The part of a list that is asked for, in the query string."""

    class Meta:
        """Ignore other arguments."""

        unknown = EXCLUDE

    limit = QueryInteger(load_default=DEFAULT_LIMIT, validate=validate.Range(1, MAX_LIMIT))
    offset = QueryInteger(load_default=0, validate=validate.Range(0, MAX_ID))


class PaginationSchema(Schema):
    """The part of a list that is answered."""

    limit = Count()
    offset = Count()
    total = Count()
    next_offset = Count(allow_none=True)


class OtherBuildSchema(Schema):
    """Results that were carried over from attempts of another build."""

    built_commit_sha = Text()
    results = Count()


class AttemptSchema(Schema):
    """One run among the attempts."""

    run_id = Id()
    source_run_id = Id(allow_none=True)
    attempt = Id()
    status = word(STATUSES)
    tests = Count()
    passed = Count()
    failed = Count()
    not_run = Count()
    carried_over = Count()
    to_carry_over = Count()
    built_commit_sha = Text(allow_none=True)
    other_builds = Listed(fields.Nested(OtherBuildSchema))
    cause = word(CAUSES, allow_none=True)
    cause_detail = Text(allow_none=True)
    cause_sentence = Message(allow_none=True)
    failed_only = Flag(allow_none=True)
    automatic = Flag(allow_none=True)
    reason = Text(allow_none=True)
    requested_by = Text(allow_none=True)
    created_at = UTCDateTime(required=True, allow_none=True)


class AttemptsMetaSchema(Schema):
    """The requested run, the first of its attempts, and the attempt whose results stand for it."""

    run_id = Id()
    root_run_id = Id()
    decisive_run_id = Id()


class AttemptsSchema(Schema):
    """A page of the attempts of a run."""

    data = Listed(fields.Nested(AttemptSchema))
    pagination = Nested(PaginationSchema)
    meta = Nested(AttemptsMetaSchema)


class VerdictArgsSchema(PageArgsSchema):
    """The part of the tests that is asked for, in the query string."""

    verdict = fields.List(fields.String(), validate=validate.ContainsOnly(VERDICTS))


class OutcomeSchema(Schema):
    """The outcome of a test in one attempt."""

    run_id = Id()
    attempt = Id()
    outcome = word(get_args(Outcome))


class TestVerdictSchema(Schema):
    """The verdict on one test."""

    __test__ = False  # pytest takes the class for tests otherwise.

    regression_test_id = Id()
    command = Text()
    verdict = word(VERDICTS)
    latest = word(('pass', 'fail', 'missing_output'), allow_none=True)
    attempts = Listed(fields.Nested(OutcomeSchema))


class CountsSchema(Schema.from_dict({verdict: Count() for verdict in VERDICTS})):  # type: ignore[misc]
    """The number of tests with each verdict."""


class VerdictMetaSchema(Schema):
    """The verdict on the commit."""

    run_id = Id()
    root_run_id = Id()
    attempts = Listed(Id())
    overall = word(get_args(Overall))
    counts = Nested(CountsSchema)
    sentence = Text(allow_none=True)


class VerdictSchema(Schema):
    """A page of the verdicts on the tests of a run."""

    data = Listed(fields.Nested(TestVerdictSchema))
    pagination = Nested(PaginationSchema)
    meta = Nested(VerdictMetaSchema)
