"""Counting over many runs: why they ended, and which tests are often flaky (docs/python-and-command-line.rst)."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from sqlalchemy import Connection

from ..database.attempts import read_last_retried
from ..database.catalogue import read_catalogue
from ..database.outcomes import read_tests
from ..database.progress import read_progress
from ..database.run import read_last_ended
from ..database.transactions import Transactions
from ..domain.causes import Cause, find_cause
from ..domain.statistics import CauseCounts, FlakyTests, count_flaky
from ..domain.verdict import Verdict
from ..errors import RunNotFound
from .verdict import read_verdict

#: The number of runs that are read at once. From 200 on (eq_range_index_dive_limit) MySQL and MariaDB plan a statement
#: by statistics only, and may read a whole table.
RUNS_AT_ONCE = 100


def count_causes(transactions: Transactions, last: int) -> CauseCounts:
    """Return the causes of the last runs that have ended, by run id, with their counts."""
    run_ids = transactions.run(read_last_ended, last)
    causes: list[Cause | None] = []
    for start in range(0, len(run_ids), RUNS_AT_ONCE):
        causes += transactions.run(_find_causes, run_ids[start:start + RUNS_AT_ONCE])
    return CauseCounts.of(causes)


def _find_causes(connection: Connection, run_ids: Sequence[int]) -> list[Cause | None]:
    progress, tests = read_progress(connection, run_ids), read_tests(connection, run_ids, read_catalogue(connection))
    # A run that has just been restarted has no end.
    return [find_cause(run, tests[run_id]) for run_id, run in progress.items() if run.end is not None]


def list_flaky(transactions: Transactions, last: int) -> FlakyTests:
    """Return the tests that were flaky in the newest root runs with retries, by run id."""
    return count_flaky(_read_verdicts(transactions, transactions.run(read_last_retried, last)))


def _read_verdicts(transactions: Transactions, run_ids: Sequence[int]) -> Iterator[Verdict]:
    """Yield the verdict on each run, read one at a time."""
    for run_id in run_ids:
        with suppress(RunNotFound):  # The run has just been deleted.
            yield transactions.run(read_verdict, run_id)
