"""Reading runs: one by its id, and the runs around it."""

from collections.abc import Collection, Sequence

from sqlalchemy import (ColumnElement, Connection, SQLColumnExpression, and_,
                        case, false, func, or_, select, true)
from sqlalchemy.orm import aliased

from ..domain.run import (COMMIT, MASTER, MAX_ID, PULL_REQUEST,
                          PULL_REQUEST_BRANCH, NewerRun, Run)
from ..errors import RunNotFound
from ..platform.models import Fork, Test
from .expressions import as_bytes, as_text, has_rows
from .progress import has_completed, has_ended, last_stage
from .tables import run_retry

#: How many runs are looked through for one of master.
MAX_LOOKED_THROUGH = 2000


def find_run(connection: Connection, run_id: int) -> Run:
    """Return the run with an id. Raises :exc:`RunNotFound`."""
    run = read_runs(connection, [run_id]).get(run_id) if 1 <= run_id <= MAX_ID else None
    if run is None:
        raise RunNotFound(run_id)
    return run


def read_runs(connection: Connection, run_ids: Collection[int]) -> dict[int, Run]:
    """Return the runs with these ids, as far as they exist."""
    root = aliased(Test)
    rows = connection.execute(
        select(Test.id, as_text(Test.platform).label('platform'), as_text(Test.test_type).label('test_type'),
               Test.fork_id, Test.branch, Test.commit, Test.pr_nr, last_stage(Test.id).label('stage'),
               func.coalesce(run_retry.c.root_run_id, Test.id).label('root_id'),
               func.coalesce(root.id, Test.id).label('full_set_id'),
               func.coalesce(run_retry.c.failed_only, false()).label('failed_only'))
        .outerjoin_from(Test, run_retry, run_retry.c.run_id == Test.id)
        .outerjoin(root, root.id == run_retry.c.root_run_id)
        .where(Test.id.in_(run_ids))
        .order_by(Test.id))
    return {row.id: Run(**row._mapping) for row in rows}


def find_superseding(connection: Connection, run: Run) -> int | None:
    """Return the first later run of another commit of the same pull request, or of the same branch and fork."""
    later, own = aliased(Test), aliased(Test)
    if run.test_type == PULL_REQUEST:
        # A person may create a run on another branch, of an older commit. The platform's own runs have this branch.
        same_series = and_(later.pr_nr == run.pr_nr, _is_exactly(later.branch, PULL_REQUEST_BRANCH))
    else:
        # The database compares the branches itself, because the connection is utf8mb3 and may change text.
        same_series = as_bytes(later.branch) == select(as_bytes(own.branch)).where(own.id == run.id).scalar_subquery()
    return connection.scalar(
        select(later.id)
        .outerjoin_from(later, run_retry, run_retry.c.run_id == later.id)
        .where(later.id > run.root_id, run_retry.c.run_id.is_(None), ~_is_exactly(later.commit, run.commit),
               as_text(later.test_type) == run.test_type, later.fork_id == run.fork_id, same_series)
        .order_by(later.id).limit(1))


def find_newer_runs(connection: Connection, run_ids: Collection[int]) -> dict[int, NewerRun]:
    """Return the newest run of the same configuration and commit for each run that has a newer one."""
    newer, retry_of_newer = aliased(Test), run_retry.alias()
    is_attempt = retry_of_newer.c.root_run_id == func.coalesce(run_retry.c.root_run_id, Test.id)
    rows = connection.execute(
        select(Test.id, func.max(newer.id), func.max(case((is_attempt, 1), else_=0)))
        .outerjoin_from(Test, run_retry, run_retry.c.run_id == Test.id)
        .join(newer, and_(newer.id > Test.id, _has_same_commit(newer, Test), _has_same_configuration(newer, Test)))
        .outerjoin(retry_of_newer, retry_of_newer.c.run_id == newer.id)
        # Commits have no index. Without the oldest id here, the server may join the whole table.
        .where(Test.id.in_(run_ids), newer.id > min(run_ids, default=0))
        .group_by(Test.id))
    return {run_id: NewerRun(newest_id, bool(has_newer_attempt)) for run_id, newest_id, has_newer_attempt in rows}


