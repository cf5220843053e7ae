"""What goes in and out, as marshmallow schemas: strict about types (contract section 1)."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from .tables import REASON_LENGTH


class StrictBoolean(fields.Boolean):
    """A JSON boolean: neither 1 nor "true" is one."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error('invalid', input=value)
        return value


class UTCDateTime(fields.DateTime):
    """A time in UTC, to the second: 2026-11-24T13:00:00Z."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return None if value is None else f'{value:%Y-%m-%dT%H:%M:%SZ}'


def storable(text: str) -> None:
    """Refuse text that no database keeps: NUL, and surrogates without their other half."""
    if '\0' in text:
        raise ValidationError('Must not contain NUL.')
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValidationError('Must be valid Unicode.') from None


#: 1 to 255 visible ASCII characters.
IDEMPOTENCY_KEY = '[!-~]{1,255}'


def check_idempotency_key(key: object) -> None:
    """Refuse what is not 1 to 255 visible ASCII characters."""
    if not isinstance(key, str) or not re.fullmatch(IDEMPOTENCY_KEY, key):
        raise ValidationError({'idempotency_key': ['Must be 1 to 255 visible ASCII characters.']})


class RetryRequestSchema(Schema):
    """The body of a retry. All of it is optional, and anything else is refused."""

    class Meta:
        """Refuse unknown fields."""

        unknown = RAISE

    failed_only = StrictBoolean(load_default=False, metadata={
        'description': 'Run only the regression tests that did not pass in the source run.'})
    reason = fields.String(validate=[validate.Length(max=REASON_LENGTH), storable], metadata={
        'description': 'Why the run is run again.', 'pattern': r'^[^\u0000]*$'})


class RunActionSchema(Schema):
    """The answer to an action on a run."""

    run_id = fields.Integer(required=True, validate=validate.Range(min=1), metadata={
        'description': 'The source run.'})
    new_run_id = fields.Integer(required=True, allow_none=True, validate=validate.Range(min=1), metadata={
        'description': 'The run that was made.'})
    action = fields.String(required=True, validate=validate.OneOf(['retry', 'cancel']))
    status = fields.String(required=True, validate=validate.OneOf(['accepted', 'rejected', 'no_op']))
    message = fields.String(required=True, validate=validate.Length(max=500))


class AttemptSchema(Schema):
    """A run of a family."""

    run_id = fields.Integer(required=True, validate=validate.Range(min=1))
    source_run_id = fields.Integer(required=True, allow_none=True, validate=validate.Range(min=1), metadata={
        'description': 'The run that it is a retry of. Null for the first run, as is all that follows.'})
    attempt = fields.Integer(required=True, validate=validate.Range(min=1), metadata={
        'description': "One more than its source's."})
    failed_only = fields.Boolean(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True, validate=validate.Length(max=REASON_LENGTH))
    requested_by = fields.String(required=True, allow_none=True, metadata={
        'description': 'The name of the person who asked for it.'})
    created_at = UTCDateTime(required=True, allow_none=True)


class FamilySchema(Schema):
    """A run and all its relatives, by run id."""

    run_id = fields.Integer(required=True, validate=validate.Range(min=1))
    root_run_id = fields.Integer(required=True, validate=validate.Range(min=1))
    attempts = fields.List(fields.Nested(AttemptSchema), required=True, validate=validate.Length(min=1))


class ErrorSchema(Schema):
    """Every error, whatever its status."""

    code = fields.String(required=True, validate=validate.Length(max=100))
    message = fields.String(required=True, validate=validate.Length(max=500))
    details = fields.Dict(keys=fields.String(), required=True)


#: Made once, since each schema that is made copies its fields.
RETRY_REQUEST, RUN_ACTION, FAMILY = RetryRequestSchema(), RunActionSchema(), FamilySchema()
