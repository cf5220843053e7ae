"""The decisions of the sweep (docs/how-it-works.rst, "The sweep")."""

from datetime import datetime, timedelta, timezone

import pytest
from support.messages import NOT_VISIBLE, OUT_OF_ORDER, TIME_LIMIT

from mod_runs_api import clock
from mod_runs_api.domain.causes import Cause
from mod_runs_api.domain.outcomes import ExpectedToday, Mark, Result, RunTests
from mod_runs_api.domain.progress import Progress, ProgressRow
from mod_runs_api.domain.retry import RetryRules
from mod_runs_api.domain.run import NewerRun
from mod_runs_api.domain.sweep import Candidate, Capacity, Step, find_failure, find_newest_completion, may_be_retried
from mod_runs_api.errors import InactiveTests

from .test_retry import run

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NOW = datetime(2026, 11, 24, 12)
#: `INCOMPLETE`: results of two of its three tests are missing.
FAILED, INCOMPLETE = [('canceled', TIME_LIMIT)], [('completed', '')]
#: Results that passed, and that failed: by what was expected at the time, and by the exit code that is expected today.
GREEN, APPROVED, RED_TODAY, RED_STILL = (Result(0, 0), 0), (Result(1, 0), 1), (Result(0, 0), 1), (Result(1, 0), 0)
HEALED = {'rows': INCOMPLETE, 'results': (APPROVED, GREEN, GREEN)}


def progress(rows, *, run_id=5, ago=HOUR):
    """Return the progress of a run: statuses and messages, all of one age or each with its own."""
    return Progress(run_id, [ProgressRow(run_id, 10 * run_id + number, status, message, NOW - (own or [ago])[0])
                             for number, (status, message, *own) in enumerate(rows)])


def run_tests(results):
    """Return three selected tests, of which the first ones have results."""
    return RunTests({test: result for test, (result, _) in enumerate(results, 1)}, {1, 2, 3}, {1, 2, 3})


def find(rows, results, *, ago=HOUR, marks=()):
    """Return the failure of run 5, whose rows are of an age; None if it is not one that a sweep retries."""
    tests = run_tests(results)._replace(marks=dict.fromkeys(marks, Mark(4, was_selected=True)))
    today = ExpectedToday({test: code for test, (_, code) in enumerate(results, 1)}, {})
    return find_failure(progress(rows, ago=ago), tests, today, NOW)


def candidate(*, rows=FAILED, ago=HOUR, results=(GREEN,), newest=None, automatic=(), completion=0, **changes):
    """Return run 5, which ran out of time an hour ago, by progress row 50."""
    failure = find(rows, results, ago=ago)
    assert failure
    return Candidate(run(rows[-1][0], **changes), failure, newest, automatic, completion)


@pytest.mark.parametrize(('ago', 'is_recent'), [(MINUTE, True), (24 * HOUR, True), (24 * HOUR + MINUTE, False)])
def test_an_infrastructure_failure_is_recent_for_a_day(ago, is_recent):
    assert bool(find(FAILED, [], ago=ago)) == is_recent


def test_the_sweep_prints_the_message_of_a_failure_and_people_read_the_sentence():
    failure = find(FAILED, [])

    assert failure and (failure.why, failure.reason) == (TIME_LIMIT, Cause.of_message(TIME_LIMIT).sentence)


@pytest.mark.parametrize('rows', [
    # A build that was approved after two days, and then not visible. It is the age of the first row that says so.
    [('canceled', 'Build failed: action_required', 48 * HOUR), ('canceled', f' {NOT_VISIBLE}', HOUR),
     ('canceled', 'Not ran - no code changes', MINUTE)],
    # The machine rebooted twice, long ago and now.
    [('canceled', OUT_OF_ORDER, 48 * HOUR), ('testing', '', 2 * HOUR), ('canceled', OUT_OF_ORDER, HOUR)],
    # No canceled row names the missing results, so the end does.
    [('completed', '', HOUR), ('canceled', OUT_OF_ORDER, MINUTE), ('canceled', 'A new word', MINUTE)]])
def test_a_failure_is_as_old_as_the_first_row_that_names_its_cause_or_as_the_end(rows):
    failure = find(rows, [GREEN])

    assert failure and failure.row.timestamp == NOW - HOUR
    waits = Candidate(run('canceled'), failure, None, (), 0).find_reason_to_wait(1, NOW - 46 * MINUTE)
    assert waits == 'it ended less than 15 minutes ago, and late reports may follow'


