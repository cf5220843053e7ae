"""The rows of a database, read and written past the package."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from database import Base, db
from sqlalchemy import text

#: The package's own tables, beside those of the platform.
OWN_TABLES = frozenset({'run_retry', 'run_carried_over'})

Snapshot = dict[str, set[tuple[Any, ...]]]


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

    def ids(self, table, column, **where):
        """Return one column of the rows whose columns have these values, sorted."""
        return sorted(row[column] for row in self.of(table, **where))

    def selection(self, run_id):
        """Return the regression tests that a run selects, sorted; repeated ones as often as they are there."""
        return self.ids('customized_test', 'regression_id', test_id=run_id)

    def owners(self, run_id):
        """Return the users who own a run, sorted."""
        return self.ids('test_fork', 'user_id', test_id=run_id)

    def snapshot(self):
        """Return all rows of all tables of the platform."""
        return {table: {tuple(row.values()) for row in self.of(table)}
                for table in Base.metadata.tables if table not in OWN_TABLES}

    @property
    def retries(self):
        """Return what is recorded of the retries, in their order."""
        return [RetryRow(row['run_id'], row['source_run_id'], row['root_run_id'], bool(row['failed_only']),
                         None if row['reason'] is None else row['reason'].decode(), row['user_id'], row['test_count'])
                for row in self.of('run_retry')]

    def carried_over(self, run_id):
        """Return the regression tests that are marked as carried over into a run, each with the run that ran it."""
        return {row['regression_test_id']: row['origin_run_id'] for row in self.of('run_carried_over', run_id=run_id)}


def insert(table, rows):
    """Add rows to a table."""
    if rows:
        db.session.execute(Base.metadata.tables[table].insert(), rows)


def add_retries(root_id, run_ids, failed_only=False):
    """Record existing runs as retries of another one, and commit."""
    insert('run_retry', [
        {'run_id': run_id, 'source_run_id': root_id, 'root_run_id': root_id, 'failed_only': failed_only,
         'test_count': 1, 'created_at': datetime(2026, 11, 24), 'idempotency_digest': secrets.token_hex(32)}
        for run_id in run_ids])
    db.session.commit()


def change_retries(**values):
    """Change all rows of `run_retry`, and commit."""
    db.session.execute(Base.metadata.tables['run_retry'].update().values(**values))
    db.session.commit()


def add_mark(run_id, regression_test_id, source_id, progress_id, timestamp):
    """Mark a result as carried over when a run had reached a stage."""
    insert('run_carried_over', [{'run_id': run_id, 'regression_test_id': regression_test_id, 'origin_run_id': source_id,
                                 'progress_id': progress_id, 'progress_timestamp': timestamp}])


def delete_run(run_id, connection=None):
    """Delete a run, as an administrator would in the database; on a connection, or in the session and committed."""
    for table in ('customized_test', 'test_fork', 'test_result_file', 'test_result', 'test_progress', 'test'):
        statement = f'DELETE FROM {table} WHERE {"id" if table == "test" else "test_id"} = {run_id}'
        if connection is None:
            db.session.execute(text(statement))
        else:
            connection.exec_driver_sql(statement)
    if connection is None:
        db.session.commit()
        db.session.expire_all()
