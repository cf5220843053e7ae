"""The attempts of a run: the root run, its retries, and their retries (docs/api.rst, "Attempts")."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal

from .built_commit import OtherBuild, group_by_build
from .carry_over import choose_origins
from .catalogue import Catalogue
from .causes import Cause, find_cause
from .outcomes import FAILED, Outcome, RunTests, find_outcomes, list_not_passed
from .progress import CANCELED, COMPLETED, Progress, sort_by_results
from .run import Run

#: The words of the platform's API.
RunStatus = Literal['queued', 'running', 'pass', 'fail', 'canceled', 'error', 'incomplete']


@dataclass(frozen=True)
class RetryRecord:
    """The record of a retry."""

    #: The run that it retries.
    source_run_id: int
    failed_only: bool
    #: Whether a sweep created it, and no person requested it.
    automatic: bool
    reason: str | None
    #: The name of the user who requested it, or "octocat on GitHub" for the author of a pull request who is no user.
    #: None if there was nobody, or the user was deleted.
    requested_by: str | None
    #: In UTC, without a time zone.
    created_at: datetime


@dataclass(frozen=True)
class AttemptRecord:
    """The record of one run among the attempts."""

    run_id: int
    #: The build that the platform has stored. Until the run completes, it is a prediction. Older platforms store none.
    stored_build: str | None
    #: None for the root run, which is no retry.
    retry: RetryRecord | None

    @property
    def reported_build(self) -> str | None:
        """The stored build; None if none is stored. Blanks around it do not count."""
        return (self.stored_build or '').strip() or None


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One run among the attempts, as it is listed (docs/api.rst, "Attempts")."""

    run_id: int
    #: None for the root run.
    retry: RetryRecord | None
    #: The position among the attempts by run id, from 1.
    attempt: int
    status: RunStatus
    #: The number of its regression tests: the selected tests, and after its end those carried over into it.
    tests: int
    passed: int
    #: The number of tests with the outcome fail or missing_output.
    failed: int
    #: The number of tests without a result.
    not_run: int
    #: The number of results that were carried over into it, by the attempt that ran the tests.
    carried_over_from: dict[int, int]
    #: The number of results that a failed-only retry, which has not ended, gets when it completes.
    to_carry_over: int
    #: The commit that was built for it, if known.
    built_commit_sha: str | None
    #: The carried-over results of other builds.
    other_builds: list[OtherBuild]
    #: Why it ended. None if it has not ended or its results decide.
    cause: Cause | None

    @property
    def carried_over(self) -> int:
        """The number of results that were carried over from other attempts."""
        return sum(self.carried_over_from.values())