@pytest.mark.parametrize('rows', [
    [], [('testing', '')], [('canceled', 'Canceled by admin')], [('canceled', 'Build failed')],
    [('canceled', 'A new word')]])
def test_no_other_end_is_a_failure_that_a_sweep_retries(rows):
    assert find(rows, [GREEN]) is None


def test_code_that_hangs_is_no_failure_that_a_sweep_retries():
    assert find(FAILED, [(Result(0, 0, has_timed_out=True), 0)]) is None


def test_approved_failures_are_retried_after_the_day_for_missing_results():
    # An own result is missing, and the carried-over ones pass by what is expected today.
    day, week = (find(INCOMPLETE, [APPROVED, GREEN, GREEN], ago=ago, marks=[1, 2]) for ago in (HOUR, 31 * HOUR))

    assert day and not day.is_approved and week and week.is_approved


@pytest.mark.parametrize(('results', 'is_approved'), [
    ([APPROVED, GREEN, GREEN], True), ([APPROVED] * 3, True),
    # One was not approved, one has no result, one passed at the time only, and nothing failed.
    ([APPROVED, GREEN, RED_STILL], False), ([APPROVED, GREEN], False), ([APPROVED, GREEN, RED_TODAY], False),
    ([GREEN] * 3, False)])
def test_a_run_is_retried_if_it_failed_and_passes_as_a_whole_by_what_is_expected_today(results, is_approved):
    failure = find(INCOMPLETE, results)

    assert bool(failure and failure.is_approved) == is_approved


@pytest.mark.parametrize(('rows', 'is_found'), [
    ([('completed', '', 7 * 24 * HOUR)], True), ([('completed', '', 7 * 24 * HOUR + MINUTE)], False),
    # Its age is that of the completion, whatever comes later.
    ([('completed', '', HOUR), ('canceled', TIME_LIMIT, MINUTE)], True),
    ([('completed', '', 7 * 24 * HOUR + MINUTE), ('canceled', TIME_LIMIT, MINUTE)], False),
    ([('completed', ''), ('canceled', 'Canceled by admin')], False), ([('completed', ''), ('testing', '')], False),
    ([('canceled', 'A new word')], False)])
def test_a_run_with_approved_failures_is_found_for_a_week_unless_a_person_stopped_it(rows, is_found):
    assert bool(find(rows, [APPROVED, GREEN, GREEN])) == is_found


NO_COMPLETION_SINCE = 'no run of linux has completed with all its results since it ended'


@pytest.mark.parametrize(('found', 'reason'), [
    (candidate(), None), (candidate(ago=15 * MINUTE), None),
    (candidate(ago=14 * MINUTE), 'it ended less than 15 minutes ago, and late reports may follow'),
    (candidate(newest=NewerRun(9, False)), 'run 9 of the same commit is newer'),
    (candidate(automatic=[3, 4], completion=51, root_id=3), 'the automatic retries of run 3 are used up'),
    # A further retry needs evidence that the platform works.
    (candidate(automatic=[3], completion=51, root_id=3), None),
    (candidate(automatic=[3], completion=50, root_id=3), NO_COMPLETION_SINCE),
    (candidate(automatic=[3], root_id=3), NO_COMPLETION_SINCE),
    (candidate(**HEALED), None),
    (candidate(**HEALED, ago=14 * MINUTE), 'it ended less than 15 minutes ago, and late reports may follow'),
    (candidate(**HEALED, automatic=[3], root_id=3), NO_COMPLETION_SINCE)])
def test_a_run_waits_for_a_reason(found, reason):
    assert found.find_reason_to_wait(2, NOW) == reason


@pytest.mark.parametrize(('found', 'newest', 'automatic', 'is_expected'), [
    (run(), None, [], True), (run(), None, [3], True),
    # It has been retried, or its automatic retry was deleted.
    (run(), NewerRun(9, True), [], False), (run(pr_nr=0), NewerRun(9, True), [], False), (run(), None, [5], False),
    # A newer run of the pull request replaces it. Without a pull request it may be one by hand.
    (run(), NewerRun(9, False), [], False), (run(pr_nr=0), NewerRun(9, False), [3], True)])
def test_a_run_that_was_retried_or_replaced_waits_for_nothing(found, newest, automatic, is_expected):
    assert may_be_retried(found, newest, automatic) == is_expected


