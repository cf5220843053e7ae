"""Retries that a comment on a pull request requests (docs/github.rst, "Comments")."""

from dataclasses import dataclass

from ..database import Database
from ..database.progress import read_progress
from ..database.retry import find_retry
from ..database.runs import find_newest_run
from ..domain.comments import Command, Comment
from ..domain.retry import Retry, RetryRequest, digest_key
from ..domain.run import PullRequest
from ..domain.users import User
from ..errors import RunQueued
from ..extension import ExtensionState
from .attempts import find_source_of_failed
from .checks import list_checks_of_comments
from .retry import create_retry


@dataclass(frozen=True)
class CommandedRun:
    """The run that a command means."""

    id: int
    #: Only a run that no earlier delivery of the comment has retried counts as queued.
    is_queued: bool
    #: The comment's own id is the idempotency key, so a second delivery creates nothing more.
    idempotency_digest: str


def find_commanded_run(db: Database, comment: Comment, pull_request: PullRequest,
                       command: Command) -> CommandedRun | None:
    """Return the run that a command means; None if the pull request has no run on the platform."""
    digest = digest_key('comment', f'{comment.id} {command.platform} {"failed" if command.failed_only else "all"}')
    earlier = find_retry(db, digest)
    if earlier is not None:
        # A second delivery means the same run as the first one, although there is a newer attempt by now.
        return CommandedRun(earlier.source_run_id, False, digest)
    run_id = find_newest_run(db, pull_request, command.platform)
    if run_id is None:
        return None
    is_queued = read_progress(db, [run_id])[run_id].status is None
    if command.failed_only and not is_queued:
        run_id = find_source_of_failed(db, run_id)
    return CommandedRun(run_id, is_queued, digest)


def retry_commanded_run(state: ExtensionState, run: CommandedRun, command: Command, user: User) -> Retry:
    """Return the retry that a command creates, or has created before. Raises :exc:`RunNotFound` or :exc:`Refusal`."""
    if run.is_queued:
        raise RunQueued(f'Run {run.id} is still queued.', run_id=run.id)
    request = RetryRequest(run.id, command.failed_only, command.reason, user.id,
                           idempotency_digest=run.idempotency_digest)
    return create_retry(state, request, list_checks_of_comments(state.settings))
