"""What a run of the benchmark measures, and how much of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

TABLE, HISTORY, FAMILY, CLIENTS, MEMORY, PLATFORM = 'table', 'history', 'family', 'clients', 'memory', 'platform'
PARTS = (TABLE, HISTORY, FAMILY, CLIENTS, MEMORY, PLATFORM)


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
    depths : tuple of int
        How many attempts the families have.
    clients : tuple of int
        How many clients ask at the same time.
    memory_tests, memory_retries : int
        The size of the run, and how often it is retried, while the memory of the process is looked at.
    parts : tuple of str
        Some of `PARTS`.
    """

    rounds: int = 60
    sizes: tuple[int, ...] = (10, 300, 1000, 10_000)
    between: tuple[int, ...] = (100, 3000)
    histories: tuple[int, ...] = (1000, 10_000)
    depths: tuple[int, ...] = (1, 10, 100, 1000)
    clients: tuple[int, ...] = (1, 2, 4, 8)
    memory_tests: int = 10_000
    memory_retries: int = 200
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
        """Give the same with what was asked for in its place."""
        return replace(self, rounds=rounds or self.rounds, histories=tuple(histories or self.histories),
                       parts=tuple(parts or self.parts))


#: For trying out: the figures are worth nothing.
QUICK = Plan(rounds=3, sizes=(10, 300), between=(100, 1000), histories=(100, 1000), depths=(1, 10, 100),
             clients=(1, 4), memory_tests=300, memory_retries=20)
