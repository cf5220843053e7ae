"""Waiting for a condition, and never longer than it takes."""

from __future__ import annotations

import time
from typing import Callable, TypeVar

T = TypeVar('T')


def wait_for(what: str, condition: Callable[[], T], seconds: float = 60, pause: float = 0.05) -> T:
    """
    Ask again and again until a condition holds.

    Parameters
    ----------
    what : str
        What is waited for, for the failure's message.
    condition : callable
        Returns something true when it holds.
    seconds : float
        After which it is an error that it does not.
    pause : float
        The seconds between two questions.

    Returns
    -------
    object
        What the condition returned.
    """
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f'Not within {seconds:g} seconds: {what}.')
        time.sleep(pause)
