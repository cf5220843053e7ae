"""
All SQL of the package.

The functions take one :class:`Database`, a transaction with its tables.
:class:`mod_runs_api.database.transactions.Transactions` begins and ends it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (ColumnElement, Connection, Executable, LargeBinary, Select, SQLColumnExpression, String, cast,
                        type_coerce)

from ..host.models import Enumeration
from .tables import Tables

#: The hint to read a table by its primary key. The primary keys of results and files keep the rows of a run together.
#: Statements that also name tests or join tables need it: MariaDB or MySQL reads them by other indexes, from all over
#: the table. SQLite ignores the hint.
BY_PRIMARY_KEY = 'FORCE INDEX (PRIMARY)'


@dataclass(frozen=True)
class Database(Tables):
    """A transaction on the host's database, and the tables that are used in it."""

    connection: Connection

    def read_about(self, ids: Collection[object], statement: Executable) -> Sequence[Any]:
        """Return the rows of a statement about these ids. For no ids, no statement is sent."""
        # SQLite would read whole tables.
        return self.connection.execute(statement).all() if ids else []


def has_rows(statement: Select[Any]) -> ColumnElement[bool]:
    """Return the condition that a query has rows. MariaDB reads whole tables for an EXISTS within an OR."""
    return statement.limit(1).scalar_subquery().is_not(None)


def as_text(column: SQLColumnExpression[Enumeration]) -> ColumnElement[str]:
    """Return the value of one of the platform's enumerations."""
    return type_coerce(column, String)


def as_bytes(text: SQLColumnExpression[str | None]) -> ColumnElement[bytes]:
    """Return a text for a comparison byte for byte. The database's collation equates different texts."""
    return cast(text, LargeBinary)
