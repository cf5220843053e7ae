"""Listing the tests that are flaky again and again (docs/python-and-command-line.rst, "The command line")."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from ..database.attempts import read_last_retried
from ..database.transactions import Transactions
from ..domain.flaky import FlakyTests, count_flaky
from ..domain.verdict import Verdict
from ..errors import RunNotFound
from .verdict import read_verdict


def list_flaky(transactions: Transactions, last: int) -> FlakyTests:
    """Return the tests that were flaky in the last first runs that were retried, by run id."""
    return count_flaky(_read_verdicts(transactions, transactions.run(read_last_retried, last)))


def _read_verdicts(transactions: Transactions, run_ids: Sequence[int]) -> Iterator[Verdict]:
    """Yield the verdict on each of some runs, read one at a time."""
    for run_id in run_ids:
        with suppress(RunNotFound):  # It has been deleted since.
            yield transactions.run(read_verdict, run_id)
