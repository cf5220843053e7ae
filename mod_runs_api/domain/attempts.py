"""The attempts of a run: the first run, its retries, and their retries (docs/api.rst, "Attempts")."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from .causes import CauseName
from .outcomes import Outcome
from .progress import COMPLETED
from .run import OtherBuild

#: The words of the platform's API.
RunStatus = Literal['queued', 'running', 'pass', 'fail', 'canceled', 'error', 'incomplete']


@dataclass(frozen=True)
class AttemptRecord:
    """The record of one run among the attempts. All but ``run_id`` is None for the first run."""

    run_id: int
    source_run_id: int | None
    failed_only: bool | None
    #: Whether a sweep created it.
    automatic: bool | None
    reason: str | None
    #: The name of the user who asked for it, if there was one and still is.
    requested_by: str | None
    #: In UTC.
    created_at: datetime | None


@dataclass(frozen=True)
class Attempt(AttemptRecord):
    """One run among the attempts."""

    #: Its place among the attempts by run id, from 1.
    attempt: int
    status: RunStatus
    #: The number of its tests: those that were selected, and after its end those that were carried over into it.
    tests: int
    passed: int
    #: The number of those with an outcome of fail or missing_output.
    failed: int
    not_run: int
    #: The number of results that are those of other attempts, by the run that really ran the tests.
    carried_over_from: dict[int, int]
    #: The number of results that a failed-only retry, which has not ended, will get from the others when it completes.
    to_carry_over: int
    #: The commit that was built for it; None if nobody knows.
    built_commit_sha: str | None
    #: The carried-over results of other builds.
    other_builds: list[OtherBuild]
    cause: CauseName | None
    #: The message that says so.
    cause_detail: str | None
    #: The cause in one sentence for people.
    cause_sentence: str | None

    @property
    def carried_over(self) -> int:
        """The number of results that are those of other attempts."""
        return sum(self.carried_over_from.values())


@dataclass(frozen=True)
class AttemptsPage:
    """Some of the attempts of a run."""

    #: The run that was asked about.
    run_id: int
    #: The first run of all attempts, which is no retry. It may have been deleted.
    root_run_id: int
    #: The attempt whose results currently stand for the run: see :func:`choose_decisive`.
    decisive_run_id: int
    #: The number of all attempts.
    total: int
    attempts: list[Attempt]


class EndedAttempt(NamedTuple):
    """An attempt that has ended, for the choice between several."""

    run_id: int
    is_completed: bool
    has_own_result: bool
    #: Whether a test did not pass. It is only read if the attempt did not complete.
    has_failure: bool = False


def choose_failed(ended: Sequence[EndedAttempt]) -> int | None:
    """Return the attempt that ``/retry failed`` takes, from attempts in the order of their ends; None if none fits."""
    return _last([one for one in ended if one.has_own_result and (one.is_completed or one.has_failure)])


def choose_decisive(ended: Sequence[EndedAttempt], newest_id: int) -> int:
    """Return the attempt whose results currently stand for the run, of attempts in the order of their ends."""
    # A retry that is queued, running or canceled hides no result before it.
    completed = _last([one for one in ended if one.has_own_result and one.is_completed])
    return completed or choose_failed(ended) or _last(ended) or newest_id


def _last(ended: Sequence[EndedAttempt]) -> int | None:
    return ended[-1].run_id if ended else None


def derive_status(last_stage: str | None, count: Counter[Outcome]) -> RunStatus:
    """Return the status of a run from its last stage and the outcomes of its tests, as the platform's API does."""
    if last_stage is None:
        return 'queued'
    if last_stage in ('preparation', 'testing'):
        return 'running'
    if last_stage != COMPLETED:
        return 'canceled' if last_stage == 'canceled' else 'incomplete'
    # A run that completed without a result for each test proves nothing, whatever the others say.
    if count['not_run'] or not count.total():
        return 'error'
    return 'fail' if count['fail'] or count['missing_output'] else 'pass'
