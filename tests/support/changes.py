"""Rows that are written, changed and deleted past the package."""

import secrets
from datetime import datetime

from database import Base, db
from sqlalchemy import text


def insert(table, rows):
    """Add rows to a table."""
    if rows:
        db.session.execute(Base.metadata.tables[table].insert(), rows)


def add_retries(root_id, run_ids, failed_only=False):
    """Record existing runs as retries of another one, and commit."""
    insert('run_retry', [
        {'run_id': run_id, 'source_run_id': root_id, 'root_run_id': root_id, 'failed_only': failed_only,
         'automatic': False, 'test_count': 1, 'created_at': datetime(2026, 11, 24),
         'idempotency_digest': secrets.token_hex(32)}
        for run_id in run_ids])
    db.session.commit()


def change_retries(**values):
    """Change all rows of `run_retry`, and commit."""
    db.session.execute(Base.metadata.tables['run_retry'].update().values(**values))
    db.session.commit()


def add_mark(run_id, regression_test_id, source_id, progress_id):
    """Mark a result as carried over when a run had reached a stage."""
    insert('run_carried_over', [{'run_id': run_id, 'regression_test_id': regression_test_id, 'origin_run_id': source_id,
                                 'progress_id': progress_id, 'was_selected': False}])


#: The tables that the platform's restart deletes from, and an administrator who deletes runs.
RESTART = ('test_result_file', 'test_result', 'test_progress')
DELETION = ('customized_test', 'test_fork', *RESTART, 'test')


def delete_rows(runs, tables):
    """Return the statements that delete the rows of runs, such as ``= 5``, from tables."""
    return [f'DELETE FROM {table} WHERE {"id" if table == "test" else "test_id"} {runs}' for table in tables]


def restart_run(run_id):
    """Delete what the platform's restart deletes of a run, and commit."""
    for statement in delete_rows(f'= {run_id}', RESTART):
        db.session.execute(text(statement))
    db.session.commit()


def delete_run(run_id, connection=None):
    """Delete a run, as an administrator would in the database; on a connection, or in the session and committed."""
    for statement in delete_rows(f'= {run_id}', DELETION):
        (connection or db.session).execute(text(statement))
    if connection is None:
        db.session.commit()
        db.session.expire_all()
