"""
The five conditions under which a run may be retried now (docs/how-it-works.rst, "The five conditions").

Each function returns the sentence of a condition that is not met; None if it is met. ``service/conditions.py`` asks the
tables about the first two, and GitHub about the others.
"""

from collections.abc import Iterable
from typing import NamedTuple

from .attempts import derive_status
from .progress import Progress
from .run import PULL_REQUEST, SHOWN_LENGTH, Run


class PullRequest(NamedTuple):
    """A pull request, as GitHub has it now."""

    head_commit: str
    is_open: bool
    #: The account of its author; None if it was deleted.
    author_id: int | None


def explain_superseded(run: Run, later_id: int | None) -> str | None:
    """
    Return why a run is not retried if a later run supersedes its commit: the first condition.

    ``later_id`` is the first later run of another commit of its pull request, or of its branch and fork.
    """
    # The platform would replace the later run's report, and take the retry for the newest run of its branch.
    if later_id is None:
        return None
    where = f'pull request {run.pr_nr}' if run.test_type == PULL_REQUEST else f'branch {run.branch}'
    return f'Commit {run.commit[:SHOWN_LENGTH]} is superseded: run {later_id}, of another commit of {where}, is newer.'


def find_unfinished(attempts: Iterable[Progress]) -> Progress | None:
    """Return an attempt that is queued or running; None if there is none."""
    return next((attempt for attempt in attempts if attempt.end is None), None)


def explain_unfinished(run: Run, unfinished: Progress | None) -> str | None:
    """Return why a run is not retried while it, or another of its attempts, has not ended: the second condition."""
    if unfinished is None:
        return None
    which = '' if unfinished.run_id == run.id else ', an attempt of the same run,'
    return f'Run {unfinished.run_id}{which} is still {derive_status(unfinished.stage)}.'


def explain_closed(run: Run, pull_request: PullRequest) -> str | None:
    """Return why a run of a closed pull request is not retried: the third condition."""
    # The platform would cancel the retry.
    return None if pull_request.is_open else f'Pull request {run.pr_nr} is closed.'


def explain_blocked(run: Run, is_author_blocked: bool) -> str | None:
    """Return why a run is not retried if the author of its pull request is blocked: the fourth condition."""
    return f'The author of pull request {run.pr_nr} is blocked.' if is_author_blocked else None


def explain_no_build(run: Run, has_build: bool) -> str | None:
    """Return why a run is not retried if the platform would not find its build: the fifth condition."""
    # The platform would cancel the retry. The package cannot tell the four reasons apart.
    if has_build:
        return None
    return (f'There is no build of commit {run.commit[:SHOWN_LENGTH]} for {run.platform}: it failed, waits for an '
            'approval, was not needed because no code had changed, or is gone. GitHub keeps builds for 90 days, and '
            'the platform looks at the newest ones only.')
