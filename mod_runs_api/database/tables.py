"""
The package's own tables, on the host's metadata.

The host's ``create_all`` and its Alembic migrations find them there, so they arrive like any new table of the host.
They have no foreign keys: to create one, MySQL waits for every transaction that has read the table it refers to.
"""

from dataclasses import dataclass

from sqlalchemy import (Boolean, Column, DateTime, Integer, LargeBinary,
                        String, Table, UniqueConstraint)

from ..domain.retry import MAX_REASON_LENGTH
from ..host.models import HostModels


@dataclass(frozen=True)
class Tables:
    """The host's models, and the package's own tables."""

    host: HostModels
    #: The retries: one row for each run that a retry created.
    run_retry: Table
    #: The results that were carried over into a retry: one row for each.
    run_carried_over: Table


def create_tables(host: HostModels) -> Tables:
    """Return the tables, the same ones for every application that has these models."""
    return Tables(host=host, run_retry=_run_retry(host), run_carried_over=_run_carried_over(host))


def _run_retry(host: HostModels) -> Table:
    return Table(
        'run_retry', host.metadata,
        Column('run_id', Integer, primary_key=True, autoincrement=False),
        Column('source_run_id', Integer, nullable=False),
        # The first run of the attempts. All attempts of a run are found by it in one query.
        Column('root_run_id', Integer, nullable=False),
        Column('failed_only', Boolean, nullable=False),
        # Bytes, because the platform's connection is utf8mb3, of three bytes a character: UTF-8 passes unchanged.
        Column('reason', LargeBinary(MAX_REASON_LENGTH * 4)),
        Column('user_id', Integer),
        # In UTC.
        Column('created_at', DateTime, nullable=False),
        # Whether a sweep created it. Reasons can be typed by anybody.
        Column('automatic', Boolean, nullable=False, default=False),
        # How many regression tests the retry was created with.
        Column('test_count', Integer, nullable=False),
        # A digest, so that keys that differ in case only stay different under the database's collation.
        Column('idempotency_digest', String(64), nullable=False, unique=True),
        # Indexes, in the statement that creates the table: created by one of its own, an index could be missing.
        UniqueConstraint('root_run_id', 'run_id', name='uq_run_retry_root_run_id'),
        UniqueConstraint('automatic', 'run_id', name='uq_run_retry_automatic'),
        mysql_engine='InnoDB',
        keep_existing=True,
    )


def _run_carried_over(host: HostModels) -> Table:
    return Table(
        'run_carried_over', host.metadata,
        Column('run_id', Integer, primary_key=True, autoincrement=False),
        Column('regression_test_id', Integer, primary_key=True, autoincrement=False),
        # The progress row that completed the retry. A row here counts while that one is there: the platform's restart
        # deletes it. With the time, because SQLite uses ids again.
        Column('progress_id', Integer, primary_key=True, autoincrement=False),
        Column('progress_timestamp', host.TestProgress.timestamp.type, primary_key=True),
        # The run that really ran the test.
        Column('origin_run_id', Integer, nullable=False),
        # Whether the retry was to run the test itself, and did not.
        Column('was_selected', Boolean, nullable=False, default=False),
        mysql_engine='InnoDB',
        keep_existing=True,
    )
