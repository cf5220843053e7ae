"""The parts of statements that several modules use."""

from datetime import datetime
from typing import Any

from sqlalchemy import (ColumnElement, DateTime, Dialect, LargeBinary, Select,
                        SQLColumnExpression, String, TypeDecorator, cast,
                        type_coerce)

from ..platform.models import DeclEnum

#: The hint to read a table by its primary key. The primary keys of results and files keep the rows of a run together.
#: Statements that also name tests or join tables need it: MariaDB or MySQL reads them by other indexes, from all over
#: the table. SQLite ignores the hint.
BY_PRIMARY_KEY = 'FORCE INDEX (PRIMARY)'


class StoredTime(TypeDecorator[datetime]):
    """A time that may be one that the driver returns as text, "0000-00-00 00:00:00". It is older than any other."""

    impl = DateTime
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return a time that was read."""
        return datetime.min if isinstance(value, str) else value


def has_rows(statement: Select[Any]) -> ColumnElement[bool]:
    """Return the condition that a query has rows. MariaDB reads whole tables for an EXISTS within an OR."""
    return statement.limit(1).scalar_subquery().is_not(None)


def as_text(column: SQLColumnExpression[DeclEnum | None]) -> ColumnElement[str]:
    """Return the stored value of one of the platform's enumerations, as text."""
    return type_coerce(column, String)


def as_time(column: SQLColumnExpression[datetime | None]) -> ColumnElement[datetime]:
    """Return a stored time, also one that the driver cannot read."""
    return type_coerce(column, StoredTime)


def as_bytes(text: SQLColumnExpression[str | None]) -> ColumnElement[bytes]:
    """Return a text for a comparison byte for byte. The database's collation equates different texts."""
    return cast(text, LargeBinary)
