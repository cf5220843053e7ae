"""
The modules that hold SQL. There is none elsewhere.

Their functions take one :class:`Database`: a transaction with the tables in it, which
:class:`mod_runs_api.database.transactions.Transactions` begins and ends.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (ColumnElement, Connection, Executable, LargeBinary, ScalarResult, Select, String, Table, cast,
                        type_coerce)

from ..host.models import HostModels
from .tables import Tables


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

    def execute(self, statement: Executable, values: Sequence[Mapping[str, Any]] | None = None) -> Any:
        """Execute a statement with values, or for each of several."""
        return self.connection.execute(statement, values)

    def rows(self, statement: Executable) -> Sequence[Any]:
        """Return all rows."""
        return self.connection.execute(statement).all()

    def scalar(self, statement: Executable) -> Any:
        """Return the first column of the first row; None if there is none."""
        return self.connection.scalar(statement)

    def scalars(self, statement: Executable) -> ScalarResult[Any]:
        """Return the first column of each row."""
        return self.connection.scalars(statement)


def force_primary_index(model: Any, statement: Select[Any]) -> Select[Any]:
    """Have a table read by its primary key. That of results and files keeps the rows of a run together."""
    # MariaDB would read them by other indexes, from all over the table, in most statements; MySQL where a run has been
    # retried often.
    for dialect in ('mysql', 'mariadb'):
        statement = statement.with_hint(model, 'FORCE INDEX (PRIMARY)', dialect)
    return statement


def has_rows(statement: Select[Any]) -> ColumnElement[bool]:
    """Return the condition that a query has rows. For an EXISTS within an OR, MariaDB reads whole tables."""
    return statement.limit(1).scalar_subquery().is_not(None)


def as_text(column: Any) -> ColumnElement[str]:
    """Return the value of one of the platform's enumerations."""
    return type_coerce(column, String)


def as_bytes(text: ColumnElement[Any]) -> ColumnElement[bytes]:
    """Return a text to be compared byte for byte: the database's collation takes different texts for the same."""
    return cast(text, LargeBinary)
