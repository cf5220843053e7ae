"""Which retries may lack results, and where these come from (docs/operations.rst, "Results are carried over")."""

from datetime import datetime, timedelta

import pytest

from mod_runs_api.domain.carry_over import CompletedRetry, find_last_runs, find_origins
from mod_runs_api.domain.progress import Progress, ProgressRow

NOW = datetime(2026, 11, 24, 12)
LATELY, LONG_AGO = NOW - timedelta(hours=47), NOW - timedelta(hours=80)


def attempt(run_id: int, *rows: tuple[int, str]) -> Progress:
    """Return an attempt with the ids and statuses of its progress rows."""
    return Progress(run_id, [ProgressRow(run_id, row_id, status, '', NOW) for row_id, status in rows])


@pytest.mark.parametrize(('completed_at', 'has_carried_over', 'has_newer_progress', 'expected'), [
    (LONG_AGO, True, False, False), (LATELY, True, False, True), (LONG_AGO, False, False, True),
    (LONG_AGO, True, True, True), ('0000-00-00 00:00:00', True, False, False)])
def test_a_retry_is_compared_with_the_others_lately_after_news_and_if_nothing_was_carried_over(
        completed_at: datetime | str, has_carried_over: bool, has_newer_progress: bool, expected: bool) -> None:
    retry = CompletedRetry(2, 1, completed_at, has_carried_over, has_newer_progress)

    assert retry.may_lack_results(NOW) == expected


def test_a_test_was_last_run_by_the_attempt_that_ended_last() -> None:
    attempts = [attempt(1, (1, 'canceled')), attempt(3, (2, 'completed'), (9, 'completed')),
                attempt(2, (5, 'completed'))]

    assert find_last_runs(attempts, [(3, 12), (1, 11), (2, 12), (1, 10), (3, 11)]) == {10: 1, 11: 3, 12: 2}


def test_a_retry_gets_the_results_that_it_does_not_have() -> None:
    assert find_origins({11}, {12: 2, 11: 3, 10: 1}) == {10: 1, 12: 2}
