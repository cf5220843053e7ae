"""
The modules that hold SQL. There is none elsewhere.

Its functions, and the domain that calls them, take one :class:`Database`: a transaction with the tables in it, which
:class:`mod_runs_api.transactions.Transactions` begins and ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from sqlalchemy import (BindParameter, Connection, Executable, ScalarResult,
                        Select, Table, bindparam)

from ..host.models import HostModels
from .tables import Tables

Values = Mapping[str, Any] | Sequence[Mapping[str, Any]]
Statement = TypeVar('Statement', bound=Executable)

#: Some runs, in a statement that is built once.
RUN_IDS: BindParameter[Any] = bindparam('run_ids', expanding=True)
RunIds = Sequence[int] | BindParameter[Any]


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

    def execute(self, statement: Executable, values: Values | None = None) -> Any:
        """Execute a statement with values, or for each of several."""
        return self.connection.execute(statement, values)

    def rows(self, statement: Executable, values: Values | None = None) -> Sequence[Any]:
        """Return all rows."""
        return self.connection.execute(statement, values).all()

    def scalar(self, statement: Executable) -> Any:
        """Return the first column of the first row; None if there is none."""
        return self.connection.scalar(statement)

    def scalars(self, statement: Executable) -> ScalarResult[Any]:
        """Return the first column of each row."""
        return self.connection.scalars(statement)


def built_once(build: Callable[[Database], Statement]) -> Callable[[Database], Statement]:
    """
    Have a statement built once for the tables of a host. Its values are bound when it is executed.

    That is for what retries and verdicts wait for: SQLAlchemy needs longer to build and to hash a statement on mapped
    classes than MariaDB needs to answer it.
    """
    built: dict[Tables, Statement] = {}

    @wraps(build)
    def get(db: Database) -> Statement:
        if db.tables not in built:
            built[db.tables] = build(db)
        return built[db.tables]

    return get


def by_key(model: Any, statement: Select[Any]) -> Select[Any]:
    """Have MariaDB read a table by its primary key. That of results and files keeps the rows of a run together."""
    for dialect in ('mysql', 'mariadb'):
        statement = statement.with_hint(model, 'FORCE INDEX (PRIMARY)', dialect)
    return statement
