"""Waiting for a condition, and never longer than it takes."""

from __future__ import annotations

import time
from typing import Callable, TypeVar

T = TypeVar('T')


def wait_for(what: str, condition: Callable[[], T], seconds: float = 60, pause: float = 0.05) -> T:
    """Ask again and again until a condition returns something true, and return that."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f'Not within {seconds:g} seconds: {what}.')
        time.sleep(pause)
