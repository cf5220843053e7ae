"""
The modules that hold SQL. There is none elsewhere.

Their functions take one :class:`Database`: a transaction with the tables in it, which
:class:`mod_runs_api.database.transactions.Transactions` begins and ends.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (ColumnElement, Connection, LargeBinary, Select, SQLColumnExpression, String, Table, cast,
                        type_coerce)

from ..host.models import Enumeration, HostModels
from .tables import Tables

#: The hint to read a table by its primary key. That of results and files keeps the rows of a run together. MariaDB
#: would read them by other indexes, from all over the table, in most statements; MySQL where a run has been retried
#: often. SQLite ignores it.
BY_PRIMARY_KEY = 'FORCE INDEX (PRIMARY)'


@dataclass(frozen=True)
class Database:
    """A transaction on the host's database, and the tables that are used in it."""

    connection: Connection
    tables: Tables

    @property
    def host(self) -> HostModels:
        """The host's models."""
        return self.tables.host

    @property
    def run_retry(self) -> Table:
        """The table of retries."""
        return self.tables.run_retry

    @property
    def run_carried_over(self) -> Table:
        """The table of results that were carried over."""
        return self.tables.run_carried_over


def has_rows(statement: Select[Any]) -> ColumnElement[bool]:
    """Return the condition that a query has rows. For an EXISTS within an OR, MariaDB reads whole tables."""
    return statement.limit(1).scalar_subquery().is_not(None)


def as_text(column: SQLColumnExpression[Enumeration]) -> ColumnElement[str]:
    """Return the value of one of the platform's enumerations."""
    return type_coerce(column, String)


def as_bytes(text: SQLColumnExpression[str | None]) -> ColumnElement[bytes]:
    """Return a text to be compared byte for byte: the database's collation takes different texts for the same."""
    return cast(text, LargeBinary)
