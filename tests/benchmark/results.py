"""All that a run of the benchmark has found."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import correlation, linear_regression

from .attempts import Growth
from .clients import Burst
from .table import Figures

#: The growth with the size of a run is looked at from here on: below it, what is the same for every run counts more.
FROM = 300


@dataclass
class Results:
    """
    What was found; what was not measured is empty.

    Attributes
    ----------
    table : dict
        By the kind of the database.
    history, attempts, verdict, ends : dict
        Milliseconds by what and how much of it.
    clients : dict
        By the number of clients.
    platform, edited : dict
        Milliseconds by the kind of the database and what: on the platform as it is, and with the edit of its
        ``database.py`` that the docs offer.
    start : tuple of float, or None
        Milliseconds of the platform's import, and of the mount.
    """

    table: dict[str, Figures] = field(default_factory=dict)
    history: Growth = field(default_factory=dict)
    attempts: Growth = field(default_factory=dict)
    verdict: Growth = field(default_factory=dict)
    ends: Growth = field(default_factory=dict)
    clients: dict[int, Burst] = field(default_factory=dict)
    platform: dict[str, dict[str, float]] = field(default_factory=dict)
    edited: dict[str, dict[str, float]] = field(default_factory=dict)
    start: tuple[float, float] | None = None


@dataclass(frozen=True)
class Line:
    """How something grows with the size of a run: microseconds for each test, and how straight the line is, up to 1."""

    slope: float
    straightness: float

    @classmethod
    def through(cls, points: dict[tuple[str, int], float], what: str) -> Line:
        """Return the line that is nearest to the points of a kind, by least squares."""
        sizes = sorted(size for name, size in points if name == what and size >= FROM)
        times = [1000 * points[what, size] for size in sizes]
        return cls(linear_regression(sizes, times).slope, correlation(sizes, times) ** 2)
