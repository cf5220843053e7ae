"""Retries that a comment on a pull request asks for (docs/github.rst, "Comments")."""

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
from .attempts import find_failed
from .checks import checks_of_comments
from .retry import create_retry


def read_request(db: Database, comment: Comment, user: User, pull_request: PullRequest,
                 command: Command) -> RetryRequest | None:
    """Return the request that a command of a comment makes; None if there is no run for it. Raises :exc:`RunQueued`."""
    # The comment's own id: a second delivery creates nothing more.
    digest = digest_key('comment', f'{comment.id} {command.platform} {"failed" if command.failed_only else "all"}')
    earlier = find_retry(db, digest)
    # A second delivery means the run of the first one, although that has made a newer attempt.
    run_id = find_newest_run(db, pull_request, command.platform) if earlier is None else earlier.source_run_id
    if run_id is None:
        return None
    if earlier is None:
        if read_progress(db, [run_id])[run_id].status is None:
            raise RunQueued(f'Run {run_id} is still queued.', run_id=run_id)
        if command.failed_only:
            run_id = find_failed(db, run_id)
    return RetryRequest(run_id, command.failed_only, command.reason, user.id, idempotency_digest=digest)


def create_commanded_retry(state: ExtensionState, request: RetryRequest) -> Retry:
    """Return the retry that a request by a comment creates, as :func:`mod_runs_api.service.retry.create_retry`."""
    return create_retry(state, request, checks_of_comments(state.settings))
