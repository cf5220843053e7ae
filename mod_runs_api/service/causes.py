"""Reading why runs have ended (docs/api.rst, "Causes")."""

from collections import Counter
from collections.abc import Sequence

from ..database import Database
from ..database.causes import read_run_records
from ..database.runs import read_last_ended
from ..domain.causes import Cause, find_cause, to_public_phrase
from ..extension import extension_state

#: The number of runs that are read at once.
RUNS_AT_ONCE = 200


def count_causes(last: int) -> Counter[Cause | None]:
    """Return how many of the last runs that have ended, by run id, ended by each cause; None if results decide."""
    transactions = extension_state().transactions
    run_ids = transactions.run(read_last_ended, last)
    counts: Counter[Cause | None] = Counter()
    for start in range(0, len(run_ids), RUNS_AT_ONCE):
        counts.update(transactions.run(read_causes, run_ids[start:start + RUNS_AT_ONCE]).values())
    return counts


def read_causes(db: Database, run_ids: Sequence[int]) -> dict[int, Cause | None]:
    """Return the cause of each of some runs."""
    return {run_id: find_cause(record) for run_id, record in read_run_records(db, run_ids).items()}


def phrase_of_run(run_id: int) -> str | None:
    """Return why a run ended in a few words, for readers on GitHub; None if there is nothing to tell them."""
    return to_public_phrase(extension_state().transactions.run(read_causes, [run_id])[run_id])
