"""Strict checks of the fields of a request (docs/api.rst, "Retry a run")."""

import re
from typing import Any, ClassVar

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from ..domain.retry import MAX_REASON_LENGTH, find_unstorable
from ..errors import InvalidFields

#: 1 to 255 visible ASCII characters.
IDEMPOTENCY_KEY = '[!-~]{1,255}'


class StrictField(fields.Field[Any]):
    """A field that takes values of its type only, where Marshmallow would convert others."""

    accepts: ClassVar[type]

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, self.accepts):
            raise self.make_error('invalid', input=value)
        return value


class StrictBoolean(StrictField, fields.Boolean):
    """A JSON boolean. Neither 1 nor "true" is one."""

    accepts = bool


class StrictString(StrictField, fields.String):
    """A JSON string, not bytes."""

    accepts = str


def storable(text: str) -> None:
    """Refuse text that no database stores."""
    fault = find_unstorable(text)
    if fault is not None:
        raise ValidationError(fault)


def load_run_id(run_id: object) -> int:
    """Return a run id that is the argument of a function. Raises :exc:`InvalidFields`."""
    if isinstance(run_id, bool) or not isinstance(run_id, int):
        raise InvalidFields({'run_id': ['Must be an integer.']})
    return run_id


class RetryRequestSchema(Schema):
    """The body of a retry. All of it is optional, and anything else is refused."""

    class Meta:
        """Refuse unknown fields."""

        unknown = RAISE

    failed_only = StrictBoolean(load_default=False)
    reason = StrictString(validate=[validate.Length(max=MAX_REASON_LENGTH), storable])


def load_retry_fields(body: dict[str, Any], idempotency_key: object = None) -> tuple[bool, str | None]:
    """Return ``failed_only`` and the reason of a retry. Raises :exc:`InvalidFields`."""
    try:
        loaded: dict[str, Any] = RetryRequestSchema().load(body)
    except ValidationError as error:
        raise InvalidFields(error.messages_dict) from None
    if idempotency_key is not None and not (
            isinstance(idempotency_key, str) and re.fullmatch(IDEMPOTENCY_KEY, idempotency_key)):
        raise InvalidFields({'idempotency_key': ['Must be 1 to 255 visible ASCII characters.']})
    return loaded['failed_only'], loaded.get('reason')
