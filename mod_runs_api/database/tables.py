"""
The package's own tables, on the platform's metadata.

The platform's ``create_all`` and its Alembic migrations find them there, so they arrive like any new table of the
platform. They have no foreign keys: to create one, MySQL waits for every transaction that has read the table it refers
to.
"""

from sqlalchemy import (Boolean, Column, DateTime, Integer, LargeBinary,
                        String, Table, UniqueConstraint)

from ..domain.retry import MAX_REASON_LENGTH
from ..domain.users import MAX_LOGIN_LENGTH
from ..platform.models import Base

#: The retries: one row for each run that a retry created.
run_retry = Table(
    'run_retry', Base.metadata,
    Column('run_id', Integer, primary_key=True, autoincrement=False),
    Column('source_run_id', Integer, nullable=False),
    # One query finds all attempts by it.
    Column('root_run_id', Integer, nullable=False),
    Column('failed_only', Boolean, nullable=False),
    # Bytes, because the platform's connection is utf8mb3, with three bytes a character. UTF-8 passes unchanged.
    Column('reason', LargeBinary(MAX_REASON_LENGTH * 4)),
    Column('user_id', Integer),
    # Of the author of a pull request, who has no role. These retries are limited by RUNS_API_AUTHOR_RETRIES.
    Column('author_login', String(MAX_LOGIN_LENGTH)),
    # In UTC.
    Column('created_at', DateTime, nullable=False),
    # Whether nobody requested the retry. The reason does not tell, because anybody can type any.
    Column('automatic', Boolean, nullable=False),
    # The number of regression tests at creation.
    Column('test_count', Integer, nullable=False),
    # A digest, because the database's collation equates keys that differ only in case.
    Column('idempotency_digest', String(64), nullable=False, unique=True),
    # Indexes are part of the statement that creates the table. A statement of their own could fail separately.
    UniqueConstraint('root_run_id', 'run_id', name='uq_run_retry_root_run_id'),
    UniqueConstraint('automatic', 'run_id', name='uq_run_retry_automatic'),
    mysql_engine='InnoDB',
)

#: The results that were carried over into a retry: one row for each.
run_carried_over = Table(
    'run_carried_over', Base.metadata,
    Column('run_id', Integer, primary_key=True, autoincrement=False),
    Column('regression_test_id', Integer, primary_key=True, autoincrement=False),
    # The progress row that completed the retry. A mark counts while that row exists, and the platform's restart
    # deletes it.
    Column('progress_id', Integer, primary_key=True, autoincrement=False),
    # The attempt that ran the test.
    Column('origin_run_id', Integer, nullable=False),
    # Whether the test had been selected for the retry.
    Column('was_selected', Boolean, nullable=False),
    mysql_engine='InnoDB',
)
