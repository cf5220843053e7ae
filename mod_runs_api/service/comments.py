"""Retries that a comment on a pull request requests (docs/github.rst, "Comments")."""

from ..database import Database
from ..database.progress import read_progress
from ..database.retry import find_retry
from ..database.runs import find_newest_run
from ..domain.comments import Command, Comment, CommentRefusal
from ..domain.retry import Retry, RetryRequest, digest_key
from ..domain.run import PullRequest
from ..domain.users import User
from ..errors import RunNotFound, RunQueued, Unprocessable
from ..extension import ExtensionState
from .attempts import find_source_of_failed
from .checks import list_checks_of_comments
from .retry import create_retry


def retry_for_command(state: ExtensionState, comment: Comment, pull_request: PullRequest, command: Command,
                      user: User) -> Retry | CommentRefusal | None:
    """
    Return the retry that a command creates, or has created before, or its refusal.

    It is None if the pull request has no run on the platform.
    """
    # The comment's own id is the idempotency key, so a second delivery creates nothing more.
    digest = digest_key('comment', f'{comment.id} {command.platform} {"failed" if command.failed_only else "all"}')
    found = state.transactions.run(_find_run, pull_request, command, digest)
    if found is None:
        return None
    run_id, is_queued = found
    request = RetryRequest(run_id, command.failed_only, command.reason, user.id, idempotency_digest=digest)
    try:
        if is_queued:
            raise RunQueued(f'Run {run_id} is still queued.', run_id=run_id)
        return create_retry(state, request, list_checks_of_comments(state.settings))
    except (RunNotFound, Unprocessable) as error:
        return CommentRefusal(command.platform, run_id, error.message)


def _find_run(db: Database, pull_request: PullRequest, command: Command, digest: str) -> tuple[int, bool] | None:
    """Return the run that a command means, and whether it is queued; None if the pull request has no run there."""
    earlier = find_retry(db, digest)
    if earlier is not None:
        # A second delivery means the same run as the first one, although there is a newer attempt by now.
        return earlier.source_run_id, False
    run_id = find_newest_run(db, pull_request, command.platform)
    if run_id is None:
        return None
    is_queued = read_progress(db, [run_id])[run_id].status is None
    if command.failed_only and not is_queued:
        run_id = find_source_of_failed(db, run_id)
    return run_id, is_queued
