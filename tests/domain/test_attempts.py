"""The status of an attempt, and the choice between attempts (docs/api.rst, "Attempts")."""

from collections import Counter
from datetime import datetime

import pytest

from mod_runs_api.domain.attempts import AttemptRecord, Attempts, derive_status
from mod_runs_api.domain.catalogue import Catalogue
from mod_runs_api.domain.outcomes import Mark, Result, RunTests
from mod_runs_api.domain.progress import Progress, ProgressRow

from .test_retry import run

#: Attempts of one test: the last stage, and the result.
PASSED, FAILED, MARKS = {1: Result(0, 0)}, {1: Result(1, 0)}, {1: Mark(4, was_selected=True)}
COMPLETED = ('completed', RunTests(PASSED, {1}, {1}))
CARRIED_OVER_ONLY = ('completed', RunTests(FAILED, {1}, {1}, marks=MARKS))
STOPPED_WITH_FAILURE = ('canceled', RunTests(FAILED, {1}, {1}))
STOPPED_ALL_PASSED = ('canceled', RunTests(PASSED, {1}, {1}))
STOPPED_AT_ONCE = ('canceled', RunTests({}, {1}, {1}))
RUNNING, QUEUED = ('testing', RunTests(PASSED, {1}, {1})), (None, RunTests({}, {1}, {1}))


#: A root run that was deleted.
ROOT = 9


def attempts(*of_runs, row_ids=None):
    """Return attempts with the numbers from 1 on as their ids. By default their progress rows are in their order."""
    ids = range(1, 1 + len(of_runs))
    progress = {run_id: Progress(run_id, [ProgressRow(run_id, row_id, stage, '', datetime.min)] if stage else [])
                for run_id, row_id, (stage, _) in zip(ids, row_ids or ids, of_runs)}
    records = {run_id: AttemptRecord(run_id, stored_build=None, retry=None) for run_id in ids}
    return Attempts(run(root_id=ROOT), records, progress,
                    {run_id: tests for run_id, (_, tests) in zip(ids, of_runs)}, Catalogue({1}, {1}, {}))


@pytest.mark.parametrize(('stage', 'outcomes', 'status'), [
    (None, {}, 'queued'), ('preparation', {}, 'running'), ('testing', {'fail': 1}, 'running'),
    ('canceled', {'pass': 1}, 'canceled'), ('a new word', {}, 'incomplete'), ('completed', {}, 'error'),
    ('completed', {'pass': 3}, 'pass'), ('completed', {'pass': 3, 'fail': 1}, 'fail'),
    ('completed', {'missing_output': 1}, 'fail'), ('completed', {'pass': 3, 'fail': 1, 'not_run': 1}, 'error')])
def test_the_status_is_that_of_the_platforms_api(stage, outcomes, status):
    assert derive_status(stage, [*Counter(outcomes).elements()]) == status


@pytest.mark.parametrize(('of_runs', 'failed', 'decisive'), [
    ([QUEUED, QUEUED], ROOT, 2), ([RUNNING], ROOT, 1), ([STOPPED_AT_ONCE, QUEUED], ROOT, 1),
    ([COMPLETED], 1, 1), ([COMPLETED, QUEUED, RUNNING], 1, 1),
    ([COMPLETED, COMPLETED], 2, 2),
    ([COMPLETED, STOPPED_WITH_FAILURE], 2, 1),
    ([COMPLETED, STOPPED_ALL_PASSED, CARRIED_OVER_ONLY, STOPPED_AT_ONCE], 1, 1),
    ([CARRIED_OVER_ONLY, STOPPED_WITH_FAILURE, STOPPED_ALL_PASSED, STOPPED_AT_ONCE], 2, 2),
    ([STOPPED_AT_ONCE, STOPPED_ALL_PASSED, CARRIED_OVER_ONLY], ROOT, 3)])
def test_one_attempt_has_the_failures_to_run_again_and_one_stands_for_the_run(of_runs, failed, decisive):
    found = attempts(*of_runs)

    assert (found.source_of_failed, found.decisive_run_id) == (failed, decisive)


def test_the_attempt_whose_results_came_last_counts_whatever_its_number():
    found = attempts(COMPLETED, COMPLETED, STOPPED_WITH_FAILURE, row_ids=[2, 1, 3])

    assert (found.source_of_failed, found.decisive_run_id) == (3, 1)


def test_an_attempt_whose_carried_over_result_was_deleted_has_no_own_result_by_that():
    deleted = RunTests(FAILED, {1, 2}, {1, 2}, marks=dict.fromkeys([1, 2], Mark(4, was_selected=True)))

    assert attempts(COMPLETED, ('completed', deleted)).source_of_failed == 1


def test_a_retry_that_runs_again_would_get_what_every_ended_attempt_ran():
    again = Progress(5, [ProgressRow(5, 1, 'completed', '', datetime.min),
                         ProgressRow(5, 2, 'testing', '', datetime.min)])
    other = Progress(6, [ProgressRow(6, 3, 'testing', '', datetime.min),
                         ProgressRow(6, 4, 'completed', '', datetime.min)])
    tests = {run_id: RunTests(dict.fromkeys(ran, Result(0, 0)), set(), {1, 2})
             for run_id, ran in ((5, [1]), (6, [1, 2]))}

    assert Attempts(run(), {}, {5: again, 6: other}, tests, Catalogue({1, 2}, {1, 2}, {})).find_origins(5) == {2: 6}
