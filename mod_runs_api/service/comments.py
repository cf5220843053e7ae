"""Retries that a comment on a pull request asks for (docs/github.rst, "Comments")."""

from collections.abc import Collection

from ..database import Database
from ..database.attempts import read_attempt_ids
from ..database.causes import read_run_records
from ..database.outcomes import read_tests
from ..database.progress import read_progress
from ..database.retry import find_retry
from ..database.runs import find_newest_run
from ..database.users import find_github_users, is_blocked
from ..domain.comments import Command, Comment, IgnoredComment
from ..domain.outcomes import list_not_passed
from ..domain.progress import order_ends
from ..domain.retry import Retry, RetryRequest, digest_key
from ..domain.run import PullRequest
from ..domain.users import User
from ..errors import RunQueued
from ..extension import ExtensionState
from .checks import checks_of_comments
from .retry import create_retry


def find_writer(db: Database, comment: Comment, retry_roles: Collection[str]) -> User:
    """Return the user who wrote a comment, if they may retry. Raises :exc:`IgnoredComment`."""
    if is_blocked(db, comment.account_id):
        # They get no answer either.
        raise IgnoredComment('The writer of the comment is blocked.')
    users = find_github_users(db, comment.login)
    if not users:
        raise IgnoredComment(f'The GitHub account {comment.login} belongs to nobody on this platform.')
    if len(users) > 1:
        raise IgnoredComment(f'The GitHub account {comment.login} belongs to several people on this platform.',
                             asked=True)
    if users[0].role not in retry_roles:
        raise IgnoredComment(f'The role of {comment.login} does not have permission to run tests.', asked=True)
    # The payload names the author: the ready-made check asks GitHub.
    if comment.author_id is not None and is_blocked(db, comment.author_id):
        raise IgnoredComment('The author of this pull request is blocked.', asked=True)
    return users[0]


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
            run_id = _choose_attempt(db, run_id)
    return RetryRequest(run_id, command.failed_only, command.reason, user.id, idempotency_digest=digest)


def create_commanded_retry(state: ExtensionState, request: RetryRequest) -> Retry:
    """Return the retry that a request by a comment creates, as :func:`mod_runs_api.service.retry.create_retry`."""
    return create_retry(state, request, checks_of_comments(state.settings))


def _choose_attempt(db: Database, root_id: int) -> int:
    """Return the attempt whose failures a comment means; the first run if there is none."""
    # The last that ran a test itself, and either completed or has one that did not pass.
    records = read_run_records(db, read_attempt_ids(db, root_id))
    for end in reversed(order_ends(record.progress for record in records.values())):
        record = records[end.run_id]
        if record.results and (record.progress.completed or list_not_passed(read_tests(db, [end.run_id])[end.run_id])):
            return end.run_id
    return root_id
