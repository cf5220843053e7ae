"""
The sweep completes failed-only retries, and retries runs that their code did not end (docs/how-it-works.rst).

A sweep makes a plan and takes its steps. The tables and then GitHub decide what is in the plan. Each step has its own
transaction, which checks again whether the step is due. A sweep may therefore be killed at any point, and of two
simultaneous sweeps only one takes a step. The tables are the only state.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from sqlalchemy import Connection

from .. import clock
from ..domain.run import Run
from ..domain.sentences import counted
from ..domain.sweep import Capacity, Plan, PlannedRetry, Step
from ..errors import (KeyReused, RefusedByCheck, RunsApiError,
                      ServiceUnavailable)
from ..extension import ExtensionState
from ..log import describe, log
from ..platform.github import NoAnswer
from .attempts import read_progress_of_attempts
from .carry_over import carry_over
from .conditions import BY_TABLES, github_conditions, policy_for_sweep
from .retry import create_retry
from .sweep_plan import plan_by_tables, require_due


class Sweep:
    """One sweep of an application."""

    def __init__(self, state: ExtensionState) -> None:
        self._state = replace(state, github=state.github.until_silent())

    def plan(self) -> Plan:
        """Return the plan of the sweep now, and carry nothing out. Raises :exc:`ServiceUnavailable`."""
        plan, capacities = self._state.transactions.run(plan_by_tables, self._state.settings, clock.now())
        reasons = {retry.run.id: self._ask_github_and_reserve(retry.run, capacities) for retry in plan.retries}
        waiting = [Step(run_id, 'waiting', reason) for run_id, reason in reasons.items() if reason is not None]
        return Plan(plan.carrying_over, [retry for retry in plan.retries if reasons[retry.run.id] is None],
                    sorted([*plan.waiting, *waiting]))

    def _ask_github_and_reserve(self, run: Run, capacities: dict[str, Capacity]) -> str | None:
        """Ask GitHub about a retry that the tables allow, and reserve a slot. Return why it waits, if it does."""
        # Again, because each planned retry reserves one.
        capacity = capacities[run.platform]
        reason = capacity.find_reason_to_wait(self._state.settings.automatic_retries_at_once)
        if reason is not None:
            return reason
        try:
            self._state.transactions.run(_require_by_tables, run)
            for condition in github_conditions(run):
                condition(self._state, run)
        except RefusedByCheck as refusal:
            return refusal.message
        except NoAnswer as no_answer:
            return str(no_answer)
        # Only now. Otherwise a closed pull request would starve its platform.
        capacities[run.platform] = replace(capacity, in_flight=capacity.in_flight + 1)
        return None

    def take(self, plan: Plan) -> Iterator[Step]:
        """Take the steps of a plan, and yield each that is taken. Raises :exc:`ServiceUnavailable`."""
        for step in plan.carrying_over:
            yield from self._take_or_wait(step.run_id, partial(self._carry_over, step.run_id))
        for retry in plan.retries:
            yield from self._take_or_wait(retry.run.id, partial(self._retry, retry))
        yield from plan.waiting

    def _take_or_wait(self, run_id: int, take: Callable[[], Step | None]) -> Iterator[Step]:
        """Yield a step if it is taken, or why it failed: a failure must not keep other runs from being swept."""
        try:
            step = take()
        except RunsApiError as error:
            if isinstance(error, ServiceUnavailable):
                self._state.transactions.ping()  # Raises the same if the failure is not only about this run.
            step = Step(run_id, 'waiting', error.message)
        except Exception as fault:
            log.error(f'sweep: run {run_id}: {describe(fault)}')
            step = Step(run_id, 'waiting', f'{type(fault).__name__}: the log has more')
        if step is not None:
            yield step

    def _carry_over(self, run_id: int) -> Step | None:
        """Carry results over into a run; None if another sweep has already done it."""
        count = self._state.transactions.run(carry_over, run_id)
        return Step(run_id, 'carried over', counted(count, 'result')) if count else None

    def _retry(self, planned: PlannedRetry) -> Step | None:
        """Retry a run, if that is still due; None if it has been retried since the plan."""
        try:
            retry = create_retry(self._state, planned.request, policy_for_sweep(
                self._state.settings, partial(require_due, self._state.settings)))
        except KeyReused:
            return None  # Another sweep has retried it, for a reason that has changed since.
        return None if retry.replayed else planned.step(retry.new_run_id)


def _require_by_tables(connection: Connection, run: Run) -> None:
    progress = read_progress_of_attempts(connection, run.root_id)
    for require in BY_TABLES:
        require(connection, run, progress)
