"""
Sweeping: what was missed is carried over, and runs that died by no fault of the code are ended and retried.

See docs/operations.rst, "The sweep".

Each run is swept in transactions of its own, so that a sweep may be killed anywhere. The tables decide; there is no
state beside them.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from .. import clock
from ..database import Database
from ..database.causes import read_run_records
from ..database.outcomes import read_not_passed
from ..database.progress import read_progress
from ..database.runs import find_newer_run, find_run, has_last_word
from ..database.sweep import (count_automatic, has_completed_since,
                              is_under_maintenance, ping,
                              read_automatic_attempts, read_machines,
                              walk_backwards, write_end)
from ..domain import sweep
from ..domain.causes import VANISHED, RunRecord, find_cause
from ..domain.progress import CANCELED, ENDED_STATUSES, ProgressRow
from ..domain.retry import RetryRequest, digest_key
from ..domain.run import MAX_ID, RegressionTest, Run
from ..domain.sweep import PlannedRetry, Step
from ..domain.words import counted
from ..errors import RunsApiError, ServiceUnavailable
from ..extension import extension_state
from ..host.github import post_status
from ..host.log import describe, log
from ..settings import Check
from .carry_over import carry_over, find_lacking, list_missed
from .retry import check_retry, create_retry

#: How many automatic attempts of a platform are looked at, the newest, or more if more may be in flight.
REMEMBERED = 50


class Sweep:
    """
    One sweep of an application's runs.

    An automatic retry needs every check to allow it; no answer is a no. A dry run writes nothing.
    """

    def __init__(self, checks: Sequence[Check], dry_run: bool) -> None:
        state = extension_state()
        self._transactions = state.transactions
        self._settings = state.settings
        self._checks = checks
        self._dry_run = dry_run
        self._now = clock.now()
        #: How long a machine may be silent.
        self._silence = state.settings.max_runtime + sweep.GRACE
        #: Of a dry run: the retries that it would have made on each platform, and the ends that it would have written.
        self._planned: Counter[str] = Counter()
        self._ends: dict[int, ProgressRow] = {}

    def run(self) -> Iterator[Step]:
        """Yield each step once it is done. Raises :exc:`ServiceUnavailable` if the database is away."""
        for run_id in list_missed():
            yield from self._guard(run_id, self._carry_over)
        if not self._settings.automatic_retries:
            return
        last_rows = self._transactions.run(self._read_last_rows)
        for run_id in self._transactions.run(self._find_vanished, last_rows):
            yield from self._guard(run_id, self._end)
        for run_id in self._transactions.run(self._find_ended_by_infrastructure, last_rows):
            yield from self._guard(run_id, self._retry)

    def _guard(self, run_id: int, step: Callable[[int], Step | None]) -> Iterator[Step]:
        """Yield a step, or the reason why it failed: one run must not keep the others from being swept."""
        try:
            done = step(run_id)
        except RunsApiError as error:
            if isinstance(error, ServiceUnavailable):
                self._transactions.run(ping)  # Raises the same if it is not only about this run.
            done = Step(run_id, 'waiting', None, error.message)
        except Exception as fault:
            log().error(f'sweep: run {run_id}: {describe(fault)}')
            done = Step(run_id, 'waiting', None, f'{type(fault).__name__}: the log has more')
        if done is not None:
            yield done

    def _carry_over(self, run_id: int) -> Step | None:
        count = (len(self._transactions.run(find_lacking, run_id)) if self._dry_run else
                 self._transactions.run(carry_over, run_id))
        # There is none while the attempt that has the results has not ended.
        return Step(run_id, 'carried over', None, counted(count, 'result')) if count else None

    # Ends

    def _read_last_rows(self, db: Database) -> list[ProgressRow]:
        """Return the last progress row of each run that gave a sign of life lately, in the order of the runs."""
        period = self._silence + sweep.GIVEN_UP_AFTER
        found: dict[int, ProgressRow] = {}
        for rows in walk_backwards(db):
            for row in rows:
                found.setdefault(row.run_id, row)
            if all(clock.age(row.timestamp, self._now) > period for row in rows):
                break
        return sorted((row for row in found.values() if clock.age(row.timestamp, self._now) <= period),
                      key=lambda row: row.run_id)

    def _find_vanished(self, db: Database, last_rows: Sequence[ProgressRow]) -> list[int]:
        """Return the runs without an end whose machine has vanished lately."""
        signs = read_machines(db)
        for row in last_rows:
            if row.status not in ENDED_STATUSES:
                signs.setdefault(row.run_id, []).append(row.timestamp)
        silent = [run_id for run_id, times in signs.items() if sweep.has_vanished(times, self._now, self._silence)]
        return [run_id for run_id, progress in sorted(read_progress(db, silent).items()) if not progress.completed]

    def _end(self, run_id: int) -> Step | None:
        if self._dry_run:
            # Newer than every row that is there.
            self._ends[run_id] = ProgressRow(run_id, MAX_ID + len(self._ends), CANCELED, VANISHED, self._now)
        elif self._transactions.run(write_end, run_id, VANISHED):
            log().info(f'run {run_id} is ended: its machine has vanished')
            self._post_error(run_id)
        else:
            return None
        return Step(run_id, 'ended', None, VANISHED)

    def _post_error(self, run_id: int) -> None:
        """Post the commit status, as the platform's own time limit does; not where another run has the last word."""
        try:
            run = self._transactions.run(find_run, run_id)
            if self._transactions.run(has_last_word, run):
                post_status(run, 'error', VANISHED)
        except Exception as error:
            log().error(f'sweep: the commit status of run {run_id} is not posted: {type(error).__name__}')

    # Retries

    def _find_ended_by_infrastructure(self, db: Database, last_rows: Sequence[ProgressRow]) -> list[int]:
        """Return the runs that infrastructure ended within the last day."""
        records = self._read_records(db, [row.run_id for row in last_rows if row.status in ENDED_STATUSES])
        return [run_id for run_id, record in records.items()
                if sweep.ended_recently(record.progress.end, self._now) and record.has_died]

    def _read_records(self, db: Database, run_ids: Sequence[int]) -> dict[int, RunRecord]:
        """Return the records of some runs, with the ends that a dry run would have written."""
        records = read_run_records(db, run_ids)
        for run_id in records.keys() & self._ends.keys():
            progress = records[run_id].progress
            ended = replace(progress, rows=[*progress.rows, self._ends[run_id]])
            records[run_id] = replace(records[run_id], progress=ended)
        return records

    def _retry(self, run_id: int) -> Step | None:
        plan = self._transactions.run(self._plan, run_id)
        if not isinstance(plan, PlannedRetry):
            return plan
        request = RetryRequest(run_id, plan.failed_only, plan.reason, automatic=True,
                               idempotency_digest=digest_key('sweep', str(run_id)))
        if self._dry_run:
            check_retry(request, self._checks)
            self._planned[plan.run.platform] += 1
            return Step(run_id, 'retried', None, plan.detail)
        return Step(run_id, 'retried', create_retry(request, self._checks, _is_due).new_run_id, plan.detail)

    def _plan(self, db: Database, run_id: int) -> PlannedRetry | Step | None:
        """Return the retry of a run, or the reason to wait; None if it is not due, or has been made."""
        record = read_run_records(db, [run_id])[run_id]
        cause = find_cause(record)
        if cause is None or not record.has_died:
            return None
        run = find_run(db, run_id)
        newer = find_newer_run(db, run)
        if newer is not None and newer.root_run_id == run.root_id:
            return None  # It has been retried already.
        obstacle = (f'run {newer.run_id} of the same commit is newer' if newer is not None else
                    self._find_obstacle(db, run, record) or self._find_brake(db, run.platform))
        if obstacle:
            return Step(run_id, 'waiting', None, obstacle)
        # A run that stopped half-way is resumed; a failed-only retry that died without a result runs its own tests.
        may_resume = bool(record.results) or run.failed_only
        failed_only = may_resume and any(test.active for test in self._read_not_passed(db, run_id))
        if run.failed_only and not failed_only:
            return None  # Its tests have passed in another attempt, or are inactive now.
        return PlannedRetry(run, failed_only, cause.detail)

    def _read_not_passed(self, db: Database, run_id: int) -> list[RegressionTest]:
        """Return the tests of a run that did not pass, in a dry run as if everything had been carried over into it."""
        origins = find_lacking(db, run_id) if self._dry_run else {}
        own = [test for test in read_not_passed(db, run_id) if test.id not in origins]
        return own + [test for origin_id in {*origins.values()} for test in read_not_passed(db, origin_id)
                      if origins.get(test.id) == origin_id]

    def _find_obstacle(self, db: Database, run: Run, record: RunRecord) -> str | None:
        end = record.progress.end
        if end is not None and not sweep.is_settled(end, self._now):
            return (f'it ended less than {sweep.SETTLED_AFTER.seconds // 60} minutes ago, '
                    'and an end is not final')
        if count_automatic(db, run.root_id) >= self._settings.automatic_retries:
            return f'the automatic retries of run {run.root_id} are used up'
        if is_under_maintenance(db, run.platform):
            return f'{run.platform} is under maintenance'
        return None

    def _find_brake(self, db: Database, platform: str) -> str | None:
        """Return why no automatic retry of a platform is made at the moment: in an outage retries make it worse."""
        limit = self._settings.automatic_retries_at_once
        created = {row.run_id: row.created_at
                   for row in read_automatic_attempts(db, platform, max(REMEMBERED, limit))}
        records = self._read_records(db, list(created))
        count = self._planned[platform] + sum(
            record.progress.end is None and self._now - created[run_id] < sweep.GIVEN_UP_AFTER
            for run_id, record in records.items())
        if count >= limit:
            return f'{counted(count, "automatic attempt")} of {platform} {"is" if count == 1 else "are"} in flight'
        last_death = sweep.find_outage(records)
        if last_death is not None and not has_completed_since(db, platform, last_death.id):
            return (f'the last {sweep.OUTAGE} automatic attempts of {platform} died, '
                    'and no run of it has completed since')
        return None


def _is_due(db: Database, run: Run) -> bool:
    """Return whether an automatic retry is still due: GitHub has been asked since it was planned."""
    return read_run_records(db, [run.id])[run.id].has_died and find_newer_run(db, run) is None
