"""What the API answers, as marshmallow schemas (contract section 1)."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from ..errors import MAX_MESSAGE_LENGTH
from ..validation import MAX_REASON_LENGTH

RUN_ID = validate.Range(min=1)


class UTCDateTime(fields.DateTime):
    """A time in UTC, to the second: 2026-11-24T13:00:00Z."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return None if value is None else f'{value:%Y-%m-%dT%H:%M:%SZ}'


class RunActionSchema(Schema):
    """The answer to an action on a run."""

    run_id = fields.Integer(required=True, validate=RUN_ID, metadata={'description': 'The source run.'})
    new_run_id = fields.Integer(required=True, allow_none=True, validate=RUN_ID, metadata={
        'description': 'The run that was created.'})
    action = fields.String(required=True, validate=validate.OneOf(['retry', 'cancel']))
    status = fields.String(required=True, validate=validate.OneOf(['accepted', 'rejected', 'no_op']))
    message = fields.String(required=True, validate=validate.Length(max=MAX_MESSAGE_LENGTH))


class AttemptSchema(Schema):
    """One run among the attempts."""

    run_id = fields.Integer(required=True, validate=RUN_ID)
    source_run_id = fields.Integer(required=True, allow_none=True, validate=RUN_ID, metadata={
        'description': 'The run that it is a retry of. Null for the first run, as is all that follows.'})
    attempt = fields.Integer(required=True, validate=RUN_ID, metadata={
        'description': 'Its place among the attempts by run id, from 1.'})
    failed_only = fields.Boolean(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True, validate=validate.Length(max=MAX_REASON_LENGTH))
    requested_by = fields.String(required=True, allow_none=True, metadata={
        'description': 'The name of the user who asked for it.'})
    created_at = UTCDateTime(required=True, allow_none=True)


class AttemptsSchema(Schema):
    """All attempts of a run, by run id."""

    run_id = fields.Integer(required=True, validate=RUN_ID)
    root_run_id = fields.Integer(required=True, validate=RUN_ID)
    attempts = fields.List(fields.Nested(AttemptSchema), required=True, validate=validate.Length(min=1))


class ErrorSchema(Schema):
    """Every error, whatever its status."""

    code = fields.String(required=True, validate=validate.Length(max=100))
    message = fields.String(required=True, validate=validate.Length(max=MAX_MESSAGE_LENGTH))
    details = fields.Dict(keys=fields.String(), required=True)
