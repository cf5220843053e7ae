"""
The objects in the answers of the API, and the arguments of its lists (docs/api.rst).

They describe the answers field by field: the routes in the platform's OpenAPI document are checked against them.
"""

import re
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
    """A number in the query string: ASCII digits only, where int() would take more."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not re.fullmatch('[0-9]{1,10}', value):
            raise self.make_error('invalid', input=value)
        return int(value)


class UTCDateTime(fields.DateTime):
    """A time in UTC, to the second: 2026-11-24T13:00:00Z."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return None if value is None else f'{value:%Y-%m-%dT%H:%M:%SZ}'


def an_id(*, allow_none: bool = False) -> fields.Integer:
    """Return a field for the id of a row."""
    return fields.Integer(required=True, allow_none=allow_none, validate=validate.Range(min=1))


def a_count() -> fields.Integer:
    """Return a field for a number of things."""
    return fields.Integer(required=True, validate=validate.Range(min=0))


def a_text(*, allow_none: bool = False) -> fields.String:
    """Return a field for a text."""
    return fields.String(required=True, allow_none=allow_none)


def a_word(literal: Any, *, allow_none: bool = False) -> fields.String:
    """Return a field for one of some words, given as a type or as a list."""
    return fields.String(required=True, allow_none=allow_none, validate=validate.OneOf(get_args(literal) or literal))


class ErrorSchema(Schema):
    """An error."""

    code = fields.String(required=True, validate=validate.Length(max=100))
    message = fields.String(required=True, validate=validate.Length(max=MAX_MESSAGE_LENGTH))
    details = fields.Dict(keys=fields.String(), required=True)


class RetryResultSchema(Schema):
    """A retry that is queued."""

    run_id = an_id()
    new_run_id = an_id(allow_none=True)
    action = a_word(('retry', 'cancel'))
    status = a_word(('accepted', 'rejected', 'no_op'))
    message = fields.String(required=True, validate=validate.Length(max=MAX_MESSAGE_LENGTH))


class ChoiceSchema(Schema):
    """A retry of all tests, or of those that did not pass."""

    test_count = a_count()
    regression_test_ids = fields.List(an_id(), required=True)
    refusal = fields.Nested(ErrorSchema, required=True, allow_none=True)


class FailedOnlyChoiceSchema(ChoiceSchema):
    """A retry of the tests that did not pass."""

    hint = a_text(allow_none=True)


class PreviewSchema(Schema):
    """A retry as it would be now."""

    run_id = an_id()
    status = a_word(RunStatus)
    all = fields.Nested(ChoiceSchema, required=True)
    failed_only = fields.Nested(FailedOnlyChoiceSchema, required=True)


class PageArgsSchema(Schema):
    """The part of a list that is asked for, in the query string."""

    class Meta:
        """Ignore other arguments."""

        unknown = EXCLUDE

    limit = QueryInteger(load_default=DEFAULT_LIMIT, validate=validate.Range(1, MAX_LIMIT))
    offset = QueryInteger(load_default=0, validate=validate.Range(0, MAX_ID))


class PaginationSchema(Schema):
    """The part of a list that is answered."""

    limit = a_count()
    offset = a_count()
    total = a_count()
    next_offset = fields.Integer(required=True, allow_none=True)


class OtherBuildSchema(Schema):
    """Results that were carried over from attempts of another build."""

    built_commit_sha = a_text()
    results = a_count()


class AttemptSchema(Schema):
    """One run among the attempts."""

    run_id = an_id()
    source_run_id = an_id(allow_none=True)
    attempt = an_id()
    status = a_word(RunStatus)
    tests = a_count()
    passed = a_count()
    failed = a_count()
    not_run = a_count()
    carried_over = a_count()
    to_carry_over = a_count()
    built_commit_sha = a_text(allow_none=True)
    other_builds = fields.List(fields.Nested(OtherBuildSchema), required=True)
    cause = a_word(CAUSES, allow_none=True)
    cause_detail = a_text(allow_none=True)
    failed_only = fields.Boolean(required=True, allow_none=True)
    automatic = fields.Boolean(required=True, allow_none=True)
    reason = a_text(allow_none=True)
    requested_by = a_text(allow_none=True)
    created_at = UTCDateTime(required=True, allow_none=True)


class AttemptsMetaSchema(Schema):
    """The run that was asked about, and the first of its attempts."""

    run_id = an_id()
    root_run_id = an_id()


class AttemptsSchema(Schema):
    """A page of the attempts of a run."""

    data = fields.List(fields.Nested(AttemptSchema), required=True)
    pagination = fields.Nested(PaginationSchema, required=True)
    meta = fields.Nested(AttemptsMetaSchema, required=True)


class VerdictArgsSchema(PageArgsSchema):
    """The part of the tests that is asked for, in the query string."""

    verdict = fields.List(fields.String(), validate=validate.ContainsOnly(VERDICTS))


class OutcomeSchema(Schema):
    """The outcome of a test in one attempt."""

    run_id = an_id()
    attempt = an_id()
    outcome = a_word(Outcome)


class TestVerdictSchema(Schema):
    """The verdict on one test."""

    __test__ = False  # pytest takes the class for tests otherwise.

    regression_test_id = an_id()
    command = a_text()
    verdict = a_word(VERDICTS)
    latest = a_word(('pass', 'fail', 'missing_output'), allow_none=True)
    attempts = fields.List(fields.Nested(OutcomeSchema), required=True)


class CountsSchema(Schema.from_dict({verdict: a_count() for verdict in VERDICTS})):  # type: ignore[misc]
    """The number of tests with each verdict."""


class VerdictMetaSchema(Schema):
    """The verdict on the commit."""

    run_id = an_id()
    root_run_id = an_id()
    attempts = fields.List(an_id(), required=True)
    overall = a_word(Overall)
    counts = fields.Nested(CountsSchema, required=True)
    sentence = a_text(allow_none=True)


class VerdictSchema(Schema):
    """A page of the verdicts on the tests of a run."""

    data = fields.List(fields.Nested(TestVerdictSchema), required=True)
    pagination = fields.Nested(PaginationSchema, required=True)
    meta = fields.Nested(VerdictMetaSchema, required=True)
