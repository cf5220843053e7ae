"""Retries from code of the platform's own process (contract section 2, "In process")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from checkout import Platform
from rows import Rows

pytestmark = pytest.mark.platform


@dataclass(frozen=True)
class Amid:
    """A change that was pending during a retry, whether it was kept, and what was seen."""

    name: str
    kept: bool
    seen: dict[str, Any]


@pytest.fixture
def source(own_rows: Rows) -> int:
    """Give a completed run of one test, which passed."""
    test_id = own_rows.regression_test()
    run_id = own_rows.run([test_id])
    own_rows.result(run_id, test_id)
    return run_id


def retry(mounted: Platform, rows: Rows, **order: Any) -> dict[str, Any]:
    """Call ``retry_run`` inside a request."""
    answer: dict[str, Any]
    answer, = mounted.inside('retry_runs', rows.address, requests=[order])
    return answer


def test_a_retry_is_made_for_a_person(own_rows: Rows, mounted: Platform, source: int) -> None:
    name = f'alice{source}'
    ids = mounted.inside('add_people', own_rows.address, people={name: 'contributor'}, password='irrelevant')

    answer = retry(mounted, own_rows, run_id=source, requested_by=name, reason='flaky VM')

    assert answer['run_id'] == source
    made = own_rows.one('run_retry', test_id=answer['new_run_id'])
    assert (made['source_test_id'], made['reason'], made['user_id']) == (source, b'flaky VM', ids[name])
    assert own_rows.values('test_fork', 'user_id', test_id=answer['new_run_id']) == [ids[name]]


@pytest.fixture(params=['commit', 'rollback'])
def amid(request: pytest.FixtureRequest, own_rows: Rows, mounted: Platform, kind: str, source: int) -> Amid:
    """Retry a run while the caller has a change pending, which is then committed or rolled back."""
    name, kept = f'change {source}', request.param == 'commit'
    # Not flushed on SQLite, where that would lock the whole database.
    seen = mounted.inside('retry_amid_changes', own_rows.address, run_id=source, name=name,
                          flushed=kind == 'mariadb', kept=kept)
    return Amid(name, kept, seen)


def test_what_the_caller_has_pending_is_neither_committed_nor_lost(own_rows: Rows, amid: Amid) -> None:
    assert amid.seen['still_pending']
    assert amid.seen['changes_elsewhere'] == 0
    assert len(own_rows.of('general_data', key=amid.name)) == amid.kept


def test_the_new_run_is_there_whatever_the_caller_does_next(own_rows: Rows, source: int, amid: Amid) -> None:
    assert amid.seen['runs_elsewhere'] == 1
    assert amid.seen['runs_for_the_caller_afterwards'] == 1
    assert own_rows.values('run_retry', 'test_id', source_test_id=source) == [amid.seen['new_run_id']]


def test_a_scheduled_job_goes_on_with_the_session_that_it_had(own_rows: Rows, mounted: Platform,
                                                              source: int) -> None:
    new_run_id = mounted.inside('retry_in_a_job', own_rows.address, run_id=source, name=f'job {source}')

    assert own_rows.one('run_retry', source_test_id=source)['test_id'] == new_run_id
    assert own_rows.one('general_data', key=f'job {source}')['value'] == 'after'


def test_the_errors_are_the_packages_own(own_rows: Rows, mounted: Platform, source: int) -> None:
    orders: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({'run_id': 9317}, {'error': 'RunNotFound', 'code': 'not_found', 'details': {'resource': 'run', 'id': 9317}}),
        ({'run_id': source, 'failed_only': True},
         {'error': 'Unprocessable', 'code': 'unprocessable', 'details': {'failed_tests': 0}}),
        ({'run_id': source, 'requested_by': 'nobody'},
         {'error': 'InvalidFields', 'code': 'unprocessable',
          'details': {'fields': {'requested_by': ['There is no such user.']}}}),
    ]

    answers = mounted.inside('retry_runs', own_rows.address, requests=[order for order, _ in orders])

    assert answers == [error for _, error in orders]
    assert own_rows.of('run_retry', source_test_id=source) == []
