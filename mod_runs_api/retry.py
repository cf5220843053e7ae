"""
What a retry is (docs/api.rst, "Retry a run").

:func:`create_retry` reads top to bottom: look for an earlier one, find the run, choose its tests, write the new run.
The transaction is its caller's. SELECT and INSERT only; on SQLite also DELETE, of what deleted runs have left behind.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from .database import Database
from .database.outcomes import read_not_passed, read_selected
from .database.retries import (RetryRequest, encode_reason, find_retry,
                               write_retry)
from .database.runs import Source, find_source
from .errors import Unprocessable


@dataclass(frozen=True)
class Retry:
    """
    A retry that was created.

    Attributes
    ----------
    run_id : int
        The source run.
    new_run_id : int
        The run that was created from it.
    failed_only : bool
        Whether it runs only the tests that did not pass in the source run.
    test_count : int
        How many regression tests the new run has.
    replayed : bool
        Whether an earlier request with the same idempotency key created it, and nothing was created now.
    """

    run_id: int
    new_run_id: int
    failed_only: bool
    test_count: int
    replayed: bool = False


def digest_key(owner: int | str | None, idempotency_key: str) -> str:
    """
    Return what is stored of an idempotency key.

    The same key from another owner is another key. The owner is a user's id, None if there is no user, or "comment" or
    "sweep".
    """
    return hashlib.sha256(f'{owner} {idempotency_key}'.encode()).hexdigest()


def create_retry(db: Database, request: RetryRequest, drop_inactive: bool) -> Retry:
    """
    Create a new run from an existing one, or return the one that the same request has created before.

    Raises :exc:`RunNotFound`, or :exc:`Unprocessable` if there is nothing to run, or nothing that may be run.
    """
    earlier = find_earlier_retry(db, request)
    if earlier is not None:
        return earlier
    source = find_source(db, request.run_id)
    regression_test_ids = choose_tests(db, source, request.failed_only, drop_inactive)
    new_run_id = write_retry(db, request, source, regression_test_ids)
    return Retry(source.id, new_run_id, request.failed_only, len(regression_test_ids))


def choose_tests(db: Database, source: Source, failed_only: bool, drop_inactive: bool) -> list[int]:
    """
    Return the ids of the regression tests that a retry would run, in order.

    That is the full test set, which is what was selected for the first of the attempts, or every test of the source
    whose outcome is not ``pass``. Raises :exc:`Unprocessable` if the source of a failed-only retry has not ended, if no
    tests are left, or if some are inactive and are not to be dropped.
    """
    if not failed_only:
        tests = read_selected(db, source.full_set_id)
    elif source.has_ended:
        tests = read_not_passed(db, source.id)
        if not tests:
            raise Unprocessable(f'No test of run {source.id} failed: there is nothing to run again.',
                                {'failed_tests': 0})
    else:
        raise Unprocessable(f'Run {source.id} has not finished: it has no failed tests yet.',
                            {'run_status': source.status or 'queued'})
    regression_test_ids = [test.id for test in tests if test.active]
    inactive_ids = [test.id for test in tests if not test.active]
    if inactive_ids and not drop_inactive:
        raise Unprocessable('Some of the tests to run are inactive now.', {'inactive_ids': inactive_ids})
    if not regression_test_ids:
        # A run without rows in customized_test would run every test there is.
        raise Unprocessable('None of the tests to run is active: there is nothing to run again.',
                            {'inactive_ids': inactive_ids})
    return regression_test_ids


def find_earlier_retry(db: Database, request: RetryRequest) -> Retry | None:
    """
    Return the retry that the same request has created before, if there is one.

    It counts as replayed, unless this very request created it in a transaction whose commit was never answered.
    Raises :exc:`Unprocessable` if the key belongs to a request for something else.
    """
    row = find_retry(db, request.idempotency_digest)
    if row is None:
        return None
    if (row.source_run_id, row.failed_only, row.reason) != (request.run_id, request.failed_only,
                                                            encode_reason(request.reason)):
        raise Unprocessable('This idempotency key belongs to another request.',
                            {'idempotency_key': 'Already used with another run or body.'})
    return Retry(request.run_id, row.run_id, request.failed_only, row.test_count,
                 replayed=row.run_token != request.run_token)
