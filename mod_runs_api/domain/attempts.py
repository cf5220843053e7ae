"""The attempts of a run: the first run, its retries, and their retries (docs/api.rst, "Attempts")."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from .causes import CauseName, to_phrase
from .outcomes import Outcome
from .progress import COMPLETED

#: The words of the platform's API.
RunStatus = Literal['queued', 'running', 'pass', 'fail', 'canceled', 'error', 'incomplete']

RUN_STATUSES: tuple[RunStatus, ...] = get_args(RunStatus)


@dataclass(frozen=True)
class Attempt:
    """
    One run among the attempts.

    Attributes
    ----------
    run_id : int
        The run.
    attempt : int
        Its place among the attempts by run id, from 1.
    status : str
        One of :data:`RUN_STATUSES`, as the platform's API derives it.
    tests : int
        The number of its tests: those that were selected, and after its end those that were carried over into it.
    passed, failed, not_run : int
        How many of them passed, failed (fail or missing_output), and have no result.
    carried_over_from : dict of int to int
        The number of results that are those of other attempts, by the run that really ran the tests.
    built_commit_sha : str or None
        The commit that was built for it; None if nobody knows.
    other_builds : dict of str to int
        The number of carried-over results of another build, by its commit.
    cause, cause_detail : str or None
        Why it ended, and the message that says so: see :func:`mod_runs_api.domain.causes.find_cause`.
    source_run_id : int or None
        The run that it is a retry of. None for the first run, as is all that follows.
    failed_only : bool or None
        Whether only the tests that had not passed in its source were selected for it.
    reason : str or None
        Why it was created.
    requested_by : str or None
        The name of the user who asked for it, if there was one and still is.
    created_at : datetime or None
        When it was created, in UTC.
    automatic : bool or None
        Whether a sweep created it.
    """

    run_id: int
    attempt: int
    status: RunStatus
    tests: int
    passed: int
    failed: int
    not_run: int
    carried_over_from: dict[int, int]
    built_commit_sha: str | None
    other_builds: dict[str, int]
    cause: CauseName | None
    cause_detail: str | None
    source_run_id: int | None
    failed_only: bool | None
    reason: str | None
    requested_by: str | None
    created_at: datetime | None
    automatic: bool | None

    @property
    def carried_over(self) -> int:
        """The number of results that are those of other attempts."""
        return sum(self.carried_over_from.values())

    @property
    def stopped_by(self) -> str | None:
        """Why it ended, in a few words."""
        return None if self.cause_detail is None else to_phrase(self.cause_detail)


@dataclass(frozen=True)
class AttemptsPage:
    """
    Some of the attempts of a run.

    Attributes
    ----------
    run_id : int
        The run that was asked about.
    root_run_id : int
        The first run of all attempts, which is no retry. It may have been deleted.
    total : int
        The number of all attempts.
    attempts : list of Attempt
        Those of the page.
    """

    run_id: int
    root_run_id: int
    total: int
    attempts: list[Attempt]


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
