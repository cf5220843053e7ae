"""Words that several answers are written with."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """Return how many there are of something: "1 test", "3 tests"."""
    return f'{count} {noun}' if count == 1 else f'{count} {noun}s'
