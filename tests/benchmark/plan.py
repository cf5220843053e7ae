"""What a run of the benchmark measures, and how much of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

TABLE, HISTORY, ATTEMPTS, CLIENTS, PLATFORM = 'table', 'history', 'attempts', 'clients', 'platform'
PARTS = (TABLE, HISTORY, ATTEMPTS, CLIENTS, PLATFORM)


@dataclass(frozen=True)
class Plan:
    """
    How much is measured.

    Attributes
    ----------
    rounds : int
        How often everything is measured.
    sizes, between : tuple of int
        How many tests the runs of the table have, and further ones for the growth with the size of a run.
    histories : tuple of int
        How many runs there are in the databases.
    attempts, judged : tuple of int
        How many attempts runs have: where they are retried and listed, and where they are judged.
    ends : tuple of int
        How many tests the runs have into whose retries results are carried over.
    clients : tuple of int
        How many clients ask at the same time.
    parts : tuple of str
        Some of `PARTS`.
    """

    rounds: int = 60
    sizes: tuple[int, ...] = (10, 300, 1000, 10_000)
    between: tuple[int, ...] = (100, 3000)
    histories: tuple[int, ...] = (1000, 10_000)
    attempts: tuple[int, ...] = (1, 10, 100, 10_000)
    judged: tuple[int, ...] = (1, 2, 10)
    ends: tuple[int, ...] = (300, 3000, 10_000)
    clients: tuple[int, ...] = (1, 2, 4, 8)
    parts: tuple[str, ...] = PARTS

    @property
    def client_rounds(self) -> int:
        """How often each number of clients is measured: a round of theirs is many retries."""
        return max(2, self.rounds // 10)

    @property
    def start_rounds(self) -> int:
        """How often the platform is started: each takes seconds."""
        return max(2, self.rounds // 6)

    def but(self, rounds: int | None, histories: Sequence[int] | None, parts: Sequence[str] | None) -> Plan:
        """Return the same with what was asked for in its place."""
        return replace(self, rounds=rounds or self.rounds, histories=tuple(histories or self.histories),
                       parts=tuple(parts or self.parts))


#: For trying out: the figures are worth nothing.
QUICK = Plan(rounds=3, sizes=(10, 300), between=(100, 1000), histories=(100, 1000), attempts=(1, 10, 100),
             judged=(1, 2, 10), ends=(300, 1000), clients=(1, 4))
