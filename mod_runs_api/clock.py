"""Times as this package stores them: in UTC, without a time zone."""

from contextlib import suppress
from datetime import datetime, timedelta, timezone


def to_utc(time: datetime) -> datetime:
    """Return a time as it is stored. A time without a time zone is UTC."""
    return time.astimezone(timezone.utc).replace(tzinfo=None) if time.tzinfo else time


def now() -> datetime:
    """Return the current time as it is stored."""
    return to_utc(datetime.now(timezone.utc))


def age(time: datetime, now: datetime) -> timedelta:
    """Return the age of a stored time. ``now`` is as :func:`now` returns it."""
    # The platform stores some times in UTC and some in its machine's local time, so the younger reading counts.
    # When clocks are set back, an hour occurs twice. The second time is the younger.
    readings = [to_utc(time)]
    with suppress(OverflowError, ValueError):  # The first and the last days of the calendar have no local time.
        readings.append(to_utc(time.replace(fold=1).astimezone()))
    return now - max(readings)
