"""The attempts of a run: the root run, its retries, and their retries (docs/api.rst, "Attempts")."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from .carry_over import choose_origins
from .causes import CauseName, RunSummary
from .outcomes import Catalogue, Outcome, RunTests, find_outcomes, list_not_passed
from .progress import COMPLETED, Progress, sort_by_results
from .run import OtherBuild, Run, group_by_build

#: The words of the platform's API.
RunStatus = Literal['queued', 'running', 'pass', 'fail', 'canceled', 'error', 'incomplete']


@dataclass(frozen=True)
class AttemptRecord:
    """The record of one run among the attempts. Each field but ``run_id`` is None for the root run."""

    run_id: int
    #: The run that it retries.
    source_run_id: int | None
    failed_only: bool | None
    #: Whether nobody requested it: a sweep, or a build that succeeded later, created it.
    automatic: bool | None
    reason: str | None
    #: The name of the user who requested it, or "octocat on GitHub" for the author of a pull request who is no user.
    #: None if there was nobody, or the user was deleted.
    requested_by: str | None
    #: In UTC, without a time zone.
    created_at: datetime | None


class EndedAttempt(NamedTuple):
    """An attempt that has ended, for the choice between several."""

    run_id: int
    is_completed: bool
    has_own_result: bool
    #: Whether a test did not pass. It is only read if the attempt did not complete.
    has_failure: bool = False


@dataclass(frozen=True)
class AttemptFacts:
    """All that is read about the attempts of a run. Everything else about them is derived from it."""

    run: Run
    #: The progress, the build and the tests of every attempt, by run id.
    progress: Mapping[int, Progress]
    builds: Mapping[int, str | None]
    tests: Mapping[int, RunTests]
    catalogue: Catalogue

    def summarize(self, run_id: int) -> RunSummary:
        """Return the summary of an attempt, which its cause follows from."""
        return RunSummary.of(self.progress[run_id], self.tests[run_id])

    def count_carried_over(self, run_id: int) -> dict[int, int]:
        """Return the number of results that were carried over into an attempt, by origin run."""
        return dict(sorted(Counter(self.tests[run_id].carried_over.values()).items()))

    def find_origins(self, run_id: int) -> dict[int, int]:
        """Return the origin run of each result that a failed-only retry gets, or would get if it completed now."""
        progress, tests = self.progress[run_id], self.tests[run_id]
        # A carried-over result that somebody deleted is not copied again.
        with_result = tests.results.keys() | tests.marks.keys()
        if progress.end is None:
            # It will have a result of each of its tests.
            with_result |= find_outcomes(tests).keys()
        return choose_origins(progress.end and progress.completed, self.catalogue.active - with_result, self.progress,
                              {attempt_id: of_attempt.own for attempt_id, of_attempt in self.tests.items()})

    @property
    def source_of_failed(self) -> int:
        """The attempt that ``/retry failed`` takes; the root run if none fits."""
        return choose_source_of_failed(self.list_ended()) or self.run.root_id

    @property
    def decisive_run_id(self) -> int:
        """The attempt whose results currently stand for the run."""
        return choose_decisive(self.list_ended(), max(self.progress))

    def list_ended(self) -> list[EndedAttempt]:
        """Return the attempts that have ended, in the order of their results."""
        return [self._describe_ended(run_id) for run_id in sort_by_results(self.progress.values())]

    def _describe_ended(self, run_id: int) -> EndedAttempt:
        tests = self.tests[run_id]
        return EndedAttempt(run_id, is_completed=self.progress[run_id].completed is not None,
                            has_own_result=bool(tests.own), has_failure=bool(list_not_passed(find_outcomes(tests))))

    def list_other_builds(self, run_id: int) -> list[OtherBuild]:
        """Return the carried-over results of an attempt that are of other builds."""
        return group_by_build(run_id, self.count_carried_over(run_id), self.builds)


def find_builds(progress: Mapping[int, Progress], stored: Mapping[int, str | None]) -> dict[int, str | None]:
    """Return the build of each attempt; None if it is unknown."""
    # Until a run completes, the build that the platform has stored is a prediction.
    return {run_id: ((stored[run_id] or '').strip() or None) if attempt.completed else None
            for run_id, attempt in progress.items()}


def number_attempts(run_ids: Iterable[int]) -> dict[int, int]:
    """Return the position of each attempt among the attempts by run id, from 1. It does not depend on their ends."""
    return {run_id: number for number, run_id in enumerate(sorted(run_ids), 1)}


@dataclass(frozen=True)
class Attempt(AttemptRecord):
    """One run among the attempts (docs/api.rst, "Attempts")."""

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
    cause: CauseName | None
    #: The message that decided the cause. Code under test can write it.
    cause_detail: str | None
    #: The cause in one sentence for people. It may quote the message.
    cause_sentence: str | None

    @property
    def carried_over(self) -> int:
        """The number of results that were carried over from other attempts."""
        return sum(self.carried_over_from.values())


@dataclass(frozen=True)
class AttemptsPage:
    """Some of the attempts of a run."""

    #: The requested run.
    run_id: int
    #: The root run of the attempts. It may have been deleted.
    root_run_id: int
    #: The attempt whose results currently stand for the run: see :func:`choose_decisive`.
    decisive_run_id: int
    #: The number of all attempts.
    total: int
    attempts: list[Attempt]


def choose_source_of_failed(ended: Sequence[EndedAttempt]) -> int | None:
    """Return the attempt that ``/retry failed`` takes, of attempts in the order of their results; None if none fits."""
    return _last([attempt for attempt in ended
                  if attempt.has_own_result and (attempt.is_completed or attempt.has_failure)])


def choose_decisive(ended: Sequence[EndedAttempt], newest_id: int) -> int:
    """Return the attempt whose results currently stand for the run, of attempts in the order of their results."""
    # A retry that is queued, running or canceled hides no result before it.
    completed = _last([attempt for attempt in ended if attempt.has_own_result and attempt.is_completed])
    return completed or choose_source_of_failed(ended) or _last(ended) or newest_id


def _last(ended: Sequence[EndedAttempt]) -> int | None:
    return ended[-1].run_id if ended else None


def derive_status(last_stage: str | None, outcomes: Collection[Outcome] = ()) -> RunStatus:
    """Return the status of a run from its last stage and the outcomes of its tests, as the platform's API does."""
    if last_stage is None:
        return 'queued'
    if last_stage in ('preparation', 'testing'):
        return 'running'
    if last_stage != COMPLETED:
        return 'canceled' if last_stage == 'canceled' else 'incomplete'
    # A run that completed without a result for each test proves nothing, even if all others passed.
    if not outcomes or 'not_run' in outcomes:
        return 'error'
    return 'pass' if set(outcomes) == {'pass'} else 'fail'
