"""Reading why runs have ended (docs/api.rst, "Causes")."""

from ..database.causes import read_run_records
from ..database.runs import read_last_ended
from ..database.transactions import Transactions
from ..domain.causes import Cause, CauseCounts, find_cause

#: The number of runs that are read at once. From 200 on (eq_range_index_dive_limit) MySQL and MariaDB do not look them
#: up to find a plan, but believe statistics, and may read a table as a whole.
RUNS_AT_ONCE = 100


def count_causes(transactions: Transactions, last: int) -> CauseCounts:
    """Return how many of the last runs that have ended, by run id, ended by each cause."""
    run_ids = transactions.run(read_last_ended, last)
    causes: list[Cause | None] = []
    for start in range(0, len(run_ids), RUNS_AT_ONCE):
        records = transactions.run(read_run_records, run_ids[start:start + RUNS_AT_ONCE])
        # One that was restarted meanwhile has no end.
        causes += [find_cause(record) for record in records.values() if record.progress.end is not None]
    return CauseCounts.of(causes)
