"""The objects in the answers of the API, and the arguments of its lists (docs/api.rst)."""

import re
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, validate

from ..domain.run import MAX_ID
from ..domain.verdict import VERDICTS

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


class ErrorSchema(Schema):
    """An error."""

    code = fields.String()
    message = fields.String()
    details = fields.Dict()


class ChoiceSchema(Schema):
    """A retry of all tests, or of those that did not pass."""

    test_count = fields.Integer()
    regression_test_ids = fields.List(fields.Integer())
    refusal = fields.Nested(ErrorSchema)


class FailedOnlyChoiceSchema(ChoiceSchema):
    """A retry of the tests that did not pass."""

    hint = fields.String()


class PreviewSchema(Schema):
    """A retry as it would be now."""

    run_id = fields.Integer()
    status = fields.String()
    all = fields.Nested(ChoiceSchema)
    failed_only = fields.Nested(FailedOnlyChoiceSchema)


class PageArgsSchema(Schema):
    """The part of a list that is asked for, in the query string."""

    class Meta:
        """Ignore other arguments."""

        unknown = EXCLUDE

    limit = QueryInteger(load_default=DEFAULT_LIMIT, validate=validate.Range(1, MAX_LIMIT))
    offset = QueryInteger(load_default=0, validate=validate.Range(0, MAX_ID))


class OtherBuildSchema(Schema):
    """Results that were carried over from attempts of another build."""

    built_commit_sha = fields.String()
    results = fields.Integer()


class AttemptSchema(Schema):
    """One run among the attempts."""

    run_id = fields.Integer()
    source_run_id = fields.Integer()
    attempt = fields.Integer()
    status = fields.String()
    tests = fields.Integer()
    passed = fields.Integer()
    failed = fields.Integer()
    not_run = fields.Integer()
    carried_over = fields.Integer()
    built_commit_sha = fields.String()
    other_builds = fields.List(fields.Nested(OtherBuildSchema))
    cause = fields.String()
    cause_detail = fields.String()
    failed_only = fields.Boolean()
    automatic = fields.Boolean()
    reason = fields.String()
    requested_by = fields.String()
    created_at = UTCDateTime()


class VerdictArgsSchema(PageArgsSchema):
    """The part of the tests that is asked for, in the query string."""

    verdict = fields.List(fields.String(), validate=validate.ContainsOnly(VERDICTS))


class OutcomeSchema(Schema):
    """The outcome of a test in one attempt."""

    run_id = fields.Integer()
    attempt = fields.Integer()
    outcome = fields.String()


class TestVerdictSchema(Schema):
    """The verdict on one test."""

    __test__ = False  # pytest takes the class for tests otherwise.

    regression_test_id = fields.Integer()
    verdict = fields.String()
    latest = fields.String()
    attempts = fields.List(fields.Nested(OutcomeSchema))


class VerdictMetaSchema(Schema):
    """The verdict on the commit."""

    run_id = fields.Integer()
    root_run_id = fields.Integer()
    attempts = fields.List(fields.Integer())
    overall = fields.String()
    counts = fields.Dict()
