"""The answers of the API, as marshmallow schemas (docs/api.rst)."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, validate

from ..domain.attempts import RUN_STATUSES
from ..domain.causes import CAUSES
from ..domain.outcomes import OUTCOMES, RAN
from ..domain.run import MAX_ID
from ..domain.verdict import OVERALL, VERDICTS
from ..errors import MAX_MESSAGE_LENGTH

AT_LEAST_1 = validate.Range(min=1)
AT_LEAST_0 = validate.Range(min=0)

#: How many entries of a list are answered at once.
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


class RunActionSchema(Schema):
    """The answer to an action on a run."""

    run_id = fields.Integer(required=True, validate=AT_LEAST_1, metadata={'description': 'The source run.'})
    new_run_id = fields.Integer(required=True, allow_none=True, validate=AT_LEAST_1, metadata={
        'description': 'The run that was created.'})
    action = fields.String(required=True, validate=validate.OneOf(['retry', 'cancel']))
    status = fields.String(required=True, validate=validate.OneOf(['accepted', 'rejected', 'no_op']))
    message = fields.String(required=True, validate=validate.Length(max=MAX_MESSAGE_LENGTH))


class ErrorSchema(Schema):
    """Every error, whatever its status."""

    code = fields.String(required=True, validate=validate.Length(max=100))
    message = fields.String(required=True, validate=validate.Length(max=MAX_MESSAGE_LENGTH))
    details = fields.Dict(keys=fields.String(), required=True)


class ChoiceSchema(Schema):
    """A retry of everything, or one of only what did not pass."""

    test_count = fields.Integer(required=True, validate=AT_LEAST_0)
    regression_test_ids = fields.List(fields.Integer(validate=AT_LEAST_1), required=True)
    refusal = fields.Nested(ErrorSchema, required=True, allow_none=True, metadata={
        'description': 'The error of the retry. There are no tests then.'})


class FailedOnlyChoiceSchema(ChoiceSchema):
    """A retry of only what did not pass."""

    hint = fields.String(required=True, allow_none=True, metadata={
        'description': 'A sentence about running these tests again, from the attempts so far and from master.'})


class PreviewSchema(Schema):
    """A retry as it would be now."""

    run_id = fields.Integer(required=True, validate=AT_LEAST_1)
    status = fields.String(required=True, validate=validate.OneOf(RUN_STATUSES))
    all = fields.Nested(ChoiceSchema, required=True)
    failed_only = fields.Nested(FailedOnlyChoiceSchema, required=True)


class PageArgsSchema(Schema):
    """Which part of a list is asked for, in the query string."""

    class Meta:
        """Ignore other arguments."""

        unknown = EXCLUDE

    limit = QueryInteger(load_default=DEFAULT_LIMIT, validate=validate.Range(1, MAX_LIMIT))
    offset = QueryInteger(load_default=0, validate=validate.Range(0, MAX_ID))


class PaginationSchema(Schema):
    """Which part of a list this is."""

    limit = fields.Integer(required=True, validate=validate.Range(1, MAX_LIMIT))
    offset = fields.Integer(required=True, validate=AT_LEAST_0)
    total = fields.Integer(required=True, validate=AT_LEAST_0)
    next_offset = fields.Integer(required=True, allow_none=True, validate=AT_LEAST_0)


class AttemptSchema(Schema):
    """One run among the attempts."""

    run_id = fields.Integer(required=True, validate=AT_LEAST_1)
    source_run_id = fields.Integer(required=True, allow_none=True, validate=AT_LEAST_1, metadata={
        'description': 'The run that it is a retry of. Null for the first run.'})
    attempt = fields.Integer(required=True, validate=AT_LEAST_1, metadata={
        'description': 'Its place among the attempts by run id, from 1.'})
    status = fields.String(required=True, validate=validate.OneOf(RUN_STATUSES))
    tests = fields.Integer(required=True, validate=AT_LEAST_0)
    passed = fields.Integer(required=True, validate=AT_LEAST_0)
    failed = fields.Integer(required=True, validate=AT_LEAST_0)
    not_run = fields.Integer(required=True, validate=AT_LEAST_0, metadata={'description': 'Tests without a result.'})
    carried_over = fields.Integer(required=True, validate=AT_LEAST_0, metadata={
        'description': 'How many of the results are those of other attempts.'})
    built_commit_sha = fields.String(required=True, allow_none=True, metadata={
        'description': 'The commit that was built for it. Null if nobody knows.'})
    other_builds = fields.Function(lambda attempt: [
        {'built_commit_sha': build, 'results': count} for build, count in attempt.other_builds.items()])
    cause = fields.String(required=True, allow_none=True, validate=validate.OneOf(CAUSES), metadata={
        'description': 'Why it ended. Null if it has not, or if its results decide.'})
    cause_detail = fields.String(required=True, allow_none=True, metadata={'description': 'The message that says so.'})
    failed_only = fields.Boolean(required=True, allow_none=True, metadata={
        'description': 'Null for the first run, as are automatic, reason, requested_by and created_at.'})
    automatic = fields.Boolean(required=True, allow_none=True, metadata={
        'description': 'Whether a sweep made it.'})
    reason = fields.String(required=True, allow_none=True)
    requested_by = fields.String(required=True, allow_none=True, metadata={
        'description': 'The name of the user who asked for it.'})
    created_at = UTCDateTime(required=True, allow_none=True)


class AttemptsMetaSchema(Schema):
    """The root run."""

    run_id = fields.Integer(required=True, validate=AT_LEAST_1)
    root_run_id = fields.Integer(required=True, validate=AT_LEAST_1)


class AttemptsSchema(Schema):
    """The attempts of a run, by run id."""

    data = fields.List(fields.Nested(AttemptSchema), required=True)
    pagination = fields.Nested(PaginationSchema, required=True)
    meta = fields.Nested(AttemptsMetaSchema, required=True)


class VerdictArgsSchema(PageArgsSchema):
    """Which part of the tests is asked for, in the query string."""

    verdict = fields.List(fields.String(), validate=validate.ContainsOnly(VERDICTS))


class OutcomeSchema(Schema):
    """The outcome of a test in one attempt."""

    run_id = fields.Integer(required=True, validate=AT_LEAST_1)
    attempt = fields.Integer(required=True, validate=AT_LEAST_1)
    outcome = fields.String(required=True, validate=validate.OneOf(OUTCOMES))


class TestVerdictSchema(Schema):
    """What all attempts together prove about one test."""

    __test__ = False  # pytest takes the class for tests otherwise.

    regression_test_id = fields.Integer(required=True, validate=AT_LEAST_1)
    verdict = fields.String(required=True, validate=validate.OneOf(VERDICTS))
    latest = fields.String(required=True, allow_none=True, validate=validate.OneOf(sorted(RAN)),
        metadata={
            'description': 'The outcome in the attempt that ended last of those that really ran the test.'})
    attempts = fields.List(fields.Nested(OutcomeSchema), required=True)


class VerdictMetaSchema(Schema):
    """What the attempts prove about the commit."""

    run_id = fields.Integer(required=True, validate=AT_LEAST_1)
    root_run_id = fields.Integer(required=True, validate=AT_LEAST_1)
    attempts = fields.List(fields.Integer(validate=AT_LEAST_1), required=True)
    overall = fields.String(required=True, validate=validate.OneOf(OVERALL))
    counts = fields.Dict(keys=fields.String(validate=validate.OneOf(VERDICTS)),
                         values=fields.Integer(validate=AT_LEAST_0), required=True)


class VerdictSchema(Schema):
    """What all attempts of a run together prove about each test, by regression test id."""

    data = fields.List(fields.Nested(TestVerdictSchema), required=True)
    pagination = fields.Nested(PaginationSchema, required=True)
    meta = fields.Nested(VerdictMetaSchema, required=True)
