"""
Checks for ``RUNS_API_BEFORE_RETRY`` (docs/github.rst, "Checks"): one of them, or a list.

Each takes the run that is to be retried, and returns a sentence that says why not, or None. If GitHub does not answer,
they raise: see :func:`mod_runs_api.service.checks.ask_checks`.
"""

from collections.abc import Iterable

from ..domain.builds import SHOWN_LENGTH
from ..domain.run import PULL_REQUEST
from ..host.github import CheckedRun
from ..service.checks import (is_account_blocked, queued_attempt,
                              superseding_run)
from ..settings import Check


def commit_is_not_superseded(run: CheckedRun) -> str | None:
    """
    Refuse to retry a run if a later run is of another commit of the same pull request, or of the same branch and fork.

    The platform would replace the later run's report with the retry's, and take the retry for the newest run of its
    branch.
    """
    later_id = superseding_run(run)
    if later_id is None:
        return None
    where = f'pull request {run.pr_nr}' if run.test_type == PULL_REQUEST else f'branch {run.branch}'
    return f'Commit {run.commit[:SHOWN_LENGTH]} is superseded: run {later_id}, of another commit of {where}, is newer.'


def no_attempt_is_queued(run: CheckedRun) -> str | None:
    """Refuse to retry a run while an attempt of it, or the run itself, is queued."""
    queued_id = queued_attempt(run)
    return None if queued_id is None else f'Run {queued_id}, an attempt of the same run, is still queued.'


def pull_request_is_open(run: CheckedRun) -> str | None:
    """
    Refuse to retry a run of a pull request that is closed or merged.

    The platform would cancel the new run, and mark the commit as failed.
    """
    is_closed = run.pull_request is not None and run.pull_request.state == 'closed'
    return f'Pull request {run.pr_nr} is closed.' if is_closed else None


def author_is_not_blocked(run: CheckedRun) -> str | None:
    """Refuse to retry a run of a pull request whose author is among the platform's blocked users."""
    pull_request = run.pull_request
    # Deleted accounts have no user.
    if pull_request is None or pull_request.user is None or not is_account_blocked(pull_request.user.id):
        return None
    return f'The author of pull request {run.pr_nr} is blocked.'


def build_artifact_exists(run: CheckedRun) -> str | None:
    """
    Refuse to retry a run whose build GitHub no longer keeps: the new run would die in the queue.

    The check looks where the platform's job will look.
    """
    build = run.find_build()
    # GitHub lists an artifact for a while after it is gone.
    if build is not None and build.expired is not True:
        return None
    return (f'The platform would find no build of commit {run.commit[:SHOWN_LENGTH]} for {run.platform}: GitHub keeps '
            'builds for 90 days, and the platform looks at the newest ones only.')


#: Those that ask the database alone, and those that ask GitHub, the dearest last.
_FIRST: tuple[Check, ...] = (commit_is_not_superseded, no_attempt_is_queued)
_LAST: tuple[Check, ...] = (pull_request_is_open, author_is_not_blocked, build_artifact_exists)

#: No automatic retry is made without these.
READY_MADE: tuple[Check, ...] = (commit_is_not_superseded, *_LAST)


def in_order(checks: Iterable[Check]) -> list[Check]:
    """Return checks with the cheap ones first: the database, others' checks, GitHub."""
    listed = list(checks)
    others = [check for check in listed if check not in _FIRST + _LAST]
    return [*filter(listed.__contains__, _FIRST), *others, *filter(listed.__contains__, _LAST)]
