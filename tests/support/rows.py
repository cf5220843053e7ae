"""The rows of a database, read past the package."""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import inspect, text

#: The package's own tables, beside those of the platform.
OWN_TABLES = frozenset({'run_retry', 'run_carried_over'})


@dataclass(frozen=True)
class RetryRow:
    """A row of `run_retry`, without the time and the digest of its key."""

    run_id: int
    source_run_id: int
    root_run_id: int
    failed_only: bool
    reason: str | None
    user_id: int | None
    test_count: int


class Rows:
    """The rows of a database, as the database has them."""

    def __init__(self, engine):
        self.engine = engine

    def of(self, table, **where):
        """Return the rows of a table whose columns have these values, in the order of the first column."""
        conditions = ' AND '.join(f'`{name}` = :{name}' for name in where) or '1 = 1'
        with self.engine.connect() as connection:
            found = connection.execute(text(f'SELECT * FROM `{table}` WHERE {conditions} ORDER BY 1'), where)
            return [dict(row) for row in found.mappings()]

    def one(self, table, **where):
        """Return the only row whose columns have these values."""
        row, = self.of(table, **where)
        return row

    def values(self, table, column, **where):
        """Return one column of the rows whose columns have these values, sorted."""
        return sorted(row[column] for row in self.of(table, **where))

    def selection(self, run_id):
        """Return the regression tests that a run selects, sorted; repeated ones as often as they are there."""
        return self.values('customized_test', 'regression_id', test_id=run_id)

    def owners(self, run_id):
        """Return the users who own a run, sorted."""
        return self.values('test_fork', 'user_id', test_id=run_id)

    def snapshot(self):
        """Return all rows of all tables of the platform, each with how often it is there."""
        return {table: Counter(tuple(row.values()) for row in self.of(table))
                for table in inspect(self.engine).get_table_names() if table not in OWN_TABLES}

    @property
    def retries(self):
        """Return what is recorded of the retries, in their order."""
        return [RetryRow(row['run_id'], row['source_run_id'], row['root_run_id'], bool(row['failed_only']),
                         None if row['reason'] is None else row['reason'].decode(), row['user_id'], row['test_count'])
                for row in self.of('run_retry')]

    def carried_over(self, run_id):
        """Return the regression tests that are marked as carried over into a run, each with the run that ran it."""
        return {row['regression_test_id']: row['origin_run_id'] for row in self.of('run_carried_over', run_id=run_id)}
