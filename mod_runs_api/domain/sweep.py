"""
The decisions of the sweep (docs/how-it-works.rst, "The sweep").

The sweep retries a run if all of these allow it:

* :func:`find_failure`: infrastructure ended the run within the last day, or all its failures were approved since.
* :class:`Candidate`: the run has not been retried, has no reason to wait, and has something to run.
* ``domain/commit_status.py``: no other run of its commit stands against it.
* :class:`Capacity`: its platform has room for a further automatic attempt.
* The five conditions, for which GitHub is asked (``service/conditions.py``).

The decisions are the plan of a sweep.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from .. import clock
from .causes import find_cancellation, find_cause, find_row_of
from .outcomes import (ExpectedToday, Outcome, RunTests, find_outcomes,
                       list_not_passed)
from .progress import COMPLETED, Progress, ProgressRow
from .retry import RetryRequest, RetryRules, request_automatically
from .run import NewerRun, Run
from .sentences import counted

#: A sweep waits for this time after an end, because late reports may follow.
WAITS_FOR = timedelta(minutes=15)
#: An infrastructure failure is retried for this time after its end. Then it is left to people.
RETRIED_FOR = timedelta(hours=24)
#: A run whose failures were approved since is retried for this time after its completion.
HEALED_FOR = timedelta(days=7)
#: An automatic attempt that has not ended is in flight for this time.
IN_FLIGHT_FOR = timedelta(hours=24)
#: For this time after its end, a failed-only retry is compared with the other attempts: a result may arrive late.
WATCHED_FOR = timedelta(days=2)
#: Why a run is retried whose failures were approved since.
APPROVED = 'all its failures are expected now'


class Step(NamedTuple):
    """A step of a sweep, as it is printed: an action on one run, or the reason to wait."""

    run_id: int
    kind: Literal['carried over', 'retried', 'waiting']
    why: str
    #: The run that was created, if one was.
    new_run_id: int | None = None


class PlannedRetry(NamedTuple):
    """The retry of a run that is due."""

    run: Run
    request: RetryRequest
    #: The tests that it runs.
    regression_test_ids: Collection[int]
    #: Why it is made, as the sweep prints it.
    why: str

    def step(self, new_run_id: int | None) -> Step:
        """Return the step that made the run, or that would make one."""
        return Step(self.run.id, 'retried', self.why, new_run_id)


class Plan(NamedTuple):
    """The plan of a sweep, in the order in which it is carried out and printed."""

    carrying_over: Sequence[Step]
    #: Infrastructure failures come first, because they are retried for one day only.
    retries: Sequence[PlannedRetry]
    waiting: Sequence[Step]

    @property
    def steps(self) -> list[Step]:
        """The steps that the sweep would take."""
        return [*self.carrying_over, *(retry.step(None) for retry in self.retries), *self.waiting]


class Failure(NamedTuple):
    """The failure of a run that its code did not cause."""

    #: The row that ended the run: the first that completed it, or else a canceled one.
    end: ProgressRow
    tests: RunTests
    #: Whether all failures of the run were approved since. Otherwise infrastructure ended it.
    is_approved: bool
    #: Why the run is retried: as the sweep prints it, and in a sentence for people.
    why: str
    reason: str
    #: The row whose age is the age of the failure.
    row: ProgressRow


@dataclass(frozen=True)
class Candidate:
    """A recent failure that the code did not cause, and the facts that decide whether it is retried."""

    run: Run
    failure: Failure
    #: None if the run itself is the newest of its configuration and commit.
    newest: NewerRun | None
    #: The sources of the automatic retries that its root run has had. The retries may have been deleted.
    automatic_sources: Collection[int]
    #: The newest progress row that completed a run of its platform with all its results; 0 if there is none since the
    #: end of this run.
    newest_completion_id: int

    def find_reason_to_wait(self, retries_allowed: int, now: datetime) -> str | None:
        """Return why the run is not retried now, if its root run may get this number of automatic retries."""
        if self.newest is not None:
            return f'run {self.newest.run_id} of the same commit is newer'
        if clock.age(self.failure.row.timestamp, now) < WAITS_FOR:
            return f'it ended less than {WAITS_FOR.seconds // 60} minutes ago, and late reports may follow'
        if len(self.automatic_sources) >= retries_allowed:
            return f'the automatic retries of run {self.run.root_id} are used up'
        # In an outage, a further retry would fail like the one before.
        if self.automatic_sources and self.newest_completion_id <= self.failure.end.id:
            return f'no run of {self.run.platform} has completed with all its results since it ended'
        return None

    @property
    def has_passed(self) -> bool:
        """Whether it is a failed-only retry that completed, and lacks only own results of tests that passed."""
        is_completed_retry = self.run.failed_only and self.failure.end.stage == COMPLETED
        return is_completed_retry and not list_not_passed(find_outcomes(self.failure.tests))

    def plan_retry(self, rules: RetryRules, full_set: Sequence[int], active: Collection[int]) -> PlannedRetry:
        """
        Return its retry. Raises :exc:`Refusal`.

        ``full_set`` has the full test set of the run, and ``active`` the tests that are active now.
        """
        run, failure, rules = self.run, self.failure, rules.for_automatic_retry()
        is_failed_only = self._runs_failed_only(find_outcomes(failure.tests), active)
        option = (rules.option_for_failed(run.id, failure.end.stage, failure.tests, active) if is_failed_only
                  else rules.option_for_all(full_set, active))
        if option.refusal is not None:
            raise option.refusal
        request = request_automatically(run.id, is_failed_only, failure.reason)
        return PlannedRetry(run, request, option.regression_test_ids, failure.why)

    def _runs_failed_only(self, outcomes: Mapping[int, Outcome], active: Collection[int]) -> bool:
        """Return whether a retry runs only the tests that did not pass. Otherwise it runs the full test set."""
        if self.failure.is_approved:
            return True
        has_not_passed = any(test in active for test in list_not_passed(outcomes))
        if self.run.failed_only:
            # It runs the tests again that did not pass. If all passed, only its end was lost, and it runs in full. If
            # none of its tests is active, a failed-only retry is refused, and the refusal says so.
            has_active_test = any(test in active for test in outcomes)
            return has_not_passed or not has_active_test
        # A run that stopped half-way is resumed.
        return has_not_passed and bool(self.failure.tests.own)


@dataclass(frozen=True)
class Capacity:
    """The room for automatic attempts on one platform. In an outage, retries make things worse."""

    platform: str
    is_under_maintenance: bool
    #: The number of automatic attempts that are in flight.
    in_flight: int

    def find_reason_to_wait(self, at_once: int) -> str | None:
        """Return why no automatic retry is made now, if this number of attempts may be in flight."""
        if self.is_under_maintenance:
            return f'{self.platform} is under maintenance'
        if self.in_flight >= at_once:
            return (f'{counted(self.in_flight, "automatic attempt")} of {self.platform} '
                    f'{"is" if self.in_flight == 1 else "are"} in flight')
        return None


def may_be_retried(run: Run, newest: NewerRun | None, automatic_sources: Collection[int]) -> bool:
    """Return whether a run that failed may still be retried automatically, now or later."""
    # An automatic retry that was deleted is not made again.
    if run.id in automatic_sources:
        return False
    # A newer run of the pull request replaces it. Without a pull request, a newer run may be one by hand.
    return newest is None or not (newest.has_newer_attempt or run.pr_nr)


def find_failure(progress: Progress, tests: RunTests, expected_today: ExpectedToday, now: datetime) -> Failure | None:
    """Return the failure of a run that its code did not cause, if it is recent; else None."""
    failure = find_infrastructure_failure(progress, tests, now)
    # A run whose day is over may be retried as one whose failures were approved since.
    return failure if failure is not None else _find_approved_failure(progress, tests, expected_today, now)


def find_infrastructure_failure(progress: Progress, tests: RunTests, now: datetime) -> Failure | None:
    """Return the failure of a run that infrastructure ended within the last day; else None."""
    cause, end = find_cause(progress, tests), progress.end
    if end is None or cause is None or cause.name != 'infrastructure':
        return None
    row = find_row_of(cause, progress, end)
    if clock.age(row.timestamp, now) > RETRIED_FOR:
        return None
    return Failure(end, tests, is_approved=False, why=cause.detail, reason=cause.sentence, row=row)


def _find_approved_failure(progress: Progress, tests: RunTests, expected_today: ExpectedToday,
                           now: datetime) -> Failure | None:
    """Return the failure of a run that completed within the last week, if all its failures were approved since."""
    completion = progress.completion
    if completion is None or clock.age(completion.timestamp, now) > HEALED_FOR:
        return None
    if not _is_approved(progress, tests, expected_today):
        return None
    return Failure(completion, tests, is_approved=True, why=APPROVED, reason=APPROVED, row=completion)


def _is_approved(progress: Progress, tests: RunTests, expected_today: ExpectedToday) -> bool:
    """Return whether a run was canceled by no person, did not pass, and would pass as a whole today."""
    has_failed = bool(list_not_passed(find_outcomes(tests)))
    would_pass = not list_not_passed(expected_today.find_outcomes(tests))
    return find_cancellation(progress.rows) is None and has_failed and would_pass


def find_newest_completion(progress: Iterable[Progress], tests: Mapping[int, RunTests]) -> int:
    """Return the newest progress row that completed a run with all its results; 0 if there is none."""
    # In an outage, runs may complete without results.
    return max((run.first_completed.id for run in progress
                if run.first_completed is not None and tests[run.run_id].has_all_results), default=0)
