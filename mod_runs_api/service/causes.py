"""Reading why runs have ended (docs/api.rst, "Causes")."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..database import Database
from ..database.causes import read_run_records
from ..database.runs import read_last_ended
from ..domain.causes import (CAUSES, Cause, CauseName, find_cause,
                             to_public_phrase)
from ..extension import extension_state

#: How many runs are read at once.
RUNS_AT_ONCE = 200


@dataclass(frozen=True)
class Causes:
    """The causes of the last runs that have ended."""

    #: The number of runs, and how many of them are whole: their results decide.
    runs: int
    whole: int
    #: The number of runs that ended by each cause.
    causes: Mapping[CauseName, int]
    #: The same for each detail, the most frequent first.
    details: Sequence[tuple[Cause, int]]


def count_causes(last: int) -> Causes:
    """Return the causes of the last runs that have ended, by run id."""
    transactions = extension_state().transactions
    run_ids = transactions.run(read_last_ended, last)
    causes: list[Cause] = []
    for start in range(0, len(run_ids), RUNS_AT_ONCE):
        found = transactions.run(read_causes, run_ids[start:start + RUNS_AT_ONCE])
        causes += [cause for cause in found.values() if cause is not None]
    by_name = Counter(cause.name for cause in causes)
    return Causes(len(run_ids), len(run_ids) - len(causes), {name: by_name[name] for name in CAUSES},
                  Counter(causes).most_common())


def read_causes(db: Database, run_ids: Sequence[int]) -> dict[int, Cause | None]:
    """Return the cause of each of some runs."""
    return {run_id: find_cause(record) for run_id, record in read_run_records(db, run_ids).items()}


def phrase_of_run(run_id: int) -> str | None:
    """Return why a run ended in a few words, for readers on GitHub; None if its results decide."""
    return to_public_phrase(extension_state().transactions.run(read_causes, [run_id])[run_id])
