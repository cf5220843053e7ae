"""
The tables of the package's own, made on the host's metadata.

The host's ``create_all`` and its Alembic migrations see them there, so they arrive as any new table of the host does.
"""

from __future__ import annotations

from sqlalchemy import (Boolean, Column, DateTime, ForeignKey, Integer,
                        LargeBinary, String, Table, Text, UniqueConstraint)

from . import known_tables
from .host import ApiTokenEntity, Host

#: The longest reason, in Unicode code points.
REASON_LENGTH = 255


def run_retry(host: Host) -> Table:
    """
    Give the table that says of each retry where it came from: one row for each run that a retry made.

    Parameters
    ----------
    host : Host
        Whose metadata the table belongs to, and whose runs and people it refers to.

    Returns
    -------
    Table
        The same one for every application with these models.
    """
    existing = host.metadata.tables.get('run_retry')
    if existing is not None:
        return existing
    table = Table(
        'run_retry', host.metadata,
        Column('test_id', ForeignKey(host.test.id, onupdate='CASCADE', ondelete='CASCADE'), primary_key=True),
        # No foreign keys: where a run came from stays true when somebody deletes that one.
        Column('source_test_id', Integer, nullable=False),
        # The run that was no retry itself, and how far from it this one is: with these two, a family is one query.
        Column('root_test_id', Integer, nullable=False, index=True),
        Column('attempt', Integer, nullable=False),
        Column('failed_only', Boolean, nullable=False),
        # Bytes, because the platform's connection speaks three-byte text: UTF-8 passes through it as it is.
        Column('reason', LargeBinary(REASON_LENGTH * 4)),
        Column('user_id', ForeignKey(host.user.id, onupdate='CASCADE', ondelete='SET NULL')),
        # UTC, like all times of the platform.
        Column('created_at', DateTime, nullable=False),
        # How many regression tests the retry was made with.
        Column('test_count', Integer, nullable=False),
        # A digest, so that keys that differ in case only stay different under the database's collation.
        Column('idempotency_digest', String(64), unique=True),
        mysql_engine='InnoDB',
    )
    known_tables.remember(table)
    return table


def api_token(host: Host) -> ApiTokenEntity:
    """
    Give the table of API tokens: the host's own, or for a host without tokens one of the package.

    Parameters
    ----------
    host : Host

    Returns
    -------
    ApiTokenEntity
    """
    if host.api_token is not None:
        return host.api_token
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
        known_tables.remember(table)
    return ApiTokenEntity(table, {column.name: column for column in table.columns})
