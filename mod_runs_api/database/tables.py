"""
The package's own tables, on the host's metadata.

The host's ``create_all`` and its Alembic migrations find them there, so they arrive like any new table of the host.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (Boolean, Column, DateTime, ForeignKey, Integer,
                        LargeBinary, String, Table, Text, UniqueConstraint)

from ..domain.retry import MAX_REASON_LENGTH
from ..domain.tokens import MAX_NAME_LENGTH
from ..host.models import HostModels


@dataclass(frozen=True)
class Tables:
    """The host's models, and the package's own tables."""

    host: HostModels
    #: The retries: one row for each run that a retry created.
    run_retry: Table
    #: The results that were carried over into a retry: one row for each.
    run_carried_over: Table
    #: The package's own API tokens; None if the host has its own.
    runs_api_token: Any

    @property
    def token(self) -> Any:
        """The columns of the API tokens, the host's or the package's own."""
        return self.host.ApiToken if self.runs_api_token is None else self.runs_api_token.c


def create_tables(host: HostModels) -> Tables:
    """Return the tables, the same ones for every application that has these models."""
    return Tables(host=host, run_retry=_run_retry(host), run_carried_over=_run_carried_over(host),
                  runs_api_token=None if host.ApiToken is not None else _runs_api_token(host))


def _run_retry(host: HostModels) -> Table:
    return Table(
        'run_retry', host.metadata,
        Column('run_id', ForeignKey(host.Test.id, onupdate='CASCADE', ondelete='CASCADE'), primary_key=True),
        # No foreign keys: where a run came from stays true when that run is deleted.
        Column('source_run_id', Integer, nullable=False),
        # The first run of the attempts. All attempts of a run are found by it in one query.
        Column('root_run_id', Integer, nullable=False, index=True),
        Column('failed_only', Boolean, nullable=False),
        # Bytes, because the platform's connection is utf8mb3, of three bytes a character: UTF-8 passes unchanged.
        Column('reason', LargeBinary(MAX_REASON_LENGTH * 4)),
        Column('user_id', ForeignKey(host.User.id, onupdate='CASCADE', ondelete='SET NULL')),
        # In UTC.
        Column('created_at', DateTime, nullable=False),
        # Whether a sweep created it. Reasons can be typed by anybody.
        Column('automatic', Boolean, nullable=False, default=False, index=True),
        # How many regression tests the retry was created with.
        Column('test_count', Integer, nullable=False),
        # A digest, so that keys that differ in case only stay different under the database's collation.
        Column('idempotency_digest', String(64), nullable=False, unique=True),
        mysql_engine='InnoDB',
        keep_existing=True,
    )


def _run_carried_over(host: HostModels) -> Table:
    return Table(
        'run_carried_over', host.metadata,
        Column('run_id', ForeignKey(host.Test.id, onupdate='CASCADE', ondelete='CASCADE'), primary_key=True),
        Column('regression_test_id', ForeignKey(host.RegressionTest.id, onupdate='CASCADE', ondelete='CASCADE'),
               primary_key=True),
        # The progress row that completed the retry. A row here counts while that one is there: the platform's restart
        # deletes it. With the time, because SQLite uses ids again.
        Column('progress_id', Integer, primary_key=True, autoincrement=False),
        Column('progress_timestamp', host.TestProgress.timestamp.type, primary_key=True),
        # The run that really ran the test. No foreign key: that stays true when it is deleted.
        Column('origin_run_id', Integer, nullable=False),
        # Whether the retry was to run the test itself, and did not.
        Column('was_selected', Boolean, nullable=False, default=False),
        mysql_engine='InnoDB',
        keep_existing=True,
    )


def _runs_api_token(host: HostModels) -> Table:
    return Table(
        'runs_api_token', host.metadata,
        Column('id', Integer, primary_key=True),
        Column('user_id', ForeignKey(host.User.id, onupdate='CASCADE', ondelete='CASCADE'), nullable=False),
        Column('token_name', String(MAX_NAME_LENGTH), nullable=False),
        Column('token_prefix', String(16), nullable=False, index=True),
        Column('token_hash', String(64), nullable=False),
        Column('scopes_json', Text, nullable=False),
        Column('created_at', DateTime, nullable=False),
        Column('expires_at', DateTime, nullable=False),
        Column('revoked_at', DateTime),
        UniqueConstraint('user_id', 'token_name', name='uq_runs_api_token_user_name'),
        mysql_engine='InnoDB',
        keep_existing=True,
    )
