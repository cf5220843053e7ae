"""Finding the user and the run that a comment on a pull request means (docs/github.rst, "Comments")."""

from ..database import Database
from ..database.attempts import read_attempt_ids
from ..database.causes import read_run_records
from ..database.outcomes import read_not_passed
from ..database.progress import read_progress
from ..database.retry import find_retry
from ..database.runs import find_newest_run
from ..database.users import find_github_users
from ..domain.progress import in_order_of_ends
from ..domain.run import PullRequest
from ..domain.users import User
from ..errors import Unprocessable
from ..extension import extension_state


def list_github_users(login: str) -> list[User]:
    """Return the users with an account on GitHub, without the deactivated ones."""
    return extension_state().transactions.run(find_github_users, login)


def choose_run(pull_request: PullRequest, platform: str, failed_only: bool, idempotency_digest: str) -> int | None:
    """
    Return the run of a pull request that a command means; None if there is none.

    That is the newest run of its head commit or, with ``failed_only``, one of its attempts. A repeated delivery gets
    the run of the first one, although that has made a newer attempt. Raises :exc:`Unprocessable` while the newest run
    is queued.
    """
    return extension_state().transactions.run(_choose_run, pull_request, platform, failed_only, idempotency_digest)


def _choose_run(db: Database, pull_request: PullRequest, platform: str, failed_only: bool,
                idempotency_digest: str) -> int | None:
    earlier = find_retry(db, idempotency_digest)
    if earlier is not None:
        return int(earlier.source_run_id)
    run_id = find_newest_run(db, pull_request, platform)
    if run_id is None:
        return None
    if read_progress(db, [run_id])[run_id].status is None:
        raise Unprocessable(f'Run {run_id} is still queued.', {'run_id': run_id})
    return _choose_attempt(db, run_id) if failed_only else run_id


def _choose_attempt(db: Database, root_id: int) -> int:
    """
    Return the attempt whose failures a comment means.

    That is the one that ended last of those that ran a test themselves and either completed or have one that did not
    pass; the first run if there is none.
    """
    records = read_run_records(db, read_attempt_ids(db, root_id))
    for progress in reversed(in_order_of_ends(record.progress for record in records.values())):
        run_id = progress.run_id
        if records[run_id].results and (progress.completed or read_not_passed(db, run_id)):
            return run_id
    return root_id
