"""
All SQL of the package.

The functions take one :class:`Database`, a transaction with its tables.
:class:`mod_runs_api.database.transactions.Transactions` begins and ends it.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (ColumnElement, Connection, Executable, LargeBinary, Select, SQLColumnExpression, String, cast,
                        func, type_coerce)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from ..errors import InternalError
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

    def read_grouped(self, ids: Collection[object], statement: Any) -> Iterator[tuple[Any, ...]]:
        """
        Yield the rows of a SELECT about these ids, but those that differ only in the last column as one.

        The last value of each is the list of their numbers. A run has hundreds of tests of which the tables say the
        same. PyMySQL needs much longer for a row than the server: reading the verdict of ten attempts row by row takes
        half as long again.
        """
        *same, last = statement.selected_columns
        grouped = (statement.with_only_columns(*same, list_of_group(last), func.count(), maintain_column_froms=True)
                   .group_by(*same))
        for *values, listed, length in self.read_about(ids, grouped):
            yield *values, parse_list(listed, length)


class list_of_group(FunctionElement[str]):
    """The values in all rows of a group, as a list in JSON."""

    inherit_cache = True
    type = String()


@compiles(list_of_group)
def _compile_list_of_group(element: list_of_group, compiler: SQLCompiler, **options: Any) -> str:
    # The platform's tests use SQLite.
    function = 'json_group_array' if compiler.dialect.name == 'sqlite' else 'JSON_ARRAYAGG'
    return f'{function}({compiler.process(element.clauses, **options)})'


def parse_list(text: str, length: int) -> list[int]:
    """Return a list of a group, which has this length. Raises :exc:`InternalError` if the server has cut it."""
    with suppress(ValueError):
        values: list[int] = json.loads(text)
        if len(values) == length:
            return values
    # MariaDB cuts without an error, perhaps within a number.
    raise InternalError('The server cuts lists: its group_concat_max_len is too small.')


def has_rows(statement: Select[Any]) -> ColumnElement[bool]:
    """Return the condition that a query has rows. MariaDB reads whole tables for an EXISTS within an OR."""
    return statement.limit(1).scalar_subquery().is_not(None)


def as_text(column: SQLColumnExpression[Enumeration]) -> ColumnElement[str]:
    """Return the value of one of the platform's enumerations."""
    return type_coerce(column, String)


def as_bytes(text: SQLColumnExpression[str | None]) -> ColumnElement[bytes]:
    """Return a text for a comparison byte for byte. The database's collation equates different texts."""
    return cast(text, LargeBinary)
