"""The time, as the platform's databases keep it: in UTC, without a time zone."""

from __future__ import annotations

from datetime import datetime, timezone


def to_utc(time: datetime) -> datetime:
    """Return a time as it is stored. One without a time zone is taken for UTC."""
    return time.astimezone(timezone.utc).replace(tzinfo=None) if time.tzinfo else time


def now() -> datetime:
    """Return the current time as it is stored."""
    return to_utc(datetime.now(timezone.utc))
