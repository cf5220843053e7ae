"""Reading runs: one by its id, and the runs around it."""

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, case, false, func, or_, select, true
from sqlalchemy.orm import aliased

from ..domain.run import COMMIT, MASTER, MAX_ID, PULL_REQUEST, PULL_REQUEST_BRANCH, NewerRun, Run
from ..errors import RunNotFound
from ..host.models import TestModel
from . import Database, as_bytes, as_text, has_rows
from .progress import has_completed, has_ended, last_status

#: How many runs are looked through for one of master.
MAX_LOOKED_THROUGH = 2000


def find_run(db: Database, run_id: int) -> Run:
    """Return the run with an id. Raises :exc:`RunNotFound`."""
    run = read_runs(db, [run_id]).get(run_id) if 1 <= run_id <= MAX_ID else None
    if run is None:
        raise RunNotFound(run_id)
    return run


def read_runs(db: Database, run_ids: Collection[int]) -> dict[int, Run]:
    """Return the runs with these ids, as far as they exist."""
    run, root, retry = db.host.Test, aliased(db.host.Test), db.run_retry.c
    statement = (
        select(run.id, as_text(run.platform).label('platform'), as_text(run.test_type).label('test_type'), run.fork_id,
               run.branch, run.commit, run.pr_nr, last_status(db, run.id).label('stage'),
               func.coalesce(retry.root_run_id, run.id).label('root_id'),
               func.coalesce(root.id, run.id).label('full_set_id'),
               func.coalesce(retry.failed_only, false()).label('failed_only'))
        .outerjoin_from(run, db.run_retry, retry.run_id == run.id)
        .outerjoin(root, root.id == retry.root_run_id)
        .where(run.id.in_(run_ids))
        .order_by(run.id))
    return {row.id: Run(**row._mapping) for row in db.read_about(run_ids, statement)}


def find_superseding(db: Database, run: Run) -> int | None:
    """Return the first later run of another commit of the same pull request, or of the same branch and fork."""
    later, own, retry = db.host.Test, aliased(db.host.Test), db.run_retry.c
    if run.test_type == PULL_REQUEST:
        # A person may create a run on another branch, of an older commit. The platform's own runs have this branch.
        of_the_same = and_(later.pr_nr == run.pr_nr, _is(later.branch, PULL_REQUEST_BRANCH))
    else:
        # The database compares the branches itself, because the connection is utf8mb3 and may change text.
        of_the_same = as_bytes(later.branch) == select(as_bytes(own.branch)).where(own.id == run.id).scalar_subquery()
    return db.connection.scalar(
        select(later.id)
        .outerjoin_from(later, db.run_retry, retry.run_id == later.id)
        .where(later.id > run.root_id, retry.run_id.is_(None), ~_is(later.commit, run.commit),
               as_text(later.test_type) == run.test_type, later.fork_id == run.fork_id, of_the_same)
        .order_by(later.id).limit(1))


def find_newest_runs(db: Database, run_ids: Collection[int]) -> dict[int, NewerRun]:
    """Return the newest run of the same configuration and commit for each run that has a newer one."""
    run, newer, retry, retry_of_newer = db.host.Test, aliased(db.host.Test), db.run_retry.c, db.run_retry.alias()
    is_attempt = retry_of_newer.c.root_run_id == func.coalesce(retry.root_run_id, run.id)
    return {run_id: NewerRun(newest_id, bool(has_newer_attempt)) for run_id, newest_id, has_newer_attempt in
            db.read_about(run_ids, (
                select(run.id, func.max(newer.id), func.max(case((is_attempt, 1), else_=0)))
                .outerjoin_from(run, db.run_retry, retry.run_id == run.id)
                .join(newer, and_(_is_newer(newer, run), _is_of_the_same(newer, run)))
                .outerjoin(retry_of_newer, retry_of_newer.c.run_id == newer.id)
                # Commits have no index. Without the oldest id here, the server may join the whole table.
                .where(run.id.in_(run_ids), newer.id > min(run_ids, default=0))
                .group_by(run.id)))}


def find_others_of_commit(db: Database, run_ids: Collection[int]) -> dict[int, set[int]]:
    """Return for each run the other root runs of its commit and platform, which may have been deleted."""
    # Commits have no index, so all runs are read.
    run, other, retry, retry_of_other = db.host.Test, aliased(db.host.Test), db.run_retry.c, db.run_retry.alias()
    root_id, root_id_of_other = (func.coalesce(record.root_run_id, one.id) for record, one in (
        (retry, run), (retry_of_other.c, other)))
    others: dict[int, set[int]] = {run_id: set() for run_id in run_ids}
    for run_id, root_id_found in db.read_about(run_ids, (
            select(run.id, root_id_of_other).distinct()
            .outerjoin_from(run, db.run_retry, retry.run_id == run.id)
            .join(other, _has_same_commit(other, run))
            .outerjoin(retry_of_other, retry_of_other.c.run_id == other.id)
            # A pull request that was opened again replaces its older runs. A run by hand on master cannot be told from
            # one of a push.
            .where(run.id.in_(run_ids), root_id_of_other != root_id,
                   or_(run.pr_nr == 0, ~_is_of_the_same(other, run))))):
        others[run_id].add(root_id_found)
    return others


