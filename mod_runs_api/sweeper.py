"""The sweep in transactions: each run in its own, so that it may be killed anywhere (docs/operations.rst)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from . import clock
from .carry_over import carry_over, find_what_to_carry_over
from .causes import VANISHED
from .database.carry_over import find_missed
from .database.retries import RetryRequest
from .database.runs import find_source
from .database.sweep import find_newer_run, ping, write_end
from .ended_runs import announce_end
from .errors import RunsApiError, ServiceUnavailable
from .extension import extension_state
from .faults import describe
from .host.github import CommitStatus, post_status
from .host.runtime import external_run_page, log
from .retry import digest_key
from .service import check_retry, submit_request
from .settings import Check
from .summary import counted
from .sweep import (PlannedRetry, find_ended_by_infrastructure, find_vanished,
                    plan_retry, read_last_rows)


class Step(NamedTuple):
    """What the sweep did about one run, or why it did nothing."""

    run_id: int
    #: "carried over", "ended", "retried" or "waiting".
    what: str
    new_run_id: int | None
    why: str


class Sweep:
    """
    One sweep of an application's runs.

    Parameters
    ----------
    checks : Sequence of Check
        What must allow an automatic retry, beside the checks of the settings. No answer is a no.
    dry_run : bool
        Say what would be done, and write nothing.
    """

    def __init__(self, checks: Sequence[Check], dry_run: bool) -> None:
        state = extension_state()
        self._transactions = state.transactions
        self._settings = state.settings
        self._checks = checks
        self._dry_run = dry_run
        self._planned: Counter[str] = Counter()
        self._now = clock.now()

    def run(self) -> Iterator[Step]:
        """Yield each step once it is done. Raises :exc:`ServiceUnavailable` if the database is away."""
        for run_id in self._transactions.run(find_missed):
            yield from self._guard(run_id, self._carry_over)
        if not self._settings.automatic_retries:
            return
        last_rows = self._transactions.run(read_last_rows, self._now, self._settings)
        for run_id, last_id in self._transactions.run(find_vanished, last_rows, self._now, self._settings).items():
            yield from self._guard(run_id, self._end, last_id)
        for run_id in self._transactions.run(find_ended_by_infrastructure, last_rows, self._now):
            yield from self._guard(run_id, self._retry)

    def _guard(self, run_id: int, step: Callable[..., Step | None], *args: int | None) -> Iterator[Step]:
        """Yield a step, or what kept it from being done: one run must not keep the others from being swept."""
        try:
            done = step(run_id, *args)
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
        if self._dry_run:
            count = len(self._transactions.run(find_what_to_carry_over, run_id)[1])
        else:
            count = self._transactions.run(carry_over, run_id)
        # 0 while the attempt that has the results has not ended.
        return Step(run_id, 'carried over', None, counted(count, 'result')) if count else None

    def _end(self, run_id: int, last_id: int | None) -> Step | None:
        if self._dry_run:
            return Step(run_id, 'ended', None, VANISHED)
        if not self._transactions.run(write_end, run_id, VANISHED, last_id):
            return None
        log().info(f'run {run_id} is ended: its machine has vanished')
        self._post_error(run_id)
        announce_end(self._transactions, run_id)
        return Step(run_id, 'ended', None, VANISHED)

    def _post_error(self, run_id: int) -> None:
        """Post the commit status, as the platform's own time limit does; not where another run has the last word."""
        try:
            source = self._transactions.run(find_source, run_id)
            if self._transactions.run(find_newer_run, source) is None:
                post_status(source.commit, source.platform, CommitStatus('error', VANISHED, external_run_page(run_id)))
        except Exception as error:
            log().error(f'sweep: the commit status of run {run_id} is not posted: {type(error).__name__}')

    def _retry(self, run_id: int) -> Step | None:
        plan = self._transactions.run(plan_retry, run_id, self._now, self._settings, self._planned)
        if plan is None:
            return None
        if plan.obstacle:
            return Step(run_id, 'waiting', None, plan.obstacle)
        new_run_id = self._submit(plan)
        return Step(run_id, 'retried', new_run_id, plan.detail)

    def _submit(self, plan: PlannedRetry) -> int | None:
        """Return the automatic retry of a run; None in a dry run. Raises what it is refused with."""
        request = RetryRequest(run_id=plan.run_id, failed_only=plan.failed_only, reason=plan.reason, automatic=True,
                               idempotency_digest=digest_key('sweep', str(plan.run_id)))
        if self._dry_run:
            check_retry(request, self._checks)
            self._planned[plan.platform] += 1
            return None
        return submit_request(request, self._checks).new_run_id
