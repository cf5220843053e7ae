"""
The sweep completes runs that lack results, and ends and retries infrastructure failures (docs/operations.rst).

A sweep makes a plan and takes its steps. To make the plan, it reads the tables once, and the domain decides. Each step
has its own transaction, which checks again whether the step is due. A sweep may therefore be killed at any point, and
of two simultaneous sweeps only one takes a step. The tables are the only state.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from .. import clock
from ..database import Database
from ..database.carry_over import find_missed
from ..database.causes import read_run_records
from ..database.outcomes import read_selected, read_tests
from ..database.progress import read_progress
from ..database.runs import find_run, is_newest_of_commit, read_active
from ..database.sweep import (has_completed_since, ping, read_automatic_attempts, read_machines, read_under_maintenance,
                              walk_backwards, write_end)
from ..domain import sweep
from ..domain.causes import LOST_MACHINE
from ..domain.outcomes import find_outcomes, list_not_passed
from ..domain.progress import ENDED_STATUSES, ProgressRow
from ..domain.retry import RetryRequest
from ..domain.run import Run
from ..domain.sweep import Candidate, CircuitBreaker, SourceTests, Step
from ..domain.words import counted
from ..errors import RefusedByCheck, RunNotFound, RunsApiError, ServiceUnavailable
from ..extension import ExtensionState
from ..host.github import post_error
from ..host.log import describe, log
from ..settings import Settings
from .carry_over import carry_over, plan_carry_over
from .checks import call_checks, list_checks
from .retry import read_candidates, store_retry
from .verdict import read_verdict

#: How many of the newest automatic attempts of a platform are read. It is more if more may be in flight.
REMEMBERED = 50


def plan_sweep(state: ExtensionState) -> list[Step]:
    """Return the steps that a sweep would take now, and take none. Raises :exc:`ServiceUnavailable`."""
    transactions, settings = state.transactions, state.settings
    steps = transactions.run(_plan_carrying_over)
    if settings.automatic_retries:
        further, runs, breakers = transactions.run(_plan_by_tables, settings, clock.now(),
                                                   {step.run_id for step in steps})
        steps += [_call_checks(settings, runs[step.run_id], step, step.request, breakers) if step.request else step
                  for step in further]
        # A check that does not reach the database only makes its run wait.
        transactions.run(ping)
    return steps


def _call_checks(settings: Settings, run: Run, step: Step, request: RetryRequest,
                 breakers: dict[str, CircuitBreaker]) -> Step:
    """Return the step of a retry that the tables allow, or the reason to wait: the circuit breaker, or a check."""
    breaker = breakers[run.platform]
    reason = breaker.find_reason_to_wait(settings.automatic_retries_at_once)
    if reason:
        return Step(run.id, 'waiting', reason)
    try:
        call_checks(list_checks(settings, request), run, fail_closed=True)
    except RefusedByCheck as refusal:
        return Step(run.id, 'waiting', refusal.message)
    breakers[run.platform] = replace(breaker, in_flight=breaker.in_flight + 1)
    return step


def take_steps(state: ExtensionState, plan: Sequence[Step]) -> Iterator[Step]:
    """Take the steps of a plan, and yield each that is taken. Raises :exc:`ServiceUnavailable`."""
    for step in plan:
        taken = _take_or_wait(state, step)
        if taken is not None:
            yield taken


def _take_or_wait(state: ExtensionState, step: Step) -> Step | None:
    """Take a step, or return why it failed: a failure must not keep other runs from being swept."""
    try:
        return _take(state, step)
    except RunsApiError as error:
        if isinstance(error, ServiceUnavailable):
            state.transactions.run(ping)  # Raises the same if the failure is not only about this run.
        return Step(step.run_id, 'waiting', error.message)
    except Exception as fault:
        log().error(f'sweep: run {step.run_id}: {describe(fault)}')
        return Step(step.run_id, 'waiting', f'{type(fault).__name__}: the log has more')


def _take(state: ExtensionState, step: Step) -> Step | None:
    """Take a step, and return it as it was taken; None if another sweep has already taken it."""
    if step.what == 'carried over':
        count = state.transactions.run(carry_over, step.run_id)
        return step._replace(why=counted(count, 'result')) if count else None
    if step.what == 'ended':
        return step if _end(state, step.run_id) else None
    if step.request is not None:
        retry = store_retry(state, step.request)
        return None if retry.replayed else step._replace(new_run_id=retry.new_run_id)
    return step


def _end(state: ExtensionState, run_id: int) -> bool:
    """End a run whose machine was lost, and return whether that was still due."""
    if not state.transactions.run(write_end, run_id, LOST_MACHINE):
        return False
    log().info(f'run {run_id} is ended: its machine was lost')
    # The platform's time limit does so too. A newer run of the commit determines its status.
    try:
        if state.transactions.run(is_newest_of_commit, run_id):
            post_error(state.transactions.run(find_run, run_id), LOST_MACHINE)
    except Exception as error:
        log().error(f'sweep: the commit status of run {run_id} is not posted: {type(error).__name__}')
    return True


# The plan


def _plan_carrying_over(db: Database) -> list[Step]:
    # There is no plan while the attempt that has the results has not ended.
    plans = [plan for root_id, run_ids in find_missed(db).items() for plan in plan_carry_over(db, root_id, run_ids)]
    return [Step(plan.completed.run_id, 'carried over', counted(len(plan.origins), 'result'))
            for plan in sorted(plans, key=lambda plan: plan.completed.run_id)]


def _plan_by_tables(db: Database, settings: Settings, now: datetime,
                    carried_over: Collection[int]) -> tuple[list[Step], dict[int, Run], dict[str, CircuitBreaker]]:
    """Return the steps that the tables allow, the runs of those that are retries, and the circuit breakers."""
    # A run gets one step: those that lack results are left out.
    silence = settings.max_runtime + sweep.GRACE
    last_rows = [row for row in _read_last_rows(db, now, silence + sweep.GIVEN_UP_AFTER)
                 if row.run_id not in carried_over]
    steps = [Step(run_id, 'ended', LOST_MACHINE) for run_id in _find_runs_on_lost_machines(db, last_rows, now, silence)]
    candidates = read_candidates(db, [row.run_id for row in last_rows if row.status in ENDED_STATUSES], now)
    breakers = _read_breakers(db, settings, now, {candidate.run.platform for candidate in candidates})
    left, retries = [], []
    for candidate in candidates:
        reason = candidate.find_reason_to_wait(settings.automatic_retries, now)
        reason = reason or breakers[candidate.run.platform].find_reason_to_wait(settings.automatic_retries_at_once)
        if reason:
            retries.append(Step(candidate.run.id, 'waiting', reason))
        else:
            left.append(candidate)
    # The tests of waiting runs are not read.
    tests = _read_tests(db, left)
    for candidate in left:
        step = candidate.plan_retry(settings.retry_rules, tests[candidate.run.id])
        if step is not None:
            retries.append(step)
    steps += sorted(retries, key=lambda step: step.run_id)
    return steps, {candidate.run.id: candidate.run for candidate in left}, breakers


def _read_last_rows(db: Database, now: datetime, period: timedelta) -> list[ProgressRow]:
    """Return the last progress row of each run that has one within a period, in the order of the runs."""
    found: dict[int, ProgressRow] = {}
    for rows in walk_backwards(db):
        for row in rows:
            found.setdefault(row.run_id, row)
        if all(clock.age(row.timestamp, now) > period for row in rows):
            break
    return sorted((row for row in found.values() if clock.age(row.timestamp, now) <= period),
                  key=lambda row: row.run_id)


def _find_runs_on_lost_machines(db: Database, last_rows: Sequence[ProgressRow], now: datetime,
                                silence: timedelta) -> list[int]:
    """Return the runs without an end whose machine was lost recently."""
    signs = read_machines(db)
    for row in last_rows:
        if row.status not in ENDED_STATUSES:
            signs.setdefault(row.run_id, []).append(row.timestamp)
    silent = [run_id for run_id, times in signs.items() if sweep.is_lost(times, now, silence)]
    return [run_id for run_id, progress in sorted(read_progress(db, silent).items()) if not progress.completed]


def _read_breakers(db: Database, settings: Settings, now: datetime,
                   platforms: Collection[str]) -> dict[str, CircuitBreaker]:
    """Return the circuit breaker of each of some platforms."""
    under_maintenance = read_under_maintenance(db)
    breakers = {}
    for platform in platforms:
        attempts = read_automatic_attempts(db, platform, max(REMEMBERED, settings.automatic_retries_at_once))
        records = read_run_records(db, [attempt.run_id for attempt in attempts])
        newest_failure = sweep.find_opening_failure(attempts, records)
        breakers[platform] = CircuitBreaker(
            platform, platform in under_maintenance, sweep.count_in_flight(attempts, records, now),
            newest_failure is not None and not has_completed_since(db, platform, newest_failure.id))
    return breakers


def _read_tests(db: Database, candidates: Sequence[Candidate]) -> dict[int, SourceTests]:
    """Return the tests that a retry of each of some runs might run."""
    runs = [candidate.run for candidate in candidates]
    tests, active_ids = read_tests(db, [run.id for run in runs]), read_active(db)
    full_sets = read_selected(db, list({run.full_set_id for run in runs}))
    # Nothing is carried over into a retry that has not completed.
    passed = {candidate.run.id: _read_passed(db, candidate.run.id) for candidate in candidates
              if candidate.run.failed_only and not candidate.record.progress.completed}
    return {run.id: SourceTests(list_not_passed(find_outcomes(tests[run.id]), active_ids), full_sets[run.full_set_id],
                                passed.get(run.id, set())) for run in runs}


def _read_passed(db: Database, run_id: int) -> set[int]:
    """Return the tests that passed in the attempt that ended last of those that ran them."""
    with suppress(RunNotFound):  # The run has just been deleted.
        return {test.regression_test_id for test in read_verdict(db, run_id).tests if test.latest == 'pass'}
    return set()