def is_newest_of_commit(db: Database, run_id: int) -> bool:
    """Return whether a run is the newest of its commit and platform, so that it determines the commit status."""
    run, newer = db.host.Test, aliased(db.host.Test)
    newest = (select(newer.id).join_from(run, newer, _is_newer(newer, run))
              .where(run.id == run_id, newer.id > run_id).limit(1))
    return db.connection.scalar(newest) is None


def _is_newer(newer: type[TestModel], run: type[TestModel]) -> ColumnElement[bool]:
    return and_(newer.id > run.id, _has_same_commit(newer, run))


def _is_of_the_same(other: type[TestModel], run: type[TestModel]) -> ColumnElement[bool]:
    """Return the condition that two runs have the same pull request, fork and branch."""
    return and_(other.pr_nr == run.pr_nr, other.fork_id.is_not_distinct_from(run.fork_id),
                as_bytes(other.branch) == as_bytes(run.branch))


def _has_same_commit(other: type[TestModel], run: type[TestModel]) -> ColumnElement[bool]:
    """Return the condition that two runs have the same commit and platform, to which a commit status belongs."""
    return and_(as_bytes(other.commit) == as_bytes(run.commit), other.platform == run.platform)


def find_newest_run(db: Database, repository: str, pr_nr: int, platform: str, head_commit: str | None) -> int | None:
    """
    Return the newest run of a pull request that is not a retry; of any commit if its head is not known.

    ``repository`` is the end of the repository's address, as in ``Fork.github``.
    """
    run, fork, retry = db.host.Test, db.host.Fork, db.run_retry.c
    return db.connection.scalar(
        select(run.id)
        .outerjoin_from(run, db.run_retry, retry.run_id == run.id)
        .where(run.pr_nr == pr_nr, as_text(run.test_type) == PULL_REQUEST,
               _is(run.branch, PULL_REQUEST_BRANCH), as_text(run.platform) == platform, retry.run_id.is_(None),
               true() if head_commit is None else _is(run.commit, head_commit),
               # GitHub ignores upper and lower case in names. MariaDB would read all runs for a join.
               has_rows(select(fork.id).where(
                   fork.id == run.fork_id, fork.github.iendswith(repository, autoescape=True))))
        .order_by(run.id.desc()).limit(1))


def find_newest_of_master(db: Database, run: Run) -> int | None:
    """Return the newest run of master, of the same fork and platform, that is no retry and has a completed attempt."""
    # Branches have no index, so only the newest runs are searched. A person may store a run of any commit on branch
    # master, also of the commit that is compared.
    root, retry, own = db.host.Test, db.run_retry.alias(), db.run_retry.c
    newest_id = db.connection.scalar(select(func.max(root.id))) or 0
    return db.connection.scalar(
        select(root.id)
        .outerjoin_from(root, db.run_retry, own.run_id == root.id)
        .where(root.id > newest_id - MAX_LOOKED_THROUGH, as_text(root.test_type) == COMMIT, _is(root.branch, MASTER),
               ~_is(root.commit, run.commit), root.fork_id == run.fork_id, as_text(root.platform) == run.platform,
               own.run_id.is_(None),
               or_(has_completed(db, root.id),
                   has_rows(select(retry.c.run_id).where(retry.c.root_run_id == root.id,
                                                         has_completed(db, retry.c.run_id)))))
        .order_by(root.id.desc()).limit(1))


def read_last_ended(db: Database, count: int) -> Sequence[int]:
    """Return the last runs that have ended, by run id."""
    run = db.host.Test
    return db.connection.scalars(select(run.id).where(has_ended(db, run.id)).order_by(run.id.desc()).limit(count)).all()


def read_command_lines(db: Database, regression_test_ids: Sequence[int]) -> dict[int, str]:
    """Return the command line of each regression test."""
    test = db.host.RegressionTest
    rows = db.connection.execute(select(test.id, test.command).where(test.id.in_(regression_test_ids)))
    return {test_id: command for test_id, command in rows}


def _is(column: SQLColumnExpression[str], text: str) -> ColumnElement[bool]:
    """Return the condition that a column holds exactly this text."""
    return as_bytes(column) == text.encode()
