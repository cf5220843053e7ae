"""Reading and writing for the sweep."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from sqlalchemy import String, func, insert, literal, select, true, union

from .. import clock
from ..domain.progress import CANCELED, ProgressRow
from ..domain.sweep import SignsOfLife
from . import BY_PRIMARY_KEY, Database, as_bytes, as_text
from .progress import columns_of_progress, has_ended, is_first_completed, last_progress_id_of

#: How many progress rows are read at once.
ROWS_AT_ONCE = 1000


def walk_backwards(db: Database) -> Iterator[list[ProgressRow]]:
    """Yield all progress rows in batches, the newest first, because their times have no index."""
    progress = db.host.TestProgress
    newest = (select(*columns_of_progress(db)).where(progress.test_id.is_not(None)).order_by(progress.id.desc())
              .limit(ROWS_AT_ONCE))
    following = newest
    while rows := [ProgressRow(*row) for row in db.connection.execute(following)]:
        yield rows
        following = newest.where(progress.id < rows[-1].id)


def read_machines(db: Database) -> dict[int, SignsOfLife]:
    """Return the start times of the machines of each run that has not ended."""
    machine = db.host.GcpInstance
    machines: dict[int, SignsOfLife] = {}
    for run_id, last_progress_id, timestamp in db.connection.execute(
            select(machine.test_id, last_progress_id_of(db, machine.test_id), machine.timestamp)
            .where(machine.test_id.is_not(None), ~has_ended(db, machine.test_id))):
        machines.setdefault(run_id, SignsOfLife(last_progress_id, [])).times.append(timestamp)
    return machines


def find_newly_expected(db: Database, run_ids: Collection[int]) -> set[int]:
    """Return the runs with an exit code or an output that was not expected at the time and is expected today."""
    result, test = db.host.TestResult, db.host.RegressionTest
    file, output = db.host.TestResultFile, db.host.RegressionTestOutput
    # This is only a search: domain/sweep.py decides.
    by_code = (select(result.test_id)
               .with_hint(result, BY_PRIMARY_KEY)
               .join_from(result, test, test.id == result.regression_test_id)
               .where(result.test_id.in_(run_ids), result.exit_code == test.expected_rc,
                      result.exit_code.is_distinct_from(result.expected_rc)))
    by_output = (select(file.test_id)
                 .with_hint(file, BY_PRIMARY_KEY)
                 .join_from(file, output, output.id == file.regression_test_output_id)
                 .where(file.test_id.in_(run_ids), as_bytes(file.got) == as_bytes(output.correct)))
    return {run_id for run_id, in db.read_about(run_ids, union(by_code, by_output))}


def write_end(db: Database, run_id: int, last_progress_id: int | None, message: str) -> bool:
    """Write the progress row that ends a run, unless its last row is another one, and return whether it was written."""
    run, progress = db.host.Test, db.host.TestProgress
    written = db.connection.execute(insert(progress).from_select(
        [progress.test_id, progress.status, progress.timestamp, progress.message],
        select(run.id, literal(CANCELED, String), literal(clock.now()), literal(message))
        .where(run.id == run_id, last_progress_id_of(db, run.id).is_not_distinct_from(last_progress_id))))
    return bool(written.rowcount)


def read_automatic_sources(db: Database, root_ids: Collection[int]) -> dict[int, list[int]]:
    """Return the sources of the automatic retries of some root runs, including deleted retries."""
    retry = db.run_retry.c
    sources: dict[int, list[int]] = {root_id: [] for root_id in root_ids}
    for root_id, source_id in db.read_about(
            root_ids, select(retry.root_run_id, retry.source_run_id)
            .where(retry.root_run_id.in_(root_ids), retry.automatic == true())):
        sources[root_id].append(source_id)
    return sources


def read_under_maintenance(db: Database) -> set[str]:
    """Return the platforms that are under maintenance."""
    maintenance = db.host.MaintenanceMode
    return set(db.connection.scalars(select(as_text(maintenance.platform)).where(maintenance.disabled == true())))


def count_in_flight(db: Database, platform: str, since: datetime, at_most: int) -> int:
    """Return how many of the newest automatic attempts of a platform, created since then, have not ended."""
    run, retry = db.host.Test, db.run_retry.c
    # The times of retries have no index.
    newest = (select(retry.run_id, retry.created_at).join_from(db.run_retry, run, run.id == retry.run_id)
              .where(retry.automatic == true(), as_text(run.platform) == platform)
              .order_by(retry.run_id.desc()).limit(at_most).subquery())
    return db.connection.scalar(select(func.count()).select_from(newest).where(
        newest.c.created_at > since, ~has_ended(db, newest.c.run_id))) or 0


def read_last_completed(db: Database, platform: str, progress_id: int, count: int) -> Sequence[int]:
    """Return the runs of a platform that completed last after a progress row, the last one first."""
    run, progress = db.host.Test, db.host.TestProgress
    return db.connection.scalars(
        select(run.id)
        .join_from(progress, run, run.id == progress.test_id)
        .where(progress.id > progress_id, is_first_completed(db, progress), as_text(run.platform) == platform)
        .order_by(progress.id.desc()).limit(count)).all()
