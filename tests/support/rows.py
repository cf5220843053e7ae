"""The rows of a database, read past every session."""

from __future__ import annotations

from typing import Any

from database import Base
from sqlalchemy import Engine, text

#: The package's own tables, beside those of the platform.
OWN_TABLES = frozenset({'run_retry', 'run_carried_over', 'runs_api_token'})

Snapshot = dict[str, set[tuple[Any, ...]]]


class Rows:
    """The rows of a database, as the database has them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def of(self, table: str, **where: Any) -> list[dict[str, Any]]:
        """Return the rows of a table whose columns have these values, in the order of the first column."""
        conditions = ' AND '.join(f'`{name}` = :{name}' for name in where) or '1 = 1'
        with self.engine.connect() as connection:
            found = connection.execute(text(f'SELECT * FROM `{table}` WHERE {conditions} ORDER BY 1'), where)
            return [dict(row) for row in found.mappings()]

    def ids(self, table: str, column: str, **where: Any) -> list[int]:
        """Return one column of the rows whose columns have these values, sorted."""
        return sorted(row[column] for row in self.of(table, **where))

    def selection(self, run_id: int) -> list[int]:
        """Return the regression tests that a run was told to run, sorted; repeated ones as often as they are there."""
        return self.ids('customized_test', 'regression_id', test_id=run_id)

    def snapshot(self) -> Snapshot:
        """Return all rows of all tables of the platform."""
        return {table: {tuple(row.values()) for row in self.of(table)}
                for table in Base.metadata.tables if table not in OWN_TABLES}
