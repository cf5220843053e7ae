"""
The plan of a sweep by the tables: what is due, and why a run waits (docs/how-it-works.rst, "The sweep").

The tables are read in bulk, and the domain decides. Only the few retries that lack results are read one by one.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from .. import clock
from ..database.carry_over import find_incomplete_retries
from ..database.catalogue import read_catalogue
from ..database.outcomes import read_expected_today, read_full_sets, read_tests
from ..database.progress import read_progress
from ..database.retry import read_automatic_sources
from ..database.run import find_newer_runs, read_runs
from ..database.sweep import (count_in_flight, find_newly_expected,
                              read_last_completed, read_under_maintenance,
                              walk_backwards)
from ..domain import sweep
from ..domain.catalogue import Catalogue
from ..domain.progress import COMPLETED, ENDED_STAGES, Progress, ProgressRow
from ..domain.run import Run
from ..domain.sentences import counted
from ..domain.sweep import (Candidate, Capacity, Failure, Plan, PlannedRetry,
                            Step)
from ..errors import Refusal, RunChanged
from ..settings import Settings
from .attempts import read_attempts
from .carry_over import plan_carry_over
from .commit_status import read_standing_against

#: How many of the newest automatic attempts of a platform are read. It is more if more may be in flight.
AUTOMATIC_ATTEMPTS_READ = 50
#: How many of the newest completed runs of a platform are read.
COMPLETED_RUNS_READ = 20


def plan_by_tables(connection: Connection, settings: Settings, now: datetime) -> tuple[Plan, dict[str, Capacity]]:
    """Return the plan that the tables allow, and the room for automatic attempts on each platform."""
    rows = _read_recent_rows(connection, now, sweep.HEALED_FOR if settings.automatic_retries else sweep.WATCHED_FOR)
    carrying_over = _plan_carrying_over(connection, _find_ended(rows, now, sweep.WATCHED_FOR, [COMPLETED]))
    if not settings.automatic_retries:
        return Plan(carrying_over, [], []), {}
    # A run gets one step: those into which results are carried over are left out.
    left_out = {step.run_id for step in carrying_over}
    ended = _find_ended(rows, now, sweep.RETRIED_FOR, ENDED_STAGES) - left_out
    completed = _find_ended(rows, now, sweep.HEALED_FOR, [COMPLETED]) - left_out
    catalogue = read_catalogue(connection)
    failures = _find_failures(connection, sorted(ended | find_newly_expected(connection, completed)), catalogue, now)
    candidates = _find_candidates(connection, failures, catalogue)
    capacities = _read_capacities(connection, settings, now, {candidate.run.platform for candidate in candidates})
    due: list[Candidate] = []
    waiting: list[Step] = []
    for candidate in candidates:
        reason = candidate.find_reason_to_wait(settings.automatic_retries, now)
        if reason is None:
            capacity = capacities[candidate.run.platform]
            reason = capacity.find_reason_to_wait(settings.automatic_retries_at_once)
        if reason is None:
            due.append(candidate)
        else:
            waiting.append(Step(candidate.run.id, 'waiting', reason))
    retries, refused = _plan_retries(connection, settings, due, catalogue)
    retries.sort(key=lambda retry: (failures[retry.run.id].is_approved, retry.run.id))
    return Plan(carrying_over, retries, sorted(waiting + refused)), capacities


def _plan_retries(connection: Connection, settings: Settings, candidates: Iterable[Candidate],
                  catalogue: Catalogue) -> tuple[list[PlannedRetry], list[Step]]:
    """Return the retries of candidates that have no reason to wait, and the reasons that the tests give."""
    candidates = [candidate for candidate in candidates if not candidate.has_passed]
    full_sets = read_full_sets(connection, {candidate.run.full_set_id for candidate in candidates}, catalogue)
    retries: list[PlannedRetry] = []
    waiting: list[Step] = []
    for candidate in candidates:
        full_set = full_sets[candidate.run.full_set_id]
        try:
            retries.append(candidate.plan_retry(settings.retry_rules, full_set, catalogue.active))
        except Refusal as refusal:
            # If the tests that were approved since are inactive, no retry makes the run green, and it waits for none.
            if not candidate.failure.is_approved:
                waiting.append(Step(candidate.run.id, 'waiting', refusal.message))
    standing_against = read_standing_against(
        connection, {retry.run.id: retry.regression_test_ids for retry in retries}, catalogue)
    waiting += [Step(run_id, 'waiting', failed.reason) for run_id, failed in standing_against.items()]
    return [retry for retry in retries if retry.run.id not in standing_against], waiting


def _read_recent_rows(connection: Connection, now: datetime, period: timedelta) -> list[ProgressRow]:
    """Return all progress rows of a period and some older ones, the newest first."""
    recent: list[ProgressRow] = []
    for rows in walk_backwards(connection):
        recent += rows
        if all(clock.age(row.timestamp, now) > period for row in rows):
            break
    return recent


def _find_ended(rows: Iterable[ProgressRow], now: datetime, period: timedelta, stages: Collection[str]) -> set[int]:
    """Return the runs that have got a row of one of these stages within a period."""
    # The period limits how long results are carried over. For a retry this is only a search: domain/sweep.py decides.
    # Without it, each sweep would read the results of all recent runs.
    return {row.run_id for row in rows if row.stage in stages and clock.age(row.timestamp, now) <= period}


def _plan_carrying_over(connection: Connection, run_ids: Collection[int]) -> list[Step]:
    # There is no plan while the attempt that has the results has not ended.
    runs = read_runs(connection, find_incomplete_retries(connection, run_ids))
    plans = {run_id: plan_carry_over(connection, read_attempts(connection, run), run_id)
             for run_id, run in runs.items()}
    return [Step(run_id, 'carried over', counted(len(plan.origins), 'result'))
            for run_id, plan in plans.items() if plan is not None]


def _find_failures(connection: Connection, run_ids: Sequence[int], catalogue: Catalogue,
                   now: datetime) -> dict[int, Failure]:
    """Return those of the runs that failed recently for a reason other than their code, by run id."""
    progress, tests = read_progress(connection, run_ids), read_tests(connection, run_ids, catalogue)
    expected_today = read_expected_today(connection, run_ids, catalogue)
    failures = ((run_id, sweep.find_failure(progress[run_id], tests[run_id], expected_today[run_id], now))
                for run_id in run_ids)
    return {run_id: failure for run_id, failure in failures if failure is not None}


def _find_candidates(connection: Connection, failures: Mapping[int, Failure], catalogue: Catalogue) -> list[Candidate]:
    """Return the candidates among runs that failed: all but those that wait for nothing."""
    runs = read_runs(connection, failures.keys())
    newest = find_newer_runs(connection, failures.keys())
    sources = read_automatic_sources(connection, {run.root_id for run in runs.values()})
    failed = [run for run_id, run in runs.items()
              if sweep.may_be_retried(run, newest.get(run_id), sources[run.root_id])]
    completions = _find_newest_completions(connection, {run.platform for run in failed},
                                           [failures[run.id].end for run in failed], catalogue)
    return [Candidate(run, failures[run.id], newest.get(run.id), sources[run.root_id], completions[run.platform])
            for run in failed]


def _find_newest_completions(connection: Connection, platforms: Collection[str], ends: Iterable[ProgressRow],
                             catalogue: Catalogue) -> dict[str, int]:
    """Return for each platform the newest row, after the first of these, that completed a run with all its results."""
    first_end_id = min((end.id for end in ends), default=0)
    completions = {}
    for platform in platforms:
        run_ids = read_last_completed(connection, platform, first_end_id, COMPLETED_RUNS_READ)
        progress, tests = read_progress(connection, run_ids), read_tests(connection, run_ids, catalogue)
        completions[platform] = sweep.find_newest_completion(progress.values(), tests)
    return completions


def _read_capacities(connection: Connection, settings: Settings, now: datetime,
                     platforms: Collection[str]) -> dict[str, Capacity]:
    """Return the room for automatic attempts on each platform."""
    under_maintenance = read_under_maintenance(connection) if platforms else set()
    count = max(AUTOMATIC_ATTEMPTS_READ, settings.automatic_retries_at_once)
    return {platform: Capacity(platform, platform in under_maintenance,
                               count_in_flight(connection, platform, now - sweep.IN_FLIGHT_FOR, count))
            for platform in platforms}


def require_due(settings: Settings, connection: Connection, run: Run, progress: Mapping[int, Progress]) -> None:
    """Raise :exc:`RunChanged` if the tables would plan no retry of a run now: GitHub was asked in between."""
    now, catalogue = clock.now(), read_catalogue(connection)
    failures = _find_failures(connection, [run.id], catalogue, now)
    candidates = [candidate for candidate in _find_candidates(connection, failures, catalogue)
                  if candidate.find_reason_to_wait(settings.automatic_retries, now) is None]
    retries, _ = _plan_retries(connection, settings, candidates, catalogue)
    if not retries:
        raise RunChanged(f'Run {run.id} is not as it was when its retry was planned.', run_id=run.id)
