"""Reading runs: a run that is to be retried, its attempts, how far they have come, and the runs around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (ColumnElement, Select, String, bindparam, case, func,
                        select, true, type_coerce, union_all)
from sqlalchemy.orm import aliased

from ..errors import RunNotFound
from ..host.models import COMPLETED, ENDED_STATUSES, MAX_ID, PULL_REQUEST
from . import Database, built_once

#: The branch that the platform gives the runs of all pull requests.
PULL_REQUEST_BRANCH = 'pull_request'


# Compared by identity: the checks keep GitHub's answers by the object, once a retry.
@dataclass(frozen=True, eq=False)
class Source:
    """
    The run that is to be retried, as the checks of ``RUNS_API_BEFORE_RETRY`` see it.

    Attributes
    ----------
    id : int
        Its id.
    platform : str
        "linux" or "windows".
    test_type : str
        "commit" or "pr".
    fork_id : int or None
        The repository that the commit is in.
    branch : str
        The branch, or "pull_request".
    commit : str
        The commit's hash.
    pr_nr : int
        The number of the pull request; 0 if there is none.
    status : str or None
        The last stage that it has reached: "preparation", "testing", "completed" or "canceled". None while it is
        queued.
    root_id : int
        The first of its attempts, which may have been deleted.
    full_set_id : int
        The run whose selected tests are the full test set: the first of its attempts, or itself if that was deleted.
    """

    id: int
    platform: str
    test_type: str
    fork_id: int | None
    branch: str
    commit: str
    pr_nr: int
    status: str | None
    root_id: int
    full_set_id: int

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self.status in ENDED_STATUSES


def find_source(db: Database, run_id: int) -> Source:
    """Return the run with an id. Raises :exc:`RunNotFound`."""
    row = None if not 1 <= run_id <= MAX_ID else db.execute(_select_source(db), {'run_id': run_id}).one_or_none()
    if row is None:
        raise RunNotFound(run_id)
    return Source(*row)


@built_once
def _select_source(db: Database) -> Select[Any]:
    run, root, retry = db.host.Test, aliased(db.host.Test), db.run_retry.c
    return (
        select(run.id, type_coerce(run.platform, String), type_coerce(run.test_type, String), run.fork_id, run.branch,
               run.commit, run.pr_nr, last_status(db, run.id), func.coalesce(retry.root_run_id, run.id),
               func.coalesce(root.id, run.id))
        .outerjoin_from(run, db.run_retry, retry.run_id == run.id)
        .outerjoin(root, root.id == retry.root_run_id)
        .where(run.id == bindparam('run_id')))


def read_attempts(db: Database, root_id: int) -> Sequence[Any]:
    """
    Return the attempts with a first run, in order.

    Each has ``run_id``, and for a retry ``source_run_id``, ``failed_only``, ``automatic``, ``reason``,
    ``requested_by`` and ``created_at``.
    """
    run, user, retry = db.host.Test, db.host.User, db.run_retry.c
    attempts = union_all(select(run.id).where(run.id == root_id),
                         select(retry.run_id).where(retry.root_run_id == root_id)).subquery()
    return db.rows(
        select(run.id.label('run_id'), retry.source_run_id, retry.failed_only, retry.automatic, retry.reason,
               user.name.label('requested_by'), retry.created_at)
        .join_from(attempts, run, run.id == attempts.c[0])
        .outerjoin(db.run_retry, retry.run_id == run.id)
        .outerjoin(user, user.id == retry.user_id)
        .order_by(run.id))


class ProgressRow(NamedTuple):
    """A progress row."""

    run_id: int
    id: int
    status: str
    message: str
    timestamp: datetime

    @property
    def is_end(self) -> bool:
        """Whether a run with this as its last row has ended."""
        return self.status in ENDED_STATUSES


@dataclass(frozen=True)
class Progress:
    """How far a run has come. Ids of progress rows tell the order of things; their times do not."""

    run_id: int
    #: In the order of their ids, the last of those that say the same; empty while the run is queued.
    rows: Sequence[ProgressRow]

    @property
    def status(self) -> str | None:
        """The last stage that it has reached; None while it is queued."""
        return self.rows[-1].status if self.rows else None

    @property
    def has_ended(self) -> bool:
        """Whether the run has ended."""
        return self.status in ENDED_STATUSES

    @property
    def completed(self) -> ProgressRow | None:
        """The last row that completed the run, whatever came after."""
        return next((row for row in reversed(self.rows) if row.status == COMPLETED), None)

    @property
    def end_id(self) -> int:
        """The row that ended the run: a later cancellation does not undo a completion."""
        return (self.completed or self.rows[-1]).id


def read_progress(db: Database, run_ids: Sequence[int]) -> dict[int, Progress]:
    """Return how far each of some runs has come."""
    progress = db.host.TestProgress
    rows: dict[int, list[ProgressRow]] = {run_id: [] for run_id in run_ids}
    # The platform writes the time limit again at each tick. Of rows that say the same, the last is enough.
    last_ids = (select(func.max(progress.id).label('id')).where(progress.test_id.in_(run_ids))
                .group_by(progress.test_id, progress.status, progress.message).subquery())
    statement = select_progress(db).join(last_ids, last_ids.c.id == progress.id).order_by(progress.test_id, progress.id)
    for row in db.rows(statement):
        rows[row[0]].append(ProgressRow(*row))
    return {run_id: Progress(run_id, rows[run_id]) for run_id in run_ids}


def select_progress(db: Database) -> Select[Any]:
    """Select what makes a :class:`ProgressRow`."""
    progress = db.host.TestProgress
    return select(progress.test_id, progress.id, status_of(progress), func.coalesce(progress.message, ''),
                  progress.timestamp)


def is_completed(progress: Any) -> ColumnElement[bool]:
    """Return the condition that a progress row completed a run."""
    return status_of(progress) == COMPLETED


def last_status(db: Database, run_id: ColumnElement[int]) -> ColumnElement[str]:
    """Return the last status of a run, as a subquery; NULL while the run is queued."""
    progress = db.host.TestProgress
    return (select(status_of(progress)).where(progress.test_id == run_id)
            .order_by(progress.id.desc()).limit(1).scalar_subquery())


def status_of(progress: Any) -> ColumnElement[str]:
    """Return the status of a progress row. The platform trims what it reads."""
    return func.trim(type_coerce(progress.status, String))


def find_superseding(db: Database, source: Source) -> int | None:
    """Return the first run of a later commit of the same pull request, or of the same branch and fork."""
    run, retry = db.host.Test, db.run_retry.c
    # The platform gives all pull requests one branch.
    of_pull_request = [run.pr_nr == source.pr_nr] if source.test_type == PULL_REQUEST else []
    found: int | None = db.scalar(
        select(run.id)
        .outerjoin_from(run, db.run_retry, retry.run_id == run.id)
        .where(run.id > source.root_id, retry.run_id.is_(None), run.commit != source.commit,
               type_coerce(run.test_type, String) == source.test_type, run.fork_id == source.fork_id,
               run.branch == source.branch, *of_pull_request)
        .order_by(run.id).limit(1))
    return found


class PullRequest(NamedTuple):
    """A pull request on GitHub."""

    #: The repository, as in ``Fork.github``: its address ends in this.
    repository: str
    number: int
    #: The commit at its head; None if GitHub did not say.
    head_commit: str | None


def find_newest_run(db: Database, pull_request: PullRequest, platform: str) -> int | None:
    """
    Return the newest run of the head commit of a pull request, or if it has none, of the pull request.

    Retries do not count: they are attempts of the run that is found.
    """
    run, fork, retry = db.host.Test, db.host.Fork, db.run_retry.c
    found: int | None = db.scalar(
        select(run.id)
        .join_from(run, fork, fork.id == run.fork_id)
        .outerjoin(db.run_retry, retry.run_id == run.id)
        .where(run.pr_nr == pull_request.number, type_coerce(run.test_type, String) == PULL_REQUEST,
               run.branch == PULL_REQUEST_BRANCH, type_coerce(run.platform, String) == platform,
               retry.run_id.is_(None),
               # GitHub's names are the same in upper and lower case.
               fork.github.iendswith(pull_request.repository, autoescape=True))
        .order_by(case((run.commit == pull_request.head_commit, 0), else_=1), run.id.desc()).limit(1))
    return found


def read_active(db: Database) -> set[int]:
    """Return the regression tests that are active now."""
    test = db.host.RegressionTest
    return set(db.scalars(select(test.id).where(test.active == true())))


def read_test_commands(db: Database, regression_test_ids: Sequence[int]) -> dict[int, str]:
    """Return the command line of each regression test; nothing on a host that does not have it."""
    test = db.host.RegressionTest
    if not hasattr(test, 'command'):
        return {}
    return dict(db.rows(select(test.id, test.command).where(test.id.in_(regression_test_ids))))
