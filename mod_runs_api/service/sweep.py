"""
Sweeping: what was missed is carried over, and runs that died by no fault of the code are ended and retried.

See docs/operations.rst, "The sweep". A sweep is a plan, carried out: the tables are read once, the domain decides, and
each step is then taken in a transaction of its own, which looks again whether it is still due. So a sweep may be killed
anywhere, and of two at once each step is taken by one. There is no state beside the tables.
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
from ..database.runs import find_newest_runs, find_run, is_newest_of_commit, read_runs
from ..database.sweep import (has_completed_since, ping, read_automatic_attempts, read_automatic_sources, read_machines,
                              read_under_maintenance, walk_backwards, write_end)
from ..domain import sweep
from ..domain.causes import LOST_MACHINE
from ..domain.outcomes import list_not_passed
from ..domain.progress import ENDED_STATUSES, ProgressRow
from ..domain.run import Run
from ..domain.sweep import Candidate, CircuitBreaker, SourceTests, Step
from ..domain.words import counted
from ..errors import RefusedByCheck, RunNotFound, RunsApiError, ServiceUnavailable
from ..extension import ExtensionState
from ..host.github import post_error
from ..host.log import describe, log
from ..settings import Settings
from .carry_over import carry_over, plan_carry_over
from .checks import ask_checks, checks_of_sweeps
from .retry import store_retry
from .verdict import read_verdict

#: How many automatic attempts of a platform are looked at, the newest, or more if more may be in flight.
REMEMBERED = 50


def plan_sweep(state: ExtensionState) -> list[Step]:
    """Return the steps that a sweep would take now. None is taken. Raises :exc:`ServiceUnavailable`."""
    transactions, settings = state.transactions, state.settings
    steps = transactions.run(_plan_carrying_over)
    if settings.automatic_retries:
        further, runs, breakers = transactions.run(_plan_by_tables, settings, clock.now(),
                                                   {step.run_id for step in steps})
        steps += [_ask_checks(settings, runs[step.run_id], step, breakers) if step.request else step
                  for step in further]
        # A check that finds the database away has no answer, as one that finds GitHub away.
        transactions.run(ping)
    return steps


def _ask_checks(settings: Settings, run: Run, step: Step, breakers: dict[str, CircuitBreaker]) -> Step:
    """Return the step of a retry that the tables allow, or the reason to wait: the circuit breaker, or a check."""
    breaker = breakers[run.platform]
    reason = breaker.find_reason_to_wait(settings.automatic_retries_at_once)
    if reason:
        return Step(run.id, 'waiting', reason)
    try:
        ask_checks(checks_of_sweeps(settings), run, fail_closed=True)
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
    """Take a step, or return the reason why it failed: one run must not keep the others from being swept."""
    try:
        return _take(state, step)
    except RunsApiError as error:
        if isinstance(error, ServiceUnavailable):
            state.transactions.run(ping)  # Raises the same if it is not only about this run.
        return Step(step.run_id, 'waiting', error.message)
    except Exception as fault:
        log().error(f'sweep: run {step.run_id}: {describe(fault)}')
        return Step(step.run_id, 'waiting', f'{type(fault).__name__}: the log has more')


def _take(state: ExtensionState, step: Step) -> Step | None:
    """Take a step, and return it as it was taken; None if somebody else has taken it meanwhile."""
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
    """End a run whose machine has vanished, and return whether that was still due."""
    if not state.transactions.run(write_end, run_id, LOST_MACHINE):
        return False
    log().info(f'run {run_id} is ended: its machine has vanished')
    # As the platform's own time limit does; not where another run has the last word.
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
    """Return the ends that are due, the retries that the tables allow, the runs of these, and the circuit breakers."""
    # A run into which results are to be carried over gets no other step.
    silence = settings.max_runtime + sweep.GRACE
    last_rows = [row for row in _read_last_rows(db, now, silence + sweep.GIVEN_UP_AFTER)
                 if row.run_id not in carried_over]
    steps = [Step(run_id, 'ended', LOST_MACHINE) for run_id in _find_runs_on_lost_machines(db, last_rows, now, silence)]
    candidates = _read_candidates(db, now, [row.run_id for row in last_rows if row.status in ENDED_STATUSES])
    breakers = _read_breakers(db, settings, now, {candidate.run.platform for candidate in candidates})
    left, retries = [], []
    for candidate in candidates:
        reason = candidate.find_reason_to_wait(settings.automatic_retries, now)
        reason = reason or breakers[candidate.run.platform].find_reason_to_wait(settings.automatic_retries_at_once)
        if reason:
            retries.append(Step(candidate.run.id, 'waiting', reason))
        else:
            left.append(candidate)
    # Those that are kept waiting cost no reading of their tests.
    tests = _read_tests(db, left)
    for candidate in left:
        step = candidate.plan_retry(tests[candidate.run.id], settings.drop_inactive_tests)
        if step is not None:
            retries.append(step)
    steps += sorted(retries, key=lambda step: step.run_id)
    return steps, {candidate.run.id: candidate.run for candidate in left}, breakers


def _read_last_rows(db: Database, now: datetime, period: timedelta) -> list[ProgressRow]:
    """Return the last progress row of each run that gave a sign of life in a period, in the order of the runs."""
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
    """Return the runs without an end whose machine was lost lately."""
    signs = read_machines(db)
    for row in last_rows:
        if row.status not in ENDED_STATUSES:
            signs.setdefault(row.run_id, []).append(row.timestamp)
    silent = [run_id for run_id, times in signs.items() if sweep.is_lost(times, now, silence)]
    return [run_id for run_id, progress in sorted(read_progress(db, silent).items()) if not progress.completed]


def _read_candidates(db: Database, now: datetime, run_ids: Sequence[int]) -> list[Candidate]:
    """Return those of some runs that infrastructure ended within the last day, and that have not been retried."""
    records = read_run_records(db, run_ids)
    failures = {run_id: cause for run_id, record in records.items()
                if (cause := sweep.find_recent_infrastructure_failure(record, now)) is not None}
    if not failures:
        return []
    runs = read_runs(db, list(failures))
    newest = find_newest_runs(db, list(failures))
    sources = read_automatic_sources(db, {run.root_id for run in runs.values()})
    # The automatic retry of a run may have been deleted. It is not made again.
    candidates = [Candidate(run, records[run_id], failures[run_id], newest.get(run_id), len(sources[run.root_id]))
                  for run_id, run in runs.items() if run_id not in sources[run.root_id]]
    return [candidate for candidate in candidates if not candidate.has_been_retried]


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
    outcomes = read_tests(db, [run.id for run in runs])
    full_sets = read_selected(db, list({run.full_set_id for run in runs}))
    # Nothing is carried over into a retry that has not completed.
    passed = {candidate.run.id: _read_passed(db, candidate.run.id) for candidate in candidates
              if candidate.run.failed_only and not candidate.record.progress.completed}
    return {run.id: SourceTests(list_not_passed(outcomes[run.id]), full_sets[run.full_set_id],
                                passed.get(run.id, set())) for run in runs}


def _read_passed(db: Database, run_id: int) -> set[int]:
    """Return the tests that passed in the attempt that ended last of those that ran them."""
    with suppress(RunNotFound):  # It has just been deleted.
        return {test.regression_test_id for test in read_verdict(db, run_id).tests if test.latest == 'pass'}
    return set()
