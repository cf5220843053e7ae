"""Retries that are written to the database at once, without the package."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from database import Base, db


def add_retries(root_id: int, run_ids: Sequence[int]) -> None:
    """Record existing runs as full retries of another one, and commit."""
    db.session.execute(Base.metadata.tables['run_retry'].insert(), [
        {'run_id': run_id, 'source_run_id': root_id, 'root_run_id': root_id, 'failed_only': False, 'test_count': 1,
         'created_at': datetime(2026, 11, 24), 'idempotency_digest': str(run_id)} for run_id in run_ids])
    db.session.commit()
