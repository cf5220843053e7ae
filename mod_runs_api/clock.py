"""The time, as the platform's databases keep it: in UTC, without a time zone."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone


def to_utc(time: datetime) -> datetime:
    """Return a time as it is stored. One without a time zone is taken for UTC."""
    return time.astimezone(timezone.utc).replace(tzinfo=None) if time.tzinfo else time


def now() -> datetime:
    """Return the current time as it is stored."""
    return to_utc(datetime.now(timezone.utc))


def age(time: datetime, now: datetime) -> timedelta:
    """
    Return how old a stored time is, in UTC or in the local time of this machine: as the younger of the two says.

    The platform writes some of its times so and some so. ``now`` is as :func:`now` returns it.
    """
    # When clocks are set back an hour is read twice: the second time is the younger.
    readings = [to_utc(time)] if time.tzinfo else [time, to_utc(time.replace(fold=1).astimezone())]
    return now - max(readings)
