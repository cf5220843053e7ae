"""The status of an attempt, and the choice between attempts (docs/api.rst, "Attempts")."""

from collections import Counter

import pytest

from mod_runs_api.domain.attempts import (AttemptFacts, EndedAttempt, choose_decisive, choose_source_of_failed,
                                          derive_status)
from mod_runs_api.domain.outcomes import Catalogue, Mark, Result, RunTests
from mod_runs_api.domain.progress import Progress, ProgressRow

from .test_retry import run

#: Attempts by what they did before they ended.
COMPLETED = EndedAttempt(0, is_completed=True, has_own_result=True)
CARRIED_OVER_ONLY = EndedAttempt(0, is_completed=True, has_own_result=False)
STOPPED_WITH_FAILURE = EndedAttempt(0, is_completed=False, has_own_result=True, has_failure=True)
STOPPED_ALL_PASSED = EndedAttempt(0, is_completed=False, has_own_result=True)
STOPPED_AT_ONCE = EndedAttempt(0, is_completed=False, has_own_result=False)
NEWEST = 9
NO_TESTS = Catalogue(set(), set())


@pytest.mark.parametrize(('stage', 'outcomes', 'status'), [
    (None, {}, 'queued'), ('preparation', {}, 'running'), ('testing', {'fail': 1}, 'running'),
    ('canceled', {'pass': 1}, 'canceled'), ('a new word', {}, 'incomplete'), ('completed', {}, 'error'),
    ('completed', {'pass': 3}, 'pass'), ('completed', {'pass': 3, 'fail': 1}, 'fail'),
    ('completed', {'missing_output': 1}, 'fail'), ('completed', {'pass': 3, 'fail': 1, 'not_run': 1}, 'error')])
def test_the_status_is_that_of_the_platforms_api(stage, outcomes, status):
    assert derive_status(stage, [*Counter(outcomes).elements()]) == status


@pytest.mark.parametrize(('ended', 'failed', 'decisive'), [
    ([], None, NEWEST),
    ([COMPLETED], 1, 1),
    ([COMPLETED, COMPLETED], 2, 2),
    ([COMPLETED, STOPPED_WITH_FAILURE], 2, 1),
    ([COMPLETED, STOPPED_ALL_PASSED, CARRIED_OVER_ONLY, STOPPED_AT_ONCE], 1, 1),
    ([CARRIED_OVER_ONLY, STOPPED_WITH_FAILURE, STOPPED_ALL_PASSED, STOPPED_AT_ONCE], 2, 2),
    ([STOPPED_AT_ONCE, STOPPED_ALL_PASSED, CARRIED_OVER_ONLY], None, 3)])
def test_one_ended_attempt_has_the_failures_to_run_again_and_one_stands_for_the_run(ended, failed, decisive):
    attempts = [attempt._replace(run_id=place) for place, attempt in enumerate(ended, 1)]

    assert (choose_source_of_failed(attempts), choose_decisive(attempts, NEWEST)) == (failed, decisive)


def test_the_newest_of_several_queued_attempts_is_decisive():
    progress = {run_id: Progress(run_id, []) for run_id in (5, 6)}

    assert AttemptFacts(run(), progress, {}, {}, NO_TESTS).decisive_run_id == 6


def test_an_attempt_whose_carried_over_result_was_deleted_has_no_own_result_by_that():
    progress = {5: Progress(5, [ProgressRow(5, 1, 'completed', '', '')])}
    tests = RunTests({1: Result(0, 0)}, {1, 2}, {1, 2}, marks=dict.fromkeys([1, 2], Mark(4, was_selected=True)))

    ended, = AttemptFacts(run(), progress, {}, {5: tests}, NO_TESTS).list_ended()
    assert not ended.has_own_result


def test_a_retry_that_runs_again_would_get_what_every_ended_attempt_ran():
    rows = {5: [(1, 'completed'), (2, 'testing')], 6: [(3, 'testing'), (4, 'completed')]}
    progress = {run_id: Progress(run_id, [ProgressRow(run_id, row_id, stage, '', '') for row_id, stage in of_run])
                for run_id, of_run in rows.items()}
    tests = {run_id: RunTests(dict.fromkeys(ran, Result(0, 0)), set(), {1, 2})
             for run_id, ran in ((5, [1]), (6, [1, 2]))}

    assert AttemptFacts(run(), progress, {}, tests, Catalogue({1, 2}, {1, 2})).find_origins(5) == {2: 6}


def test_ended_attempts_are_described_in_the_order_of_their_results():
    ends = {5: ('completed', 4), 6: ('canceled', 3), 7: ('completed', 2), 8: ('testing', 1)}
    progress = {run_id: Progress(run_id, [ProgressRow(run_id, row_id, status, '', '')])
                for run_id, (status, row_id) in ends.items()}
    passed, failed = Result(0, 0), Result(1, 0)
    mark = Mark(6, was_selected=False)
    tests = {run_id: RunTests(results, set(), {1, 2}, marks=marks) for run_id, results, marks in (
        (5, {1: passed, 2: failed}, {1: mark}), (6, {1: passed}, {}), (7, {1: passed, 2: failed}, {1: mark, 2: mark}),
        (8, {}, {}))}
    facts = AttemptFacts(run(), progress, {}, tests, NO_TESTS)

    assert facts.list_ended() == [
        EndedAttempt(7, is_completed=True, has_own_result=False, has_failure=True),
        EndedAttempt(6, is_completed=False, has_own_result=True, has_failure=False),
        EndedAttempt(5, is_completed=True, has_own_result=True, has_failure=True)]
    assert facts.source_of_failed == 5
