"""Retries that a comment on a pull request asks for (docs/github.rst, "Comments")."""

from ..database import Database
from ..database.attempts import read_attempt_ids
from ..database.causes import read_run_records
from ..database.outcomes import read_tests
from ..database.progress import read_progress
from ..database.retry import find_retry
from ..database.runs import find_newest_run
from ..domain.comments import Command, Comment
from ..domain.outcomes import list_not_passed
from ..domain.progress import order_ends
from ..domain.retry import RetryRequest, digest_key
from ..domain.run import PullRequest
from ..domain.users import User
from ..errors import RunQueued


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
    return RetryRequest(run_id, command.failed_only, command.reason, user.id, from_comment=True,
                        idempotency_digest=digest)


def _choose_attempt(db: Database, root_id: int) -> int:
    """Return the attempt whose failures a comment means; the first run if there is none."""
    # The last that ran a test itself, and either completed or has one that did not pass.
    records = read_run_records(db, read_attempt_ids(db, root_id))
    for end in reversed(order_ends(record.progress for record in records.values())):
        record = records[end.run_id]
        if record.results and (record.progress.completed or list_not_passed(read_tests(db, [end.run_id])[end.run_id])):
            return end.run_id
    return root_id