def find_others_of_commit(connection: Connection, run_ids: Collection[int]) -> dict[int, set[int]]:
    """Return for each run the other root runs of its commit and platform, which may have been deleted."""
    other, retry_of_other = aliased(Test), run_retry.alias()
    root_id = func.coalesce(run_retry.c.root_run_id, Test.id)
    root_id_of_other = func.coalesce(retry_of_other.c.root_run_id, other.id)
    # Commits have no index, so all runs are read.
    rows = connection.execute(
        select(Test.id, root_id_of_other).distinct()
        .outerjoin_from(Test, run_retry, run_retry.c.run_id == Test.id)
        .join(other, _has_same_commit(other, Test))
        .outerjoin(retry_of_other, retry_of_other.c.run_id == other.id)
        # A pull request that was opened again replaces its older runs. A run by hand on master cannot be told from
        # one of a push, and one by hand of the pull request may have some of the tests only.
        .where(Test.id.in_(run_ids), root_id_of_other != root_id,
               or_(Test.pr_nr == 0, ~_is_exactly(Test.branch, PULL_REQUEST_BRANCH),
                   ~_has_same_configuration(other, Test))))
    others: dict[int, set[int]] = {run_id: set() for run_id in run_ids}
    for run_id, other_root_id in rows:
        others[run_id].add(other_root_id)
    return others


def _has_same_configuration(other: type[Test], run: type[Test]) -> ColumnElement[bool]:
    """Return the condition that two runs have the same pull request, fork and branch."""
    return and_(other.pr_nr == run.pr_nr, other.fork_id.is_not_distinct_from(run.fork_id),
                as_bytes(other.branch) == as_bytes(run.branch))


def _has_same_commit(other: type[Test], run: type[Test]) -> ColumnElement[bool]:
    """Return the condition that two runs have the same commit and platform, to which a commit status belongs."""
    return and_(as_bytes(other.commit) == as_bytes(run.commit), other.platform == run.platform)


def find_newest_of_pull_request(connection: Connection, repository: str, pr_nr: int, platform: str,
                                head_commit: str | None) -> int | None:
    """
    Return the newest run of a pull request that is not a retry; of any commit if its head is not known.

    ``repository`` is the platform's, ``owner/name``.
    """
    return connection.scalar(
        select(Test.id)
        .outerjoin_from(Test, run_retry, run_retry.c.run_id == Test.id)
        .where(Test.pr_nr == pr_nr, as_text(Test.test_type) == PULL_REQUEST,
               _is_exactly(Test.branch, PULL_REQUEST_BRANCH), as_text(Test.platform) == platform,
               run_retry.c.run_id.is_(None),
               true() if head_commit is None else _is_exactly(Test.commit, head_commit),
               # GitHub ignores upper and lower case in names. MariaDB would read all runs for a join.
               has_rows(select(Fork.id).where(
                   Fork.id == Test.fork_id, Fork.github.iendswith(f'/{repository}.git', autoescape=True))))
        .order_by(Test.id.desc()).limit(1))


def find_newest_of_master(connection: Connection, run: Run) -> int | None:
    """Return the newest run of master, of the same fork and platform, that is no retry and has a completed attempt."""
    # Branches have no index, so only the newest runs are searched. A person may store a run of any commit on branch
    # master, also of the commit that is compared.
    newest_id = connection.execute(select(func.coalesce(func.max(Test.id), 0))).scalar_one()
    retry = run_retry.alias()
    return connection.scalar(
        select(Test.id)
        .outerjoin_from(Test, run_retry, run_retry.c.run_id == Test.id)
        .where(Test.id > newest_id - MAX_LOOKED_THROUGH, as_text(Test.test_type) == COMMIT,
               _is_exactly(Test.branch, MASTER), ~_is_exactly(Test.commit, run.commit),
               Test.fork_id == run.fork_id, as_text(Test.platform) == run.platform, run_retry.c.run_id.is_(None),
               or_(has_completed(Test.id),
                   has_rows(select(retry.c.run_id).where(retry.c.root_run_id == Test.id,
                                                         has_completed(retry.c.run_id)))))
        .order_by(Test.id.desc()).limit(1))


def read_last_ended(connection: Connection, count: int) -> Sequence[int]:
    """Return the last runs that have ended, by run id."""
    return connection.scalars(
        select(Test.id).where(has_ended(Test.id)).order_by(Test.id.desc()).limit(count)).all()


def _is_exactly(column: SQLColumnExpression[str], text: str) -> ColumnElement[bool]:
    """Return the condition that a column holds exactly this text."""
    return as_bytes(column) == text.encode()