#: The third test is inactive.
ALL, ACTIVE = [1, 2, 3], {1, 2}
RED = (Result(1, 0), 0)
RULES = RetryRules(frozenset(), drop_inactive_tests=False)


@pytest.mark.parametrize(('found', 'failed_only', 'tests'), [
    # A run that stopped half-way is resumed. Without results, or if all active tests passed, everything is run again.
    # It leaves out inactive tests, although others are refused because of them.
    (candidate(results=[GREEN]), True, [2]), (candidate(results=[GREEN, RED, GREEN]), True, [2]),
    (candidate(results=()), False, [1, 2]), (candidate(results=[GREEN] * 3), False, [1, 2]),
    (candidate(results=[GREEN, GREEN, RED]), False, [1, 2]),
    # A failed-only retry runs its own tests again. If they all passed, only its end was lost.
    (candidate(results=(), failed_only=True), True, [1, 2]),
    (candidate(results=[GREEN] * 3, failed_only=True), False, [1, 2]),
    (candidate(results=[GREEN, GREEN, RED], failed_only=True), False, [1, 2]),
    (candidate(rows=INCOMPLETE, failed_only=True), True, [2])])
def test_a_run_that_infrastructure_ended_is_resumed_or_run_again_in_full(found, failed_only, tests):
    retry = found.plan_retry(RULES, ALL, ACTIVE)

    failure, request = found.failure, retry.request
    assert not found.has_passed
    assert (retry.step(None), retry.regression_test_ids) == (Step(5, 'retried', failure.why), tests)
    assert (request.reason, request.automatic, request.failed_only) == (
        f'Automatic: {failure.reason}', True, failed_only)


def test_a_failed_only_retry_that_completed_with_every_test_passed_is_not_retried():
    # One of its results was carried over, so it is incomplete.
    failure = find(INCOMPLETE, [GREEN] * 3, marks=[3])
    assert failure and not failure.is_approved

    assert Candidate(run(failed_only=True), failure, None, (), 0).has_passed


@pytest.mark.parametrize('changes', [{}, {'failed_only': True}])
def test_failures_that_were_approved_since_are_run_again_alone_without_inactive_ones(changes):
    found = candidate(rows=INCOMPLETE, results=[GREEN, APPROVED, APPROVED], **changes)

    retry = found.plan_retry(RULES, ALL, ACTIVE)

    assert (retry.regression_test_ids, retry.request.failed_only) == ([2], True)
    assert retry.request.reason == f'Automatic: {retry.why}' == 'Automatic: all its failures are expected now'


@pytest.mark.parametrize(('found', 'active'), [
    (candidate(results=(), failed_only=True), {4}),
    (candidate(rows=INCOMPLETE, results=[GREEN, GREEN, APPROVED]), {1, 2, 4})])
def test_a_retry_is_refused_if_all_failed_tests_are_inactive_although_others_are_not(found, active):
    with pytest.raises(InactiveTests):
        found.plan_retry(RULES, [*ALL, 4], active)


def test_only_a_run_with_all_its_results_is_a_completion():
    whole, late, incomplete = (progress(rows, run_id=run_id) for run_id, rows in (
        (1, INCOMPLETE), (2, [*FAILED, *INCOMPLETE]), (3, INCOMPLETE)))
    others = [incomplete, progress(FAILED, run_id=4), progress([], run_id=5)]
    tests = {run_id: run_tests([GREEN] * (1 if run_id == 3 else 3)) for run_id in range(1, 6)}

    assert find_newest_completion([], {}) == find_newest_completion(others, tests) == 0
    assert find_newest_completion([late, whole, *others], tests) == 21


@pytest.mark.parametrize(('capacity', 'reason'), [
    (Capacity('linux', False, 1), None), (Capacity('linux', True, 0), 'linux is under maintenance'),
    (Capacity('linux', False, 2), '2 automatic attempts of linux are in flight')])
def test_a_platform_has_room_for_some_automatic_attempts_unless_it_is_under_maintenance(capacity, reason):
    assert capacity.find_reason_to_wait(2) == reason


@pytest.mark.usefixtures('time_zone')
def test_a_time_may_be_in_local_time_or_in_utc_and_the_younger_reading_counts():
    local = NOW.replace(tzinfo=timezone.utc).astimezone().replace(tzinfo=None)

    assert clock.age(NOW, NOW) == min(timedelta(), local - NOW)
    assert clock.age(local, NOW) == min(timedelta(), NOW - local)