@dataclass(frozen=True)
class Attempts:
    """The attempts of a run: all that is read about them. Everything else follows from it."""

    #: One of them, such as the requested run. All have one commit and one configuration.
    run: Run
    #: By run id, in order, as are the progress and the tests.
    records: Mapping[int, AttemptRecord]
    progress: Mapping[int, Progress]
    tests: Mapping[int, RunTests]
    catalogue: Catalogue

    @cached_property
    def numbers(self) -> dict[int, int]:
        """The position of each attempt by run id, from 1. It does not depend on their ends."""
        return {run_id: number for number, run_id in enumerate(sorted(self.progress), 1)}

    @cached_property
    def builds(self) -> dict[int, str | None]:
        """The build of each attempt; None if it is unknown."""
        return {run_id: record.reported_build if self.progress[run_id].has_completed else None
                for run_id, record in self.records.items()}

    @property
    def source_of_failed(self) -> int:
        """The attempt that ``/retry failed`` takes; the root run if none fits."""
        return self._find_last(self._may_have_failures) or self.run.root_id

    @property
    def decisive_run_id(self) -> int:
        """The attempt whose results currently stand for the run."""
        # A retry that is queued, running or canceled hides no result before it.
        completed_id = self._find_last(
            lambda run_id: self._has_own_result(run_id) and self.progress[run_id].has_completed)
        if completed_id is not None:
            return completed_id
        failed_id = self._find_last(self._may_have_failures)
        if failed_id is not None:
            return failed_id
        ended_ids = sort_by_results(self.progress.values())
        return ended_ids[-1] if ended_ids else max(self.progress)

    def _find_last(self, fits: Callable[[int], bool]) -> int | None:
        """Return the attempt that ended last of those that fit, in the order of their results."""
        return next(filter(fits, reversed(sort_by_results(self.progress.values()))), None)

    def _may_have_failures(self, run_id: int) -> bool:
        return self._has_own_result(run_id) and (
            self.progress[run_id].has_completed or bool(list_not_passed(find_outcomes(self.tests[run_id]))))

    def _has_own_result(self, run_id: int) -> bool:
        return bool(self.tests[run_id].own)

    def is_failed_only(self, run_id: int) -> bool:
        """Return whether an attempt is a failed-only retry."""
        retry = self.records[run_id].retry
        return retry is not None and retry.failed_only

    def find_cause(self, run_id: int) -> Cause | None:
        """Return why an attempt ended; None if it has not ended or its results decide."""
        return find_cause(self.progress[run_id], self.tests[run_id])

    def find_origins(self, run_id: int) -> dict[int, int]:
        """Return the origin run of each result that a failed-only retry gets, or would get if it completed now."""
        progress, tests = self.progress[run_id], self.tests[run_id]
        # A carried-over result that somebody deleted is not copied again.
        with_result = tests.results.keys() | tests.marks.keys()
        if progress.end is None:
            # It will have a result of each of its tests.
            with_result |= find_outcomes(tests).keys()
        return choose_origins(progress.completion, self.catalogue.active - with_result, self.progress,
                              {attempt_id: of_attempt.own for attempt_id, of_attempt in self.tests.items()})

    def list_other_builds(self, run_id: int) -> list[OtherBuild]:
        """Return the carried-over results of an attempt that are of other builds."""
        return group_by_build(run_id, self._count_carried_over(run_id), self.builds)

    def _count_carried_over(self, run_id: int) -> dict[int, int]:
        """Return the number of results that were carried over into an attempt, by origin run."""
        return dict(sorted(Counter(self.tests[run_id].carried_over.values()).items()))

    def describe(self, run_id: int) -> Attempt:
        """Return an attempt as it is listed."""
        progress = self.progress[run_id]
        outcomes = find_outcomes(self.tests[run_id]).values()
        count = Counter(outcomes)
        return Attempt(
            run_id=run_id, retry=self.records[run_id].retry, attempt=self.numbers[run_id],
            status=derive_status(progress.stage, outcomes),
            tests=count.total(), passed=count['pass'], failed=sum(count[outcome] for outcome in FAILED),
            not_run=count['not_run'], carried_over_from=self._count_carried_over(run_id),
            to_carry_over=len(self.find_origins(run_id)) if self.is_failed_only(run_id) and progress.end is None else 0,
            built_commit_sha=self.builds[run_id], other_builds=self.list_other_builds(run_id),
            cause=self.find_cause(run_id))


@dataclass(frozen=True)
class AttemptsPage:
    """Some of the attempts of a run."""

    #: The requested run.
    run_id: int
    #: The root run of the attempts. It may have been deleted.
    root_run_id: int
    #: The attempt whose results currently stand for the run.
    decisive_run_id: int
    #: The number of all attempts.
    total: int
    attempts: list[Attempt]


def derive_status(last_stage: str | None, outcomes: Collection[Outcome] = ()) -> RunStatus:
    """Return the status of a run from its last stage and the outcomes of its tests, as the platform's API does."""
    if last_stage is None:
        return 'queued'
    if last_stage in ('preparation', 'testing'):
        return 'running'
    if last_stage != COMPLETED:
        return 'canceled' if last_stage == CANCELED else 'incomplete'
    # A run that completed without a result for each test proves nothing, even if all others passed.
    if not outcomes or 'not_run' in outcomes:
        return 'error'
    return 'pass' if set(outcomes) == {'pass'} else 'fail'
