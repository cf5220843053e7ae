"""
The package's own tables, on the host's metadata.

The host's ``create_all`` and its Alembic migrations find them there, so they arrive like any new table of the host.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import (Boolean, Column, ColumnElement, DateTime, ForeignKey,
                        Integer, LargeBinary, String, Table, Text,
                        UniqueConstraint, exists)

from .host.models import ApiTokenTable, HostModels
from .validation import MAX_REASON_LENGTH


@dataclass(frozen=True)
class Tables:
    """All the tables that the package works on: the host's, and its own."""

    host: HostModels
    run_retry: Table
    carried_over: Table
    #: The host's, or the package's own if the host has none.
    api_token: ApiTokenTable


def create_tables(host: HostModels) -> Tables:
    """Return the tables, the same ones for every application that has these models."""
    return Tables(host=host, run_retry=_run_retry(host), carried_over=_carried_over(host),
                  api_token=host.api_token or _api_token(host))


def _run_retry(host: HostModels) -> Table:
    """Return the table of retries: one row for each run that a retry created."""
    existing = host.metadata.tables.get('run_retry')
    if existing is not None:
        return existing
    return Table(
        'run_retry', host.metadata,
        Column('test_id', ForeignKey(host.test.id, onupdate='CASCADE', ondelete='CASCADE'), primary_key=True),
        # No foreign keys: where a run came from stays true when that run is deleted.
        Column('source_test_id', Integer, nullable=False),
        # The first run of the attempts. All attempts of a run are found by it in one query.
        Column('root_test_id', Integer, nullable=False, index=True),
        Column('failed_only', Boolean, nullable=False),
        # Bytes, because the platform's connection speaks three-byte text: UTF-8 passes through it unchanged.
        Column('reason', LargeBinary(MAX_REASON_LENGTH * 4)),
        Column('user_id', ForeignKey(host.user.id, onupdate='CASCADE', ondelete='SET NULL')),
        # UTC, like all times of the platform.
        Column('created_at', DateTime, nullable=False),
        # How many regression tests the retry was created with.
        Column('test_count', Integer, nullable=False),
        # A digest, so that keys that differ in case only stay different under the database's collation.
        Column('idempotency_digest', String(64), unique=True),
        mysql_engine='InnoDB',
    )


def _carried_over(host: HostModels) -> Table:
    """Return the table of results that were carried over into a retry when it ended: one row for each."""
    existing = host.metadata.tables.get('run_carried_over')
    if existing is not None:
        return existing
    return Table(
        'run_carried_over', host.metadata,
        Column('test_id', ForeignKey(host.test.id, onupdate='CASCADE', ondelete='CASCADE'), primary_key=True),
        Column('regression_test_id', ForeignKey(host.regression_test.id, onupdate='CASCADE', ondelete='CASCADE'),
               primary_key=True),
        # The run that really ran the test. No foreign key: that stays true when it is deleted.
        Column('source_test_id', Integer, nullable=False),
        # The progress row that ended the retry. The row here counts while that one is there: the platform's restart
        # deletes it. With the time, because SQLite uses ids again.
        Column('progress_id', Integer, nullable=False),
        Column('progress_timestamp', host.test_progress.timestamp.type, nullable=False),
        mysql_engine='InnoDB',
    )


def is_carried_over(tables: Tables) -> ColumnElement[bool]:
    """Return the condition that a row of ``run_carried_over`` counts."""
    carried, progress = tables.carried_over.c, tables.host.test_progress
    return exists().where(progress.id == carried.progress_id, progress.test_id == carried.test_id,
                          progress.timestamp == carried.progress_timestamp)


def _api_token(host: HostModels) -> ApiTokenTable:
    """Return the package's own table of API tokens, for a host that has none."""
    table = host.metadata.tables.get('runs_api_token')
    if table is None:
        table = Table(
            'runs_api_token', host.metadata,
            Column('id', Integer, primary_key=True),
            Column('user_id', ForeignKey(host.user.id, onupdate='CASCADE', ondelete='CASCADE'), nullable=False),
            Column('token_name', String(50), nullable=False),
            Column('token_prefix', String(16), nullable=False, index=True),
            Column('token_hash', String(64), nullable=False),
            Column('scopes_json', Text, nullable=False),
            Column('created_at', DateTime, nullable=False),
            Column('expires_at', DateTime, nullable=False),
            Column('revoked_at', DateTime),
            UniqueConstraint('user_id', 'token_name', name='uq_runs_api_token_user_name'),
            mysql_engine='InnoDB',
        )
    return ApiTokenTable(None, table, {column.name: column for column in table.columns})
