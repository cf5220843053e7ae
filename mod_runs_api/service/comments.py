"""Retries that a comment on a pull request requests (docs/github.rst, "Comments")."""

from contextlib import suppress

from ..database import Database
from ..database.retry import find_retry
from ..database.runs import find_newest_run, read_runs
from ..domain.comments import Command, Comment, CommentRefusal, CommentRetry
from ..domain.retry import RetryRequest, digest_key
from ..domain.run import PullRequest
from ..domain.users import User
from ..errors import RunNotFound, Unprocessable
from ..extension import ExtensionState
from ..host.runtime import run_page, to_external
from .attempts import find_source_of_failed
from .checks import list_checks_of_comments
from .retry import create_retry
from .verdict import read_verdict


def retry_for_command(state: ExtensionState, comment: Comment, pull_request: PullRequest, command: Command,
                      user: User) -> CommentRetry | CommentRefusal | None:
    """
    Return the retry that a command creates, or has created before, or its refusal.

    Return None if there is no run on the platform.
    """
    # The comment's own id is the idempotency key, so a second delivery creates nothing more.
    digest = digest_key('comment', f'{comment.id} {command.platform}')
    run = state.transactions.run(_find_run, pull_request, command, digest)
    if run is None:
        return None
    run_id, commit = run
    request = RetryRequest(run_id, command.failed_only, command.reason, user.id, idempotency_digest=digest)
    try:
        retry = create_retry(state, request, list_checks_of_comments(state.settings))
    except (RunNotFound, Unprocessable) as error:
        return CommentRefusal(command.platform, run_id, error.message, commit)
    verdict_sentence = None
    if command.failed_only:
        with suppress(RunNotFound):  # The new run has just been deleted.
            verdict_sentence = state.transactions.run(read_verdict, retry.new_run_id).sentence
    return CommentRetry(**vars(retry), platform=command.platform, commit=commit,
                        address=to_external(run_page, retry.new_run_id), verdict_sentence=verdict_sentence)


def _find_run(db: Database, pull_request: PullRequest, command: Command, digest: str) -> tuple[int, str | None] | None:
    """Return the run that a command means, and its commit unless that is the head; None if there is no run."""
    earlier = find_retry(db, digest)
    # A second delivery means the same run as the first one, although there is a newer attempt by now.
    run_id = find_newest_run(db, pull_request, command.platform) if earlier is None else earlier.source_run_id
    if run_id is None:
        return None
    if command.failed_only and earlier is None:
        run_id = find_source_of_failed(db, run_id)
    # The run of an earlier retry may have been deleted.
    commits = [run.commit for run in read_runs(db, [run_id]).values() if run.commit != pull_request.head_commit]
    return run_id, commits[0] if commits else None
