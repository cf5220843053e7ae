"""The time, as the platform's databases keep it."""

from __future__ import annotations

from datetime import datetime, timezone


def utc(time: datetime) -> datetime:
    """
    Give a time as it is stored.

    Parameters
    ----------
    time : datetime
        With a time zone, or in UTC without one.

    Returns
    -------
    datetime
        In UTC, without a time zone: neither MariaDB nor SQLite keeps one.
    """
    return time.astimezone(timezone.utc).replace(tzinfo=None) if time.tzinfo else time


def now() -> datetime:
    """
    Give the time of this moment as it is stored.

    Returns
    -------
    datetime
        In UTC, without a time zone.
    """
    return utc(datetime.now(timezone.utc))
